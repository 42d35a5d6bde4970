"""Every rule finds what it is for, and nothing in what is fine."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import glm4viz
from glm4viz.linter import GROUPS, RULES, SEVERITIES
from glm4viz.linter.endings import ends_open
from glm4viz.linter.page import DOCS, PAGES, page
from glm4viz.linter.rules.answers import said_too_often, start_of_repetition
from tests.conftest import CONVERSATIONS
from tests.linter.cases import ASK, CALLED, CASES, TWO, Messages, asked, said
from tests.strategies import conversations

ROOT = Path(__file__).parents[2]
# In test_check, test_near and test_answers.
FILE_RULES = {
    *("config-not-followed", "config-remark"),
    *("unreadable-record", "duplicate-record", "near-duplicate-record", "loss-outlier"),
    *("same-question-other-answer", "answer-to-another-question"),
}


def rules(messages: Any, **options: Any) -> set[str]:
    return {finding.rule for finding in glm4viz.lint(messages, **options)}


@pytest.mark.parametrize("rule", CASES)
def test_rule_finds_what_it_is_for_and_nothing_else(rule: str) -> None:
    broken, fine, options = CASES[rule]
    assert rule in rules(broken, **options)
    if fine is not None:
        assert rules(fine, **options) - {"only-last-answer-trained", "stop-not-trained"} == set(), rule


def test_every_rule_has_a_case_and_texts_in_both_languages() -> None:
    assert set(RULES) == set(CASES) | FILE_RULES
    assert sum(len(group) for _, group in GROUPS) == len(RULES)
    for rule in RULES.values():
        for text in (rule.title, rule.harm, rule.mend):
            assert set(text) == {"en", "zh"}
            assert all(text.values())
            assert any("\u4e00" <= char <= "\u9fff" for char in text["zh"]), rule.id
        assert rule.severity in SEVERITIES


def test_rules_of_fine_text_are_found_at_the_tokens_that_hold_it() -> None:
    (finding,) = glm4viz.lint(said("u:Hi?", "a:Caf\ufffd."))
    sample = glm4viz.label(said("u:Hi?", "a:Caf\ufffd."))
    assert finding.message_index == 1
    assert finding.token_range is not None
    assert "\ufffd".encode() in b"".join(sample.token_bytes[slice(*finding.token_range)])
    assert finding.sentence() == finding.text
    assert "编码" in finding.sentence("zh")


def test_special_tokens_that_come_alive_are_errors() -> None:
    asked = said("u:What is <|user|> or [MASK]?", "a:A tag.")
    assert [f.severity for f in glm4viz.lint(asked)] == ["warning"]
    alive = glm4viz.lint(asked, recipe="glm4@dfe4601")
    assert [(f.rule, f.severity) for f in alive] == [("special-token-text", "error")]
    assert rules(said("u:What is [MASK]?", "a:A tag.")) == set()


def test_a_flag_that_the_recipe_reads_is_no_mistake() -> None:
    quiet = [*TWO[:1], {**TWO[1], "loss": False}, *TWO[2:]]
    assert "loss-ignored" in rules(quiet)
    assert rules(quiet, recipe="xtuner") == rules(quiet, recipe="chatglm3") == set()


CLEAN_SAMPLES = sorted(path for n in ("01", "02", "03", "04", "05", "06", "07", "08") for path in (ROOT / "sample_data").glob(f"{n}*"))
CLEAN_GOLDEN = [
    "open-en-one-turn",
    "open-zh-one-turn",
    "open-mixed-three-turns",
    "open-system-two-turns",
    "open-tool-call",
    "open-thought-then-call",
    "open-long-eight-turns",
]


@pytest.mark.parametrize("path", [*CLEAN_SAMPLES, ROOT / "sample_data" / "13-dataset-small.jsonl"], ids=lambda path: path.name)
def test_clean_samples_draw_nothing(path: Path) -> None:
    for conversation in glm4viz.read_conversations(path):
        assert isinstance(conversation, glm4viz.Conversation)
        assert glm4viz.lint(conversation, max_length=100_000) == []
        assert rules(conversation, recipe="glm4@dfe4601") == set()


@pytest.mark.parametrize("name", CLEAN_GOLDEN)
def test_clean_golden_conversations_draw_nothing(name: str) -> None:
    assert glm4viz.lint(CONVERSATIONS[name]) == []


def test_code_and_edges_only_begin_with_empty_lines() -> None:
    assert {finding.rule for finding in glm4viz.lint(CONVERSATIONS["open-code-and-edges"])} == {"begins-with-newline"}


@given(conversations, st.sampled_from([*glm4viz.recipes()]), st.one_of(st.none(), st.integers(1, 40)))
def test_lint_never_raises(messages: Messages, recipe: str, max_length: int | None) -> None:
    limit = (max_length, max_length) if max_length and glm4viz.recipes()[recipe].max_length_pair else max_length
    findings = glm4viz.lint(messages, recipe, limit)
    try:
        samples = glm4viz.label_all(messages, recipe, max_length=limit)
    except glm4viz.errors.Glm4vizError:
        assert findings
        return
    longest = max(map(len, samples), default=0)
    for finding in findings:
        assert finding.message_index is None or 0 <= finding.message_index < len(messages)
        assert finding.token_range is None or 0 <= finding.token_range[0] < finding.token_range[1] <= longest


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=4), st.sampled_from(["user", "assistant", "system", "function"])),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["role", "content", "tools", "metadata", "function", "name", "loss", "type", "parameters", "properties"]),
            inner,
            max_size=5,
        ),
    ),
    max_leaves=12,
)


@given(
    st.one_of(
        json_values,
        st.lists(st.fixed_dictionaries({"role": st.just("system"), "content": json_values, "tools": json_values})),
        st.fixed_dictionaries({"messages": st.just(CALLED), "tools": json_values}),
        st.lists(st.fixed_dictionaries({"role": st.just("assistant"), "tool_calls": json_values, "reasoning_content": json_values})),
    ),
    st.sampled_from(["glm4", "trl-glm4.5"]),
)
def test_lint_takes_anything(value: Any, recipe: str) -> None:
    for finding in glm4viz.lint(value, recipe):
        assert finding.text
        assert finding.sentence("zh")


@pytest.mark.parametrize(
    "text",
    [
        "The capital of France is",
        "She said that the",
        "首先，",
        "步骤如下：",
        "```python\nx = 1",
        "一。二。后面还有一些话没有",
        "One. Two. And then we went down",
        "因为",
        "水在一百度沸腾。在高山上，沸点会随气压降低而",
        "1. Wash the rice.\n2. Add the water.\n3. Put the lid",
        "The tower (built in the year of the fair",
    ],
)
def test_text_that_breaks_off(text: str) -> None:
    assert ends_open(text)


@pytest.mark.parametrize(
    "text",
    [
        "Paris",
        "Yes, it is",
        "好的",
        "OK :(",
        "x = 1",
        "- the",
        "我不知道",
        "Vitamin A",
        "```\nx\n```",
        "Done! See you",
        "",
        "3.14",
        "https://a.b/c",
    ],
)
def test_text_that_ends_as_it_may(text: str) -> None:
    assert not ends_open(text)


def test_repetition_is_found_from_where_it_begins() -> None:
    assert start_of_repetition("Let me see. " + "好的，" * 12) == len("Let me see. ")
    assert start_of_repetition("0, " * 40) == start_of_repetition("=" * 90) == start_of_repetition("哈哈哈哈") == -1
    assert start_of_repetition("ab" * 50) == 0


@pytest.mark.parametrize(
    ("text", "loop"),
    [
        ("I see the point of it. " * 4 + "And so it goes on to an end.", "I see the point of it."),
        ("一切都会好起来的。" * 5 + "这是最后一句话。", "一切都会好起来的。"),
        ("A" + "a" * 40 + "h, that hurts a lot!", "a" * 40),
    ],
)
def test_repetition_in_the_middle(text: str, loop: str) -> None:
    found = said_too_often(text)
    assert found is not None
    assert text[slice(*found)].strip() == loop


def test_a_poem_with_a_refrain_and_a_list_do_not_repeat_too_often() -> None:
    assert (
        said_too_often("Row the boat.\nOver the lake we go.\nRow the boat.\nThe hills are white with snow.\nWe sing, and then we row.")
        is None
    )
    assert said_too_often("\n".join(f"- {n} divided by {n + 1}" for n in range(4))) is None


@pytest.mark.parametrize(
    ("message", "rule"),
    [
        ({"role": "assistant", "content": "Hello.", "reasoning_content": "They say h\u200bello."}, "zero-width-character"),
        ({"role": "assistant", "content": "Hello.", "reasoning_content": "Caf\ufffd."}, "replacement-character"),
        (asked({"zone": "cafÃ©"}), "wrong-encoding"),
        (asked({"zone": ["UTC", "a\x1bb"]}), "control-character"),
    ],
)
def test_thoughts_and_arguments_are_looked_at(message: dict[str, Any], rule: str) -> None:
    findings = [finding for finding in glm4viz.lint([ASK, message], "trl-glm4.5") if finding.rule == rule]
    assert [finding.message_index for finding in findings] == [1]
    assert findings[0].token_range is not None


@pytest.mark.parametrize(
    "text",
    ["4111 1111 1111 1111", "身份证号 11010519491231002X", "078-05-1120", "+44 20 7946 0958", "wei.zhang88@qq.com", "(212) 736-5000"],
)
def test_personal_data_of_each_kind(text: str) -> None:
    assert "personal-data" in rules(said("u:Who is it?", f"a:It is {text}."))


@pytest.mark.parametrize(
    "text", ["2024-11-24", "version 1.2.3.4", "order 20241124000153", "3.14159265358979", "10.1000/182", "ISBN 978-3-16-148410-0"]
)
def test_other_numbers_are_nobodys(text: str) -> None:
    assert rules(said("u:Which one?", f"a:It is {text}.")) == set()


@pytest.mark.parametrize("language", PAGES)
def test_the_page_of_rules_is_up_to_date(language: str) -> None:
    assert (DOCS / PAGES[language]).read_text("utf-8") == page(language), "run python -m glm4viz.linter.page"


def test_a_sample_is_linted_as_it_is() -> None:
    talk = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    sample = glm4viz.label(talk, "trl")
    assert glm4viz.lint(sample) == glm4viz.lint(talk, "trl") != []
    unlabelled = replace(sample, labels=np.full_like(sample.labels, -100))
    assert "no-trained-token" in [finding.rule for finding in glm4viz.lint(unlabelled)]
