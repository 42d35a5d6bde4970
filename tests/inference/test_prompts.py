"""Prompts against what transformers rendered with the published templates, and how far each recipe's rows begin with them."""

import json
from typing import Any

import pytest

import glm4viz
from glm4viz.errors import RecipeRejects
from tests.conftest import GOLDEN
from tests.systems.test_golden45 import CONVERSATIONS

PROMPTS = [json.loads(line) for line in (GOLDEN / "prompts45.jsonl").read_text("utf-8").splitlines()]
# How often a recipe's ids begin with the server's, over the answers that have a prompt: measured with the original code.
SAME = {
    "trl-glm4.5": (33, 34),
    "renderers-glm4.5": (32, 34),
    "slime-glm4.5": (24, 34),
    "verl-glm4.5-ignore-mismatch": (24, 34),
    "ms-swift-glm4.5": (24, 34),
    "ms-swift-glm4.5-last-round": (24, 34),
    "axolotl-glm4.5": (26, 34),
    "llamafactory-glm4.5": (8, 30),
    "llamafactory-glm4.7": (0, 30),
    "ms-swift-glm4.7": (10, 34),
    "slime-glm4.7": (12, 34),
}


@pytest.mark.parametrize("row", PROMPTS, ids=lambda row: f"{row['prompt']}-{row['conversation']}")
def test_prompts_are_the_originals(row: dict[str, Any]) -> None:
    given = CONVERSATIONS[row["conversation"]]
    found = glm4viz.inference_prompts(given["messages"], row["prompt"], given["tools"])
    assert [prompt.message_index for prompt in found] == [turn["message"] for turn in row["turns"]]
    for prompt, turn in zip(found, row["turns"], strict=True):
        assert (None if prompt.ids is None else prompt.ids.tolist()) == turn.get("ids")
        assert bool(prompt.error) == ("error" in turn)


@pytest.mark.parametrize(("recipe", "counts"), SAME.items())
def test_how_often_training_is_what_the_server_sends(recipe: str, counts: tuple[int, int]) -> None:
    found = []
    for given in CONVERSATIONS.values():
        try:
            sample = glm4viz.label(given["messages"], recipe, tools=given["tools"])
        except RecipeRejects:
            continue
        found += glm4viz.parity(sample, "glm4.7" if "4.7" in recipe else "glm4.5")
    assert (sum(one.same for one in found), len(found)) == counts
    assert all(one.same == (one.kind == "same") == (one.position < 0) for one in found)


def test_where_trl_leaves_the_servers_prompt() -> None:
    given = CONVERSATIONS["open-tool-then-user-zh"]
    sample = glm4viz.label(given["messages"], "trl-glm4.5", tools=given["tools"])
    (other,) = [one for one in glm4viz.parity(sample) if not one.same]
    assert (other.message_index, other.kind) == (3, "rewritten")
    assert other.expected.startswith("调到七成亮。</think>")  # the thought, which the next question hides from training
    assert other.got.startswith("</think>")
