"""A fast Hugging Face tokenizer, from the text of its `tokenizer.json`: what bytes its tokens hold, and where they stand in a text.

Byte-level vocabularies spell bytes with characters; SentencePiece-style ones (BPE or Unigram) write a space as ▁ and a byte that they
have no token for as `<0xE4>`. Where a tokenizer rewrites text before it encodes it, its own offsets say what a token stands for.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from glm4viz.errors import TokenizerError

Ids = npt.NDArray[np.int32]
Offsets = npt.NDArray[np.int64]
Encoder = Callable[[Sequence[str]], tuple[Ids, Offsets]]
Untrimmed = Callable[[], Offsets]  # offsets before a post-processor takes the spaces off them
BYTE = re.compile(r"<0x([0-9A-Fa-f]{2})>")
UNMATCHABLE = "\ufdd0"  # no character: no text has it


class Traced(NamedTuple):
    """A text's tokens. ids int32 [T]; starts, stops int64 [T]: the bytes of the text that each stands for, none where they are equal.

    chars int64 [T, 2]: the tokenizer's own offsets, in characters. rewritten: the first bytes that its tokens hold instead of the
    text's own, as (text, tokens), None where the tokens' bytes are the text.
    """

    ids: Ids
    starts: Offsets
    stops: Offsets
    chars: Offsets
    rewritten: tuple[str, str] | None = None

    def token_at(self, char: int) -> int | None:
        """The first token whose offsets hold the character, as `char_to_token` of transformers finds it; None if there is none."""
        found = np.flatnonzero((self.chars[:, 0] <= char) & (char < self.chars[:, 1]))
        return int(found[0]) if len(found) else None


class Fast(NamedTuple):
    """vocabulary: the bytes of every token that isn't special. ordinary: encodes texts and never makes a special id. whole: encodes one
    text as the tokenizer itself does, added tokens and all: ids int32 [T], its offsets, and its offsets before they are trimmed.
    plain: one text as `ordinary` does, likewise.
    rewrites: what it does to a text first, in the tokenizer's own words; () where nothing.
    """

    vocabulary: Mapping[int, bytes]
    special_ids: Mapping[str, int]
    ordinary: Encoder
    plain: Callable[[str], tuple[Ids, Offsets, Untrimmed]]
    whole: Callable[[str], tuple[Ids, Offsets, Untrimmed]]
    rewrites: tuple[str, ...]


def load_fast(source: str) -> Any:
    """What transformers loads from a directory or hub id, never with remote code. Raises TokenizerError."""
    try:
        from transformers import AutoTokenizer
    except ImportError:
        raise TokenizerError(
            "Loading a model's tokenizer needs transformers: pip install 'glm4viz[loss]'.",
            "加载模型自带的分词器需要 transformers：pip install 'glm4viz[loss]'。",
        ) from None
    try:
        return AutoTokenizer.from_pretrained(source, trust_remote_code=False)
    except Exception as error:  # transformers raises many kinds, down to KeyError, for a source that is no tokenizer
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise TokenizerError(
            f"No tokenizer could be loaded from {source!r}: {reason}",
            f"无法从 {source!r} 加载分词器：{reason}",
        ) from error


def read_fast(text: str, name: str, *, split_specials: bool = False) -> Fast:
    """The tokenizer that the text of a `tokenizer.json` describes. Raises TokenizerError for one whose tokens' bytes can't be known.

    special_ids: added tokens that are special, or that the model's vocabulary lacks, such as Qwen's `<think>`. Those that it has and
    that aren't special, such as Gemma's runs of newlines, are ordinary text. split_specials: transformers' split_special_tokens.
    """
    import tokenizers

    description = json.loads(text) | {"truncation": None, "padding": None}
    model, steps = description["model"], {key: description.get(key) for key in ("normalizer", "pre_tokenizer", "decoder")}
    kind = _kind(model)
    byte_level = any('"ByteLevel"' in json.dumps(step) for step in steps.values())
    if not (
        byte_level or (kind in ("BPE", "Unigram") and not model.get("end_of_word_suffix") and not model.get("continuing_subword_prefix"))
    ):
        raise TokenizerError(
            f"{name} is a {kind} vocabulary, neither byte-level nor SentencePiece-style, so its tokens' bytes aren't known. Use the "
            "tokenizer of a generative model.",
            f"{name} 是 {kind} 词表，既不是字节级也不是 SentencePiece 风格，无法得知 token 的字节。请使用生成模型的分词器。",
        )
    pieces: Mapping[str, int] = {piece: i for i, (piece, _) in enumerate(model["vocab"])} if kind == "Unigram" else model["vocab"]
    added = description.get("added_tokens") or []
    specials = {token["content"]: token["id"] for token in added if token.get("special") or token["content"] not in pieces}
    if model.get("byte_fallback"):  # some name the 256 bytes among the special tokens
        specials = {special: i for special, i in specials.items() if not BYTE.fullmatch(special)}
    bare = description | {
        "added_tokens": [token for token in added if token["content"] not in specials],
        "post_processor": None,
        "model": _without(model, kind, specials),
    }
    ordinary, whole = (tokenizers.Tokenizer.from_str(json.dumps(d)) for d in (bare, description))
    whole.encode_special_tokens = split_specials

    @cache
    def untrimmed() -> Any:  # a large vocabulary takes seconds: only where it is needed
        made = tokenizers.Tokenizer.from_str(json.dumps(description | {"post_processor": None}))
        made.encode_special_tokens = split_specials
        return made

    def encode(texts: Sequence[str]) -> tuple[Ids, Offsets]:
        rows = [encoding.ids for encoding in ordinary.encode_batch_fast(list(texts), add_special_tokens=False)]
        offsets = np.cumsum([0, *map(len, rows)], dtype=np.int64)
        return np.fromiter((i for row in rows for i in row), np.int32, int(offsets[-1])), offsets

    def plain(text: str) -> tuple[Ids, Offsets, Untrimmed]:
        found = ordinary.encode(text, add_special_tokens=False)
        return np.array(found.ids, np.int32), _pairs(found.offsets), lambda: _pairs(found.offsets)

    def as_it_does(text: str) -> tuple[Ids, Offsets, Untrimmed]:
        found = whole.encode(text, add_special_tokens=False)
        return (
            np.array(found.ids, np.int32),
            _pairs(found.offsets),
            lambda: _pairs(untrimmed().encode(text, add_special_tokens=False).offsets),
        )

    return Fast(
        vocabulary=_bytes_of(pieces, steps, byte_level=byte_level, byte_fallback=bool(model.get("byte_fallback"))),
        special_ids=specials,
        ordinary=encode,
        plain=plain,
        whole=as_it_does,
        rewrites=_rewrites(steps, byte_level=byte_level),
    )


def _kind(model: Mapping[str, Any]) -> str:
    # Older files don't name the model.
    guess = "BPE" if "merges" in model else "Unigram" if isinstance(model.get("vocab"), list) else "WordPiece or WordLevel"
    return str(model.get("type") or guess)


def _without(model: Mapping[str, Any], kind: str, specials: Mapping[str, int]) -> dict[str, Any]:
    """The model with special tokens renamed to what no text spells, so that it can't put their pieces together. The unknown token stays."""
    hidden = {special for special in specials if len(special) > 1 and special != model.get("unk_token")}
    if kind == "Unigram":
        renamed = [
            [f"{UNMATCHABLE}{i}" if piece in hidden and i != model.get("unk_id") else piece, score]
            for i, (piece, score) in enumerate(model["vocab"])
        ]
        return {**model, "vocab": renamed}
    if kind != "BPE":
        return dict(model)
    pairs = [(merge, merge.split(" ") if isinstance(merge, str) else merge) for merge in model["merges"]]
    kept = [merge for merge, pair in pairs if "".join(pair) not in hidden]
    hidden -= {part for _, pair in pairs for part in pair}
    return {**model, "merges": kept, "vocab": {f"{UNMATCHABLE}{i}" if piece in hidden else piece: i for piece, i in model["vocab"].items()}}


def _bytes_of(pieces: Mapping[str, int], steps: Mapping[str, Any], *, byte_level: bool, byte_fallback: bool) -> dict[int, bytes]:
    if byte_level:
        to_byte = byte_level_alphabet()
        return {i: bytes(to_byte[c] for c in piece) if all(c in to_byte for c in piece) else piece.encode() for piece, i in pieces.items()}
    space = next((str(step["replacement"]) for step in _walk(steps) if step.get("type") == "Metaspace"), "▁")

    def held(piece: str) -> bytes:
        byte = BYTE.fullmatch(piece) if byte_fallback else None
        return bytes([int(byte[1], 16)]) if byte else piece.replace(space, " ").encode()

    return {i: held(piece) for piece, i in pieces.items()}


def _rewrites(steps: Mapping[str, Any], *, byte_level: bool) -> tuple[str, ...]:
    """What is done to a text before it is encoded, by the names that the library has for it."""
    done = [
        str(step["type"])
        for step in _walk(steps["normalizer"])
        if step.get("type") not in (None, "Sequence", "ByteLevel", "Regex", "String")
    ]
    for step in _walk(steps["pre_tokenizer"]):
        if step.get("type") == "Metaspace" and (step.get("prepend_scheme", "always") != "never" or step.get("add_prefix_space")):
            done.append("Metaspace")
        elif step.get("add_prefix_space"):
            done.append("add_prefix_space")
    return tuple(dict.fromkeys(done)) or (() if byte_level else ("SentencePiece",))


def _walk(value: Any) -> list[Mapping[str, Any]]:
    """Every object in a description, the outermost first."""
    if isinstance(value, list):
        return [found for item in value for found in _walk(item)]
    return [value, *(found for item in value.values() for found in _walk(item))] if isinstance(value, Mapping) else []


def byte_level_alphabet() -> dict[str, int]:
    """The byte each character of a byte-level vocabulary stands for: printable Latin-1 is itself, the rest follows from U+0100."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [b for b in range(256) if b not in printable]
    return {chr(b): b for b in printable} | {chr(0x100 + i): b for i, b in enumerate(others)}


# Where tokens stand ---------------------------------------------------------------------------------------------------


def trace(text: str, ids: Ids, held: Sequence[bytes], chars: Offsets | None = None, untrimmed: Untrimmed | None = None) -> Traced:
    """Where tokens that hold the bytes `held` stand in the text. By their sizes, if these bytes are the text; else by the offsets."""
    written = text.encode()
    if b"".join(held) == written:
        stops = np.cumsum([0, *map(len, held)], dtype=np.int64)
        return Traced(ids, stops[:-1], stops[1:], _characters(text, stops) if chars is None else chars)
    if chars is None or untrimmed is None:
        raise ValueError("tokens that aren't the text need the tokenizer's offsets")
    at = np.cumsum([0, *(len(c.encode()) for c in text)], dtype=np.int64)
    own = untrimmed()
    starts, stops = at[own[:, 0]], at[own[:, 1]]
    rewritten: tuple[str, str] | None = None
    for first, last in _groups(own):
        start, stop = int(starts[first:last].min()), int(stops[first:last].max())
        there, joined = written[start:stop], b"".join(held[first:last])
        # A space that the tokenizer put before the text stands for none of its bytes.
        extra = 1 if joined == b" " + there else 0
        if joined == there or extra:
            ends = start - extra + np.cumsum([0, *map(len, held[first:last])])
            starts[first:last], stops[first:last] = np.maximum(ends[:-1], start), np.maximum(ends[1:], start)
        if joined != there and rewritten is None:
            rewritten = there.decode("utf-8", "replace"), joined.decode("utf-8", "replace")
    return Traced(ids, starts, stops, chars, rewritten or ("", ""))


def _groups(chars: Offsets) -> list[tuple[int, int]]:
    """Runs of tokens that share characters, as (first, last + 1)."""
    runs: list[tuple[int, int]] = []
    end = -1
    for i, (start, stop) in enumerate(chars.tolist()):
        runs[-1:] = [(runs[-1][0], i + 1)] if runs and start < end else [*runs[-1:], (i, i + 1)]
        end = max(end, stop)
    return runs


def _characters(text: str, ends: Offsets) -> Offsets:
    """For bytes ends[i] … ends[i + 1] - 1 the characters they are part of, int64 [T, 2]."""
    at = np.cumsum([0, *(len(c.encode()) for c in text)], dtype=np.int64)
    return np.stack([np.searchsorted(at, ends[:-1], "right") - 1, np.searchsorted(at, ends[1:])], 1)


def _pairs(offsets: Sequence[tuple[int, int]]) -> Offsets:
    return np.array(offsets, np.int64).reshape(-1, 2)
