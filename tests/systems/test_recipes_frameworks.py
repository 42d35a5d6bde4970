"""LLaMA-Factory, TRL, Axolotl, Unsloth, ms-swift, torchtune: what the golden arrays don't show."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import glm4viz
from glm4viz.errors import Glm4vizError, RecipeRejects
from glm4viz.systems.axolotl import find_turn
from glm4viz.systems.llamafactory import infer_seqlen
from glm4viz.systems.unsloth import responses
from tests.conftest import CONVERSATIONS
from tests.strategies import conversations, texts

IDS = (
    *("llamafactory", "llamafactory-mask-history", "llamafactory-train-on-prompt", "trl", "axolotl", "axolotl-eot", "axolotl-eot-literal"),
    *("axolotl-mapped", "unsloth", "ms-swift", "torchtune"),
)
TEMPLATE_IDS = ("trl", "axolotl", "axolotl-mapped", "unsloth")  # they render with glm-4-9b-chat's own template
SYSTEM, QUESTION, ANSWER = ({"role": role, "content": text} for role, text in (("system", "Be kind."), ("user", "?"), ("assistant", "ok")))
CALL = {"role": "assistant", "content": '{"city": "苏州"}', "metadata": "weather"}
RESULT = {"role": "observation", "content": "48"}


def rendered(sample: glm4viz.LabelledSample) -> str:
    return b"".join(sample.token_bytes).decode()


def trained(sample: glm4viz.LabelledSample) -> list[str]:
    """The trained tokens' texts."""
    return [sample.token_bytes[i].decode(errors="replace") for i in np.flatnonzero(sample.trained)]


# For any conversation -------------------------------------------------------------------------------------------------


@given(conversations, st.sampled_from(IDS), st.one_of(st.none(), st.integers(1, 60)))
def test_the_columns_agree(messages: list[dict[str, Any]], recipe: str, max_length: int | None) -> None:
    try:
        s = glm4viz.label(messages, recipe, max_length=max_length)
    except RecipeRejects:
        return
    assert {len(c) for c in (s.labels, s.targets, s.message_index, s.owner, s.roles, s.parts, s.spans)} == {len(s)}
    assert max_length is None or len(s) <= max_length
    assert (s.owner[s.labels == -100] == -1).all()
    # Only a prefix, and what stands in no message of the conversation, teaches none.
    assert set(s.parts[(s.labels != -100) & (s.owner == -1)]) <= {"prefix"} or len(s) == 1
    for i, (start, stop) in enumerate(s.spans.tolist()):
        content = messages[s.message_index[i]]["content"].encode() if start >= 0 else b""
        assert s.token_bytes[i].endswith(content[start:stop] if start >= 0 else b"")


@given(st.lists(conversations, max_size=3), st.sampled_from(IDS), st.one_of(st.none(), st.integers(1, 60)))
def test_a_batch_is_its_rows(many: list[list[dict[str, Any]]], recipe: str, max_length: int | None) -> None:
    batch = glm4viz.label_batch(many, recipe, max_length=max_length)
    rows = iter(range(len(batch)))
    for i, messages in enumerate(many):
        try:
            single = glm4viz.label(messages, recipe, max_length=max_length)
        except Glm4vizError:
            assert i in batch.errors
            continue
        row = next(rows)
        part = slice(batch.offsets[row], batch.offsets[row + 1])
        assert batch.input_ids[part].tolist() == single.input_ids.tolist() == batch[row].input_ids.tolist()
        assert batch.labels[part].tolist() == single.labels.tolist() == batch[row].labels.tolist()


@pytest.mark.parametrize("recipe", IDS)
def test_a_batch_of_the_sample_conversations_is_its_rows(recipe: str) -> None:
    many = list(CONVERSATIONS.values())
    batch = glm4viz.label_batch(many, recipe)
    assert len(batch) + len(batch.errors) == len(many)
    for row, source in enumerate(batch.source.tolist()):
        part = slice(batch.offsets[row], batch.offsets[row + 1])
        assert batch.labels[part].tolist() == glm4viz.label(many[source], recipe).labels.tolist()


@given(texts)
def test_the_tokens_bytes_are_the_rendered_text(text: str) -> None:
    messages = [QUESTION, {"role": "assistant", "content": text + "."}]
    for recipe in TEMPLATE_IDS:
        assert rendered(glm4viz.label(messages, recipe)) == f"[gMASK]<sop><|user|>\n?<|assistant|>\n{text}."
    assert rendered(glm4viz.label(messages, "llamafactory")) == f"[gMASK]<sop><|user|>\n?<|assistant|>\n{text}.<|endoftext|>"
    header = "" if "<|observation|>" in text else "\n"
    assert rendered(glm4viz.label(messages, "ms-swift")) == f"[gMASK]<sop><|user|>\n?<|assistant|>{header}{text}.<|user|>"
    llama = "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\n?<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"
    assert rendered(glm4viz.label(messages, "torchtune")) == f"{llama}{(text + '.').strip()}<|eot_id|><|end_of_text|>"


@given(conversations, st.sampled_from(IDS))
def test_a_limit_that_is_not_reached_changes_nothing(messages: list[dict[str, Any]], recipe: str) -> None:
    try:
        free = glm4viz.label(messages, recipe)
    except RecipeRejects:
        return
    held = glm4viz.label(messages, recipe, max_length=len(free))
    assert (held.input_ids.tolist(), held.labels.tolist()) == (free.input_ids.tolist(), free.labels.tolist())
    assert held.owner.tolist() == free.owner.tolist()


@pytest.mark.parametrize("recipe", IDS)
def test_every_recipe_speaks_both_languages(recipe: str) -> None:
    found = glm4viz.recipes()[recipe]
    for text in (found.rule, found.max_length, *found.quirks):
        assert text["en"] != text["zh"]


# Refusals -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("recipe", "messages", "reason"),
    [
        ("llamafactory", [QUESTION, QUESTION, ANSWER], "Invalid role tag: message 1 is user"),
        ("llamafactory", [ANSWER, QUESTION], "message 0 is assistant, where user or observation"),
        ("llamafactory", [SYSTEM, QUESTION, ANSWER, QUESTION], "Invalid message count"),
        ("llamafactory", [SYSTEM], "Invalid message count"),
        ("llamafactory", [QUESTION, SYSTEM, QUESTION, ANSWER], "message 1 is system"),
        ("llamafactory", [QUESTION, CALL | {"content": "not JSON"}], "Invalid JSON format"),
        ("llamafactory", [QUESTION, CALL | {"content": r'"\ud800"'}], "Invalid JSON format"),
        ("llamafactory", [SYSTEM | {"tools": [{"args": {}}]}, QUESTION, ANSWER], "KeyError: 'name'"),
        ("llamafactory", [SYSTEM | {"tools": "?"}, QUESTION, ANSWER], "AttributeError"),
        ("ms-swift", [SYSTEM], "nothing but a system message"),
        ("ms-swift", [QUESTION, RESULT, ANSWER], "message 1 is observation"),
        ("ms-swift", [RESULT, ANSWER], "message 0 is observation"),
        ("ms-swift", [QUESTION, ANSWER, SYSTEM, ANSWER], "message 2 is system"),
        ("ms-swift", [QUESTION, CALL, RESULT, QUESTION], "message 3 is user, where assistant"),
        ("ms-swift", [QUESTION, CALL | {"content": "not JSON"}], "parse this call's arguments"),
        ("ms-swift", [QUESTION, ANSWER | {"content": None}], "message 1 has no text"),
        ("ms-swift", [SYSTEM | {"tools": ["?"]}, QUESTION, ANSWER], "AttributeError"),
        ("torchtune", [QUESTION], "at least two messages"),
        ("torchtune", [SYSTEM, ANSWER], "message 1 is an answer"),
        ("torchtune", [QUESTION, QUESTION], "two questions in a row"),
        ("torchtune", [QUESTION, ANSWER, ANSWER], "message 2 is an answer"),
        ("torchtune", [QUESTION, SYSTEM], "it must come first"),
        ("torchtune", [QUESTION, CALL, RESULT, ANSWER], "message 2 is a tool result"),
        ("torchtune", [QUESTION | {"content": None}, ANSWER], "null content of the first message"),
    ],
    ids=str,
)
def test_refusals_have_reasons(recipe: str, messages: list[dict[str, Any]], reason: str) -> None:
    with pytest.raises(RecipeRejects, match=reason) as caught:
        glm4viz.label(messages, recipe)
    assert caught.value.sentence("zh") != caught.value.sentence("en")


@pytest.mark.parametrize(("recipe", "option"), [("axolotl", "sequence_len"), ("ms-swift", "max_length"), ("unsloth", "max_length")])
def test_too_long_samples_are_refused(recipe: str, option: str) -> None:
    messages = CONVERSATIONS["open-system-two-turns"]
    with pytest.raises(RecipeRejects, match=option) as caught:
        glm4viz.label(messages, recipe, max_length=20)
    assert option in caught.value.sentence("zh")


def test_trl_cuts_right() -> None:
    messages = CONVERSATIONS["open-system-two-turns"]
    assert glm4viz.label(messages, "trl", max_length=20).labels.tolist() == glm4viz.label(messages, "trl").labels.tolist()[:20]


def test_what_the_systems_say_at_set_up() -> None:
    messages = [QUESTION, ANSWER]
    assert "train_on_prompt" in glm4viz.label(messages, "llamafactory-train-on-prompt").warnings[0]
    assert "EOT token '<|user|>' not found" in glm4viz.label(messages, "axolotl-eot").warnings[0]
    assert glm4viz.label(messages, "axolotl-eot-literal").warnings == []


# LLaMA-Factory --------------------------------------------------------------------------------------------------------


def test_llamafactory_teaches_another_token_than_the_one_that_stands_there(tok: glm4viz.Tokenizer) -> None:
    s = glm4viz.label([SYSTEM, QUESTION, CALL, RESULT, ANSWER, QUESTION, ANSWER], "llamafactory")
    other = np.flatnonzero(s.trained & (s.labels != s.input_ids))
    assert [s.token_bytes[i] for i in other] == [b"<|observation|>", b"<|user|>"]
    assert s.labels[other].tolist() == [tok.special_ids["<|endoftext|>"]] * 2
    assert s.message_index[other].tolist() == [3, 5]
    assert s.owner[other].tolist() == [2, 4]  # the answers that they end
    assert (s.parts[-1], s.message_index[-1], s.owner[-1]) == ("stop", -1, 6)


def test_llamafactory_marks_rewritten_arguments_as_not_the_content() -> None:
    kept = glm4viz.label([QUESTION, CALL], "llamafactory")
    rewritten = glm4viz.label([QUESTION, CALL | {"content": '{"city":"苏州"}'}], "llamafactory")
    assert kept.input_ids.tolist() == rewritten.input_ids.tolist()
    assert kept.spans[kept.parts == "content"].min() >= 0
    assert (rewritten.spans[rewritten.message_index == 1] == -1).all()


def test_mask_history_leaks_labels_into_the_history() -> None:
    s = glm4viz.label([QUESTION, ANSWER] * 3, "llamafactory-mask-history")
    other = np.flatnonzero(s.trained & (s.labels != s.input_ids))
    assert [s.token_bytes[i] for i in other] == [b"[gMASK]", b"<|user|>"]
    assert s.owner[other].tolist() == [-1, 1]
    assert trained(s)[-3:] == ["\n", "ok", "<|endoftext|>"]


@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 100))
def test_what_is_shared_out_fits(source: int, target: int, room: int) -> None:
    kept_source, kept_target = infer_seqlen(source, target, room)
    assert 0 < kept_source <= source
    assert 0 <= kept_target <= target
    assert kept_source + kept_target == min(source + target, room) or source * 2 >= room <= target * 2
    assert kept_source + kept_target <= room


@pytest.mark.parametrize("recipe", ["llamafactory", "llamafactory-mask-history"])
def test_the_end_teaches_the_last_answer_that_is_left(recipe: str) -> None:
    messages = CONVERSATIONS["open-system-two-turns"]
    for cutoff_len in range(2, 103):
        s = glm4viz.label(messages, recipe, max_length=cutoff_len)
        assert len(s) <= cutoff_len
        assert (s.parts[-1], s.labels[-1]) == ("stop", 151329)
        # Of the last pair even if its answer has no token left: the end then follows a stump of the question.
        last = max(s.message_index.max(), 0)
        assert s.owner[-1] == next(m for m in range(last, len(messages)) if messages[m]["role"] == "assistant")


# Axolotl --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("full", "dummy", "turn"),
    [
        ([1, 2, 5, 6], [1, 2, 8, 9], (2, 4)),
        ([1, 2], [1, 2, 8, 9], (-1, -1)),  # an empty answer: nothing differs
        ([1, 2, 8, 5], [1, 2, 8, 9], (3, 4)),  # begins as the dummy does
        ([1, 2, 5, 9], [1, 2, 8, 9], (2, 3)),  # ends as the dummy does
        ([1, 2, 9], [1, 2, 8, 9], (-1, -1)),
        ([1, 2, 8, 9], [1, 2, 8, 9], (-1, -1)),
    ],
)
def test_an_answer_is_what_differs(full: list[int], dummy: list[int], turn: tuple[int, int]) -> None:
    assert find_turn(np.array(full, np.int32), np.array(dummy, np.int32)) == turn


def test_brackets_that_the_dummy_has_too_are_not_trained() -> None:
    assert trained(glm4viz.label([QUESTION, {"role": "assistant", "content": "[[1]]"}], "axolotl")) == ["1"]


def test_axolotl_trains_a_stop_token_that_happens_to_stand_near() -> None:
    near, far = ({"role": "user", "content": text} for text in ("<|endoftext|> means?", "What means <|endoftext|>?"))
    assert trained(glm4viz.label([QUESTION, ANSWER, near, ANSWER], "axolotl")) == ["ok", "<|endoftext|>", "ok"]
    assert trained(glm4viz.label([QUESTION, ANSWER, far, ANSWER], "axolotl")) == ["ok", "ok"]


def test_axolotl_eot_literal_trains_the_tag_that_ends_an_answer() -> None:
    s = glm4viz.label([QUESTION, ANSWER, QUESTION, ANSWER], "axolotl-eot-literal")
    tag = np.flatnonzero(s.trained & (s.parts == "role_tag"))
    assert (s.message_index[tag].tolist(), s.owner[tag].tolist()) == ([2], [1])


def test_axolotl_drops_what_the_template_reads_under_another_name() -> None:
    messages = CONVERSATIONS["open-tool-call"]
    assert "lookup_train" not in rendered(glm4viz.label(messages, "axolotl"))
    mapped = glm4viz.label(messages, "axolotl-mapped")
    assert {"tools", "metadata"} <= set(mapped.parts)
    assert mapped.trained[mapped.parts == "metadata"].all()


# Unsloth --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ids", "spans"),
    [
        ([1, 0, 5, 2, 0, 6, 7], [(5, 7)]),
        ([1, 0, 5, 2, 0, 6, 1, 0, 7, 2, 0, 8], [(5, 6), (11, 12)]),
        ([2, 0, 6, 1, 0, 2, 0, 8], [(2, 3)]),  # the token behind a question's marker is never looked at
        ([2, 0, 6, 1], [(2, 4)]),  # cut right behind a tag: it is the last token, and so it is trained
        ([1, 0, 5, 2, 0], []),
        ([2], []),
    ],
)
def test_responses_lie_between_markers(ids: list[int], spans: list[tuple[int, int]]) -> None:
    assert list(responses(ids, [1, 0], [2, 0])) == spans


def test_unsloth_s_owners_in_a_thought_then_call() -> None:
    s = glm4viz.label(CONVERSATIONS["open-thought-then-call"], "unsloth")
    tags = np.flatnonzero(s.trained & (s.parts == "role_tag"))
    assert s.message_index[tags].tolist() == [2, 3, 4]
    assert s.owner[tags].tolist() == [1, 2, 4]  # the first two end an answer; the third follows a tool result
    assert set(s.owner[s.message_index == 3]) == {2, 3}


def test_unsloth_finds_nothing_in_a_lone_call_and_says_so_only_if_a_cut_did_it() -> None:
    assert not glm4viz.label([QUESTION, CALL, RESULT], "unsloth").trained.any()


# TRL ------------------------------------------------------------------------------------------------------------------


def test_trl_trains_all_and_each_message_owns_its_tokens() -> None:
    s = glm4viz.label([QUESTION, ANSWER, QUESTION], "trl")
    assert s.labels.tolist() == s.input_ids.tolist()
    assert s.owner[s.parts == "prefix"].tolist() == [-1, -1]
    assert s.owner[s.parts == "content"].tolist() == [0, 1, 2]
    assert s.owner[s.parts == "role_tag"].tolist() == [0, 1, 1]  # the last one ends the answer


def test_null_is_absent_for_trl_and_axolotl_but_not_for_unsloth() -> None:
    messages = [QUESTION | {"metadata": None}, ANSWER]
    assert "None" not in rendered(glm4viz.label(messages, "trl")) + rendered(glm4viz.label(messages, "axolotl-mapped"))
    assert "<|user|>None\n?" in rendered(glm4viz.label(messages, "unsloth"))


# ms-swift -------------------------------------------------------------------------------------------------------------


def test_swift_s_calls() -> None:
    s = glm4viz.label([QUESTION, CALL, CALL, RESULT, RESULT, ANSWER], "ms-swift")
    assert rendered(s) == (
        "[gMASK]<sop><|user|>\n?<|assistant|>weather\n{'city': '苏州'}<|assistant|>weather\n{'city': '苏州'}<|observation|>\n48"
        "<|observation|>\n48<|assistant|>\nok<|user|>"
    )
    stops = np.flatnonzero(s.trained & np.isin(s.parts, ["role_tag", "stop"]))
    assert s.parts[stops].tolist() == ["role_tag", "role_tag", "stop"]
    assert s.message_index[stops].tolist() == [2, 3, -1]
    assert s.owner[stops].tolist() == [1, 2, 5]
    assert (s.spans[(s.parts == "content") & (s.message_index == 1)] == -1).all()


def test_swift_s_ends() -> None:
    assert rendered(glm4viz.label([QUESTION, CALL], "ms-swift")).endswith("}<|observation|>")
    assert rendered(glm4viz.label([ANSWER], "ms-swift")) == "[gMASK]<sop><|user|>\n<|assistant|>\nok<|user|>"
    assert rendered(glm4viz.label([QUESTION, ANSWER | {"content": "ok<|user|>"}], "ms-swift")).endswith("ok<|user|>")
    bare = glm4viz.label([QUESTION, ANSWER, QUESTION], "ms-swift")
    assert (rendered(bare)[-13:], bare.message_index[-1], bare.trained[-1]) == ("<|assistant|>", -1, False)


def test_swift_leaves_out_answers_marked_so() -> None:
    assert trained(glm4viz.label([QUESTION, ANSWER | {"loss": False}, QUESTION, ANSWER], "ms-swift")) == ["ok", "<|user|>"]


def test_swift_prints_tools_instead_of_the_system_text() -> None:
    tools = [{"type": "function", "function": {"name": "f"}}]
    text = rendered(glm4viz.label([SYSTEM | {"tools": tools}, QUESTION, ANSWER], "ms-swift"))
    assert text.startswith(f"[gMASK]<sop><|system|>\n# 可用工具\n\n## f\n\n{json.dumps({'name': 'f'}, indent=4)}\n在调用")
    assert "Be kind." not in text


# torchtune ------------------------------------------------------------------------------------------------------------


def test_torchtune_trains_a_message_with_header_and_end() -> None:
    s = glm4viz.label([SYSTEM, QUESTION, {"role": "assistant", "content": " \n ok\n"}], "torchtune")
    assert trained(s) == ["<|start_header_id|>", "assistant", "<|end_header_id|>", "\n\n", "ok", "<|eot_id|>"]
    assert s.parts[s.trained].tolist() == ["role_tag", "role_tag", "role_tag", "newline", "content", "stop"]
    assert s.spans[s.trained & (s.parts == "content")].tolist() == [[3, 5]]


def test_torchtune_forces_the_end_token() -> None:
    whole, cut = (glm4viz.label([QUESTION, ANSWER], "torchtune", max_length=n) for n in (None, 11))
    assert cut.token_bytes == [*whole.token_bytes[:10], b"<|end_of_text|>"]
    assert (cut.labels[-1], cut.parts[-1], cut.message_index[-1], cut.owner[-1]) == (-100, "stop", -1, -1)
    assert cut.spans[-1].tolist() == [-1, -1]
