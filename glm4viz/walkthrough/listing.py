"""The lines of code beside a step. Which of them do it, the code says itself, in a trailing `# step: …` that isn't shown."""

import inspect
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from glm4viz.labelling import engine
from glm4viz.layout import PARTS
from glm4viz.reading.example import source_files
from glm4viz.rows import collator
from glm4viz.walkthrough import training
from glm4viz.walkthrough.plain import PLAIN
from glm4viz.walkthrough.plain.chatglm3 import is_call
from glm4viz.walkthrough.steps import Kind, Step

MARK = re.compile(r"\s*# step: (.+)$")
AFTER_THE_SCRIPT: dict[Kind, Callable[..., Any]] = {
    "inside": training.shift_in_model,
    "entropy": training.cross_entropy,
    "mean": training.mean_loss,
}


class Listing(NamedTuple):
    """A function's source. numbers: the line numbers in its file; lit: indices in `lines` of those that do the step."""

    title: str
    lines: tuple[str, ...]
    numbers: tuple[int, ...]
    lit: tuple[int, ...]


def code_of(step: Step) -> list[Listing]:
    """The functions that do this step, written plainly, with the lines lit that do; those that have none are left out."""
    if step.kind in ("start", "predict", "ways"):
        return []
    found = [_listing(function, marks(step)) for function in _functions(step)]
    return [listing for listing in found if listing.lit]


def own_code(step: Step) -> dict[str, str]:
    """The code that really made this step, whole files by name: the recipe's, those it uses, and the engine's, or the collator's; none where
    the page computes with what `code_of` shows."""
    if step.kind in AFTER_THE_SCRIPT or not code_of(step):
        return {}
    if step.kind == "padding":
        return {"collator.py": inspect.getsource(collator)}
    return source_files(step.sample.recipe) | {"engine.py": inspect.getsource(engine)}


def marks(step: Step) -> frozenset[str]:
    """What the lines of this step may be marked with: its kind; for a message also its role, and what was written of it."""
    if step.kind != "message":
        return frozenset([step.kind])
    if step.message < 0:
        return frozenset(["outside"])
    role = str(step.sample.messages[step.message]["role"])
    if step.start == step.stop:
        return frozenset(["nothing", f"no {role}"])
    parts = {PARTS[code] for code in np.unique(step.sample.part_codes[step.start : step.stop])} & {"tools", "content"}
    return frozenset(["message", role, *parts, *([] if parts == {"tools"} else [_manner(step)])])


def _manner(step: Step) -> str:
    """A call, the result right after it, or something said: what ChatGLM3's script tells apart."""
    messages, m = step.sample.messages, step.message
    if is_call(messages[m]):
        return "call"
    return "result" if m and messages[m]["role"] == "observation" and is_call(messages[m - 1]) else "said"


def _functions(step: Step) -> tuple[Callable[..., Any], ...]:
    recipe = step.sample.recipe.id
    if step.kind == "padding":
        return (partial(training.pad, side="right") if recipe in training.PADS_RIGHT else training.pad,)
    if step.kind in AFTER_THE_SCRIPT:
        return (AFTER_THE_SCRIPT[step.kind],)
    return (PLAIN[recipe].run, *PLAIN[recipe].helpers)


def _listing(code: Callable[..., Any], wanted: frozenset[str]) -> Listing:
    """A partial is the function with other values for its options; the title names them."""
    function, options = (code.func, code.keywords) if isinstance(code, partial) else (code, {})
    source, first = inspect.getsourcelines(function)
    lines = [line.rstrip() for line in source]
    lit = [k for k, line in enumerate(lines) if (found := MARK.search(line)) and wanted & set(found[1].split(", "))]
    file = "/".join(Path(inspect.getfile(function)).parts[-2:])
    given = ", ".join(f"{name}={getattr(value, '__name__', repr(value))}" for name, value in options.items())
    title = f"{file} · {function.__name__}" + (f" ({given})" if given else "")
    return Listing(title, tuple(MARK.sub("", line) for line in lines), tuple(range(first, first + len(lines))), tuple(lit))
