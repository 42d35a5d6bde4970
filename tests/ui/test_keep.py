"""The kept set: every record as it stands in its file, and the rest beside it."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from glm4viz.check.chunks import chunks_of
from glm4viz.systems.registry import get_recipe
from glm4viz.ui.dataset.keep import kept_lines, left_out_lines

TALK = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello, you."}]
ODD = '{"source":  "x\\u00e9", "messages": [{"role": "user", "content": "Hi", "metadata": null}, {"content":"你好", "role": "assistant"}], "n": 1.50}'
SHARED = '{"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}], "id": 7}'


def mask(*dropped: bool) -> "np.typing.NDArray[np.bool_]":
    return np.array(dropped, bool)


def kept(path: Path, *dropped: bool, recipe: str | None = None) -> list[str]:
    return b"".join(kept_lines(path, mask(*dropped), get_recipe(recipe) if recipe else None)).decode().splitlines()


def test_records_keep_their_form_and_every_byte(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text("\n".join([ODD, SHARED, "{broken", ODD]), "utf-8")
    assert kept(path, False, False, False, True) == [ODD, SHARED]
    left = [json.loads(line) for line in left_out_lines(path, "given.jsonl", mask(False, False, False, True), None)]
    assert [(row["record"], row["line"], row["raw"], row["file"]) for row in left] == [
        (2, 3, "{broken", "given.jsonl"),
        (3, 4, ODD, "given.jsonl"),
    ]
    assert left[0]["reason"]
    assert left[1]["reasons"] == ["marked"]


def test_mended_on_request_is_only_what_is_at_fault(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text("\n".join([ODD, SHARED]), "utf-8")
    assert kept(path, False, False, recipe="glm4") == [ODD.replace(', "metadata": null', ""), SHARED]


def test_lines_are_counted_through_a_file_of_several_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "data.jsonl"
    rows = [json.dumps({"messages": TALK, "n": n}) for n in range(300)]
    path.write_text("\n".join(rows), "utf-8")
    monkeypatch.setattr("glm4viz.ui.dataset.keep.chunks_of", lambda given: chunks_of(given, 2_000))
    dropped = [n == 250 for n in range(300)]
    assert kept(path, *dropped) == [row for n, row in enumerate(rows) if n != 250]
    (left,) = map(json.loads, left_out_lines(path, "", mask(*dropped), None))
    assert (left["record"], left["line"], left["raw"]) == (250, 251, rows[250])


def test_a_table_keeps_its_columns(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    pd.DataFrame({"instruction": ["Hi", "Bye"], "output": ["Hello", "So long"], "id": [5, 6]}).to_csv(path, index=False)
    assert [json.loads(row) for row in kept(path, False, True)] == [{"instruction": "Hi", "output": "Hello", "id": "5"}]
