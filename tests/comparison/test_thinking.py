"""Recipes of GLM-4.5 compared: thoughts, calls, and the prompt that a server feeds."""

from pathlib import Path
from typing import Any

import pytest

import glm4viz
from glm4viz.comparison.compared import Comparison, compare
from glm4viz.conversation import Conversation
from glm4viz.readers import read_conversations

ROOT = Path(__file__).parents[2]
ALL = [recipe.id for recipe in glm4viz.recipes().values() if recipe.form == "openai"]


def compared(*ids: str, sample: str = "16-thinking-tools-zh", **more: Any) -> Comparison:
    (conversation,) = read_conversations((ROOT / "sample_data" / f"{sample}.json").read_bytes())
    assert isinstance(conversation, Conversation)
    return compare(conversation, list(ids), **more)


SAID = {
    "thoughts": (("trl-glm4.5", "ms-swift-glm4.5"), "ms-swift trains the thought of answers 1 and 2, TRL doesn't."),
    "the other way": (("ms-swift-glm4.5", "trl-glm4.5"), "ms-swift trains the thought of answers 1 and 2, TRL doesn't."),
    "dropped": (("ms-swift-glm4.5", "trl-glm4.5"), "TRL drops the thought of answers 1 and 2 and writes an empty one in its place."),
    "empty": (("ms-swift-glm4.5", "trl-glm4.5"), "TRL trains an empty thought in answers 1 and 2."),
    "opener": (("slime-glm4.5", "slime-glm4.7"), "`slime-glm4.5` trains the tag `<think>` that opens a thought, `slime-glm4.7` doesn't."),
    "lost": (("trl-glm4.5", "axolotl-glm4.5"), "Axolotl loses the calls of answer 1: nothing of them is written."),
    "server": (("ms-swift-glm4.5", "trl-glm4.5"), "TRL trains answer 2 behind a text that the server never feeds: from token 307 on"),
    "left out": (("trl-glm4.5", "glm4"), "GLM-4 leaves out the thought of answers 1, 2 and 3."),
}


@pytest.mark.parametrize("name", SAID)
def test_differences_of_thinking_are_said(name: str) -> None:
    ids, sentence = SAID[name]
    found = compared(*ids)
    assert any(sentence in one for one in found.sentences()), found.sentences()
    assert len(found.sentences("zh")) == len(found.sentences())


def test_calls_that_only_one_trains() -> None:
    found = compared("trl-glm4.5", "ms-swift-glm4.5")
    sample = found.all_samples["ms-swift-glm4.5"][0]
    sample.labels[(sample.parts == "tool_call") | (sample.parts == "arguments")] = -100
    again = Comparison(found.recipes, found.messages, found.all_samples, {})
    assert "TRL trains the calls of answer 1, ms-swift doesn't." in again.sentences()


def test_recipes_that_train_other_thoughts_calls_or_headers_have_no_equal_masks() -> None:
    for sample in ("16-thinking-tools-zh", "17-thinking-tools-en"):
        found = compared(*ALL, sample=sample)
        for group in found.equal_masks():
            kept = {tuple(t.message for t in found.thoughts[id] if t.written == "kept" and t.trained) for id in group}
            calls = {bool(((s := found.samples[id]).trained & (s.parts == "tool_call")).any()) for id in group}
            assert len(kept) == len(calls) == 1, group
        assert ["slime-glm4.5", "verl-glm4.5-ignore-mismatch"] in found.equal_masks()
    assert not any("equal masks" in one for one in compared("trl-glm4.5", "ms-swift-glm4.5").sentences())


def test_parity_is_of_trained_answers_only() -> None:
    found = compared("ms-swift-glm4.5", "ms-swift-glm4.5-last-round")
    assert [list(found.parity[id]) for id in found.ids] == [[2, 5, 7], [7]]
    assert [[one.message_index for one in found.left(id)] for id in found.ids] == [[7], []]
    assert compared("glm4").parity == {"glm4": {}}


def test_lost_calls_are_not_those_that_the_limit_cuts() -> None:
    found = compared("trl-glm4.5", max_length=300)
    assert not any("loses the calls" in one for one in found.sentences())


def test_tools_alone_are_a_conversation() -> None:
    parameters = {"type": "object", "properties": {}}
    tool = {"type": "function", "function": {"name": "clock", "description": "", "parameters": parameters}}
    found = compare([{"role": "system", "content": "", "tools": [tool]}], ["glm4", "trl-glm4.5", "verl-glm4.5-ignore-mismatch"])
    assert "glm4" in found.ids
    assert "no assistant tokens" in str(found.errors["trl-glm4.5"])
