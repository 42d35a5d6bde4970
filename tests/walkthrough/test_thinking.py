"""The second act says what label, thoughts, inference_prompts and parity say, on both short conversations and on a reader's own."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import glm4viz
from glm4viz.locales import LANGUAGES
from glm4viz.readers import read_conversations
from glm4viz.reading.thoughts import thoughts
from glm4viz.walkthrough.thinking import SHORT, TRAINED_BY, Act, second_act
from tests.walkthrough import TWO_TURNS

OWN: list[dict[str, Any]] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Capital of Peru?"},
    {"role": "assistant", "content": "<think>Peru lies in South America.</think>Lima."},
    {"role": "user", "content": "And of Chile?"},
    {"role": "assistant", "reasoning_content": "Its neighbour.", "content": "Santiago."},
    {"role": "user", "content": "Thanks!"},
    {"role": "assistant", "content": "You are welcome."},
]
ACTS = {**{language: second_act(None, language) for language in LANGUAGES}, "own": second_act(OWN)}


def text(act: Act, ids: Sequence[int] | np.ndarray[Any, Any]) -> str:
    return b"".join(act.tokenizer.token_bytes(int(id)) for id in ids).decode()


def test_whose_conversation_it_is() -> None:
    assert [act.own for act in ACTS.values()] == [False, False, True]
    assert (ACTS["own"].answer, ACTS["own"].later) == (4, 6)
    assert list(ACTS["own"].messages) == OWN
    answered, unanswered, thoughtless = OWN[:5], OWN[:6], TWO_TURNS
    assert second_act(answered).answer == 2
    assert not second_act(unanswered).own
    assert second_act(thoughtless, "zh").messages == SHORT["zh"]
    refused = {"type": "function", "function": {"name": "f", "arguments": "no object"}}
    assert not second_act([*OWN[:4], OWN[4] | {"tool_calls": [refused]}, *OWN[5:]]).own
    assert not second_act([OWN[0] | {"content": "long " * 1_000_000}, *OWN[1:]]).own
    assert not second_act([{"role": "nobody"}]).own


def test_a_conversation_that_was_read_keeps_its_thoughts() -> None:
    (read,) = read_conversations(json.dumps({"messages": OWN}))
    assert isinstance(read, glm4viz.Conversation)
    assert second_act(read).own


@pytest.mark.parametrize("name", ACTS)
def test_the_thought_is_there_while_fresh_and_gone_when_served(name: str) -> None:
    act = ACTS[name]
    thought = act.messages[act.answer]["reasoning_content"]
    fresh, served = act.steps[0].rows[0], act.steps[1].rows[0]
    assert [step.kind for step in act.steps] == ["fresh", "served", "trained", "parity"]
    assert text(act, fresh.ids[fresh.inside]).endswith(f"<think>{thought}</think>")
    assert text(act, fresh.ids).endswith(f"</think>\n{act.messages[act.answer]['content']}")
    (prompt,) = (prompt for prompt in glm4viz.inference_prompts(act.messages) if prompt.message_index == act.later)
    assert prompt.ids is not None
    assert np.array_equal(served.ids, prompt.ids)
    assert set(text(act, served.ids[served.inside]).split("<think></think>")) == {""}
    assert thought not in text(act, served.ids)
    assert act.vanished == len(act.tokenizer.encode(thought))


@pytest.mark.parametrize("name", ACTS)
def test_the_rows_are_what_label_thoughts_and_parity_say(name: str) -> None:
    act = ACTS[name]
    assert act.steps[2].rows == act.steps[3].rows
    for recipe, row in zip(TRAINED_BY, act.steps[2].rows, strict=True):
        sample = glm4viz.label(act.messages, recipe)
        assert row.sample
        assert np.array_equal(row.sample.labels, sample.labels)
        assert row.thought in thoughts(sample)
        assert row.thought
        assert row.thought.message == act.answer
        assert list(row.parity) == glm4viz.parity(sample)
    trl, slime = act.steps[3].rows
    assert trl.thought
    assert slime.thought
    assert (trl.thought.written, slime.thought.written) == ("empty", "kept")
    assert trl.thought.trained
    assert slime.thought.trained
    assert (trl.skips, slime.skips) == (True, False)
    assert trl.leaves is None
    assert slime.leaves
    assert slime.leaves.kind == "rewritten"


@pytest.mark.parametrize("name", ACTS)
def test_the_moral_holds(name: str) -> None:
    """One sample an answer, cut behind it, stands behind the server's prompt, and its own thought is kept and trained."""
    act = ACTS[name]
    for m, message in enumerate(act.messages):
        if message["role"] == "assistant":
            sample = glm4viz.label(act.messages[: m + 1], "trl-glm4.5")
            assert glm4viz.parity(sample)[-1].same
            thought = thoughts(sample)[-1]
            assert thought.message == m
            assert thought.written == ("kept" if thought.given else "empty")
            assert thought.trained
