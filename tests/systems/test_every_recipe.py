"""Every recipe, for any conversation: the columns' promises, batches, texts, limits."""

import contextlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import glm4viz
from glm4viz.errors import ConversationError, Glm4vizError, RecipeRejects
from glm4viz.recipe import MaxLength
from tests.conftest import CONVERSATIONS
from tests.strategies import conversations, texts
from tests.systems.messages import QUESTION, Messages, assistant, rendered, system, user

FRAMEWORKS = (
    *("llamafactory", "llamafactory-mask-history", "llamafactory-train-on-prompt", "trl", "axolotl", "axolotl-eot", "axolotl-eot-literal"),
    *("axolotl-mapped", "unsloth", "ms-swift", "torchtune"),
)


TEMPLATE_IDS = ("trl", "axolotl", "axolotl-mapped", "unsloth")  # they render with glm-4-9b-chat's own template


ALL = list(glm4viz.recipes())
PAIRED = ("chatglm", "chatglm2")
CHINESE = (
    *PAIRED,
    *("chatglm3", "chatglm3-hf", "xtuner", "xtuner-internlm2", "xtuner-last-turn", "xtuner-split"),
    *("internlm-alpaca", "firefly-chatglm3", "firefly-internlm2"),
)

pair_conversations = st.lists(st.tuples(texts, texts), min_size=1, max_size=3).map(
    lambda pairs: [message for question, answer in pairs for message in (user(question), assistant(answer))]
)
any_conversation = st.one_of(conversations, pair_conversations)


def check_batch(many: list[Messages], recipe: str, max_length: MaxLength = None) -> None:
    """The rows of a batch are the samples of its conversations, one by one."""
    batch = glm4viz.label_batch(many, recipe, max_length=max_length)
    row = 0
    for i, messages in enumerate(many):
        try:
            samples = glm4viz.label_all(messages, recipe, max_length=max_length)
        except Glm4vizError:
            assert i in batch.errors
            continue
        for single in samples:
            part = slice(batch.offsets[row], batch.offsets[row + 1])
            assert batch.input_ids[part].tolist() == single.input_ids.tolist() == batch[row].input_ids.tolist()
            assert batch.labels[part].tolist() == single.labels.tolist() == batch[row].labels.tolist()
            assert batch.source[row] == i
            row += 1
    assert row == len(batch)


@pytest.mark.slow
@settings(max_examples=300)
@given(st.lists(any_conversation, max_size=4), st.sampled_from(ALL), st.one_of(st.none(), st.integers(1, 40)))
def test_a_batch_is_its_rows(many: list[Messages], recipe: str, limit: int | None) -> None:
    check_batch(many, recipe, (limit, 41 - limit) if limit and recipe in PAIRED else limit)


@pytest.mark.parametrize("recipe", ALL)
def test_a_batch_of_the_sample_conversations_is_its_rows(recipe: str) -> None:
    check_batch(list(CONVERSATIONS.values()), recipe)


@pytest.mark.parametrize("recipe", ALL)
def test_a_recipe_explains_itself_in_both_languages(recipe: str) -> None:
    found = glm4viz.recipes()[recipe]
    for text in (found.rule, found.max_length, *found.quirks):
        assert set(text) == {"en", "zh"}
        assert text["en"] != text["zh"]


@pytest.mark.parametrize("recipe", ALL)
def test_null_contents_never_crash(recipe: str) -> None:
    for messages in ([system(None), user("?"), assistant("!")], [user(None), assistant("!")], [user("?"), assistant(None)]):
        with contextlib.suppress(RecipeRejects):
            glm4viz.label_all(messages, recipe)


def test_malformed_conversations_stay_conversation_errors() -> None:
    for recipe in ALL:
        with pytest.raises(ConversationError):
            glm4viz.label([{"role": "user"}], recipe)


@given(conversations, st.sampled_from(FRAMEWORKS), st.one_of(st.none(), st.integers(1, 60)))
def test_the_columns_agree(messages: Messages, recipe: str, max_length: int | None) -> None:
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


@given(conversations, st.sampled_from(FRAMEWORKS))
def test_a_limit_that_is_not_reached_changes_nothing(messages: list[dict[str, Any]], recipe: str) -> None:
    try:
        free = glm4viz.label(messages, recipe)
    except RecipeRejects:
        return
    held = glm4viz.label(messages, recipe, max_length=len(free))
    assert (held.input_ids.tolist(), held.labels.tolist()) == (free.input_ids.tolist(), free.labels.tolist())
    assert held.owner.tolist() == free.owner.tolist()


@given(any_conversation, st.sampled_from(CHINESE))
def test_only_answers_own_labels_and_spans_show_their_bytes(messages: Messages, recipe: str) -> None:
    try:
        samples = glm4viz.label_all(messages, recipe)
    except RecipeRejects:
        return
    for s in samples:
        assert ((s.owner == -1) == (s.labels == -100)).all()
        assert (s.labels[s.trained] == s.input_ids[s.trained]).all()
        spoken = {"assistant", "observation"} if recipe.startswith("chatglm3") else {"assistant"}
        assert {messages[m]["role"] for m in s.owner[s.trained]} <= spoken
        for i, (start, stop) in enumerate(s.spans.tolist()):
            if start >= 0:
                assert messages[s.message_index[i]]["content"].encode()[start:stop] in s.token_bytes[i]


RENDERED = {
    "chatglm": "[Round 0]\n问：?\n答：[gMASK]<sop>{}<eop>",
    "chatglm2": "[gMASK]<sop>[Round 1]\n\n问：?\n\n答：{}<|endoftext|>",
    "chatglm3": "[gMASK]<sop><|user|>\n?<|assistant|>\n{}<|endoftext|>",
    "chatglm3-hf": "[gMASK]<sop><|user|>\n?<|assistant|>\n{}<|endoftext|>",
    "xtuner": "[gMASK]<sop><|user|>\n?<|assistant|>\n{}<|endoftext|>\n",
    "xtuner-internlm2": "<s><|im_start|>user\n?<|im_end|>\n<|im_start|>assistant\n{}<|im_end|>\n",
    "xtuner-last-turn": "[gMASK]<sop><|user|>\n?<|assistant|>\n{}<|endoftext|>",
    "xtuner-split": "[gMASK]<sop><|user|>\n?<|assistant|>\n{}<|endoftext|>",
    "internlm-alpaca": "<s><|User|>:?<eoh>\n<|Bot|>:{}<eoa>\n</s>",
    "firefly-chatglm3": "[gMASK]<sop><|system|>S<|user|>?<|assistant|>{}<|endoftext|>",
    "firefly-internlm2": "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\n?<|im_end|>\n<|im_start|>assistant\n{}<|im_end|>\n",
}


@given(texts, st.sampled_from(CHINESE))
def test_the_tokens_bytes_are_the_whole_text(text: str, recipe: str) -> None:
    first = [system(" S\n")] if recipe.startswith("firefly") else []
    s = glm4viz.label([*first, user("?"), assistant(f".{text}.")], recipe)
    assert rendered(s) == RENDERED[recipe].replace("{}", f".{text}.")
