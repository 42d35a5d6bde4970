"""A data loader whose first batch is recorded on its way to a training loop."""

import os
from collections.abc import Iterator, Mapping
from os import PathLike
from typing import Any

from glm4viz.watching.recorder import FailOn, Recorder

_NAMES = {1: ("input_ids",), 2: ("input_ids", "labels"), 3: ("input_ids", "attention_mask", "labels")}


def watch(
    dataloader: Any,
    tokenizer: Any,
    path: str | PathLike[str] = "run.glm4viz.json.gz",
    fail_on: FailOn = None,
    *,
    language: str = "en",
) -> "Watched":
    """The same loader for a plain training loop; its first batch is written to `path`, with a report beside it, and judged.

    A batch is a mapping with input_ids and labels, or a tuple of input_ids and labels, or of input_ids, attention_mask and labels.
    fail_on: "error" or "warning" raises RunStopped before the first step where the batch is found to be wrong, or can't be judged.

    >>> loader = watch([{"input_ids": [[1, 2]], "labels": [[1, 2]]}], tokenizer=None)
    >>> len(loader)
    1
    """
    return Watched(dataloader, tokenizer, Recorder.at(path, fail_on, language))


class Watched:
    """Gives on what the loader gives, the very same objects, and has the loader's attributes."""

    def __init__(self, loader: Any, tokenizer: Any, recorder: Recorder) -> None:
        self._loader, self._tokenizer, self._recorder, self._due = loader, tokenizer, recorder, is_first_process()

    def __iter__(self) -> Iterator[Any]:
        for batch in self._loader:
            if self._due:
                self._due = False
                self._recorder.record(named(batch), self._tokenizer)
            yield batch

    def __len__(self) -> int:
        return len(self._loader)

    def __bool__(self) -> bool:
        return bool(self._loader)  # a loader without a length is no empty one

    def __getattr__(self, name: str) -> Any:
        if name == "_loader":  # while it is being unpickled
            raise AttributeError(name)
        return getattr(self._loader, name)


def named(batch: Any) -> Any:
    """A batch with its names; a tuple or list of tensors has them by its length."""
    if isinstance(batch, Mapping) or not isinstance(batch, tuple | list) or hasattr(batch, "_fields"):
        return batch if hasattr(batch, "keys") or hasattr(batch, "_fields") or not hasattr(batch, "shape") else {"input_ids": batch}
    if len(batch) not in _NAMES or all(isinstance(part, Mapping) for part in batch):
        return batch
    return dict(zip(_NAMES[len(batch)], batch, strict=True))


def is_first_process() -> bool:
    """Of a run in several processes, started by torchrun, accelerate or DeepSpeed, which set RANK."""
    return os.environ.get("RANK", "0") in ("0", "")
