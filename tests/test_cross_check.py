"""The live cross-check without a peer: its conversations, and how two answers are compared."""

import json
from importlib.util import find_spec

import glm4viz
from benchmarks.cross_check.comparison import answer, compared
from benchmarks.cross_check.conversations import Given, conversations
from benchmarks.cross_check.peers import PEERS

ASKED = Given([{"role": "user", "content": "几点？"}, {"role": "assistant", "content": "三点。"}], None)


def test_a_seed_makes_the_same_conversations_again() -> None:
    made = conversations(200, seed=3)
    assert made == conversations(200, seed=3)
    assert made[:50] == conversations(50, seed=3)
    assert made != conversations(200, seed=4)


def test_conversations_hold_what_breaks_recipes() -> None:
    made = conversations(200)
    text = "\n".join(json.dumps(given.messages, ensure_ascii=False) for given in made)
    for wanted in ('"reasoning_content"', '"tool_calls"', "</think>", "<|user|>", "灯塔", "🏳️‍🌈", '"content": null', r"\r\n"):
        assert wanted in text
    messages = [m for given in made for m in given.messages]
    calls = [m["tool_calls"] for m in messages if m.get("tool_calls")]
    assert max(map(len, calls)) == 3
    arguments = [call["function"]["arguments"] for row in calls for call in row]
    assert any(isinstance(one, str) for one in arguments)
    assert any(isinstance(value, dict) for one in arguments if isinstance(one, dict) for value in one.values())
    assert {given.messages[-1]["role"] for given in made} >= {"assistant", "user", "tool"}
    assert all(given.tools for given in made if any("tool_calls" in m for m in given.messages))


def test_outcomes_are_counted_by_kind() -> None:
    good, bad = {"ids": [1, 2], "labels": [-100, 2]}, {"error": "ValueError"}
    outcome = compared([good, good, bad, bad, good], [dict(good), bad, good, bad, {**good, "labels": [1, 2]}])
    assert (outcome.equal, outcome.different, outcome.refused_by_both) == (1, 1, 1)
    assert (outcome.refused_by_peer, outcome.refused_by_glm4viz) == (1, 1)
    assert outcome.errors == {"ValueError": 1}
    assert outcome.first["refused_by_peer"] == "conversation 1: peer refuses it: ValueError"
    assert outcome.first["different"].startswith("conversation 4: token 0 is not trained in glm4viz and trained as ")
    assert not outcome.agrees
    assert compared([good], [good]).agrees


def test_the_first_difference_shows_both_texts() -> None:
    mine = answer(ASKED, "trl-glm4.5")
    tokenizer = glm4viz.load_tokenizer("glm-4.5")
    at = mine["ids"].index(tokenizer.encode("三点。")[0])
    other = {"ids": [*mine["ids"][:at], *tokenizer.encode("两点。")], "labels": []}
    (said,) = compared([mine], [other]).first.values()
    assert said.startswith(f"conversation 0: at token {at} glm4viz has ")
    assert "▸两点。" in said


def test_what_a_recipe_refuses_is_an_error() -> None:
    assert "RuntimeError" in answer(Given([{"role": "user", "content": "?"}], None), "trl-glm4.5")["error"]


def test_every_peer_has_a_driver_and_recipes_of_its_own() -> None:
    assert all(find_spec(peer.driver) for peer in PEERS)
    recipes = [recipe for peer in PEERS for recipe in peer.recipes]
    assert len(recipes) == len(set(recipes))
