"""The callback for transformers.Trainer and for what is built on it, such as TRL's SFTTrainer. Importing this needs transformers."""

# ruff: noqa: ARG002  # the signatures are the trainer's
import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from os import PathLike
from typing import Any

import numpy as np
import torch
import transformers

from glm4viz.errors import TokenizerError
from glm4viz.watching.recorder import TARGETS, FailOn, Recorder, has_targets


class TrainerCallback(transformers.TrainerCallback):  # type: ignore[misc]  # transformers is not followed
    """Writes the first batch exactly as the model is fed it, and the first of each evaluation set; says what it teaches.

    path: of the capture file, such as run.glm4viz.json.gz; run.html beside it is the report. An evaluation set's have its name in theirs.
    fail_on: "error" or "warning" raises RunStopped before the first optimizer step where the batch is found to be wrong, or can't be judged.
    tokenizer: only where the trainer has none (`processing_class`).

    The batch is seen where the model is called, behind collator, packing and the trainer's own changes; labels that the trainer takes out
    before (label smoothing, a loss function of its own) are those that the data loader gave with the same ids. Of several processes only
    the first writes. With gradient accumulation it is the first of the batches that make a step.
    """

    def __init__(self, path: str | PathLike[str], fail_on: FailOn = None, *, tokenizer: Any = None, language: str = "en") -> None:
        self._recorder = Recorder.at(path, fail_on, language)
        self._tokenizer = tokenizer
        self._train, self._evaluation = _Feed(), _Feed()
        self._evaluated: set[str] = set()
        self._due = False

    # Events of the trainer ------------------------------------------------------------------------------------------------

    def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, train_dataloader: Any = None, **more: Any) -> None:
        """Begin to listen."""
        self._stop()
        self._evaluated.clear()
        self._due = bool(state.is_world_process_zero)
        if self._due:
            self._train.loader(train_dataloader)
            self._train.model(model, training=True, take=lambda batch: self._record(batch, more))
            if getattr(args, "eval_on_start", False):
                self._evaluation.model(model, training=False)

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        """A model that isn't called like a module was not heard: then the batch is taken as the data loader gave it."""
        if self._due and self._train.given is not None:
            self._record(self._train.given, more)

    def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **more: Any) -> None:
        """An evaluation may follow."""
        if state.is_world_process_zero and control.should_evaluate:
            self._evaluation.model(model, training=False)

    on_epoch_end = on_step_end

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any = None, model: Any = None, **more: Any) -> None:
        """Only now the evaluation set's name is known, by the prefix of its metrics; another set may follow."""
        seen = self._evaluation.seen
        name = next((key.removesuffix("_runtime") for key in metrics or () if key.endswith("_runtime")), "eval")
        if seen is not None and name not in self._evaluated:
            self._evaluated.add(name)
            self._write(seen, None, more, name)
        self._evaluation.close()
        if seen is not None:
            self._evaluation.model(model, training=False)

    def on_step_begin(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        """No evaluation any more."""
        self._evaluation.close()

    def on_train_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:
        """Leave nothing behind."""
        self._stop()

    # ------------------------------------------------------------------------------------------------------------------

    def _record(self, batch: Mapping[str, Any], more: Mapping[str, Any]) -> None:
        self._due = False
        given = self._train.given
        self._train.close()
        self._write(batch, given, more)

    def _write(self, batch: Mapping[str, Any], given: Any, more: Mapping[str, Any], name: str = "") -> None:
        try:
            batch, shifted = _completed(batch, given)
            tokenizer = self._tokenizer_of(more)
        except Exception as error:  # a fault in looking is no fault of the run
            self._recorder.unreadable(error, name)
        else:
            self._recorder.record(batch, tokenizer, name, shifted)

    def _tokenizer_of(self, more: Mapping[str, Any]) -> Any:
        known = (self._tokenizer, more.get("processing_class"), more.get("tokenizer"))  # `tokenizer` before transformers 4.46
        if (found := next((one for one in known if one is not None), None)) is None:
            raise TokenizerError(
                "The trainer has no tokenizer. Give it processing_class=tokenizer, or TrainerCallback tokenizer=tokenizer.",
                "训练器没有分词器。请给它 processing_class=tokenizer，或给 TrainerCallback 传入 tokenizer=tokenizer。",
            )
        return found

    def _stop(self) -> None:
        self._due = False
        self._train.close()
        self._evaluation.close()


class _Feed:
    """Listens where a data loader gives its first batch (`given`) and where a model is called first (`seen`)."""

    def __init__(self) -> None:
        self.given: Any = None
        self.seen: Mapping[str, Any] | None = None
        self._undo: list[Callable[[], None]] = []

    def loader(self, loader: Any) -> None:
        """Keep the loader's first batch. `iter` looks at the class only, so the object is of a class of its own until then."""
        before = type(loader)

        def __iter__(this: Any) -> Iterator[Any]:
            for number, batch in enumerate(before.__iter__(this)):
                if number == 0:
                    give_back()
                    self.given = dict(batch) if isinstance(batch, Mapping) else batch  # a trainer may take things out
                yield batch

        def give_back() -> None:
            if type(loader) is heard:
                _set_class(loader, before)

        with suppress(TypeError, AttributeError):  # no class that one can change: then the model alone is listened to
            heard = type(before.__name__, (before,), {"__iter__": __iter__, "__module__": before.__module__})
            _set_class(loader, heard)
            self._undo.append(give_back)

    def model(self, model: Any, training: bool, take: Callable[[Mapping[str, Any]], None] | None = None) -> None:
        """Keep what the model is first called with in this mode, or have it taken."""
        if not isinstance(model, torch.nn.Module):
            return

        @torch.compiler.disable  # type: ignore[untyped-decorator]
        def hear(module: Any, positional: tuple[Any, ...], named: dict[str, Any]) -> None:
            if module.training != training or self.seen is not None:
                return
            batch = _by_name(module, positional, named)
            if not training and not has_targets(batch):
                return  # such as a step of generation
            self.seen = batch
            handle.remove()
            if take:
                take(batch)

        handle = model.register_forward_pre_hook(hear, with_kwargs=True)
        self._undo.append(handle.remove)

    def close(self) -> None:
        """Stop listening and forget."""
        for undo in self._undo:
            undo()
        self._undo.clear()
        self.given = self.seen = None


def _set_class(thing: Any, cls: type) -> None:
    """Give an object another class, also where its own hides what it is behind a property, as accelerate's loaders do."""
    object.__dict__["__class__"].__set__(thing, cls)


def _by_name(module: Any, positional: tuple[Any, ...], named: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a call that are there, by name."""
    names = inspect.signature(module.forward).parameters if positional else ()
    return {name: value for name, value in {**dict(zip(names, positional, strict=False)), **named}.items() if value is not None}


def _completed(seen: Mapping[str, Any], given: Any) -> tuple[Mapping[str, Any], bool | None]:
    """What the model was fed, with what only the data loader's batch has (labels, masks, weights) if that one has the same ids.

    Then whether its labels are shifted: True where the trainer shifts them itself, None where that is to be seen.
    """
    known = dict(given) if isinstance(given, Mapping) or hasattr(given, "keys") else {}
    if "input_ids" not in seen or _same(seen["input_ids"], known.get("input_ids")):
        cut = {name for name in TARGETS if name in known and _shape(seen.get(name)) != _shape(known[name])}  # to the logits that are kept
        seen = known | {name: value for name, value in seen.items() if name not in cut}
    if not has_targets(seen) and seen.get("shift_labels") is not None:
        return dict(seen) | {"labels": seen["shift_labels"]}, True
    return {name: value for name, value in seen.items() if value is not None or name in TARGETS}, None


def _shape(value: Any) -> tuple[int, ...]:
    return tuple(getattr(value, "shape", ()))


def _same(one: Any, other: Any) -> bool:
    if other is None:
        return False
    left, right = (torch.as_tensor(ids).detach().cpu().numpy() for ids in (one, other))
    return np.array_equal(left, right)
