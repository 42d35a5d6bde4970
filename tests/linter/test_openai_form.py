"""The rules on conversations in OpenAI's form, with recipes of GLM-4.5 and later."""

import json
from typing import Any

import pytest

import glm4viz
from tests.linter.cases import ASK, CALLED, CASES, GAVE, GOOD, THOUGHT, asked, said, told
from tests.readers.forms import read_one
from tests.systems.test_golden45 import CONVERSATIONS


def rules(messages: Any, **options: Any) -> set[str]:
    return {finding.rule for finding in glm4viz.lint(messages, **options)}


def test_rules_speak_of_either_form() -> None:
    """What GLM-4's form has wrong, OpenAI's has wrong too, at the messages of the sample."""
    cases: dict[str, Any] = {
        "undeclared-function": told(ASK, {**asked(), "tool_calls": [{"function": {"name": "get_date", "arguments": {}}}]}, *CALLED[2:]),
        "observation-without-call": told(ASK, GAVE, THOUGHT[1]),
        "call-without-observation": told(ASK, asked(), *THOUGHT),
        "arguments-not-json": told(ASK, asked("{'zone': 'UTC'}"), *CALLED[2:]),
        "call-in-content": told(ASK, said('a:{"name": "get_time", "arguments": {"zone": "UTC"}}')[0], *CALLED[2:]),
        "tools-malformed": {"messages": GOOD, "tools": [{"name": "f", "args": {}}]},
        "unknown-role": [{"role": "bot", "content": "x"}, *GOOD],
        "content-not-text": [{"role": "user", "content": 5}, GOOD[1]],
        "malformed": {"messages": GOOD, "tools": "f"},
        "null-content": [GOOD[0], {"role": "assistant", "content": None}],
        "empty-content": said("u:Hi?", "a:"),
        "ends-with-user": told(*CALLED[:3]),
        "answers-in-a-row": said("u:Hi?", "a:Hello.", "a:Bye."),
        "special-token-text": said("u:What is <tool_call>?", "a:A tag."),
        "no-trained-token": said("u:Hi?"),
        "stop-not-trained": GOOD,
    }
    for rule, record in cases.items():
        recipe = "slime-glm4.5" if rule in ("stop-not-trained", "no-trained-token") else "trl-glm4.5"
        assert rule in rules(record, recipe=recipe), rule
    (finding,) = glm4viz.lint(cases["special-token-text"], "trl-glm4.5")[:1]
    assert (finding.rule, finding.severity, finding.message_index) == ("special-token-text", "error", 0)


def test_clean_conversations_of_glm45_draw_nothing() -> None:
    """Two calls at once are no fault there, nor is an empty content beside them."""
    calls = asked(reasoning_content="Both zones at once.")
    calls["tool_calls"] = [*calls["tool_calls"], {"function": {"name": "get_time", "arguments": {"zone": "CET"}}}]
    zh = {**said("a:现在是九点和十点。")[0], "reasoning_content": "两个结果都到了，可以回答。"}
    for record in (told(*CALLED), told(*said("s:请简短回答。", "u:现在两地各是几点？"), calls, GAVE, GAVE, zh)):
        assert glm4viz.lint(record, "trl-glm4.5") == []
        conversation = read_one(json.dumps(record).encode())
        assert glm4viz.lint(conversation, "trl-glm4.5") == []
        assert glm4viz.lint(record["messages"], "trl-glm4.5", tools=record["tools"]) == []


def test_a_finding_on_parity_says_where_and_what() -> None:
    found = {f.rule: f for f in glm4viz.lint(THOUGHT * 2, "slime-glm4.5")}["history-rewritten"]
    sample = glm4viz.label(THOUGHT * 2, "slime-glm4.5")
    (place,) = [p for p in glm4viz.parity(sample, "glm4.5") if not p.same]
    assert (found.message_index, found.token_range, found.severity) == (3, (place.position, place.position + 1), "error")
    assert f"from token {place.position} on" in found.text
    assert "The clock says nine." in found.text
    assert "messages[1], think" in found.sentence("zh")
    # What was cut off is no difference.
    assert "history-rewritten" not in rules(THOUGHT * 2, recipe="slime-glm4.5", max_length=place.position)


@pytest.mark.parametrize("recipe", [id for id, recipe in glm4viz.recipes().items() if recipe.form == "openai"])
def test_lint_takes_all_golden_conversations_of_glm45(recipe: str) -> None:
    for record in CONVERSATIONS.values():
        findings = glm4viz.lint(record, recipe)
        assert [f for f in findings if f.rule in ("malformed", "unknown-role", "content-not-text")] == []
        try:
            sample = glm4viz.label(record, recipe)
        except glm4viz.errors.RecipeRejects:
            assert findings
            continue
        differing = {p.message_index for p in glm4viz.parity(sample, sample.recipe.served) if not p.same} if sample.recipe.served else set()
        said_so = {f.message_index for f in findings if f.rule in ("history-rewritten", "prefill-differs")}
        assert said_so <= differing
        assert bool(said_so) == any((sample.owner == m).any() for m in differing)


def test_a_thought_under_another_name_is_a_finding() -> None:
    for name in ("reasoning", "thinking"):
        (finding,) = [f for f in glm4viz.lint([GOOD[0], {**GOOD[1], name: "Greet."}], "trl-glm4.5") if f.rule == "reasoning-ignored"]
        assert name in finding.text
    assert "reasoning-ignored" in rules([{**GOOD[0], "reasoning_content": "Ask."}, THOUGHT[1]], recipe="trl-glm4.5")


def test_what_puts_results_in_order_itself_is_not_blamed() -> None:
    record = CASES["results-out-of-order"][0]
    assert "results-out-of-order" in rules(record, recipe="slime-glm4.5")
    assert "results-out-of-order" not in rules(record, recipe="ms-swift-glm4.5")


def test_the_older_name_of_calls_is_refused_in_words() -> None:
    call = {"role": "assistant", "content": "", "function_call": {"name": "get_time", "arguments": "{}"}}
    (finding,) = glm4viz.lint([ASK, call, THOUGHT[1]], "trl-glm4.5")
    assert (finding.rule, finding.message_index) == ("malformed", 1)
    assert "function_call" in finding.sentence("zh")


def test_recipes_are_served_with_the_template_of_their_version() -> None:
    for id, recipe in glm4viz.recipes().items():
        version = next((version for version in ("glm4.5", "glm4.7") if version in id), "")
        assert recipe.served == version, id
