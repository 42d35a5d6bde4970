"""Checkpoints from the Hugging Face hub: what is there first, then JSON and safetensors only, so that no pickle is ever fetched."""

import shutil
import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from glm4viz.errors import ModelError
from glm4viz.loss.checkpoint import PICKLES, only_pickles
from glm4viz.loss.hub_words import disk_full, refused
from glm4viz.loss.results import Cancelled

WANTED = ["*.json", "*.safetensors"]
LOOK = 0.2  # seconds between two looks at a download


@dataclass(frozen=True)
class Remote:
    """A model on the hub, in bytes. weights: its safetensors files. missing: what has yet to be fetched, of all files."""

    weights: int
    missing: int


def fetch_config(name: str) -> Path:
    """The path of a hub model's config.json."""
    from huggingface_hub import hf_hub_download

    try:
        return Path(hf_hub_download(name, "config.json"))
    except Exception as error:  # not found, gated, offline, no valid id
        raise refused(name, error) from None


def look_up(name: str) -> Remote:
    """The size of a hub model; of one that is here whole, also where the hub is out of reach."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import DryRunError

    try:
        files: Any = snapshot_download(name, allow_patterns=[*WANTED, *PICKLES], dry_run=True, tqdm_class=_bars(_Count()))
    except DryRunError as error:
        directory = _here_already(name, error)
        return Remote(sum(path.stat().st_size for path in directory.glob("*.safetensors")), 0)
    except Exception as error:
        raise refused(name, error) from None
    wanted = [file for file in files if Path(file.filename).suffix in (".json", ".safetensors")]
    weights = [file for file in wanted if file.filename.endswith(".safetensors")]
    if not weights and len(wanted) < len(files):
        raise only_pickles(name, next(file.filename for file in files if file not in wanted))
    return Remote(sum(file.file_size or 0 for file in weights), sum(file.file_size or 0 for file in wanted if file.will_download))


def download(name: str, remote: Remote, report: Callable[[int, int], None]) -> Path:
    """The directory of a hub model's JSON and safetensors files.

    report: told the bytes that have come and those to come. It may raise, which ends the download; what has come is kept, and a
    later download goes on from there. Raises ModelError.
    """
    from huggingface_hub import constants, snapshot_download

    cache = Path(constants.HF_HUB_CACHE)
    free = shutil.disk_usage(next(path for path in (cache, *cache.absolute().parents) if path.exists())).free
    if remote.missing > free:
        raise disk_full(name, cache, remote.missing, free)
    count = _Count()
    if remote.missing:
        report(0, remote.missing)
    fetched = _in_background(lambda: snapshot_download(name, allow_patterns=WANTED, tqdm_class=_bars(count)))
    try:
        while not wait([fetched], LOOK).done:
            if remote.missing:
                report(min(count.bytes, remote.missing), remote.missing)
    except BaseException:
        count.stopped = True
        raise
    try:
        return Path(fetched.result())
    except Exception as error:
        raise refused(name, error) from None


# ---------------------------------------------------------------------------------------------------------------------


@dataclass
class _Count:
    """What the threads of a download and the one that waits for them tell each other."""

    bytes: int = 0
    stopped: bool = False


def _here_already(name: str, unreachable: Exception) -> Path:
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, allow_patterns=WANTED, local_files_only=True))
    except Exception:
        raise refused(name, unreachable) from None


def _in_background(work: Callable[[], str]) -> "Future[str]":
    """In a thread of its own: the caller's may draw meanwhile, and be stopped in the middle of a file of many gigabytes."""
    future: Future[str] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future


def _bars(count: _Count) -> Any:
    """The hub's progress bars as counters that show nothing."""
    from huggingface_hub import utils

    tqdm: Any = utils.tqdm  # type: ignore[attr-defined]

    class Bar(tqdm):  # type: ignore[misc]
        def __init__(self, *args: Any, **options: Any) -> None:
            # One bar counts what is written to the disk; others count files, and what comes over the net.
            self.counts = options.get("unit") == "B" and not str(options.get("name", "")).endswith(".transfer")
            super().__init__(*args, **(options | {"disable": True}))

        def update(self, n: float | None = 1) -> None:
            if count.stopped:
                raise Cancelled
            if self.counts:
                count.bytes += int(n or 0)

    return Bar


def no_such_directory(name: str) -> ModelError:
    """For what can only have been meant as a path."""
    return ModelError(
        f"There is no directory {name} here. A model is the name of a directory, or a hub id such as zai-org/GLM-4-9B-0414.",
        f"这里没有目录 {name}。模型应是一个目录，或 hub 名称，例如 zai-org/GLM-4-9B-0414。",
    )


def looks_like_a_path(name: str) -> bool:
    """Whether this can't be a hub id: those are `name` or `owner/name`."""
    return name.startswith(("/", ".", "~")) or "\\" in name or name.count("/") > 1 or name.endswith("/")
