"""One batch written down: the capture, the report beside it, the verdict printed. Nothing here ends a run unless `fail_on` asks."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any, Literal

from glm4viz.errors import Glm4vizError, RunStopped
from glm4viz.linter.batch import BatchFinding, lint_batch
from glm4viz.linter.findings import SEVERITIES
from glm4viz.report.page import Batch, report
from glm4viz.report.words import lines, title_of
from glm4viz.run.batch import from_batch
from glm4viz.run.file import save_capture
from glm4viz.texts import Text, both, fill, listed, printable
from glm4viz.writing import whole_file

FailOn = Literal["error", "warning"] | None
TARGETS = ("labels", "target_ids", "targets", "loss_mask", "loss_masks", "assistant_masks", "completion_mask")
_SUFFIXES = re.compile(r"(\.glm4viz)?(\.json)?(\.gz)?$")

_FIRST = both("first batch of {name}", "{name} 的第一个批次")
_WROTE = both("written: {files}", "已写入：{files}")
_NOT_WRITTEN = both("{file} could not be written ({error}); the run goes on.", "无法写入 {file}（{error}）；训练继续。")
_NOT_READ = both("The batch could not be looked at: {error}", "无法查看这个批次：{error}")
_GOES_ON = both(" The run goes on.", "训练继续。")
_NO_TARGETS = both(
    "It has neither labels nor a mask of what is trained, so nothing can be said of that.",
    "其中既没有 labels，也没有训练掩码，无法判断训练了什么。",
)
_STOPPED = both(
    "The run is stopped before its first step, as fail_on={fail_on} asks: {reasons}. See {file}. Mend this, or leave fail_on out to train anyway.",
    "按 fail_on={fail_on} 的要求，训练在第一步之前停止：{reasons}。详见 {file}。请修正，或去掉 fail_on 照样训练。",
)
_UNJUDGED = both(
    "The run is stopped before its first step: fail_on={fail_on} is set, and its first batch could not be judged. {error} Mend this, or leave "
    "fail_on out to train anyway.",
    "训练在第一步之前停止：设置了 fail_on={fail_on}，而第一个批次无法判断。{error}请修正，或去掉 fail_on 照样训练。",
)


@dataclass(frozen=True)
class Recorder:
    """path: of the capture; an .html of the same name is the report. fail_on: "error" or "warning", from which a finding stops the run.

    language: "en" or "zh", of what is printed and of the report's first view.
    """

    path: Path
    fail_on: FailOn = None
    language: str = "en"

    @classmethod
    def at(cls, path: str | PathLike[str], fail_on: FailOn, language: str) -> "Recorder":
        """Raises ValueError for an unknown fail_on or language."""
        if fail_on not in (None, "error", "warning"):
            raise ValueError(f'fail_on must be None, "error" or "warning", not {fail_on!r}')
        if language not in ("en", "zh"):
            raise ValueError(f'language must be "en" or "zh", not {language!r}')
        return cls(Path(path), fail_on, language)

    def record(self, batch: Any, tokenizer: Any, name: str = "", shifted: bool | None = None) -> None:
        """Look at a batch, write it down, say what it teaches, and raise RunStopped if that is to stop the run.

        name: of the data it is from, as in `eval`; "" is the training data, and only that stops a run.
        """
        capture, page = self.files(name)
        try:
            samples = from_batch(batch, tokenizer, shifted=shifted)
            judged = bool(samples) and has_targets(batch)
            findings = lint_batch(samples) if judged else []
            said = [fill(_FIRST, name=name or "train")[self.language], *lines(samples, findings, self.language)]
            html = report(Batch(f"{capture.name} · {name}" if name else capture.name, samples, findings), self.language)
        except Exception as error:  # whatever a foreign batch holds, it is not this library's to end the run
            self.unreadable(error, name)
            return
        self._say(*said)
        kept = [
            file
            for file, write in ((capture, partial(save_capture, samples)), (page, partial(_write_text, html)))
            if self._write(file, write)
        ]
        if kept:
            self._say(fill(_WROTE, files=listed([str(file) for file in kept]))[self.language])
        if not judged:
            self._unjudged(_NO_TARGETS, name)
        elif not name and (gravest := _failing(findings, self.fail_on)):
            raise RunStopped(fill(_STOPPED, fail_on=self.fail_on, reasons=listed([title_of(f.rule) for f in gravest]), file=str(page)))

    def unreadable(self, error: Exception, name: str = "") -> None:
        """Say that a batch can't be looked at; RunStopped where it should have been judged."""
        said = error.said if isinstance(error, Glm4vizError) else both(*[printable(f"{type(error).__name__}: {error}")] * 2)
        self._unjudged(fill(_NOT_READ, error=said), name)

    def files(self, name: str = "") -> tuple[Path, Path]:
        """The capture and its report. Data other than the training data has its name in theirs."""
        stem = _SUFFIXES.sub("", self.path.name)
        ending = self.path.name[len(stem) :] or ".glm4viz.json.gz"
        more = "." + re.sub(r"[^\w.-]+", "_", name) if name else ""
        return self.path.with_name(f"{stem}{more}{ending}"), self.path.with_name(f"{stem}{more}.html")

    def _unjudged(self, why: Text, name: str) -> None:
        if self.fail_on and not name:
            raise RunStopped(fill(_UNJUDGED, fail_on=self.fail_on, error=why))
        self._say(why[self.language] + _GOES_ON[self.language])

    def _write(self, file: Path, write: Callable[[Path], None]) -> bool:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            write(file)
        except Exception as error:  # a full disk is no reason to end a run
            self._say(fill(_NOT_WRITTEN, file=str(file), error=printable(str(error)))[self.language])
            return False
        return True

    def _say(self, *said: str) -> None:
        for line in said:
            print("glm4viz:", line, flush=True)  # noqa: T201 — a run's output is where one looks


def has_targets(batch: Any) -> bool:
    """Whether anything in it says what is trained."""
    rows = batch if isinstance(batch, list) and batch and hasattr(batch[0], "get") else [batch]
    return any((row.get(name) if hasattr(row, "get") else getattr(row, name, None)) is not None for row in rows for name in TARGETS)


def _failing(findings: list[BatchFinding], fail_on: FailOn) -> list[BatchFinding]:
    return [f for f in findings if fail_on and SEVERITIES.index(f.severity) <= SEVERITIES.index(fail_on)]


def _write_text(text: str, file: Path) -> None:
    with whole_file(file) as out:
        out.write(text.encode())
