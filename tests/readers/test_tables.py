"""Parquet, Arrow and saved datasets: whole and damaged; and that memory stays flat."""

import gzip
import io
import itertools
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from glm4viz.conversation import Conversation
from glm4viz.readers import read_conversations
from tests.readers.forms import (
    BOT,
    CALL,
    FOUR,
    FUNCTION,
    RECORD_FORMATS,
    RESULT,
    SHAREGPT_LINES,
    TOOL,
    TURNS,
    USER,
    as_format,
    as_messages,
    check_sentences,
    read,
    read_all,
    sharegpt,
)

ROWS = [
    {"messages": [{"role": "system", "content": "", "tools": [TOOL]}, USER, CALL, RESULT, BOT]},
    {"messages": [USER, {**BOT, "loss": False}]},
]


def _parquet(table: pa.Table) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out)
    return out.getvalue()


def _arrow_stream(table: pa.Table) -> bytes:
    out = io.BytesIO()
    with pa.ipc.new_stream(out, table.schema) as writer:
        writer.write_table(table, max_chunksize=300)
    return out.getvalue()


def _arrow_file(table: pa.Table) -> bytes:
    out = io.BytesIO()
    with pa.ipc.new_file(out, table.schema) as writer:
        writer.write_table(table, max_chunksize=300)
    return out.getvalue()


@pytest.mark.parametrize("write", [_parquet, _arrow_stream, _arrow_file])
def test_tables(write: Any, tmp_path: Path) -> None:
    for name in RECORD_FORMATS:
        expected = [as_messages([(f"问{n}", "答")] * (n % 3 + 1), "系统" * (1 - n % 2)) for n in range(700)]
        records = [as_format(name, [(f"问{n}", "答")] * (n % 3 + 1), "系统" * (1 - n % 2)) for n in range(700)]
        data = write(pa.Table.from_pylist(records))
        path = tmp_path / "table"
        path.write_bytes(data)
        with path.open("rb") as file:
            for source in (data, path, io.BytesIO(data), file, file):
                good, bad = read(source)
                assert not bad
                assert [one.messages for one in good] == expected
            assert [(one.index, one.line) for one in good] == [(n, n + 1) for n in range(700)]
            assert {one.format for one in good} == {name}


def test_tables_keep_null_and_say_so() -> None:
    good, bad = read(_parquet(pa.Table.from_pylist(ROWS)))
    assert not bad
    assert good[1].messages == [
        {**USER, "tools": None, "metadata": None, "loss": None},
        {**BOT, "tools": None, "metadata": None, "loss": False},
    ]
    assert ["null that may have been absent" in note["en"] for note in good[1].notes] == [True]
    (one,), _ = read(_parquet(pa.Table.from_pylist([{"messages": [USER, BOT], "note": None}])))
    assert one.notes == ()
    assert one.messages == [USER, BOT]


def _json_lists(rows: list[list[str]]) -> pa.Array:
    offsets = [0, *itertools.accumulate(map(len, rows))]
    return pa.ListArray.from_arrays(offsets, pa.ExtensionArray.from_storage(pa.json_(), pa.array([text for row in rows for text in row])))


def test_tables_with_json_texts() -> None:
    # What `datasets` makes of messages with different keys, and what people make by themselves.
    as_json = _json_lists([[json.dumps(message) for message in row["messages"]] for row in ROWS])
    as_text = pa.array([json.dumps(row["messages"]) for row in ROWS])
    for column in (as_json, as_text):
        assert read_all(_parquet(pa.table({"messages": column, "id": [1, 2]}))) == [row["messages"] for row in ROWS]
    tools = pa.table({"conversations": [sharegpt(*TURNS)["conversations"]], "tools": [json.dumps([FUNCTION])]})
    assert read_all(_parquet(tools)) == [[{"role": "system", "content": "", "tools": [TOOL]}, *FOUR]]
    bad_text = pa.table({"messages": ["nonsense", json.dumps([USER])]})
    bad_json = pa.table({"messages": _json_lists([["nonsense"], [json.dumps(USER)]])})
    half = pa.table({"messages": _json_lists([['{"role": "user", "content": "\\ud83d"}'], [json.dumps(USER)]])})
    for table in (bad_text, bad_json, half):
        good, (error,) = read(_parquet(table))
        assert [one.line for one in good] == [2]
        assert error.line == 1
        assert error.field.startswith("messages")
        check_sentences(error)


def test_tables_that_store_turns_field_by_field() -> None:
    for key, turns in (
        ("messages", {"role": ["user", "assistant"], "content": ["a", "b"]}),
        ("conversations", {"from": ["human", "gpt"], "value": ["a", "b"]}),
    ):
        assert read_all(_parquet(pa.Table.from_pylist([{key: turns}]))) == [as_messages([("a", "b")], "")]
    _, (error,) = read(_parquet(pa.Table.from_pylist([{"messages": {"role": ["user"], "content": []}}])))
    assert error.field == "messages"


def test_rows_that_are_not_utf8_hide_no_other() -> None:
    texts = pa.array([b"good", b"\xff\xfe", b"fine"]).cast(pa.binary())
    broken = pa.Array.from_buffers(pa.string(), 3, texts.buffers())
    good, (error,) = read(_arrow_stream(pa.table({"prompt": broken, "response": ["a", "b", "c"]})))
    assert [one.line for one in good] == [1, 3]
    assert (error.line, "UTF-8" in str(error)) == (2, True)
    check_sentences(error)


def test_damaged_tables() -> None:
    table = pa.Table.from_pylist([{"prompt": f"{n}", "response": "x"} for n in range(1000)])
    for data, word in ((_parquet(table), "a Parquet file"), (_arrow_stream(table), "an Arrow file"), (_arrow_file(table), "an Arrow file")):
        _, (error,) = read(data[: len(data) // 2])
        assert word in str(error)
        check_sentences(error)
    good, _ = read(_arrow_stream(table)[:-5000])
    assert len(good) >= 300  # what comes before


def test_saved_datasets(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    datasets.disable_progress_bars()
    made = datasets.Dataset.from_list([{"prompt": f"{n}", "response": "x"} for n in range(25)])
    expected = [as_messages([(f"{n}", "x")], "") for n in range(25)]
    made.save_to_disk(tmp_path / "one", num_shards=3)
    assert read_all(tmp_path / "one") == expected
    assert read_all(str(tmp_path / "one")) == expected
    datasets.DatasetDict(train=made, test=made.select(range(2))).save_to_disk(tmp_path / "two")
    good, _ = read(tmp_path / "two")
    assert [one.messages for one in good] == expected + expected[:2]
    assert [(one.file, one.line, one.index) for one in good[-3:]] == [
        (str(tmp_path / "two" / "train"), 25, 24),
        (str(tmp_path / "two" / "test"), 1, 25),
        (str(tmp_path / "two" / "test"), 2, 26),
    ]


def test_damaged_dataset_folders(tmp_path: Path) -> None:
    secret = tmp_path / "secret.arrow"
    secret.write_bytes(_arrow_stream(pa.table({"prompt": ["a"], "response": ["b"]})))
    folder = tmp_path / "saved"
    folder.mkdir()
    for state in ("nonsense", "{}", '{"_data_files": [{"filename": "../secret.arrow"}]}', '{"_data_files": [{"filename": "gone.arrow"}]}'):
        (folder / "state.json").write_text(state)
        good, (error,) = read(folder)
        assert not good
        assert error.file
        check_sentences(error)


@pytest.mark.slow
def test_memory_stays_flat(tmp_path: Path) -> None:
    import tracemalloc

    path = tmp_path / "data.jsonl.gz"
    table = tmp_path / "data.parquet"
    with gzip.open(path, "wb", 1) as file:
        for _ in range(20):
            file.write(SHAREGPT_LINES)
    record = sharegpt(*TURNS)
    pq.write_table(pa.Table.from_pylist([record] * 20_000), table, row_group_size=20_000)
    for source in (path, table):
        tracemalloc.start()
        count = sum(isinstance(one, Conversation) for one in read_conversations(source))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert count == 20_000
        assert peak < 12_000_000
