"""The model of `glm4viz loss`: what it will take is said first, then how far loading and reading are. All of it on standard error."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn

from glm4viz.cli.misuse import Misuse
from glm4viz.errors import ModelError
from glm4viz.loss.pace import BYTES, TOKENS, Pace
from glm4viz.texts import both, printable

if TYPE_CHECKING:
    from glm4viz.loss import AnyModel, Loading

STEPS = {"download": both("downloading", "正在下载"), "load": both("loading", "正在加载")}
READING = both("reading", "正在读")
IN_PACKAGE = ("demo", "demo-no-stop")


def load(model: str, device: str, dtype: str, adapter: Path | None, quantize: str | None, lang: str) -> "AnyModel":
    """What --model and its options name. Raises Misuse, before anything is loaded if there is no room for it."""
    from glm4viz.loss import load_model
    from glm4viz.loss.served.address import is_address

    try:
        if not is_address(model) and model not in IN_PACKAGE:
            from glm4viz.loss import plan_load

            plan = plan_load(model, device, dtype, quantize=quantize)
            plan.check()
            Console(stderr=True, highlight=False, soft_wrap=True).print(f"[dim]{escape(printable(plan.sentence(lang)))}[/]")
        with _bar() as bar:
            return load_model(model, device, dtype, adapter, quantize=quantize, progress=_Loading(bar, lang))
    except (ModelError, OSError) as error:  # of --model, --adapter, --device, --dtype or --quantize: the sentence names it
        raise Misuse.because("", error) from None


@contextmanager
def reading(tokens: int, lang: str) -> Iterator[Callable[[float], None]]:
    """Told the share of so many tokens that is read."""
    pace = Pace(tokens, TOKENS)
    with _bar() as bar:
        task = bar.add_task(READING[lang], total=1.0, said="")
        yield lambda share: bar.update(task, completed=share, said=pace.said(share * tokens)[lang])


class _Loading:
    """A line a step: downloading, then loading."""

    def __init__(self, bar: Progress, lang: str) -> None:
        self.bar, self.lang, self.step = bar, lang, ""

    def __call__(self, told: "Loading") -> None:
        if told.step != self.step:
            self.step, self.pace = told.step, Pace(told.total, BYTES)
            self.task = self.bar.add_task(STEPS[told.step][self.lang], total=told.total, said="")
        self.bar.update(self.task, completed=told.done, said=self.pace.said(told.done)[self.lang])


def _bar() -> Progress:
    """Only where somebody looks on; gone when it is done."""
    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[said]}")
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal, redirect_stdout=False)
