"""What ends an answer: its own end token where the recipe writes one, whatever follows it; else the token right after it."""

import pytest

import glm4viz
from glm4viz.reading.verdict import verdict

TWO_TURNS = [
    {"role": "user", "content": "hi"},
    {"role": "assistant", "content": "hello"},
    {"role": "user", "content": "bye"},
    {"role": "assistant", "content": "goodbye"},
]
OWN_ENDS = {
    "firefly-chatglm3": "<|endoftext|>",
    "firefly-internlm2": "<|im_end|>",
    "torchtune": "<|eot_id|>",
    "xtuner": "<|endoftext|>",
    "xtuner-internlm2": "<|im_end|>",
}


@pytest.mark.parametrize("recipe", OWN_ENDS)
def test_an_answer_ends_with_its_own_end_token(recipe: str) -> None:
    sample = glm4viz.label(TWO_TURNS, recipe)
    for turn in verdict(sample).turns:
        assert turn.stop is not None
        assert (sample.parts[turn.stop], sample.message_index[turn.stop]) == ("stop", turn.message)
        assert (turn.stop_name, turn.stop_trained) == (OWN_ENDS[recipe], True)
        assert sample.token_bytes[turn.stop].decode() == OWN_ENDS[recipe]


@pytest.mark.parametrize("recipe", OWN_ENDS)
def test_a_comparison_shows_it_as_the_answer_s_end(recipe: str) -> None:
    found = glm4viz.compare(TWO_TURNS, ["glm4", recipe])
    ends = {slot.message: slot.cells for slot in found.slots if slot.slot == "end"}
    for message, glm4 in ((1, "<|user|>"), (3, "<|endoftext|>")):
        cells = ends[message]
        assert (cells[recipe].state, cells[recipe].text, cells[recipe].tokens) == ("trained", OWN_ENDS[recipe], 1)
        assert cells["glm4"].text == glm4


def test_without_one_it_ends_where_the_next_message_begins() -> None:
    for recipe in ("glm4", "trl", "axolotl"):
        sample = glm4viz.label(TWO_TURNS, recipe)
        first = verdict(sample).turns[0]
        assert first.stop == (sample.message_index == 2).argmax()
        assert first.stop_name == "<|user|>"
