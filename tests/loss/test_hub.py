"""Models from the hub, on a small hub of our own: what is fetched, how far it is, how it is stopped, and what goes wrong in words."""

import errno
import re
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import huggingface_hub
import pytest
from huggingface_hub import constants

from glm4viz.errors import ModelError
from glm4viz.loss import Cancelled, Loading, hub, load_model, plan_load, token_losses
from glm4viz.loss.hub_words import refused
from tests.hub import ERRORS, Hub, a_hub

pytestmark = pytest.mark.slow  # models are loaded


@pytest.fixture
def there(checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub that has one model, and a cache with nothing in it."""
    with a_hub(checkpoint) as hub:
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", hub.url + "/{repo_id}/resolve/{revision}/{filename}")
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1024)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setattr(time, "sleep", lambda seconds, sleep=time.sleep: sleep(min(seconds, 0.01)))  # between the library's tries
        yield hub


def test_a_model_is_looked_at_before_it_is_fetched(there: Hub, checkpoint: Path) -> None:
    (checkpoint / "pytorch_model.bin").write_bytes(b"a pickle")
    plan = plan_load("owner/name", device="cpu")
    weights, config = ((checkpoint / name).stat().st_size for name in ("model.safetensors", "config.json"))
    assert plan.remote == hub.Remote(weights=weights, missing=weights + (checkpoint / "generation_config.json").stat().st_size)
    assert plan.on_disk == weights
    assert "yet to be downloaded" in plan.sentence()
    assert "尚未下载" in plan.sentence("zh")
    assert not [path for kind, path in there.asked if kind == "GET" and path.endswith(("safetensors", "bin"))]
    told: list[Loading] = []
    model = load_model("owner/name", device="cpu", progress=told.append)
    assert len(token_losses(model, [1, 2])) == 2
    assert not [path for kind, path in there.asked if kind == "GET" and path.endswith("bin")]  # a pickle is never fetched
    assert [step.step for step in told] == sorted(step.step for step in told)  # all of the download, then all of the loading
    assert {step.step for step in told} == {"download", "load"}
    for step in ("download", "load"):
        done = [one.done for one in told if one.step == step]
        assert done == sorted(done)
        assert all(one.done <= one.total for one in told)
    asked = len(there.asked)
    there.fault = "unwell"  # the hub is gone: what is here is enough
    assert plan_load("owner/name", device="cpu").remote == hub.Remote(weights=weights, missing=0)
    assert len(token_losses(load_model("owner/name", device="cpu"), [1, 2])) == 2
    assert not [path for kind, path in there.asked[asked:] if kind == "GET" and path.endswith("safetensors")]
    assert config


def test_a_download_says_how_far_it_is_and_can_be_stopped(there: Hub) -> None:
    there.hold.clear()
    there.held_at = 8192
    told: list[Loading] = []
    with pytest.raises(Cancelled):
        load_model("owner/name", device="cpu", progress=told.append, cancelled=lambda: bool(told) and told[-1].done >= 4096)
    assert there.reached.is_set()
    assert 4096 <= told[-1].done < told[-1].total  # it ended in the middle of the file
    there.hold.set()
    assert len(token_losses(load_model("owner/name", device="cpu"), [1, 2])) == 2  # and goes on another time


def test_a_download_that_is_broken_off_stops_its_threads(there: Hub) -> None:
    there.hold.clear()
    there.held_at = 8192

    def leave(*_: Any) -> None:
        if there.reached.is_set():
            raise KeyboardInterrupt

    before = set(threading.enumerate())
    with pytest.raises(KeyboardInterrupt):
        hub.download("owner/name", hub.look_up("owner/name"), leave)
    there.hold.set()
    for thread in set(threading.enumerate()) - before:
        if not thread.name.startswith("Thread-") or "process_request" not in thread.name:  # the hub's own answer yet
            thread.join(30)
            assert not thread.is_alive()


# What goes wrong ------------------------------------------------------------------------------------------------------

SAID = {
    "gated": "is gated: its owners want to be asked first",
    "missing": "the hub has no model of this name",
    "private": "the hub has no model of this name",
    "disabled": "has been disabled",
    "unwell": "answered 500",
}


@pytest.mark.parametrize("fault", ERRORS)
def test_what_the_hub_refuses(there: Hub, fault: str) -> None:
    there.fault = fault
    _says(SAID[fault], "owner/name")


@pytest.mark.usefixtures("there")
def test_a_hub_model_without_a_config(checkpoint: Path) -> None:
    (checkpoint / "config.json").unlink()
    _says("is on the hub, but has no config.json", "owner/name")


@pytest.mark.usefixtures("there")
def test_a_hub_model_with_pickles_only(checkpoint: Path) -> None:
    (checkpoint / "model.safetensors").rename(checkpoint / "pytorch_model.bin")
    _says(r"pickles only \(pytorch_model.bin\)", "owner/name")


@pytest.mark.usefixtures("there")
def test_a_hub_model_without_weights(checkpoint: Path) -> None:
    (checkpoint / "model.safetensors").unlink()
    _says("has no weights", "owner/name")


@pytest.mark.usefixtures("there")
def test_a_hub_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:  # bound, but nobody listens
        taken.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{taken.getsockname()[1]}"
        monkeypatch.setattr(constants, "ENDPOINT", nobody)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", nobody + "/{repo_id}/resolve/{revision}/{filename}")
        _says("can't be reached", "owner/name")


def test_offline_by_choice(there: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    _says("HF_HUB_OFFLINE forbids", "owner/name")
    assert not there.asked


@pytest.mark.usefixtures("there")
@pytest.mark.parametrize("name", ["GLM 4", "owner/na me", "a--b/c"])
def test_what_can_be_no_hub_id(name: str) -> None:
    _says("can't be a hub id", name)


@pytest.mark.parametrize("name", ["/nowhere/glm-4", "./glm", "~/glm", "models/zai/glm-4", "C:\\models\\glm", "glm-4/"])
def test_what_was_meant_as_a_path(there: Hub, name: str) -> None:
    _says("There is no directory", name)
    assert not there.asked


def test_a_full_disk_is_seen_beforehand(there: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1000))
    _says("GiB more on the disk of", "owner/name")
    assert not [path for kind, path in there.asked if kind == "GET" and path.endswith("safetensors")]


@pytest.mark.usefixtures("there")
@pytest.mark.parametrize(
    ("error", "sentence"),
    [(OSError(errno.ENOSPC, "No space left on device"), "filled up"), (PermissionError(13, "denied"), "may not be written")],
)
def test_a_disk_that_takes_no_more(monkeypatch: pytest.MonkeyPatch, error: OSError, sentence: str) -> None:
    def fail(*_: Any, dry_run: bool = False, **options: Any) -> Any:
        if dry_run:
            return real(*_, dry_run=True, **options)
        raise error

    real = huggingface_hub.snapshot_download
    monkeypatch.setattr(huggingface_hub, "snapshot_download", fail)
    _says(sentence, "owner/name")


def test_what_nobody_thought_of() -> None:
    assert refused("a/b", ValueError("a reason\nand more")).text.endswith("a reason")
    assert "ValueError" in refused("a/b", ValueError()).text


def _says(sentence: str, name: str) -> None:
    with pytest.raises(ModelError, match=sentence) as raised:
        load_model(name, device="cpu")
    assert re.search("[一-龥]", raised.value.sentence("zh"))
    assert "\n" not in raised.value.text
