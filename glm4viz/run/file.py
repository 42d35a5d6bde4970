"""Capture files (`*.glm4viz.json.gz`): what a run fed, to be opened anywhere, without the tokenizer and without pickle.

JSON: the bytes of every token that is used and the names of the special ones, then the sequences. Arrays are base64 of little-endian
numbers, so that what a file holds in memory is bounded by its own size. Messages aren't stored: they are found anew on reading.
"""

import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from glm4viz.errors import BatchError, ReadError, TokenizerError
from glm4viz.layout import PART_CODES
from glm4viz.recipe import IGNORE, LabelledSample
from glm4viz.run.arrays import LARGEST_ID
from glm4viz.run.find import found_in
from glm4viz.run.sample import CapturedSample, as_captured
from glm4viz.texts import Text
from glm4viz.tokenizer import Ids, Offsets, Tokenizer
from glm4viz.writing import whole_file

VERSION = 1
HEAD = b'{"glm4viz_capture":'  # a capture begins with it, and no other JSON does
LIMIT = 64 * 1024 * 1024  # bytes of JSON: some four million tokens
MOST_NAMES = 1 << 16


def save_capture(samples: Sequence[LabelledSample], path: str | Path) -> None:
    """Write samples of one tokenizer as a capture file, whole or not at all; a path in `.gz` compresses. The same samples give the same
    bytes. Samples that a recipe made are written as if they had been fed alone. Raises BatchError.
    """
    if not samples:
        raise BatchError("There are no samples to save.", "没有可保存的样本。")
    tokenizer = _one_tokenizer(samples)
    used = np.unique(np.concatenate([array for s in samples for array in (s.input_ids, s.labels[s.labels != IGNORE])]))
    stand_ins = {name: i for name, i in tokenizer.named_ids.items() if name not in tokenizer.special_ids and i in set(used.tolist())}
    tokens = tokenizer.all_bytes(used)
    value = {
        "glm4viz_capture": VERSION,
        "tokenizer": {
            "name": tokenizer.name,
            "special_ids": tokenizer.special_ids,
            "stand_ins": stand_ins,
            "ids": _packed(used, "<i4"),
            "sizes": _packed(np.array(list(map(len, tokens))), "<i4"),
            "bytes": base64.b64encode(b"".join(tokens)).decode(),
        },
        "samples": [_as_dict(as_captured(sample)) for sample in samples],
    }
    data = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")
    if len(data) > LIMIT:
        raise BatchError(
            f"These samples make a capture of {len(data):,} bytes; {LIMIT:,} can be read back. Save fewer of them.",
            f"这些样本的捕获文件有 {len(data):,} 字节；最多能读回 {LIMIT:,} 字节。请少保存一些。",
        )
    with whole_file(Path(path)) as file:
        file.write(data)


def _one_tokenizer(samples: Sequence[LabelledSample]) -> Tokenizer:
    """The tokenizer that all samples have. Raises BatchError where they have several that differ."""
    first = samples[0].tokenizer
    for sample in samples:
        other, used = sample.tokenizer, np.unique(sample.input_ids)
        if other is first:
            continue
        if other.special_ids != first.special_ids or any(not first.has(i) for i in used) or first.all_bytes(used) != other.all_bytes(used):
            raise BatchError(
                "The samples come from different tokenizers. Save a capture for each of them.",
                "这些样本来自不同的分词器。请为每个分词器各保存一个捕获文件。",
            )
    return first


def _as_dict(sample: CapturedSample) -> dict[str, Any]:
    pad = sample.part_codes == PART_CODES["padding"]
    weights, notes = sample.label_weights, [dict(note) for note in sample.batch_notes]
    return (
        {
            "input_ids": _packed(sample.input_ids, "<i4"),
            "labels": _packed(sample.labels, "<i4"),
            "position_ids": _packed(sample.positions, "<i4"),
            "row": sample.row,
            "segment": sample.segment,
            "padding": list(sample.padding),
        }
        | ({"pad": _packed(pad, "u1")} if pad.any() else {})
        | ({} if weights is None else {"weights": _packed(weights, "<f4")})
        | ({"notes": notes} if notes else {})
    )


def _packed(array: npt.NDArray[Any], kind: str) -> str:
    return base64.b64encode(array.astype(kind).tobytes()).decode()


# Reading --------------------------------------------------------------------------------------------------------------


def read_capture(path: str | Path | bytes) -> list[CapturedSample]:
    """The samples of a capture file, or of its bytes. Their tokenizer knows the tokens that were used, and can't encode. Raises ReadError."""
    name = "" if isinstance(path, bytes) else str(path)
    try:
        if isinstance(path, bytes):
            data = path[: LIMIT + 1]
        else:
            with Path(path).open("rb") as file:
                data = file.read(LIMIT + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ReadError(f"{name} can't be read: {reason}.", f"无法读取 {name}：{reason}。", file=name) from None
    try:
        return _samples(_unpacked(data))
    except ReadError as error:
        error.file = name
        raise


def begins_capture(head: bytes) -> bool:
    """Whether a file that begins with these bytes is a capture, compressed or not."""
    if head[:2] == b"\x1f\x8b":
        try:
            head = zlib.decompressobj(wbits=31).decompress(head, len(HEAD))
        except zlib.error:
            return False
    return head.startswith(HEAD)


def _unpacked(data: bytes) -> bytes:
    if data[:2] == b"\x1f\x8b":
        engine = zlib.decompressobj(wbits=31)
        try:
            data = engine.decompress(data, LIMIT + 1)
        except zlib.error as error:
            raise _damaged(str(error)) from None
        if not engine.eof and len(data) <= LIMIT:
            raise _damaged("it ends too early", "它提前结束")
    if not data.startswith(HEAD):
        raise ReadError(
            "This is not a capture file. save_capture writes one (*.glm4viz.json.gz).",
            "这不是捕获文件。捕获文件由 save_capture 写出（*.glm4viz.json.gz）。",
        )
    if len(data) > LIMIT:
        raise ReadError(
            f"This capture unpacks to more than {LIMIT:,} bytes, which is not read.", f"这个捕获文件解压后超过 {LIMIT:,} 字节，不予读取。"
        )
    return data


def _samples(data: bytes) -> list[CapturedSample]:
    try:
        value = json.loads(data)
        version = value["glm4viz_capture"]
        if version != VERSION:
            raise ReadError(
                f"This capture has version {version!r:.40}; {VERSION} can be read. Use the version of glm4viz that wrote it, or a newer one.",
                f"这个捕获文件的版本是 {version!r:.40}；能读取的是 {VERSION}。请使用写出它的 glm4viz 版本或更新的版本。",
            )
        tokenizer = _tokenizer(value["tokenizer"])
        return [_sample(tokenizer, record) for record in _list(value["samples"])]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, TokenizerError) as error:
        raise _damaged(f"{type(error).__name__}: {error}"[:200]) from None


def _damaged(en: str, zh: str = "") -> ReadError:
    return ReadError(
        f"This capture file is damaged ({en}). Write it again, or copy it again.",
        f"这个捕获文件已损坏（{zh or en}）。请重新写出或重新复制。",
    )


class _NoEncoder:
    """Stands where a tokenizer's encoder would: the tokens of a capture are only those that were fed."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, texts: Sequence[str]) -> tuple[Ids, Offsets]:  # noqa: ARG002 — an encoder's argument
        raise TokenizerError(
            f"{self.name} comes from a capture file, which has only the tokens that were fed: it can't encode text. Load the tokenizer itself.",
            f"{self.name} 来自捕获文件，其中只有输入过的 token：无法编码文本。请加载分词器本身。",
        )


def _tokenizer(value: Mapping[str, Any]) -> Tokenizer:
    name, ids, sizes = _text(value["name"]), _numbers(value["ids"], "<i4"), _numbers(value["sizes"], "<i4").astype(np.int64)
    joined = base64.b64decode(value["bytes"], validate=True)
    if len(sizes) != len(ids) or (sizes < 0).any() or sizes.sum() != len(joined) or len(np.unique(ids)) != len(ids):
        raise ValueError("the tokens' sizes don't fit their bytes")
    ends = np.cumsum(sizes).tolist()
    starts = (np.cumsum(sizes) - sizes).tolist()
    vocabulary = {_id(i): joined[a:b] for i, a, b in zip(ids.tolist(), starts, ends, strict=True)}
    specials, stand_ins = _names(value["special_ids"]), _names(value["stand_ins"])
    return Tokenizer(name=name, vocabulary=vocabulary, encoder=_NoEncoder(name), special_ids=specials).with_stand_ins(stand_ins)


def _names(value: Mapping[str, Any]) -> dict[str, int]:
    if len(value) > MOST_NAMES or "" in value:
        raise ValueError("names of special tokens")
    return {_text(name): _id(i) for name, i in value.items()}


def _sample(tokenizer: Tokenizer, value: Mapping[str, Any]) -> CapturedSample:
    ids, labels, positions = (_numbers(value[name], "<i4") for name in ("input_ids", "labels", "position_ids"))
    pad = _numbers(value["pad"], "u1").astype(bool) if "pad" in value else np.zeros(len(ids), bool)
    weights = _numbers(value["weights"], "<f4") if "weights" in value else None
    if not len(ids) or {len(labels), len(positions), len(pad), len(ids if weights is None else weights)} != {len(ids)}:
        raise ValueError("arrays of one sequence differ in length")
    for i in np.unique(np.concatenate([ids, labels[labels != IGNORE]])).tolist():
        tokenizer.token_bytes(i)  # raises for one whose bytes aren't there
    left, right = map(_count, _list(value["padding"]))
    notes = tuple(_note(note) for note in _list(value.get("notes", [])))
    found = found_in(tokenizer, ids, labels, pad, weights)
    found["notes"] = (*notes, *found["notes"])
    place: dict[str, Any] = {"row": _count(value["row"]), "segment": _count(value["segment"]), "padding": (left, right)}
    return CapturedSample(**found, **place, positions=positions, batch_notes=notes)


def _numbers(value: Any, kind: str) -> npt.NDArray[Any]:
    """An array of this kind, which may be written to, in the machine's own byte order."""
    array = np.frombuffer(base64.b64decode(value, validate=True), kind)
    return array.astype(array.dtype.newbyteorder("="))


def _id(value: Any) -> int:
    if _count(value) >= LARGEST_ID:
        raise ValueError(f"{value} can't be a token's id")
    return int(value)


def _count(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 1 << 31:
        raise ValueError("a number is out of range")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("a name isn't text")
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError("a list is missing")
    return value


def _note(value: Mapping[str, Any]) -> Text:
    return {"en": _text(value["en"]), "zh": _text(value["zh"])}
