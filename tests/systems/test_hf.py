"""hf-generation and hf-prefix against transformers' own apply_chat_template, for templates and tokenizers of many styles."""

import unicodedata
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import glm4viz
from glm4viz.errors import RecipeRejects, TokenizerError
from glm4viz.reading.verdict import verdict
from glm4viz.tokenizer import from_transformers
from tests.systems.hf_models import KINDS, MARKED, PLAIN, SPECIALS, model

TALK: list[dict[str, Any]] = [
    {"role": "system", "content": " Be brief. "},
    {"role": "user", "content": "café, ﬁne? 😀 cafe\u0301"},
    {"role": "assistant", "content": "你好  World<|im_end|>"},
    {"role": "user", "content": "more\n"},
    {"role": "assistant", "content": " The answer. 👩‍🔬", "reasoning_content": "Think first."},
]
ODD = [
    *SPECIALS,
    "<think>",
    "</think>",
    "▁",
    "<0x41>",
    "e\u0301",
    "ﬁ",
    "😀",
    "你好",
    " ",
    "\n",
    "\n\n",
    "A",
    "answer",
    "",
    "\t",
    "\u00a0",
    "İ",
    "ẞ",
]
contents = st.lists(st.sampled_from(ODD), max_size=5).map("".join)


@st.composite
def talks(draw: st.DrawFn) -> list[dict[str, Any]]:
    first = [{"role": "system", "content": draw(contents)}] if draw(st.booleans()) else []
    turns: list[dict[str, Any]] = []
    for _ in range(draw(st.integers(1, 3))):
        turns.append({"role": "user", "content": draw(contents)})
        answer: dict[str, Any] = {"role": "assistant", "content": draw(contents)}
        if draw(st.booleans()):
            answer["reasoning_content"] = draw(contents)
        if draw(st.booleans()):
            answer["tool_calls"] = [{"type": "function", "function": {"name": "f", "arguments": {"x": draw(contents)}}}]
        turns.append(answer)
        if draw(st.booleans()):
            turns.append({"role": "tool", "content": draw(contents)})
    return first + turns


def theirs(loaded: Any, messages: list[dict[str, Any]], **more: Any) -> list[int]:
    ids: list[int] = loaded.apply_chat_template(messages, tokenize=True, return_dict=False, **more)
    return ids


def check_generation(kind: str, style: str, messages: list[dict[str, Any]], tools: Any = None) -> glm4viz.LabelledSample:
    loaded = model(kind, MARKED[style])
    expected = loaded.apply_chat_template(messages, tools=tools, return_dict=True, return_assistant_tokens_mask=True)
    sample = glm4viz.label(messages, "hf-generation", from_transformers(loaded), tools=tools)
    assert sample.input_ids.tolist() == expected["input_ids"]
    assert sample.trained.astype(int).tolist() == expected["assistant_masks"]
    check_spans(sample)
    return sample


def check_prefix(kind: str, style: str, messages: list[dict[str, Any]]) -> glm4viz.LabelledSample | None:
    loaded = model(kind, PLAIN[style])
    whole = theirs(loaded, messages)
    mask = np.zeros(len(whole), bool)
    for m, message in enumerate(messages):
        if message["role"] == "assistant":
            before, upto = theirs(loaded, messages[:m], add_generation_prompt=True), theirs(loaded, messages[: m + 1])
            if upto[: len(before)] != before or whole[: len(upto)] != upto:
                with pytest.raises(RecipeRejects, match=rf"messages\[{m}\]"):
                    glm4viz.label(messages, "hf-prefix", from_transformers(loaded))
                return None
            mask[len(before) : len(upto)] = True
    sample = glm4viz.label(messages, "hf-prefix", from_transformers(loaded))
    assert sample.input_ids.tolist() == whole
    assert sample.trained.tolist() == mask.tolist()
    check_spans(sample)
    return sample


def check_spans(sample: glm4viz.LabelledSample) -> None:
    """A span lies in the message's content, and where a token's bytes aren't there, the sample says that they were rewritten."""
    assert set(np.unique(sample.owner[sample.trained])) <= {
        m for m, message in enumerate(sample.messages) if message["role"] == "assistant"
    } | {-1}
    for i, (start, stop) in enumerate(sample.spans.tolist()):
        if start < 0:
            continue
        content = sample.messages[sample.message_index[i]]["content"].encode()
        assert 0 <= start < stop <= len(content)
        if not any("rewrites" in warning for warning in sample.warnings):
            assert content[start:stop] in sample.token_bytes[i]


@pytest.mark.parametrize("style", MARKED)
@pytest.mark.parametrize("kind", KINDS)
def test_ids_and_masks_are_those_of_transformers(kind: str, style: str) -> None:
    for messages in (TALK, TALK[1:], TALK[1:4]):
        sample = check_generation(kind, style, messages)
        check_prefix(kind, style, messages)
        assert sample.trained.any() or kind.endswith("trimmed")


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(list(KINDS)),
    st.sampled_from(list(MARKED)),
    talks(),
    st.sampled_from([None, [], [{"type": "function", "function": {"name": "f"}}]]),
)
def test_random_conversations_too(kind: str, style: str, messages: list[dict[str, Any]], tools: Any) -> None:
    check_generation(kind, style, messages, tools)
    check_prefix(kind, style, messages)


def test_every_content_is_found_and_its_bytes_are_told() -> None:
    for style in MARKED:
        sample = check_generation("byte-level", style, TALK)
        for m, message in enumerate(TALK):
            if style == "gemma" and message["role"] == "system":
                continue  # it became part of the question: told apart all the same, or outside
            spans = sample.spans[(sample.message_index == m) & (sample.spans[:, 0] >= 0)]
            content = message["content"].encode()
            held = b"".join(content[start:stop] for start, stop in spans.tolist())
            assert held.strip() == content.strip(), (style, m)


def test_a_verdict_knows_the_model_s_own_stop() -> None:
    for style, stop in {"chatml": "<|im_end|>", "llama3": "<|eot_id|>", "mistral": "</s>", "deepseek": "<｜end▁of▁sentence｜>"}.items():
        turns = verdict(check_generation("byte-level", style, TALK[1:])).turns
        assert [(turn.stop_name, turn.stop_trained, turn.generation_stops) for turn in turns] == [(stop, True, True)] * 2, style


def test_what_a_tokenizer_rewrites_is_said() -> None:
    said = {kind: check_generation(kind, "chatml", TALK).warnings for kind in KINDS}
    assert said["byte-level"] == []
    assert "NFC" in said["byte-level, NFC"][0]
    assert "NFKC, Lowercase" in said["byte-level, NFKC and lowercase, trimmed"][0]
    assert "Prepend" in said["BPE with prepended spaces"][0]
    plain = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ok"}]
    assert check_generation("byte-level, NFC", "chatml", plain).warnings == []


def test_tokens_are_bytes() -> None:
    for kind in ("BPE with prepended spaces", "Unigram, first"):
        tok = from_transformers(model(kind, None))
        assert b"".join(map(tok.token_bytes, tok.encode("你 a 😀"))) == " 你 a 😀".encode()
    tok = from_transformers(model("byte-level, NFC", None))
    text = "cafe\u0301 😀"
    assert b"".join(map(tok.token_bytes, tok.encode(text))) == unicodedata.normalize("NFC", text).encode()


@pytest.mark.parametrize("kind", KINDS)
def test_ordinary_text_never_becomes_a_special_token(kind: str) -> None:
    loaded = model(kind, None)
    tok = from_transformers(loaded)
    for name in tok.special_ids:
        if name != "<unk>":
            assert not set(tok.encode(f"a{name} b")) & (set(tok.special_ids.values()) - {tok.special_ids["<unk>"]}), name
    text = "a<think> b</s>c <|im_end|>"
    assert tok.encode(text, specials=True) == loaded.encode(text, add_special_tokens=False)
    assert {"<think>", "</s>"} <= tok.special_ids.keys()


# Refusals -------------------------------------------------------------------------------------------------------------


def test_what_has_no_template_or_no_marks_is_refused_in_words() -> None:
    for template, recipe, error, words in (
        (None, "hf-generation", TokenizerError, "no chat template"),
        (PLAIN["chatml"], "hf-generation", RecipeRejects, "hf-prefix"),
        ("{{ raise_exception('alternate!') }}", "hf-prefix", RecipeRejects, "alternate!"),
        ("{% if %}", "hf-prefix", TokenizerError, "compiled"),
    ):
        with pytest.raises(error, match=words) as caught:
            glm4viz.label(TALK, recipe, from_transformers(model("byte-level", template)))
        assert caught.value.sentence("zh") != caught.value.sentence("en")
    with pytest.raises(RecipeRejects, match="empty conversation"):
        glm4viz.label(TALK[2:3], "hf-prefix", from_transformers(model("byte-level", PLAIN["chatml"])))


def test_history_that_is_rewritten_is_refused_and_named() -> None:
    thought = [TALK[1], TALK[4], TALK[1], TALK[4]]
    with pytest.raises(RecipeRejects, match=r"messages\[1\].*rewrites.*'Think first"):
        glm4viz.label(thought, "hf-prefix", from_transformers(model("byte-level", PLAIN["glm4.5"])))


def test_without_a_tokenizer_a_stand_in_is_shown_and_said() -> None:
    for recipe in ("hf-generation", "hf-prefix"):
        sample = glm4viz.label(TALK, recipe)
        assert any("own, to look at" in warning for warning in sample.warnings)
        assert all(turn.stop_trained and turn.generation_stops for turn in verdict(sample).turns)


def test_a_template_of_one_s_own() -> None:
    tok = glm4viz.load_tokenizer("glm-4").with_template(MARKED["glm4"])
    sample = glm4viz.label(TALK[1:3], "hf-generation", tok)
    assert b"".join(sample.token_bytes).decode() == "[gMASK]<sop><|user|>\ncafé, ﬁne? 😀 cafe\u0301<|assistant|>\n你好  World<|im_end|>"
    assert sample.warnings == []
