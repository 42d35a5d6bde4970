"""The Walkthrough: its steps against the labelled samples, the page without a browser, and played to the end in a real one."""

import itertools
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from streamlit.testing.v1 import AppTest

import glm4viz
from glm4viz.errors import Glm4vizError, RecipeRejects
from glm4viz.locales import LANGUAGES, texts
from glm4viz.recipe import IGNORE, LabelledSample
from glm4viz.walkthrough.steps import (
    WALKABLE,
    WAYS,
    Boundary,
    boundaries,
    code_of,
    cross_entropy,
    listing,
    mean_loss,
    padded,
    shift_in_model,
    walk,
    ways,
)
from tests.conftest import CONVERSATIONS, NewPage

ROOT = Path(__file__).parents[2]
TWO_TURNS: list[dict[str, Any]] = json.loads((ROOT / "sample_data" / "15-two-turns-en.json").read_text("utf-8"))["messages"]
SYSTEM = {"role": "system", "content": "Be short."}


# The steps ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("recipe", WALKABLE)
@pytest.mark.parametrize("name", CONVERSATIONS)
@pytest.mark.parametrize("max_length", [None, 20])
def test_every_walk_ends_in_the_library_s_labels(recipe: str, name: str, max_length: int | None) -> None:
    try:
        samples = glm4viz.label_all(CONVERSATIONS[name], recipe, max_length=max_length)
    except Glm4vizError as error:
        with pytest.raises(type(error)):
            walk(CONVERSATIONS[name], recipe, max_length)
        return
    for part, sample in enumerate(samples):
        steps = walk(CONVERSATIONS[name], recipe, max_length, part=part)
        assert steps[-1].kind == "ways"
        np.testing.assert_array_equal(steps[-1].input_ids, sample.input_ids)
        np.testing.assert_array_equal(steps[-1].sample.labels, sample.labels)
        np.testing.assert_array_equal(steps[-1].loss_masks, sample.trained)
        for step in steps:
            if step.kind not in ("start", "predict", "ways"):
                assert code_of(step)  # LookupError if a marker is not in the source


@pytest.mark.parametrize("recipe", WALKABLE)
def test_the_lists_grow_without_gaps(recipe: str) -> None:
    steps = walk([SYSTEM, *TWO_TURNS], recipe, None)
    whole = glm4viz.label_all([SYSTEM, *TWO_TURNS], recipe)[-1]
    written = [step for step in steps if step.kind in ("prefix", "message", "end")]
    assert b"".join(step.rendered.encode() for step in written) == b"".join(whole.token_bytes)
    assert [step.start for step in written] == [0, *(step.stop for step in written[:-1])]
    assert written[-1].stop == len(whole)


def test_before_the_shift_a_message_has_one_mask_by_its_role() -> None:
    steps = [step for step in walk([SYSTEM, *TWO_TURNS]) if step.kind == "message"]
    assert [step.message for step in steps] == [0, 1, 2, 3, 4]
    for step in steps:
        answers = step.sample.messages[step.message]["role"] == "assistant"
        assert len(step.loss_masks) == len(step.input_ids)
        assert (step.loss_masks[step.start :] == answers).all()
        assert step.why == ("answer" if answers else "given")


def test_the_shift_changes_only_the_boundaries() -> None:
    steps = {step.kind: step for step in walk(TWO_TURNS)}
    before, after = steps["end"].loss_masks, steps["shift"].loss_masks
    assert after.tolist() == [False, *before.tolist()]
    names = [(b, step_token(steps["shift"].sample, b)) for b in boundaries(steps["shift"].sample)]
    assert [(name, b.before, b.after) for b, name in names] == [
        ("<|assistant|>", True, False),
        ("<|user|>", False, True),
        ("<|assistant|>", True, False),
        ("<|endoftext|>", None, True),
    ]


def step_token(sample: LabelledSample, boundary: Boundary) -> str:
    return sample.token_bytes[boundary.position].decode()


def test_recipes_differ_in_their_steps() -> None:
    kinds = {recipe: [step.kind for step in walk(TWO_TURNS, recipe)] for recipe in WAYS}
    assert [recipe for recipe in WAYS if "mask" in kinds[recipe]] == ["glm4-combine@dfe4601"]
    assert [recipe for recipe in WAYS if "append" in kinds[recipe]] == ["glm4v@dfe4601"]
    assert [recipe for recipe in WAYS if "shift" not in kinds[recipe]] == ["glm4v@dfe4601", "xtuner"]
    assert all(step.mask is None for step in walk(TWO_TURNS, "glm4-combine@dfe4601") if step.kind == "message")


@pytest.mark.parametrize("recipe", WAYS)
def test_three_questions_before_what_they_ask(recipe: str) -> None:
    steps = walk(TWO_TURNS, recipe)
    asked = [step.question for step in steps if step.question]
    assert asked == (["answer", "next"] if recipe == "xtuner" else ["answer", "next", "final"])
    for step, after in itertools.pairwise(steps):
        if step.question:
            assert (step.start, step.stop) == (after.start, after.stop)


def test_no_answer_no_question() -> None:
    assert not any(step.question for step in walk(TWO_TURNS[:1]))


def test_empty_messages_have_a_step_that_writes_nothing() -> None:
    messages = [TWO_TURNS[0], {"role": "assistant", "content": ""}, *TWO_TURNS[2:]]
    silent = [step for step in walk(messages) if step.why == "nothing"]
    assert [(step.message, step.rendered) for step in silent] == [(1, "")]
    assert silent[0].start == silent[0].stop > 0


def test_a_split_conversation_is_walked_sample_by_sample() -> None:
    first, last = (walk(TWO_TURNS, "xtuner-split", part=part) for part in (0, -1))
    assert (first[0].part, first[0].parts, last[0].part) == (0, 2, 1)
    assert {step.message for step in first if step.kind == "message"} == {0, 1}


# Beyond the script ----------------------------------------------------------------------------------------------------


def test_padding_stands_on_the_script_s_side() -> None:
    short = glm4viz.label(TWO_TURNS[:2])
    left = padded(walk(TWO_TURNS)[-1], short, 1025)
    assert left.padding[1].tolist() == [True] * (left.shape[1] - len(short)) + [False] * len(short)
    assert (left.labels[left.padding] == IGNORE).all()
    assert padded(walk(TWO_TURNS, "xtuner")[-1], short, 1025).padding[1, -1]
    assert padded(walk(TWO_TURNS, "chatglm3")[-1], short, 100).shape == (2, 100)


def test_the_model_compares_each_position_with_the_next_label() -> None:
    sample = glm4viz.label(TWO_TURNS)
    assert [target for _, target in shift_in_model(sample.input_ids, sample.labels)] == sample.targets[:-1].tolist()


def test_the_mean_is_over_trained_tokens() -> None:
    target = np.array([5, IGNORE, 7], np.int32)
    losses = cross_entropy(np.array([-1.0, np.nan, -3.0]), target)
    assert losses.tolist() == [1.0, 0.0, 3.0]
    assert mean_loss(losses, target) == 2.0
    assert np.isnan(mean_loss(losses[1:2], target[1:2]))


def test_what_each_way_loses() -> None:
    found = {way.recipe: way for way in ways(TWO_TURNS)}
    assert all(found[recipe].tokens == sum(map(len, glm4viz.label_all(TWO_TURNS, recipe))) for recipe in WAYS)
    assert [recipe for recipe in WAYS if found[recipe].unused] == ["glm4-combine@dfe4601", "xtuner-last-turn"]
    assert [recipe for recipe in WAYS if found[recipe].sequences > 1] == ["xtuner-split"]
    assert [recipe for recipe in WAYS if not found[recipe].stops_trained] == ["glm4v@dfe4601"]
    assert found["glm4"].trained == glm4viz.label(TWO_TURNS).trained.sum()
    refused = {way.recipe: way for way in ways([*TWO_TURNS, {"role": "observation", "content": "x"}])}
    assert refused["xtuner"].rejected
    assert not refused["glm4"].rejected


def test_a_split_that_would_fill_the_memory_is_refused() -> None:
    messages = [{"role": role, "content": "hello " * 100} for _ in range(300) for role in ("user", "assistant")]
    with pytest.raises(RecipeRejects):
        walk(messages, "xtuner-split")
    assert [way.recipe for way in ways(messages) if way.rejected] == ["xtuner-split"]


def test_a_marker_that_is_gone_is_an_error() -> None:
    with pytest.raises(LookupError, match="nowhere to be found"):
        listing(mean_loss, ("nowhere to be found",))


# The page without a browser -------------------------------------------------------------------------------------------


def opened(language: str = "en", sample: str = "15-two-turns-en.json", **state: object) -> AppTest:
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=120)
    at.query_params["language"] = language
    at.run().switch_page("pages/walkthrough.py").run()
    at.selectbox(key="sample").set_value(sample).run()
    for name, value in state.items():
        at.session_state[name] = value
    at.run()
    assert not at.exception
    return at


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("recipe", WAYS)
def test_every_step_is_shown_in_both_languages(recipe: str, language: str) -> None:
    at = opened(language, recipe=recipe)
    count = len(walk(TWO_TURNS, recipe))
    said = texts(language)
    for step in range(1, count + 1):
        assert at.selectbox(key="step").value == step
        assert not at.error
        if step < count:
            at.button(key="walk_next_top").click().run()
        assert not at.exception
    assert at.button(key="walk_next_top").disabled
    assert said["walk.answer"] in [info.value for info in at.info]


def test_the_mean_on_the_page_is_the_model_s() -> None:
    from glm4viz.loss import load_model, token_losses

    step = 1 + next(k for k, step in enumerate(walk(TWO_TURNS)) if step.kind == "mean")
    at = opened(step=step)
    losses = token_losses(load_model("demo", device="cpu"), glm4viz.label(TWO_TURNS), top_k=0).label_nll
    assert [metric.value for metric in at.metric] == [
        f"{np.nansum(losses):.3f}",
        f"{np.isfinite(losses).sum()}",
        f"{np.nanmean(losses):.3f}",
    ]


def test_a_recipe_that_has_no_walk_is_left_as_it_is() -> None:
    at = opened(recipe="trl")
    assert at.selectbox(key="walk_way").value == "glm4"
    assert at.session_state["recipe"] == "trl"
    at.selectbox(key="walk_way").set_value("chatglm3").run()
    assert at.session_state["recipe"] == "chatglm3"


def test_a_refused_conversation_gets_a_sentence() -> None:
    at = opened(recipe="xtuner", sample="05-tool-call-zh.json")
    assert "NotImplementedError" in at.error[0].value
    at.selectbox(key="walk_way").set_value("glm4").run()
    assert not at.error


# The page in a browser ------------------------------------------------------------------------------------------------

in_browser = pytest.mark.xdist_group("browser")


@pytest.fixture
def page(new_page: NewPage) -> Page:
    return new_page(reduced_motion="reduce")


def open_walk(page: Page, address: str, query: str) -> None:
    page.goto(f"{address}?language=en&sample=15-two-turns-en.json&{query}")
    page.get_by_role("link", name="Walkthrough", exact=True).click()
    expect(page.get_by_text(re.compile(r"^Step \d+ of \d+$"))).to_be_visible(timeout=30_000)


def go_on(page: Page, step: int, count: int) -> None:
    page.get_by_role("button", name="Next").first.click()
    expect(page.get_by_text(f"Step {step} of {count}", exact=True)).to_be_visible(timeout=60_000)


def column(page: Page, i: int) -> Locator:
    return page.get_by_test_id("walk-lists").locator(f'.column[data-i="{i}"]')


@in_browser
@pytest.mark.parametrize("recipe", ["glm4", "glm4-combine@dfe4601", "xtuner-split"])
def test_it_can_be_played_to_the_end(page: Page, address: str, recipe: str) -> None:
    open_walk(page, address, f"recipe={recipe}")
    steps = walk(TWO_TURNS, recipe)
    sample = steps[-1].sample
    for number, step in enumerate(steps, 1):
        if number > 1:
            go_on(page, number, len(steps))
        # A board of the step before may stay for a moment.
        board = page.locator(f'[data-testid="walk-lists"][data-step^="{step.kind}-"]')
        if step.kind in ("shift", "labels"):
            cells = board.locator(".column[data-i] .cell:nth-of-type(3)")
            shown = ["T" if one else "F" for one in sample.trained] if step.kind == "shift" else [str(x) for x in sample.labels]
            expect(cells).to_have_count(len(sample))
            assert [text.split()[-1].replace("−", "-") for text in cells.all_text_contents()] == shown
        if step.kind == "message":
            expect(board.locator(".column.new")).to_have_count(step.stop - step.start)
        if step.kind not in ("start", "predict", "ways"):
            expect(page.get_by_test_id("walk-source").locator(".lit")).not_to_have_count(0)
    expect(page.get_by_test_id("walk-table")).to_contain_text("1 of 2 answers teach nothing.")
    expect(page.get_by_role("button", name="Next").first).to_be_disabled()
    expect(page).to_have_url(re.compile(f"step={len(steps)}"))


@in_browser
def test_a_guess_is_judged_and_explained(page: Page, address: str) -> None:
    steps = walk(TWO_TURNS)
    at = 1 + next(k for k, step in enumerate(steps) if step.question == "answer")
    open_walk(page, address, f"step={at}")
    board, asked = page.get_by_test_id("walk-lists"), steps[at - 1]
    # The usual guess: the whole answer, tag and all.
    for i in range(asked.start, asked.stop):
        column(page, i).get_by_role("button").click()
    board.get_by_role("button", name="Check").click()
    shown = asked.stop - 2  # all but the prefix
    expect(board).to_contain_text(f"{shown - 1} of {shown} right")
    expect(board.locator(".column.wrong")).to_have_count(1)
    expect(column(page, asked.start)).to_contain_text("✗ masked")
    expect(board.locator(".reasons li").first).to_contain_text("the token before it is not part of an answer")
    board.get_by_role("button", name="Try again").click()
    for i in range(asked.start + 1, asked.stop):
        column(page, i).get_by_role("button").click()
    board.get_by_role("button", name="Check").click()
    expect(board).to_contain_text(f"All {shown} right!")
    # It is kept while the reader goes on and comes back.
    go_on(page, at + 1, len(steps))
    page.get_by_role("button", name="Previous").first.click()
    expect(page.get_by_text(f"Step {at} of {len(steps)}", exact=True)).to_be_visible()
    expect(board).to_contain_text(f"All {shown} right!")


@in_browser
@pytest.mark.parametrize(("question", "reason"), [("next", "the stop signal"), ("final", "learns to stop there")])
def test_the_stop_is_what_a_guess_must_find(page: Page, address: str, question: str, reason: str) -> None:
    steps = walk(TWO_TURNS)
    at = 1 + next(k for k, step in enumerate(steps) if step.question == question)
    open_walk(page, address, f"step={at}")
    board, first = page.get_by_test_id("walk-lists"), steps[at - 1].start
    # By keyboard alone.
    column(page, first).get_by_role("button").focus()
    page.keyboard.press("Enter")
    expect(column(page, first).get_by_role("button")).to_have_attribute("aria-pressed", "true")
    board.get_by_role("button", name="Check").focus()
    page.keyboard.press("Enter")
    expect(board.locator(".score.good")).to_be_visible()
    expect(board.locator(".reasons")).to_contain_text(reason)


@in_browser
def test_the_shift_can_be_seen_moving(browser: Browser, address: str) -> None:
    context = browser.new_context(viewport={"width": 1400, "height": 1000}, locale="en-GB", reduced_motion="no-preference")
    page = context.new_page()
    at = 1 + next(k for k, step in enumerate(walk(TWO_TURNS)) if step.kind == "shift")
    open_walk(page, address, f"step={at}")
    board = page.get_by_test_id("walk-lists")
    board.get_by_role("button", name="Show the move again").click()
    moving = board.evaluate("board => [...board.querySelectorAll('.cell')].filter((cell) => cell.getAnimations().length).length")
    assert moving == len(glm4viz.label(TWO_TURNS))
    expect(board.locator(".column.boundary")).to_have_count(4)
    expect(board.locator(".flag").nth(1)).to_have_text("F→T")
    context.close()


@in_browser
def test_narrow_pages_scroll_only_down(browser: Browser, address: str) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, locale="zh-CN")
    page = context.new_page()
    page.goto(f"{address}?language=zh&sample=14-two-turns-zh.json")
    expect(page.get_by_test_id("token-view")).to_be_visible(timeout=30_000)
    for kind in ("shift", "padding", "ways"):
        at = 1 + next(k for k, step in enumerate(walk(TWO_TURNS)) if step.kind == kind)
        page.goto(f"{address}walkthrough?language=zh&sample=14-two-turns-zh.json&step={at}")
        expect(page.get_by_text(re.compile(f"^第 {at} 步"))).to_be_visible(timeout=30_000)
        expect(page.locator(".board >> nth=0")).to_be_attached()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    context.close()


@in_browser
def test_a_step_past_the_end_is_the_last(page: Page, address: str) -> None:
    open_walk(page, address, "step=999")
    count = len(walk(TWO_TURNS))
    expect(page.get_by_text(f"Step {count} of {count}", exact=True)).to_be_visible()
