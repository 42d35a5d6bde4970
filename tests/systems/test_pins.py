"""Small things that the original code does and that were once missed here, and two releases that differ from the pinned commits.

`golden/rows_releases.jsonl` holds what the original functions gave for generated conversations: Unsloth's `train_on_responses_only` at
ce232d6 and of unsloth_zoo 2026.10.9, Axolotl's chat_template strategy at 067b021 and of 0.19.0.
Rows without arrays are samples that are removed.
"""

import json
from typing import Any

import numpy as np
import pytest

import glm4viz
from glm4viz.errors import RecipeRejects
from glm4viz.recipe import IGNORE
from tests.conftest import GOLDEN

RELEASES = [json.loads(line) for line in (GOLDEN / "rows_releases.jsonl").read_text("utf-8").splitlines()]
SYSTEM: dict[str, Any] = {"role": "system", "content": "Be brief."}
QUESTION: dict[str, Any] = {"role": "user", "content": "Hi?"}
ANSWER: dict[str, Any] = {"role": "assistant", "content": "Hello."}
CALL: dict[str, Any] = {"role": "assistant", "metadata": "get_time", "content": '{"zone": "UTC"}'}
RESULT: dict[str, Any] = {"role": "observation", "content": "09:00"}
Messages = list[dict[str, Any]]


def rendered(messages: Messages, recipe: str) -> str:
    return b"".join(glm4viz.label(messages, recipe).token_bytes).decode()


def trained(messages: Messages, recipe: str) -> str:
    sample = glm4viz.label(messages, recipe)
    return b"".join(b for b, counts in zip(sample.token_bytes, sample.trained, strict=True) if counts).decode()


@pytest.mark.parametrize("row", RELEASES, ids=lambda row: row["recipe"])
def test_releases_give_what_the_original_gave(row: dict[str, Any]) -> None:
    if "labels" not in row:
        with pytest.raises(RecipeRejects):
            glm4viz.label(row["messages"], row["recipe"], max_length=row["max_length"])
        return
    sample = glm4viz.label(row["messages"], row["recipe"], max_length=row["max_length"])
    assert sample.input_ids.tolist() == row["input_ids"]
    assert sample.labels.tolist() == row["labels"]


def test_the_rows_of_the_releases_tell_them_from_the_pinned_commits() -> None:
    labels = {(row["recipe"], json.dumps([row["messages"], row["max_length"]])): row.get("labels") for row in RELEASES}
    for pinned, release in (("unsloth", "unsloth@2026.10.9"), ("axolotl", "axolotl@0.19.0")):
        pairs = [(found, labels[release, talk]) for (recipe, talk), found in labels.items() if recipe == pinned]
        assert len(pairs) > 10
        assert all(old != new for old, new in pairs)


# LLaMA-Factory --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("recipe", ["llamafactory", "llamafactory-mask-history", "llamafactory-train-on-prompt"])
def test_llamafactory_takes_a_null_only_in_the_system_message(recipe: str) -> None:
    talk = [SYSTEM, QUESTION, CALL, RESULT, ANSWER]
    assert rendered([SYSTEM | {"content": None}, *talk[1:]], recipe) == rendered(talk[1:], recipe)
    for m in range(1, 5):
        with pytest.raises(RecipeRejects, match=f"message {m} .*Expected a string, got None"):
            glm4viz.label([*talk[:m], talk[m] | {"content": None}, *talk[m + 1 :]], recipe)


# XTuner ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("recipe", ["xtuner", "xtuner-internlm2"])
@pytest.mark.parametrize(
    ("loss", "counts"), [(True, True), ("TRUE", True), (1, False), (2, False), (1.0, False), (None, False), (" true", False), ([], False)]
)
def test_xtuner_trains_what_prints_as_true(recipe: str, loss: Any, counts: bool) -> None:
    assert glm4viz.label([QUESTION, ANSWER | {"loss": loss}], recipe).trained.any() == counts


# Nulls before a template ----------------------------------------------------------------------------------------------


def function(**more: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}} | more}


def test_transformers_drops_a_null_key_but_no_null_inside() -> None:
    assert "<|user|>\nHi?" in rendered([QUESTION | {"metadata": None, "tools": None}, ANSWER], "trl")
    assert '"description": null' in rendered([SYSTEM | {"tools": [function(description=None)]}, QUESTION, ANSWER], "trl")


@pytest.mark.parametrize("recipe", ["glm4@5722878", "glm4@dfe4601", "glm4v@dfe4601", "unsloth", "unsloth@2026.10.9"])
def test_older_transformers_print_none(recipe: str) -> None:
    assert "<|user|>None\nHi?" in rendered([QUESTION | {"metadata": None}, ANSWER], recipe)


@pytest.mark.parametrize("id", ["trl", "unsloth", "unsloth@2026.10.9", "glm4@5722878", "glm4-combine@dfe4601", "glm4v@dfe4601"])
def test_rules_on_nulls_name_the_version(id: str) -> None:
    for language in ("en", "zh"):
        assert any("5.22" in quirk[language] and "5.23" in quirk[language] for quirk in glm4viz.recipes()[id].quirks)


def test_axolotl_removes_nulls_inside_tools() -> None:
    tool = function(name=None, description=None, strict=None)
    tool["function"]["parameters"]["properties"] = {"a": {"enum": [None, 1], "default": None}, "b": None}
    text = rendered([SYSTEM | {"tools": [tool]}, QUESTION, ANSWER], "axolotl-mapped")
    assert "## \n\n{" in text
    body = json.loads(text[text.index("{") : text.rindex("}") + 1])
    assert body == {"parameters": {"type": "object", "properties": {"a": {"enum": [None, 1]}}}}


# Axolotl's dummy ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "pinned"), [("[[1, 2]]", "1, 2"), ("[[x] and y", "x] and y"), ("See [[note]]", "See [[note"), ("[[dummy_message]]", "")]
)
@pytest.mark.parametrize("recipe", ["axolotl", "axolotl-eot", "axolotl-mapped"])
def test_axolotl_loses_the_brackets_of_its_dummy_until_0_19(content: str, pinned: str, recipe: str) -> None:
    talk = [QUESTION, ANSWER | {"content": content}]
    assert trained(talk, recipe) == pinned
    assert trained(talk, "axolotl@0.19.0") == content


# torchtune ------------------------------------------------------------------------------------------------------------


def test_torchtune_repeats_the_text_before_a_null() -> None:
    talk = [SYSTEM, QUESTION | {"content": " Hi? "}, ANSWER | {"content": None}]
    sample = glm4viz.label(talk, "torchtune")
    assert sample.labels.tolist() == glm4viz.label([*talk[:2], ANSWER | {"content": "Hi?"}], "torchtune").labels.tolist()
    assert (sample.spans[sample.message_index == 2] == -1).all()  # it is no text of that message's own
    assert "Hi?" in trained([QUESTION, ANSWER | {"content": None}, QUESTION | {"content": None}, ANSWER], "torchtune")
    with pytest.raises(RecipeRejects, match="UnboundLocalError"):
        glm4viz.label([QUESTION | {"content": None}, ANSWER], "torchtune")


# Unsloth --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("recipe", ["unsloth", "unsloth@2026.10.9"])
def test_unsloth_removes_a_sample_without_a_label(recipe: str) -> None:
    whole = glm4viz.label([QUESTION, CALL, RESULT], recipe)
    assert (whole.labels == IGNORE).all()
    assert any("Unsloth removes this sample" in note for note in whole.warnings)
    assert not glm4viz.label([QUESTION, ANSWER], recipe).warnings
    with pytest.raises(RecipeRejects, match="removes this sample"):
        glm4viz.label([QUESTION, ANSWER], recipe, max_length=4)


def test_a_later_unsloth_ends_a_span_at_the_next_answer() -> None:
    thought = ANSWER | {"content": "I look."}
    assert trained([QUESTION, thought, ANSWER], "unsloth") == "I look.<|assistant|>\nHello."
    assert trained([QUESTION, thought, ANSWER], "unsloth@2026.10.9") == "I look.Hello."


# ChatGLM3 and ms-swift ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "written"), [("1e400", "1e309"), ("-1e400", "-1e309"), ("NaN", "(1e309-1e309)"), ("[1e400]", "[inf]")])
def test_chatglm3_writes_numbers_as_python_source(number: str, written: str) -> None:
    text = rendered([QUESTION, CALL | {"content": f'{{"x": {number}}}'}, RESULT, ANSWER], "chatglm3")
    assert f"tool_call(x={written})" in text


@pytest.mark.parametrize("system", [SYSTEM, SYSTEM | {"tools": [function()]}])
def test_ms_swift_deletes_a_row_with_a_null_system_message(system: dict[str, Any]) -> None:
    with pytest.raises(RecipeRejects, match="deletes this row"):
        glm4viz.label([system | {"content": None}, QUESTION, ANSWER], "ms-swift")


def test_ms_swift_writes_nulls_inside_tools_as_they_are() -> None:
    assert '"description": null' in rendered([SYSTEM | {"tools": [function(description=None)]}, QUESTION, ANSWER], "ms-swift")


# One batch ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("recipe", ["torchtune", "axolotl-mapped", "axolotl@0.19.0", "unsloth@2026.10.9", "chatglm3"])
def test_a_batch_gives_the_same(recipe: str) -> None:
    talks = [[QUESTION, ANSWER], [QUESTION, ANSWER | {"content": None}], [QUESTION, ANSWER | {"content": "[[x]]"}]]
    if recipe == "chatglm3":
        talks = [[QUESTION, ANSWER], [QUESTION, CALL | {"content": '{"x": 1e400}'}, RESULT, ANSWER]]
    batch = glm4viz.label_batch(talks, recipe)
    singles = [glm4viz.label(talk, recipe) for talk in talks]
    assert batch.labels.tolist() == np.concatenate([sample.labels for sample in singles]).tolist()
