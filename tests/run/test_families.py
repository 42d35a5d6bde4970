"""Messages and roles are found by each family's own tags."""

from typing import Any, NamedTuple

import numpy as np
import pytest

import glm4viz
from glm4viz.run.families import FAMILIES, Family
from glm4viz.run.sample import CapturedSample
from glm4viz.tokenizer import Tokenizer
from tests.run.fed import check_columns, fed
from tests.run.tokenizers import of_bytes, of_splintr


class Written(NamedTuple):
    """A conversation as a family writes it. trained: texts that carry labels, in order. taught: the message that each of them teaches."""

    text: str
    said: list[tuple[str, str]]
    trained: list[str]
    taught: list[int]


CHAT = [("system", "Be kind."), ("user", "Hi the 你好?"), ("assistant", "Good 👋 the\nday"), ("user", "And?"), ("assistant", "Bye.")]
S, U, A, V, B = (content for _, content in CHAT)
WRITTEN = {
    "GLM-4": Written(
        f"[gMASK]<sop><|system|>\n{S}<|user|>\n{U}<|assistant|>\n{A}<|user|>\n{V}<|assistant|>\n{B}<|endoftext|>",
        CHAT,
        [A, "<|user|>", B, "<|endoftext|>"],
        [2, 2, 4, 4],
    ),
    "GLM-4.5": Written(
        f"[gMASK]<sop><|system|>\n{S}<|user|>\n{U}<|assistant|>\n<think></think>\n{A}<|user|>\n{V}<|assistant|>\n<think>Hm.</think>\n{B}<|user|>",
        CHAT,
        [A, "<|user|>", "<think>Hm.</think>", B, "<|user|>"],
        [2, 2, 4, 4, 4],
    ),
    "ChatML": Written(
        f"<|im_start|>system\n{S}<|im_end|>\n<|im_start|>user\n{U}<|im_end|>\n<|im_start|>assistant\n{A}<|im_end|>\n"
        f"<|im_start|>user\n{V}<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n{B}<|im_end|>\n",
        CHAT,
        [A + "<|im_end|>", "<|im_start|>", "<think>\n\n</think>\n\n" + B + "<|im_end|>"],
        [2, 2, 4],
    ),
    "Llama 3": Written(
        "<|begin_of_text|>" + "".join(f"<|start_header_id|>{role}<|end_header_id|>\n\n{content}<|eot_id|>" for role, content in CHAT),
        CHAT,
        [A + "<|eot_id|>", B + "<|eot_id|>"],
        [2, 4],
    ),
    "Llama 4": Written(
        "<|begin_of_text|>" + "".join(f"<|header_start|>{role}<|header_end|>\n\n{content}<|eot|>" for role, content in CHAT),
        CHAT,
        [A + "<|eot|>", B + "<|eot|>"],
        [2, 4],
    ),
    "Gemma": Written(
        f"<bos><start_of_turn>user\n{U}<end_of_turn>\n<start_of_turn>model\n{A}<end_of_turn>\n",
        CHAT[1:3],
        [A + "<end_of_turn>"],
        [1],
    ),
    "Gemma 4": Written(
        f"<bos><|turn>system\n{S}<turn|>\n<|turn>user\n{U}<turn|>\n<|turn>model\n<|channel>thought\nHm.\n<channel|>{A}<turn|>\n",
        CHAT[:3],
        [A + "<turn|>"],
        [2],
    ),
    "DeepSeek": Written(
        f"<｜begin▁of▁sentence｜>{S}<｜User｜>{U}<｜Assistant｜>{A}<｜end▁of▁sentence｜><｜User｜>{V}<｜Assistant｜>{B}<｜end▁of▁sentence｜>",
        CHAT,
        [A + "<｜end▁of▁sentence｜>", B + "<｜end▁of▁sentence｜>"],
        [2, 4],
    ),
    "Mistral": Written(
        f"<s>[SYSTEM_PROMPT]{S}[/SYSTEM_PROMPT][INST]{U}[/INST]{A}</s>[INST]{V}[/INST]{B}</s>", CHAT, [A + "</s>", B + "</s>"], [2, 4]
    ),
    "gpt-oss": Written(
        f"<|start|>system<|message|>{S}<|end|><|start|>user<|message|>{U}<|end|><|start|>assistant<|channel|>final<|message|>{A}<|end|>"
        f"<|start|>user<|message|>{V}<|end|><|start|>assistant<|channel|>final<|message|>{B}<|return|>",
        CHAT,
        [A + "<|end|>", B + "<|return|>"],
        [2, 4],
    ),
    "Phi": Written(
        f"<|system|>\n{S}<|end|>\n<|user|>\n{U}<|end|>\n<|assistant|>\n{A}<|end|>\n<|user|>\n{V}<|end|>\n<|assistant|>\n{B}<|end|>\n<|endoftext|>",
        CHAT,
        [A + "<|end|>", B + "<|end|>"],
        [2, 4],
    ),
    "role tags": Written(
        f"<s><|system|>\n{S}</s>\n<|user|>\n{U}</s>\n<|assistant|>\n{A}</s>\n<|user|>\n{V}</s>\n<|assistant|>\n{B}</s>",
        CHAT,
        [A + "</s>", B + "</s>"],
        [2, 4],
    ),
    "Phi-4": Written(
        "".join(f"<|im_start|>{role}<|im_sep|>{content}<|im_end|>" for role, content in CHAT), CHAT, [A + "<|im_end|>", B + "<|im_end|>"], [2, 4]
    ),
    "Kimi": Written(
        "".join(f"<|im_{role}|>{role}<|im_middle|>{content}<|im_end|>" for role, content in CHAT),
        CHAT,
        [A + "<|im_end|>", B + "<|im_end|>"],
        [2, 4],
    ),
    "Granite": Written(
        "\n".join(f"<|start_of_role|>{role}<|end_of_role|>{content}<|end_of_text|>" for role, content in CHAT),
        CHAT,
        [A + "<|end_of_text|>", B + "<|end_of_text|>"],
        [2, 4],
    ),
    "Llama 2": Written(f"<s>[INST] {U} [/INST] {A} </s><s>[INST] {V} [/INST] {B} </s>", [
        ("user", f" {U} "), ("assistant", f" {A} "), ("user", f" {V} "), ("assistant", f" {B} ")], [A + " </s>", B + " </s>"], [1, 3]),
}  # fmt: skip


def tokenizer_of(family: Family) -> Tokenizer:
    """A tokenizer with the family's special tokens, and others beside them."""
    return of_bytes(*sorted(family.marks - ({"[INST]", "[/INST]"} if family.plain else set())), "<unused>", *family.needs)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_each_family_is_read_by_its_tags(family: Family) -> None:
    written = WRITTEN[family.name]
    sample = fed(tokenizer_of(family), written.text, written.trained)
    assert [(m["role"], m["content"]) for m in sample.messages] == written.said
    assert sample.recipe.id == "captured"
    assert sample.recipe.stops == family.stops
    assert b"".join(sample.token_bytes).decode() == written.text
    taught = sample.owner[sample.trained]
    assert taught[np.concatenate([[True], taught[1:] != taught[:-1]])].tolist() == list(dict.fromkeys(written.taught))
    check_columns(sample)


@pytest.mark.parametrize("family", [family for family in FAMILIES if not family.plain], ids=lambda family: family.name)
def test_a_verdict_on_each_family(family: Family) -> None:
    """Every answer that was trained with what ends it counts as one that learns to stop."""
    written = WRITTEN[family.name]
    sample = fed(tokenizer_of(family), written.text, written.trained)
    found = {finding.rule for finding in glm4viz.lint(as_record(sample), "captured")}
    assert not found & {
        "stop-not-trained",
        "wrong-stop",
        "roles-unknown",
        "user-text-trained",
        "no-trained-token",
        "trained-outside-messages",
    }
    whole = fed(tokenizer_of(family), written.text, [written.text])
    assert "user-text-trained" in {finding.rule for finding in glm4viz.lint(as_record(whole), "captured")}


def as_record(sample: CapturedSample) -> glm4viz.Conversation:
    from glm4viz.readers.capture import as_conversation

    return as_conversation(sample)


# Vocabularies of others -----------------------------------------------------------------------------------------------

REAL = {
    "llama3": ("Llama 3", ("<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>")),
    "qwen3": ("ChatML", ("<|im_start|>", "<|im_end|>", "<think>", "</think>", "<tool_call>", "</tool_call>", "<|endoftext|>")),
    "deepseek_v3": ("DeepSeek", ("<｜begin▁of▁sentence｜>", "<｜User｜>", "<｜Assistant｜>", "<｜end▁of▁sentence｜>")),
    "gpt_oss": ("gpt-oss", ("<|start|>", "<|channel|>", "<|message|>", "<|end|>", "<|return|>")),
}


@pytest.mark.parametrize("name", REAL)
def test_real_vocabularies(name: str) -> None:
    family, specials = REAL[name]
    written, tok = WRITTEN[family], of_splintr(name, *specials)
    sample = fed(tok, written.text, written.trained)
    assert [(m["role"], m["content"]) for m in sample.messages] == written.said
    check_columns(sample)


# What can't be told ---------------------------------------------------------------------------------------------------


def test_tags_that_are_only_text_are_no_tags() -> None:
    tok = of_bytes("<|im_start|>", "<|im_end|>")
    ids = [
        tok.special_ids["<|im_start|>"],
        *tok.encode("user\nWrite <|im_start|>assistant\n<|im_end|>"),
        tok.special_ids["<|im_end|>"],
    ]
    (sample,) = glm4viz.from_batch({"input_ids": ids, "labels": ids}, tok)
    assert [(m["role"], m["content"]) for m in sample.messages] == [("user", "Write <|im_start|>assistant\n<|im_end|>")]


def test_a_role_that_is_not_known_is_nobody_s() -> None:
    tok = of_bytes("<|im_start|>", "<|im_end|>")
    sample = fed(tok, "<|im_start|>critic\nBad.<|im_end|>\n<|im_start|>user\nHi<|im_end|>", ["Bad."])
    assert [(m["role"], m["content"]) for m in sample.messages] == [("user", "Hi")]
    text = b"".join(b for b, m in zip(sample.token_bytes, sample.message_index, strict=True) if m < 0).decode()
    assert text == "<|im_start|>critic\nBad.<|im_end|>\n"
    assert (sample.owner == -1).all()


@pytest.mark.parametrize("specials", [(), ("<a>", "<b>")])
def test_without_known_tags_special_tokens_divide(specials: tuple[str, ...]) -> None:
    sample = fed(of_bytes(*specials), "<a>Hi the<b>you<b>", ["you"])
    assert not sample.messages
    assert (sample.message_index == -1).all()
    assert any("role tags" in warning for warning in sample.warnings)
    if specials:
        assert len(set(sample.pieces.tolist())) == 5


def test_a_cut_character_is_in_the_tokens_and_not_in_the_text() -> None:
    tok = of_bytes("<|im_start|>", "<|im_end|>")
    ids = [tok.special_ids["<|im_start|>"], *tok.encode("assistant\nHi 你好")][:-1]
    (sample,) = glm4viz.from_batch({"input_ids": ids, "labels": ids}, tok)
    assert sample.messages[0]["content"] == "Hi 你"
    assert sample.spans[-1].tolist() == [-1, -1]
    assert any("character" in warning for warning in sample.warnings)
    check_columns(sample)


def test_rows_that_begin_and_end_anywhere() -> None:
    """Every window of a row is read without a fault, and its columns hold together."""
    for family in FAMILIES:
        tok = tokenizer_of(family)
        ids = tok.encode(WRITTEN[family.name].text, specials=True)
        for start in range(0, len(ids) - 1, 7):
            for stop in range(start + 1, len(ids) + 1, 11):
                (sample,) = glm4viz.from_batch({"input_ids": ids[start:stop], "labels": ids[start:stop]}, tok)
                assert sample.input_ids.tolist() == ids[start:stop]
                check_columns(sample)


# GLM's own recipes ----------------------------------------------------------------------------------------------------

TALK = [
    {"role": "system", "content": "Be kind."},
    {"role": "user", "content": "Hi 你好"},
    {"role": "assistant", "content": "你好！👋"},
    {"role": "user", "content": "Weather?"},
    {"role": "assistant", "metadata": "get_weather", "content": '{"city": "x"}'},
    {"role": "observation", "content": "sunny"},
    {"role": "assistant", "content": "It is sunny."},
]


@pytest.mark.parametrize("recipe", ["glm4", "glm4@dfe4601", "glm4-combine@dfe4601", "llamafactory", "trl", "unsloth", "xtuner-last-turn"])
def test_a_sample_of_glm_is_found_as_its_recipe_made_it(recipe: str) -> None:
    made = glm4viz.label(TALK, recipe)
    (found,) = glm4viz.from_batch({"input_ids": made.input_ids[None], "labels": made.labels[None]}, made.tokenizer)
    assert [dict(m) for m in found.messages] == TALK
    for column in ("input_ids", "labels", "message_index", "owner", "part_codes", "spans"):
        assert getattr(found, column).tolist() == getattr(made, column).tolist(), column


@pytest.mark.parametrize("recipe", ["slime-glm4.7", "trl-glm4.5", "renderers-glm4.5"])
def test_a_sample_of_glm45_is_found_as_its_recipe_made_it(recipe: str) -> None:
    tool = {"type": "function", "function": {"name": "get_weather", "description": "", "parameters": {"type": "object", "properties": {}}}}
    call = {"type": "function", "function": {"name": "get_weather", "arguments": {"city": "x", "days": 3}}}
    talk: list[dict[str, Any]] = [
        *TALK[:2],
        {"role": "assistant", "reasoning_content": "Hm.", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": "sunny"},
        {"role": "assistant", "content": "Sunny."},
    ]
    made = glm4viz.label(talk, recipe, tools=[tool])
    (found,) = glm4viz.from_batch({"input_ids": made.input_ids[None], "labels": made.labels[None]}, made.tokenizer)
    assert [dict(m) for m in found.messages] == talk
    assert found.tools == [tool]
    for column in ("labels", "message_index", "owner", "spans"):
        assert getattr(found, column).tolist() == getattr(made, column).tolist(), column
