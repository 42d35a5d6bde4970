"""Processes that work for this one, never outlive it, and leave Ctrl-C to it."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager

_GONE = 1  # the status of a worker whose parent is gone; nobody is left to ask for it


@contextmanager
def worker_pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """A pool of so many processes. What has not begun when the block is left by an error, or early, is dropped."""
    # Not forked: a thread of the tokenizer may hold a lock in that moment, and a child would wait for it for ever.
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _end_with_parent)
    try:
        with _one_thread_each():
            yield pool
    finally:
        pool.shutdown(cancel_futures=True)


@contextmanager
def deaf_to_ctrl_c() -> Iterator[None]:
    """Processes started in this block never see Ctrl-C, not even while they begin: the terminal sends it to all, but one is to answer.

    The block only holds it back for this thread. Where there are no signal masks (Windows), `_end_with_parent` comes a little later.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end_with_parent() -> None:
    """In a worker: when the parent is gone, in whatever way, the worker goes too, and lets go of the pipes it shares with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_follow, args=(parent,), daemon=True).start()


def _follow(parent: "multiprocessing.process.BaseProcess") -> None:
    parent.join()  # waits for a pipe or handle that the system closes even if the parent was killed
    os._exit(_GONE)


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """In the workers the tokenizer shall use one thread: there is a process for every core already."""
    before = os.environ.get("RAYON_NUM_THREADS")
    os.environ["RAYON_NUM_THREADS"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["RAYON_NUM_THREADS"]
        else:
            os.environ["RAYON_NUM_THREADS"] = before
