"""How the token view travels to the browser: one blob of typed arrays.

The blob is a little-endian uint32 with the length of a JSON header, the header, zeros up to a multiple of four, and then the arrays one after the other,
each starting at a multiple of four. The header's ``arrays`` says for each array its dtype, where it starts (counted from the first array) and its length.
The last eight bytes are two int32, the token to go to and the number of that wish: they stand apart, so that a wish alone leaves the view as it is.
JSON objects for 128k tokens would be ten times as large and would stay in the browser as objects; typed arrays are read in place.

The same view always gives the same bytes, so that Streamlit re-sends an unchanged view as a reference.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

IGNORE = -100
_ALIGN = 4
_DTYPES = {"uint8", "uint16", "int32", "float32"}

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a model thought of each token before it came. Arrays of one row a token."""

    ranks: Array
    """How many tokens scored higher than the one that came; -1 where that isn't known."""
    entropies: Array
    top_ids: Array
    """[tokens, k]: the likeliest, best first; -1 where nothing was predicted."""
    top_logprobs: Array
    texts: dict[int, str]
    """What each of these ids says."""


@dataclass(frozen=True, slots=True)
class TokenView:
    """What the token view shows. Every array has one element a token."""

    token_bytes: bytes
    """The bytes of all tokens, joined."""
    sizes: Array
    """How many of them belong to each token."""
    ids: Array
    labels: Array
    """Aligned: the label that stands at the token's own position; -100 where masked."""
    parts: Array
    """Index in ``part_names``."""
    messages: Array
    """Index of the message the token sits in, -1 outside messages."""
    owners: Array
    """Index of the message whose generation the label teaches, -1 where there is none."""
    reasons: Array
    """Index in ``reason_texts``: why this token is, or is not, trained."""
    part_names: list[str]
    part_texts: list[str]
    reason_texts: list[str]
    roles: list[str]
    """The role of each message."""
    role_texts: dict[str, str]
    names: dict[int, str]
    """Names of special ids and of ids past the vocabulary; these are drawn as chips."""
    problems: list[dict[str, Any]] = field(default_factory=list)
    """``{"token": index, "text": sentence, "severity": "error" | "warning" | "info"}``"""
    texts: dict[str, str] = field(default_factory=dict)
    """The view's own texts, one of ``texts.TEXTS``."""
    language: str = "en"
    values: Array | None = None
    """A number for each token, such as its loss; nan where there is none. Shown by the strength of the background."""
    value_label: str = ""
    value_top: float = 8.0
    """The value that has the strongest background, as all greater ones have. The legend says it."""
    weights: Array | None = None
    """What each label counts in the loss, where the system weighs."""
    prediction: Prediction | None = None
    """Shown of the token that is explained."""
    lit: tuple[int, int] | None = None
    """The tokens from … to (exclusive) that the page speaks of; they are marked."""
    focus: tuple[int, int] | None = None
    """A token to go to, and a number (0 or greater): whenever that number is another than before, the view moves its cursor to the token."""

    def __len__(self) -> int:
        return len(self.ids)


def encode(view: TokenView) -> bytes:
    """The blob for a view: about 8 bytes a token and the text itself."""
    _check(view)
    ids = np.asarray(view.ids, dtype=np.int32)
    labels = np.asarray(view.labels, dtype=np.int32)
    trained = labels != IGNORE
    # A label is nearly always the input id or -100; only the others are sent as numbers.
    other = np.flatnonzero(trained & (labels != ids))
    arrays: dict[str, Array] = {
        "text": np.frombuffer(view.token_bytes, dtype=np.uint8),
        "sizes": _narrow(view.sizes),
        "ids": ids,
        "trained": trained.astype(np.uint8),
        "label_at": other.astype(np.int32),
        "label_id": labels[other],
        "parts": np.asarray(view.parts, dtype=np.uint8),
        "reasons": np.asarray(view.reasons, dtype=np.uint8),
    }
    for name, column in (("messages", view.messages), ("owners", view.owners)):
        arrays[f"{name}_start"], arrays[f"{name}_value"] = _runs(column)
    if view.values is not None:
        arrays["values"] = np.asarray(view.values, dtype=np.float32)
    if view.weights is not None:
        arrays["weights"] = np.asarray(view.weights, dtype=np.float32)
    if view.prediction is not None:
        arrays["ranks"] = np.asarray(view.prediction.ranks, dtype=np.int32)
        arrays["entropies"] = np.asarray(view.prediction.entropies, dtype=np.float32)
        arrays["top_ids"] = np.asarray(view.prediction.top_ids, dtype=np.int32).ravel()
        arrays["top_logprobs"] = np.asarray(view.prediction.top_logprobs, dtype=np.float32).ravel()
    header = {
        "tokens": len(view),
        "part_names": view.part_names,
        "part_texts": view.part_texts,
        "reason_texts": view.reason_texts,
        "roles": view.roles,
        "role_texts": view.role_texts,
        "names": {str(token_id): name for token_id, name in view.names.items()},
        "problems": view.problems,
        "lit": list(view.lit or (0, 0)),
        "texts": view.texts,
        "language": view.language,
        "value_label": view.value_label,
        "value_top": view.value_top,
        "likely_texts": {} if view.prediction is None else {str(token_id): text for token_id, text in view.prediction.texts.items()},
    }
    token, wish = view.focus or (-1, -1)
    return pack(header, arrays) + struct.pack("<ii", token, wish)


def pack(header: Mapping[str, Any], arrays: Mapping[str, Array]) -> bytes:
    """Header and arrays as one blob; the order of the keys doesn't matter."""
    index: dict[str, list[Any]] = {}
    chunks: list[bytes] = []
    offset = 0
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        if array.dtype.name not in _DTYPES:
            raise TypeError(f"array {name!r}: {array.dtype.name} is not one of {', '.join(sorted(_DTYPES))}")
        chunk = _padded(array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes())
        index[name] = [array.dtype.name, offset, array.size]
        chunks.append(chunk)
        offset += len(chunk)
    # json.dumps with sort_keys compares keys; all of them are strings here. Lone surrogates stay escapes, as ensure_ascii writes them.
    text = json.dumps({**header, "arrays": index}, sort_keys=True, separators=(",", ":")).encode("ascii")
    return b"".join([struct.pack("<I", len(text)), _padded(text), *chunks])


def unpack(blob: bytes) -> tuple[dict[str, Any], dict[str, Array]]:
    """What ``pack`` was given, as the browser reads it."""
    (length,) = struct.unpack_from("<I", blob)
    header: dict[str, Any] = json.loads(blob[_ALIGN : _ALIGN + length])
    start = _ALIGN + length + -length % _ALIGN
    index = header.pop("arrays")
    return header, {
        name: np.frombuffer(blob, dtype=np.dtype(dtype).newbyteorder("<"), count=count, offset=start + offset)
        for name, (dtype, offset, count) in index.items()
    }


def _check(view: TokenView) -> None:
    """A view whose arrays don't fit together would show labels on the wrong tokens: refuse it."""
    for name in ("sizes", "ids", "labels", "parts", "messages", "owners", "reasons", "values", "weights"):
        column = getattr(view, name)
        if column is not None and len(column) != len(view):
            raise ValueError(f"{name} has {len(column)} elements, ids has {len(view)}")
    if int(np.sum(view.sizes, dtype=np.int64)) != len(view.token_bytes):
        raise ValueError("the sizes of the tokens don't add up to the length of token_bytes")


def _narrow(sizes: Array) -> Array:
    """Sizes as uint8 where they fit; a token is rarely longer than 255 bytes."""
    return np.asarray(sizes, dtype=np.uint8 if np.max(sizes, initial=0) < 256 else np.uint16)


def _runs(column: Array) -> tuple[Array, Array]:
    """Starts and values of the runs of equal elements."""
    values = np.asarray(column, dtype=np.int32)
    starts = np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1]])) if len(values) else np.zeros(0, dtype=np.int64)
    return starts.astype(np.int32), values[starts]


def _padded(chunk: bytes) -> bytes:
    return chunk + b"\0" * (-len(chunk) % _ALIGN)
