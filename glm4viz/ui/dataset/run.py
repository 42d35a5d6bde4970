"""Checks on the Dataset page: one large one at a time, each in a process of its own, with progress and a way to stop it."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import streamlit as st

from glm4viz.recipe import MaxLength, Recipe
from glm4viz.ui.dataset.report import Folder, Report, Source
from glm4viz.ui.dataset.work import Job, run
from glm4viz.ui.i18n import t

KEPT = 3  # results of this visit that are kept
SMALL = 500_000  # bytes up to which a process isn't worth starting
PACKED = (".gz", ".zst", ".parquet", ".arrow")
_turn = threading.Lock()
Say = Callable[[int, int], None]


def report_on(source: Source, recipe: Recipe, max_length: MaxLength, *, near: bool = False) -> Report | None:
    """The check's result: this visit's, or a new one; None, with a sentence on the page, if it was stopped. near: with near duplicates."""
    state = st.session_state
    results: dict[tuple[object, ...], Report] = state.setdefault("dataset_results", {})
    key = (source.stamp, recipe.id, max_length, near)
    place = st.empty()  # also when nothing is to be done: what comes after must not mix with an older run's
    if key not in results:
        folder = Folder()
        job = Job(str(source.path), str(folder.path), recipe.id, max_length, os.cpu_count() or 1, near=near)
        if not _done(job, str(key), place):
            return None
        results[key] = Report(source, folder, recipe.id, max_length)
    results[key] = results.pop(key)  # the newest last
    for old in list(results)[:-KEPT]:
        del results[old]
    return results[key]


def mend(report: Report) -> bool:
    """Writes the mended file into the report's folder; False, with a sentence on the page, if it was stopped."""
    job = Job(str(report.source.path), str(report.folder.path), report.recipe, None, 1, "mend")
    return _done(job, str(report.folder.path), st.empty())


def measure(report: Report) -> bool:
    """Writes what every length limit keeps into the report's folder; False, with a sentence on the page, if it was stopped."""
    job = Job(str(report.source.path), str(report.folder.path), report.recipe, None, 1, "limits")
    return _done(job, f"{report.folder.path} limits", st.empty())


def _done(job: Job, name: str, place: "st.delta_generator.DeltaGenerator") -> bool:
    """Whether the job came to its end. A click on Cancel, or on anything else, ends it before."""
    state, path = st.session_state, Path(job.path)
    if state.get("dataset_cancelled") == name:
        st.info(t("dataset.cancelled"), icon=":material/cancel:")
        st.button(t("dataset.again"), icon=":material/refresh:", key="dataset_again", on_click=_cancel, args=("",))
        return False
    size = path.stat().st_size
    if size * (10 if path.suffix in PACKED else 1) <= SMALL:
        try:
            run(job, lambda *_: None)
        except Exception:
            st.error(t("dataset.failed"), icon=":material/error:")
            return False
        return True
    try:
        with place.container(horizontal=True, vertical_alignment="center"):
            bar = st.progress(0.0, t("dataset.waiting"))
            st.button(t("dataset.cancel"), icon=":material/close:", key="dataset_cancel", on_click=_cancel, args=(name,))
        with _in_turn(bar):
            good = _run_apart(job, _teller(bar, size))
    finally:
        place.empty()
    if not good:
        st.error(t("dataset.failed"), icon=":material/error:")
    return good


def _teller(bar: "st.delta_generator.DeltaGenerator", size: int) -> Say:
    done = records = 0

    def say(more: int, read: int) -> None:
        nonlocal done, records
        done, records = done + more, records + read
        bar.progress(min(done / size, 1.0), t("dataset.running", records=f"{records:,}"))

    return say


@contextmanager
def _in_turn(bar: "st.delta_generator.DeltaGenerator") -> Iterator[None]:
    """Waits until no other check runs; the waiting ends, too, when its reader does something else."""
    while not _turn.acquire(timeout=0.5):
        bar.progress(0.0, t("dataset.waiting"))
    try:
        yield
    finally:
        _turn.release()


def _run_apart(job: Job, say: Say) -> bool:
    """Runs the job in another process, so that the pages of others stay quick."""
    say(0, 0)
    root = str(Path(__file__).parents[3])
    paths = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    command = [sys.executable, "-m", "glm4viz.ui.dataset.work", json.dumps(job._asdict())]
    # A session of its own, so that the workers that it starts can be ended with it.
    environment = os.environ | {"PYTHONPATH": paths}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, start_new_session=True) as process:
        try:
            for line in process.stdout or ():
                say(*json.loads(line))
        except BaseException:
            _end(process)
            raise
    return process.returncode == 0


def _end(process: subprocess.Popen[bytes]) -> None:
    if hasattr(os, "killpg"):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
    else:
        process.terminate()


def _cancel(name: str) -> None:
    st.session_state.dataset_cancelled = name
