"""Tokenizers to make batches with: synthetic ones of single bytes, and the vocabularies that come with splintr."""

from collections.abc import Sequence
from contextlib import suppress
from functools import cache

import numpy as np
import splintr

from glm4viz.tokenizer import Ids, Offsets, Tokenizer


def of_bytes(*specials: str) -> Tokenizer:
    """A token for each byte, for " the" and "\\n\\n", and these special ones."""
    vocabulary = {i: bytes([i]) for i in range(256)} | {256: b" the", 257: b"\n\n"}

    def encode(texts: Sequence[str]) -> tuple[Ids, Offsets]:
        rows = [_pieces(text.encode()) for text in texts]
        return np.array([i for row in rows for i in row], np.int32), np.cumsum([0, *map(len, rows)], dtype=np.int64)

    return Tokenizer(name="bytes", vocabulary=vocabulary, encoder=encode, special_ids={name: 258 + i for i, name in enumerate(specials)})


def _pieces(data: bytes) -> list[int]:
    ids, at = [], 0
    while at < len(data):
        longer = next((i for i, token in ((256, b" the"), (257, b"\n\n")) if data.startswith(token, at)), None)
        ids.append(data[at] if longer is None else longer)
        at += 1 if longer is None else (4 if longer == 256 else 2)
    return ids


@cache
def of_splintr(name: str, *specials: str) -> Tokenizer:
    """One of the vocabularies that splintr brings, with these of its special tokens."""
    packaged = splintr.Tokenizer.from_pretrained(name)
    vocabulary = {}
    for i in range(packaged.vocab_size):
        with suppress(ValueError):  # some ids stand for nothing
            vocabulary[i] = packaged.decode_token_bytes(i)
    ids = {special: packaged.encode_with_special(special)[-1] for special in specials}

    def encode(texts: Sequence[str]) -> tuple[Ids, Offsets]:
        rows = [packaged.encode_ordinary(text) for text in texts]
        return np.array([i for row in rows for i in row], np.int32), np.cumsum([0, *map(len, rows)], dtype=np.int64)

    return Tokenizer(name=name, vocabulary=vocabulary, encoder=encode, special_ids=ids)
