"""label and label_batch: against the slow twin, against each other, and the columns' promises, for any conversation."""

import copy
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import glm4viz
from glm4viz.errors import ConversationError, RecipeRejects, UnknownRecipe
from glm4viz.layout import Message, Segment, Writer
from glm4viz.systems.registry import get_recipe
from tests.conftest import CONVERSATIONS
from tests.slow_twin import process_batch
from tests.strategies import conversations, texts

TOK = glm4viz.load_tokenizer()
GLM4_RECIPES = [id for id in glm4viz.recipes() if id.startswith("glm4")]


def test_the_article_s_first_ids() -> None:
    assert glm4viz.label([{"role": "user", "content": "你好"}]).input_ids[:5].tolist() == [151331, 151333, 151336, 198, 109377]


@given(conversations, st.one_of(st.none(), st.integers(1, 60)))
def test_the_engine_equals_the_slow_twin(messages: list[dict[str, Any]], max_length: int | None) -> None:
    sample = glm4viz.label(messages, max_length=max_length)
    assert (sample.input_ids.tolist(), sample.labels.tolist()) == process_batch(messages, TOK, max_length)


@given(conversations, st.sampled_from(GLM4_RECIPES))
def test_the_columns_agree(messages: list[dict[str, Any]], recipe: str) -> None:
    try:
        s = glm4viz.label(messages, recipe)
    except RecipeRejects:
        assert recipe.startswith("glm4-combine")
        return
    length = len(s)
    assert {len(c) for c in (s.input_ids, s.labels, s.targets, s.message_index, s.owner, s.roles, s.parts, s.spans)} == {length}
    assert s.input_ids.dtype == s.labels.dtype == s.targets.dtype == s.message_index.dtype == s.owner.dtype == s.spans.dtype == np.int32
    assert s.targets.tolist() == [*s.labels[1:].tolist(), -100]
    assert ((s.owner == -1) == (s.labels == -100)).all()
    for m, message in enumerate(messages):
        held = [tuple(span) for span in s.spans[s.message_index == m].tolist() if span[0] >= 0]
        content = message["content"].encode()
        # Together the spans are the content, without gap or overlap, and each shows the bytes of its token.
        assert held == list(zip([0, *(stop for _, stop in held)], [stop for _, stop in held], strict=False))
        assert (held[-1][1] if held else 0) == len(content)
    for i, (start, stop) in enumerate(s.spans.tolist()):
        content = messages[s.message_index[i]]["content"].encode() if start >= 0 else b""
        assert s.token_bytes[i].endswith(content[start:stop] if start >= 0 else b"")
        assert s.parts[i] != "content" or content[start:stop] == s.token_bytes[i]


@given(texts, st.sampled_from(GLM4_RECIPES))
def test_the_tokens_bytes_are_the_rendered_text(text: str, recipe: str) -> None:
    s = glm4viz.label([{"role": "user", "content": "?"}, {"role": "assistant", "content": text + "."}], recipe)
    end = s.token_bytes[-1].decode()
    assert b"".join(s.token_bytes).decode() == f"[gMASK]<sop><|user|>\n?<|assistant|>\n{text}.{end}"


def test_a_bad_conversation_costs_a_batch_only_itself() -> None:
    good = CONVERSATIONS["open-en-one-turn"]
    batch = glm4viz.label_batch([good, [{"role": "user", "content": "\ud800"}], [], [{"role": "bot", "content": "?"}], None, good])  # type: ignore[list-item]
    assert batch.source.tolist() == [0, 5]
    assert {i: type(error) for i, error in batch.errors.items()}.keys() == {1, 2, 3, 4}
    assert all(isinstance(error, ConversationError) for error in batch.errors.values())
    assert batch[1].labels.tolist() == glm4viz.label(good).labels.tolist()
    assert len(glm4viz.label_batch([])) == 0


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "user"}],
        [{"role": "tool", "content": "?"}],
        [{"role": "user", "content": 5}],
        [{"role": ["user"], "content": "?"}],
        [{"role": "user", "content": "half \udc00"}],
        [
            {
                "role": "system",
                "content": "",
                "tools": [{"function": {"name": "\ud800", "parameters": {"properties": {}}}, "type": "function"}],
            }
        ],
        [],
        "你好",
        [None],
    ],
    ids=str,
)
def test_malformed_conversations_are_named(messages: Any) -> None:
    with pytest.raises(ConversationError) as caught:
        glm4viz.label(messages)
    assert caught.value.sentence("zh") != caught.value.sentence("en")


FUNCTION: dict[str, Any] = {"name": "f", "parameters": {"type": "object", "properties": {"kept": {"type": "string"}, "dropped": None}}}


@pytest.mark.parametrize(
    ("tools", "reason"),
    [
        ([{"name": "f", "args": {"x": "str"}}], "KeyError: 'function'"),
        (None, "TypeError"),
        ([{"type": "function", "function": {"name": "f"}}], "KeyError: 'parameters'"),
        ([{"type": "magic", "function": FUNCTION}], "NotImplementedError"),
        ([{"function": FUNCTION}], "KeyError: 'type'"),
        ([{"type": "python", "function": FUNCTION}], "glm-4-9b-chat directory"),
    ],
    ids=str,
)
def test_tools_the_script_crashes_on(tools: Any, reason: str) -> None:
    with pytest.raises(RecipeRejects, match=reason):
        glm4viz.label([{"role": "system", "content": "", "tools": tools}, {"role": "user", "content": "?"}])


def test_built_in_tools_are_rendered_by_the_model_s_own_template() -> None:
    template = (
        "[gMASK]<sop>{% for item in messages %}{% if item['tools'] is defined %}<|system|>\n# tools"
        "{% for tool in item['tools'] %}{{ '\\n' }}## {{ tool['type'] }}{% endfor %}{% endif %}{% endfor %}"
    )
    tok = copy.copy(TOK)
    tok.chat_template = template
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": "", "tools": [{"type": "python"}]},
        {"role": "assistant", "content": "ok"},
    ]
    text = b"".join(glm4viz.label(messages, "glm4-combine@dfe4601", tok).token_bytes).decode()
    assert text == "[gMASK]<sop><|system|>\n# tools\n## python<|assistant|>\nok<|user|>"


def test_null_is_not_absent() -> None:
    absent = glm4viz.label([{"role": "user", "content": "?"}])
    null = glm4viz.label([{"role": "user", "content": "?", "metadata": None}])
    assert b"".join(absent.token_bytes) == b"[gMASK]<sop><|user|>\n?<|endoftext|>"
    assert b"".join(null.token_bytes) == b"[gMASK]<sop><|user|>None\n?<|endoftext|>"


def test_null_parameters_are_dropped_and_the_input_is_left_alone() -> None:
    messages = [{"role": "system", "content": "", "tools": [{"type": "function", "function": FUNCTION}]}]
    text = b"".join(glm4viz.label(messages).token_bytes).decode()
    assert "kept" in text
    assert "dropped" not in text
    assert "dropped" in FUNCTION["parameters"]["properties"]


def test_parts_and_owners_of_a_tool_call() -> None:
    s = glm4viz.label(CONVERSATIONS["open-tool-call"])
    assert set(s.parts) == {"prefix", "role_tag", "metadata", "newline", "content", "tools", "stop"}
    call = next(i for i, m in enumerate(s.messages) if "metadata" in m)
    tag = (s.message_index == call + 1).argmax()
    assert (s.roles[tag], s.parts[tag], s.owner[tag], s.labels[tag]) == ("observation", "role_tag", call, 151338)
    assert (s.parts[-1], s.roles[-1], s.message_index[-1]) == ("stop", "", -1)


def test_the_table_has_the_contract_s_columns() -> None:
    table = glm4viz.label(CONVERSATIONS["open-unicode"]).table()
    assert list(table) == ["position", "id", "token", "bytes", "role", "message", "part", "trained", "label", "target", "owner"]
    assert not table["token"].str.contains("\ufffd").any()


def test_unknown_recipes_and_limits_are_named() -> None:
    with pytest.raises(UnknownRecipe, match="glm4"):
        glm4viz.label([{"role": "user", "content": "?"}], "glm")
    for limit in (0, -1, 1.5):
        with pytest.raises(ValueError, match="max_length"):
            glm4viz.label([{"role": "user", "content": "?"}], max_length=limit)  # type: ignore[arg-type]


def test_evaluation_without_an_answer() -> None:
    messages = [{"role": "user", "content": "?"}]
    assert glm4viz.eval_pairs(messages) == []
    for recipe in ("glm4@b9d6d38", "glm4-combine@dfe4601", "glm4v@dfe4601"):
        with pytest.raises(RecipeRejects):
            glm4viz.eval_pairs(messages, recipe)


def test_a_written_weight_is_the_labels_weight() -> None:
    def twice(_: Sequence[Message], w: Writer) -> None:
        w.special("<|user|>", "role_tag", message=0, weight=3.0)
        w.text(Segment("content", "a<|user|>b", 0, 0), mask=True, specials=True, weight=2.0)
        w.special("<|user|>", "stop", message=0, mask=True, weight=0.5)

    sample = glm4viz.label([{"role": "user", "content": "?"}], replace(get_recipe("glm4"), layout=twice, shift=False))
    assert sample.weights.tolist() == [0.0, 2.0, 2.0, 2.0, 0.5]


def test_a_header_token_may_reach_from_the_metadata_into_the_content() -> None:
    message = {"role": "system", "content": "\n\nab", "metadata": "  "}  # the space, the header's newline and the content's are one token
    sample = glm4viz.label([message], "glm4@dfe4601")
    spans = sample.spans[sample.spans[:, 0] >= 0].tolist()
    assert [spans[0][0], spans[-1][1]] == [0, 4]
    assert all(before[1] == after[0] for before, after in pairwise(spans))


def test_a_part_that_there_is_not_is_named() -> None:
    def misspelt(messages: Sequence[Message], w: Writer) -> None:
        w.text(Segment("contents", messages[0]["content"], 0, 0))

    with pytest.raises(ValueError, match="'contents'; it must be one of prefix"):
        glm4viz.label([{"role": "user", "content": "Hi"}], replace(get_recipe("glm4"), layout=misspelt))
