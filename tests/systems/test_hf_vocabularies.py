"""hf-generation and hf-prefix on the vocabularies of real models, which come with splintr-rs, as transformers tokenizers."""

from functools import cache
from typing import Any

import pytest
import splintr
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

import glm4viz
from glm4viz.fast import byte_level_alphabet
from tests.systems.hf_models import MARKED, PLAIN
from tests.systems.test_hf import TALK, theirs

# The style each is used with, and the pattern that splits its texts; "" for the SentencePiece-style ones.
MODELS = {
    "llama3": ("llama3", splintr.LLAMA3_PATTERN),
    "qwen3": ("chatml", splintr.QWEN2_PATTERN),
    "deepseek_v3": ("deepseek", splintr.O200K_BASE_PATTERN),
    "mistral_v1": ("mistral", ""),
    "gemma2": ("gemma", ""),
}
TAGS = {
    "gemma2": ("<start_of_turn>", "<end_of_turn>"),
}


@cache
def pieces(name: str) -> dict[bytes, int]:
    """Token bytes and ids without what the package adds, and without special tokens."""
    packaged = splintr.Tokenizer.from_pretrained(name)
    special = set(packaged.special_tokens().values())
    found: dict[bytes, int] = {}
    for i in range(splintr.base_vocab_size(name)):
        if i not in special:
            try:
                found.setdefault(packaged.decode_token_bytes(i), i)
            except ValueError:
                continue  # a number that no token has
    return found


def built(name: str) -> PreTrainedTokenizerFast:
    pattern = MODELS[name][1]
    ids = pieces(name)
    if pattern:
        character = {byte: c for c, byte in byte_level_alphabet().items()}
        written = {token: "".join(character[byte] for byte in token) for token in ids}
    else:
        written = {token: token.decode().replace(" ", "▁") for token in ids if _is_text(token)}
    pairs = [(token[:k], token[k:]) for token in written for k in range(1, len(token)) if token[:k] in written and token[k:] in written]
    vocab = {text: ids[token] for token, text in written.items()}
    if not pattern:
        taken = set(vocab.values())
        free = (i for i in range(len(taken) + 1_000) if i not in taken)
        vocab |= {f"<0x{byte:02X}>": next(free) for byte in range(256)}
    tokenizer = Tokenizer(
        models.BPE(
            vocab=vocab,
            merges=[(written[a], written[b]) for a, b in pairs],
            ignore_merges=bool(pattern),
            byte_fallback=not pattern,
        )
    )
    if pattern:
        if name == "qwen3":
            tokenizer.normalizer = normalizers.NFC()
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Split(Regex(pattern), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
        )
    else:
        tokenizer.normalizer = normalizers.Replace(" ", "▁")
    own = splintr.Tokenizer.from_pretrained(name).special_tokens()
    names = [special for special, i in sorted(own.items(), key=lambda pair: pair[1]) if i < splintr.base_vocab_size(name)]
    tokenizer.add_special_tokens([AddedToken(special, normalized=False, special=True) for special in (*names, *TAGS.get(name, ()))])
    named: dict[str, Any] = {"bos_token": names[0], "eos_token": names[-1]}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **named)


def _is_text(token: bytes) -> bool:
    try:
        return bool(token.decode())
    except UnicodeDecodeError:
        return False


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_ids_and_masks_are_those_of_transformers(name: str) -> None:
    loaded: Any = built(name)
    style = MODELS[name][0]
    tok = glm4viz.load_tokenizer(loaded)
    packaged = splintr.Tokenizer.from_pretrained(name)
    for text in ("Where is the answer?", "def f(x):\n    return x"):
        if MODELS[name][1] and name != "deepseek_v3":  # DeepSeek splits texts in another way
            assert tok.encode(text) == [pieces(name)[packaged.decode_token_bytes(i)] for i in packaged.encode_ordinary(text)]
    for messages in (TALK, TALK[1:3]):
        loaded.chat_template = MARKED[style]
        expected = loaded.apply_chat_template(messages, return_dict=True, return_assistant_tokens_mask=True)
        sample = glm4viz.label(messages, "hf-generation", tok.with_template(MARKED[style]))
        assert sample.input_ids.tolist() == expected["input_ids"]
        assert sample.trained.astype(int).tolist() == expected["assistant_masks"]
        assert sample.trained.any()
        loaded.chat_template = PLAIN[style]
        prefix = glm4viz.label(messages[:3], "hf-prefix", tok.with_template(PLAIN[style]))
        assert prefix.input_ids.tolist() == theirs(loaded, messages[:3])
        assert prefix.trained.any()
