"""Beside every step stand lines that do it, and nothing is marked for no step."""

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from glm4viz.errors import Glm4vizError
from glm4viz.walkthrough.listing import MARK, code_of, own_code
from glm4viz.walkthrough.plain import PLAIN
from glm4viz.walkthrough.steps import Step, walk
from glm4viz.walkthrough.training import cross_entropy, mean_loss, pad, shift_in_model
from tests.conftest import CONVERSATIONS
from tests.walkthrough import TWO_TURNS

WITHOUT_CODE = ("start", "predict", "ways")
STEERED = [
    [{"role": "assistant", "content": "Hello."}, *TWO_TURNS, {"role": "user", "content": "And?"}],
    [{"role": "system", "content": ""}, {"role": "system", "content": "Be short."}, *TWO_TURNS],
    [{"role": "user", "content": ""}, {"role": "assistant", "content": ""}],
    [*TWO_TURNS[:1], {"role": "assistant", "metadata": "now", "content": "{}"}, {"role": "user", "content": "Well?"}],
    [*TWO_TURNS[:1], {"role": "assistant", "metadata": "now", "content": "{}"}, {"role": "observation", "content": "12:00"}],
    [{"role": "system", "content": "", "tools": []}, *TWO_TURNS],
]


def all_steps(recipe: str) -> list[Step]:
    found: list[Step] = []
    for messages in (*CONVERSATIONS.values(), *STEERED):
        try:
            first = walk(messages, recipe, part=0)
        except Glm4vizError:
            continue
        found += first
        for part in range(1, first[0].parts):
            found += walk(messages, recipe, part=part)
    return found


@pytest.mark.parametrize("recipe", PLAIN)
def test_every_step_lights_lines_and_every_marked_line_has_a_step(recipe: str) -> None:
    lit: set[tuple[str, int]] = set()
    for step in all_steps(recipe):
        listings = code_of(step)
        assert bool(listings) == (step.kind not in WITHOUT_CODE), (step.kind, step.message)
        lit |= {(listing.title.split()[2], listing.numbers[k]) for listing in listings for k in listing.lit}
        assert not any("step:" in line for listing in listings for line in listing.lines)
    marked = {place for function in (PLAIN[recipe].run, *PLAIN[recipe].helpers) for place in marked_lines(function)}
    assert marked <= lit


def marked_lines(function: Callable[..., Any]) -> set[tuple[str, int]]:
    function = function.func if isinstance(function, partial) else function
    lines, first = inspect.getsourcelines(function)
    return {(function.__name__, first + k) for k, line in enumerate(lines) if MARK.search(line.rstrip())}


@pytest.mark.parametrize("function", [*(one for plain in PLAIN.values() for one in (plain.run, *plain.helpers)), pad])
def test_a_function_fits_on_one_screen(function: Callable[..., Any]) -> None:
    assert len(inspect.getsourcelines(function.func if isinstance(function, partial) else function)[0]) <= 40


def lit_lines(messages: list[dict[str, Any]], recipe: str, kind: str, message: int = -1) -> list[str]:
    step = next(step for step in walk(messages, recipe) if step.kind == kind and step.message == message)
    return [listing.lines[k].strip() for listing in code_of(step) for k in listing.lit]


def test_the_lines_are_those_of_the_step() -> None:
    assert lit_lines(TWO_TURNS, "glm4", "prefix") == [
        'input_ids = [special["[gMASK]"], special["<sop>"]]',
        "loss_masks = [False, False]",
    ]
    assert lit_lines(TWO_TURNS, "glm4", "shift") == ["loss_masks = [False, *loss_masks]"]
    assert lit_lines(TWO_TURNS, "glm4v@dfe4601", "append") == ["loss_masks += [False]"]
    empty = [*TWO_TURNS[:1], {"role": "assistant", "content": ""}, *TWO_TURNS[2:]]
    assert lit_lines(empty, "glm4", "message", 1)[-1] == 'if message["content"]:'
    assert "input_ids += new_input_ids" not in lit_lines(empty, "glm4", "message", 1)


def test_a_call_and_its_result_are_told_apart_from_what_is_said() -> None:
    called = [*TWO_TURNS[:1], {"role": "assistant", "metadata": "now", "content": "{}"}, {"role": "observation", "content": "12:00"}]
    becomes_code, becomes_text = "tool_call(", '"null" if text is None else text'
    assert becomes_code in " ".join(lit_lines(called, "chatglm3", "message", 1))
    assert becomes_text in " ".join(lit_lines(called, "chatglm3", "message", 2))
    assert becomes_code not in " ".join(lit_lines(TWO_TURNS, "chatglm3", "message", 1))


def test_other_options_stand_in_the_title() -> None:
    title = code_of(walk(TWO_TURNS, "glm4@b9d6d38")[1])[0].title
    assert title == "plain/glm4.py · process_batch (end='<|user|>', write=jinja_message)"


def test_the_app_s_own_code_is_one_click_away() -> None:
    steps: dict[str, Step] = {step.kind: step for step in walk(TWO_TURNS, "xtuner-last-turn")}
    assert list(own_code(steps["shift"])) == ["xtuner.py", "glm4_messages.py", "engine.py"]
    assert list(own_code(steps["padding"])) == ["collator.py"]
    assert not own_code(steps["start"])
    for kind, function in (("inside", shift_in_model), ("entropy", cross_entropy), ("mean", mean_loss)):
        assert code_of(steps[kind])[0].lines[0].startswith(f"def {function.__name__}(")
        assert not own_code(steps[kind])
