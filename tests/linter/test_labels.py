"""Findings that say what the recipe at hand does: with a null content, with an answer's ends, with the end of a call."""

from typing import Any

import pytest

import glm4viz

QUESTION = {"role": "user", "content": "Hi?"}
ANSWER = {"role": "assistant", "content": "Hello."}
NULL: dict[str, Any] = {"role": "assistant", "content": None}
CALL = {"role": "assistant", "metadata": "get_time", "content": "{}"}
RESULT = {"role": "observation", "content": "09:00"}


def found(messages: list[dict[str, Any]], recipe: str, rule: str) -> list[glm4viz.Finding]:
    return [finding for finding in glm4viz.lint(messages, recipe) if finding.rule == rule]


@pytest.mark.parametrize(
    ("recipe", "en", "zh"),
    [
        ("glm4", "writes nothing for it, not even its tag", "什么都不写"),
        ("llamafactory", "Expected a string, got None", "Expected a string, got None"),
        ("ms-swift", "deletes this row before it is encoded", "编码之前就会删除"),
        ("torchtune", "writes 'Hi?' in its place", "在这里写出 'Hi?'"),
        ("internlm-alpaca", "writes 'None' in its place", "在这里写出 'None'"),
        ("xtuner", "XTuner crashes on the null content", "XTuner 会崩溃"),
    ],
)
def test_a_null_content_is_explained_by_what_the_recipe_does(recipe: str, en: str, zh: str) -> None:
    (finding,) = found([QUESTION, NULL], recipe, "null-content")
    assert en in finding.sentence("en")
    assert zh in finding.sentence("zh")
    assert not found([QUESTION, NULL], recipe, "recipe-refuses")  # it has been said


def test_a_refusal_for_another_reason_is_not_put_down_to_the_null() -> None:
    talk = [QUESTION, QUESTION, NULL]
    (null,), (refusal,) = found(talk, "llamafactory", "null-content"), found(talk, "llamafactory", "recipe-refuses")
    assert "Invalid role tag" not in null.sentence("en")
    assert "Invalid role tag" in refusal.sentence("en")


def test_a_null_system_message_stops_no_llamafactory() -> None:
    talk: list[dict[str, Any]] = [{"role": "system", "content": None}, QUESTION, ANSWER]
    (finding,) = found(talk, "llamafactory", "null-content")
    assert "writes nothing for it" in finding.sentence("en")


@pytest.mark.parametrize(("content", "lost"), [("[[1, 2]] it is.", "[["), ("See [[note]]", "]]")])
def test_the_lost_end_of_an_answer_is_shown(content: str, lost: str) -> None:
    talk = [QUESTION, ANSWER | {"content": content}]
    (finding,) = found(talk, "axolotl", "answer-edge-not-trained")
    assert repr(lost) in finding.sentence("en")
    assert finding.token_range is not None
    sample = glm4viz.label(talk, "axolotl")
    assert b"".join(sample.token_bytes[slice(*finding.token_range)]).decode() == lost
    assert not found(talk, "axolotl@0.19.0", "answer-edge-not-trained")


def test_only_a_call_whose_label_is_another_token_ends_the_turn() -> None:
    talk = [QUESTION, CALL, RESULT, ANSWER]
    (finding,) = found(talk, "llamafactory", "call-ends-turn")
    assert (finding.message_index, finding.severity) == (1, "error")
    assert "<|endoftext|>" in finding.sentence("en")
    for recipe in ("glm4", "ms-swift", "chatglm3", "trl", "llamafactory-mask-history"):
        assert not found(talk, recipe, "call-ends-turn")
    assert not found([QUESTION, ANSWER, QUESTION, ANSWER], "llamafactory", "call-ends-turn")
