"""A running app and a real browser for the tests that need them."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE = 60_000  # milliseconds that a page or an `expect` waits for what must come: a busy machine is no failure


def find_browser() -> str:
    """The path of a Chromium or Chrome; without one the test is skipped, or fails where CI is set."""
    found = os.environ.get("GLM4VIZ_BROWSER") or next(filter(None, map(shutil.which, NAMES)), None)
    if found:
        return found
    message = "no Chromium or Chrome found; install one, or name it in GLM4VIZ_BROWSER"
    if os.environ.get("CI"):
        pytest.fail(message)
    pytest.skip(message)


@contextmanager
def running_app() -> Iterator[str]:
    """The app on a free port, as a user starts it; yields its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--server.headless", "true", "--server.port", str(port)]
    process = subprocess.Popen([sys.executable, "-m", "streamlit", "run", "app.py", *options], cwd=ROOT, stdout=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}/"
    try:
        _wait_for(f"{address}_stcore/health", process)
        yield address
    finally:
        process.terminate()
        process.wait(60)


def _wait_for(address: str, process: subprocess.Popen[bytes], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=1)
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise RuntimeError(f"the app did not answer at {address}")
