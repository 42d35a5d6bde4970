"""Chunks of work for several threads, each of which computes alone.

Torch would rather split every small operation over all cores and have them wait for each other at its end. On a machine that
is busy with something else as well, that waiting takes many times the work; threads with chunks of their own never wait.
"""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

T = TypeVar("T")


def in_turns(rows: slice, size: int, workers: int, make: Callable[[], T], work: Callable[[T, slice], None]) -> Iterator[slice]:
    """Do `work` on each `size` of the rows, and yield them in order as they are done.

    `make` is called once in each thread; what it makes (buffers) is handed to `work`. An error is raised at its turn, and
    then, or if the caller doesn't go on, what has not begun is dropped.
    """
    own, threads = threading.local(), torch.get_num_threads()

    def run(part: slice) -> slice:
        with torch.inference_mode():
            if not hasattr(own, "made"):
                if workers > 1:
                    torch.set_num_threads(1)
                own.made = make()
            work(own.made, part)
        return part

    pool = ThreadPoolExecutor(workers)
    try:
        # `map` hands results out in order, and raises the first error in its place.
        yield from pool.map(run, [slice(at, min(at + size, rows.stop)) for at in range(rows.start, rows.stop, size)])
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)
