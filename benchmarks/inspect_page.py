"""The Inspect page with GLM-4's whole context, 128k tokens, in a real Chromium; and how soon it is there after the server's start.

    python -m benchmarks.inspect_page

An empty Streamlit page with the same upload is the peer. Medians of several runs; times are taken in the browser, from the reader's click to the frame
that shows the answer.
"""

import base64
import json
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, CDPSession, FilePayload, Page, sync_playwright

import glm4viz
from benchmarks.label_batch import sentences
from tests.browser import find_browser

ROOT = Path(__file__).parent.parent
CONTEXT = 131_072
TOKENS_PER_MESSAGE = 800
RUNS = 5
EMPTY_APP = """
import streamlit as st
upload = st.file_uploader("upload", key="upload")
st.write(f"read {len(upload.getvalue())}" if upload else "empty")
"""
# What the page waits for. `watch` starts its clock at the reader's event and stops it in the frame after the one in which `done()` first holds.
SCRIPT = """
window.tokenView = () => {
  for (const e of document.querySelectorAll(".st-key-token_view, .st-key-token_view *")) {
    const view = e.shadowRoot?.querySelector(".token-view");
    if (view) return view;
  }
};
window.runs = 0;
new MutationObserver((changes) => {
  for (const { target } of changes) if (target.dataset?.testScriptState === "notRunning") window.runs++;
}).observe(document, { subtree: true, attributes: true, attributeFilter: ["data-test-script-state"] });
window.watch = (event, done) => {
  let start;
  addEventListener(event, () => (start ??= performance.now()), { capture: true, once: true });
  window.watched = new Promise((resolve, reject) => {
    const look = () => {
      if (start !== undefined && performance.now() - start > 60_000) reject(new Error(`not seen within a minute: ${done}`));
      else if (start === undefined || !done()) requestAnimationFrame(look);
      else requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - start)));
    };
    look();
  });
};
"""
PAINTED = "() => tokenView()?.querySelector('.tok') && +tokenView().dataset.tokens === {tokens}"


def conversation(tokens: int = CONTEXT) -> list[dict[str, str]]:
    """User and assistant in turns, sentences of the samples, as many as fit into `tokens`."""
    rng, parts, tok = random.Random(0), sentences(), glm4viz.load_tokenizer()
    messages: list[dict[str, str]] = []
    left = tokens - 3
    while True:
        content, size = "", 0
        while size < TOKENS_PER_MESSAGE:
            content += f"{rng.choice(parts)} {rng.random():.4f} "
            size = len(tok.encode(content))
        left -= size + 2
        if left < 0:
            return messages
        messages.append({"role": ("user", "assistant")[len(messages) % 2], "content": content})


@contextmanager
def server(app: Path) -> Iterator[str]:
    """A Streamlit server, from the moment it starts."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--server.headless", "true", "--server.port", str(port), "--server.address", "127.0.0.1"]
    process = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", str(app), *options], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.terminate()
        process.wait(10)


def wait_until_up(address: str) -> None:
    port = int(address.rsplit(":", 1)[1].strip("/"))
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.02)
        else:
            return


@contextmanager
def fresh_page(browser: Browser) -> Iterator[Page]:
    """A page of a new profile: nothing in its cache."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000}, locale="en-GB")
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.add_init_script(SCRIPT)
    yield page
    context.close()


def seconds_from(page: Page, event: str, done: str, act: Callable[[], object]) -> float:
    """From the reader's event to the frame that shows what `done`, a function in the page, looks for."""
    page.evaluate("([event, done]) => watch(event, eval(done))", [event, done])
    act()
    return float(page.evaluate("() => window.watched")) / 1000


def first_verdict(browser: Browser, app: Path, selector: str) -> float:
    """From the start of the server's process until a fresh browser profile shows the selector."""
    start = time.perf_counter()
    with server(app) as address, fresh_page(browser) as page:
        wait_until_up(address)
        page.goto(address)
        page.wait_for_selector(selector)
        return time.perf_counter() - start


def upload(page: Page, data: bytes, done: str) -> float:
    box = page.locator("input[type=file]")
    payload: FilePayload = {"name": "long.json", "mimeType": "application/json", "buffer": data}
    return seconds_from(page, "change", done, lambda: box.set_input_files(payload))


class Wire:
    """Bytes that come in from the server, files of the frontend apart."""

    def __init__(self, cdp: CDPSession) -> None:
        self.total = 0
        self.ours: set[str] = set()
        cdp.send("Network.enable")
        cdp.on("Network.webSocketFrameReceived", self._frame)
        cdp.on("Network.responseReceived", self._response)
        cdp.on("Network.dataReceived", self._data)

    def _frame(self, event: dict[str, Any]) -> None:
        response = event["response"]
        binary = response["opcode"] == 2
        self.total += len(base64.b64decode(response["payloadData"])) if binary else len(response["payloadData"])

    def _response(self, event: dict[str, Any]) -> None:
        if event["type"] in ("XHR", "Fetch"):
            self.ours.add(event["requestId"])

    def _data(self, event: dict[str, Any]) -> None:
        if event["requestId"] in self.ours:
            self.total += event["dataLength"]


def idle(page: Page) -> None:
    """Until the script has ended and nothing more comes."""
    page.wait_for_function("() => document.querySelector('[data-testid=stApp]').dataset.testScriptState === 'notRunning'")
    page.wait_for_timeout(1500)


def choose_recipe(page: Page, recipe: str) -> None:
    box = page.get_by_role("combobox", name="Recipe")
    box.click()
    box.fill(f"{recipe} ")
    page.get_by_role("option").first.wait_for()


def one_visit(browser: Browser, address: str, data: bytes, tokens: int) -> dict[str, float]:
    """What a reader does with a long conversation, measured."""
    found: dict[str, float] = {}
    with fresh_page(browser) as page:
        cdp = page.context.new_cdp_session(page)
        page.goto(f"{address}?language=en&source=upload&max_length={CONTEXT}")
        page.locator("input[type=file]").wait_for(state="attached")
        idle(page)
        wire = Wire(cdp)
        found["paint"] = upload(page, data, PAINTED.replace("{tokens}", str(tokens)))
        idle(page)
        found["wire"] = wire.total / tokens
        cdp.send("HeapProfiler.collectGarbage")
        heap = cdp.send("Runtime.getHeapUsage")
        found["heap"] = heap["usedSize"] / 1e6
        found["buffers"] = heap.get("backingStorageSize", 0) / 1e6
        for key, recipe in (("recipe", "glm4-combine@dfe4601"), ("recipe, back", "glm4")):
            choose_recipe(page, recipe)
            page.evaluate("() => { window.old = tokenView().querySelector('.message'); window.runs = 0; }")
            changed = "() => tokenView().querySelector('.message') !== old && tokenView().querySelector('.tok')"
            found[key] = seconds_from(page, "click", changed, page.get_by_role("option").first.click)
            idle(page)
        other = page.locator(".st-key-share_by button").last
        page.evaluate("() => { window.runs = 0; }")
        before = wire.total
        found["rerun"] = seconds_from(page, "click", "() => window.runs > 0", other.click)
        idle(page)
        found["rerun wire"] = (wire.total - before) / tokens
    return found


def empty_visit(browser: Browser, address: str, data: bytes) -> float:
    with fresh_page(browser) as page:
        page.goto(address)
        page.get_by_text("empty", exact=True).wait_for()
        return upload(page, data, f"() => document.body.innerText.includes('read {len(data)}')")


def main() -> None:
    messages = conversation()
    data = json.dumps({"messages": messages}, ensure_ascii=False).encode()
    tokens = len(glm4viz.label(messages))
    print(f"{tokens:,} tokens in {len(messages)} messages, {len(data):,} bytes; medians of {RUNS}\n")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        empty, ours = Path(folder) / "empty.py", ROOT / "app.py"
        empty.write_text(EMPTY_APP)
        browser = playwright.chromium.launch(executable_path=find_browser(), args=["--no-sandbox", "--disable-gpu"])
        starts = [
            (first_verdict(browser, ours, ".st-key-verdict [data-testid=stMetric]"), first_verdict(browser, empty, "text=empty"))
            for _ in range(RUNS)
        ]
        with server(empty) as address:
            wait_until_up(address)
            empty_paint = statistics.median(empty_visit(browser, address, data) for _ in range(RUNS))
        with server(ours) as address:
            wait_until_up(address)
            visits = [one_visit(browser, address, data, tokens) for _ in range(RUNS)]
        browser.close()
    found = {key: statistics.median(visit[key] for visit in visits) for key in visits[0]}
    start, empty_start = (statistics.median(times) for times in zip(*starts, strict=True))
    rows = [
        ("first paint, from the choice of the file", found["paint"] - empty_paint, 1.5, f"s over an empty page's {empty_paint:.2f} s"),
        ("change of recipe", found["recipe"], 1.0, "s"),
        ("change of recipe, back", found["recipe, back"], 1.0, "s"),
        ("unrelated rerun", found["rerun"], 0.3, "s"),
        ("on the wire", found["wire"], 35, "bytes a token"),
        ("on the wire, unrelated rerun", found["rerun wire"], 35, "bytes a token"),
        ("JS heap after a collection", found["heap"], 80, f"MB, and {found['buffers']:.1f} MB in buffers"),
        ("server start to first verdict", start / empty_start, 2, f"times an empty app's: {start:.2f} s against {empty_start:.2f} s"),
    ]
    for name, value, line, unit in rows:
        print(f"{'ok  ' if value <= line else 'OVER'} {name:42} {value:8.2f}  (at most {line:g})  {unit}")


if __name__ == "__main__":
    main()
