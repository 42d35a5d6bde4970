"""Capture files (`*.glm4viz.json.gz`): what a run fed, to be opened anywhere, without the tokenizer and without pickle."""

import base64
import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from glm4viz.errors import ReadError, TokenizerError
from glm4viz.recipe import IGNORE, LabelledSample
from glm4viz.run.find import found_in
from glm4viz.run.sample import CapturedSample, as_captured
from glm4viz.tokenizer import Ids, Offsets, Tokenizer
from glm4viz.writing import whole_file

VERSION = 1


def save_capture(samples: Sequence[LabelledSample], path: str | Path) -> None:
    """Write the samples of one tokenizer as a capture file, whole or not at all; the same samples give the same bytes."""
    tokenizer = samples[0].tokenizer
    used = np.unique(np.concatenate([array for s in samples for array in (s.input_ids, s.labels[s.labels != IGNORE])]))
    value = {
        "glm4viz_capture": VERSION,
        "tokenizer": {
            "name": tokenizer.name,
            "specials": tokenizer.special_ids,
            "ids": used.tolist(),
            "bytes": [base64.b64encode(b).decode() for b in tokenizer.all_bytes(used)],
        },
        "samples": [_as_dict(as_captured(sample)) for sample in samples],
    }
    with whole_file(Path(path)) as file:
        file.write(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


def _as_dict(sample: CapturedSample) -> dict[str, Any]:
    return {
        "input_ids": sample.input_ids.tolist(),
        "labels": sample.labels.tolist(),
        "position_ids": sample.positions.tolist(),
        "row": sample.row,
        "segment": sample.segment,
        "padding": list(sample.padding),
    }


def read_capture(path: str | Path | bytes) -> list[CapturedSample]:
    """The samples of a capture file, or of its bytes. Raises ReadError."""
    data = path if isinstance(path, bytes) else Path(path).read_bytes()
    try:
        value = json.loads(gzip.decompress(data))
        tokenizer = _tokenizer(value["tokenizer"])
        return [_sample(tokenizer, record) for record in value["samples"]]
    except (OSError, ValueError, LookupError, TypeError):
        raise ReadError("This is not a capture file.", "这不是捕获文件。") from None


def _tokenizer(value: dict[str, Any]) -> Tokenizer:
    name = value["name"]

    def encode(texts: Sequence[str]) -> tuple[Ids, Offsets]:  # noqa: ARG001 — an encoder's argument
        raise TokenizerError(
            f"{name} came with a capture, which has only the tokens that were fed.", f"{name} 来自捕获文件，只有输入过的 token。"
        )

    vocabulary = dict(zip(value["ids"], map(base64.b64decode, value["bytes"]), strict=True))
    return Tokenizer(name=name, vocabulary=vocabulary, encoder=encode, special_ids=value["specials"])


def _sample(tokenizer: Tokenizer, value: dict[str, Any]) -> CapturedSample:
    ids, labels, positions = (np.array(value[name], np.int32) for name in ("input_ids", "labels", "position_ids"))
    left, right = value["padding"]
    return CapturedSample(**found_in(tokenizer, ids, labels, positions), row=value["row"], segment=value["segment"], padding=(left, right))
