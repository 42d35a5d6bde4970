"""Parquet files, Arrow files and dataset folders that Hugging Face's `save_to_disk` wrote, a few rows at a time. Needs pyarrow."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, BinaryIO

from glm4viz.conversation import shown
from glm4viz.errors import ReadError
from glm4viz.readers.source import open_path
from glm4viz.readers.tables import row_record
from glm4viz.readers.values import Record
from glm4viz.texts import Text

PARQUET: Text = {"en": "a Parquet file", "zh": " Parquet 文件"}
ARROW: Text = {"en": "an Arrow file", "zh": " Arrow 文件"}
_FOLDER: Text = {"en": "a dataset folder", "zh": "数据集文件夹"}
_KINDS = {b"PAR1": PARQUET, b"ARROW1": ARROW, b"\xff\xff\xff\xff": ARROW}
_ROWS = 256  # so few that long conversations don't add up, so many that the cost of a batch doesn't show

FILLED: Text = {
    "en": "This file can't leave a field out of one message only, so some are null that may have been absent. GLM-4 prints a null metadata as "
    "the word None: remove it, or train from JSON Lines.",
    "zh": "这种文件无法只在某条消息中省略字段，因此原本没有的字段可能变成了 null。GLM-4 会把为 null 的 metadata 写成 None：请去掉它，或用 JSON Lines 训练。",
}

Decode = Callable[[Any], Any]


def kind_of(head: bytes) -> Text | None:
    """What a file that begins like this is, in words; None if it isn't one of these."""
    return next((kind for magic, kind in _KINDS.items() if head.startswith(magic)), None)


def is_saved_dataset(folder: Path) -> bool:
    return (folder / "state.json").is_file() or (folder / "dataset_dict.json").is_file()


def file_records(stream: BinaryIO, kind: Text) -> Iterator[Record | ReadError]:
    """The rows of one file. `line` is the number of the row, counted from 1."""
    _need_pyarrow(kind)
    found = _parquet_batches(stream) if kind is PARQUET else _arrow_batches(stream)
    yield from _records(found, kind, "")


def folder_records(folder: Path) -> Iterator[Record | ReadError]:
    """The rows of a saved dataset, or of all splits of one, in the order in which they were saved."""
    _need_pyarrow(_FOLDER)
    for split in _splits(folder):
        shards = [open_path(split / Path(name).name) for name in _shards(split)]  # only the name: never a file elsewhere
        yield from _records((batch for shard in shards for batch in _closing(shard)), _FOLDER, str(split))


def _closing(shard: BinaryIO) -> Iterator[Any]:
    with closing(shard):
        yield from _arrow_batches(shard)


def _splits(folder: Path) -> list[Path]:
    if not (folder / "dataset_dict.json").is_file():
        return [folder]
    return [folder / Path(name).name for name in _setting(folder / "dataset_dict.json", "splits")]


def _shards(folder: Path) -> list[str]:
    return [entry["filename"] for entry in _setting(folder / "state.json", "_data_files")]


def _setting(path: Path, key: str) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))[key]
    except (OSError, ValueError, KeyError, TypeError):
        raise ReadError(
            f"{shown(str(path), 80)} is missing or damaged, so this isn't a folder that save_to_disk wrote. Save the dataset again.",
            f"{shown(str(path), 80)} 缺失或已损坏，因此这不是 save_to_disk 写出的文件夹。请重新保存数据集。",
        ) from None


# Rows -----------------------------------------------------------------------------------------------------------------


def _need_pyarrow(kind: Text) -> None:
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        raise ReadError(
            f"This is {kind['en']}. To read it, install pyarrow: pip install 'glm4viz[formats]'; or export it to JSON Lines.",
            f"这是{kind['zh']}。读取它需要 pyarrow：pip install 'glm4viz[formats]'；也可以导出为 JSON Lines。",
        ) from None


def _parquet_batches(stream: BinaryIO) -> Iterator[Any]:
    import pyarrow.parquet

    # Neither read ahead nor hold a whole row group: some files have all rows in one.
    file = pyarrow.parquet.ParquetFile(stream, pre_buffer=False, buffer_size=1 << 20)
    yield from file.iter_batches(batch_size=_ROWS, use_threads=False)


def _arrow_batches(stream: BinaryIO) -> Iterator[Any]:
    import pyarrow

    if stream.read(6) == b"ARROW1":
        file = pyarrow.ipc.open_file(stream)
        yield from (file.get_batch(number) for number in range(file.num_record_batches))
        return
    stream.seek(0)
    yield from pyarrow.ipc.open_stream(stream)


def _records(batches: Iterator[Any], kind: Text, file: str) -> Iterator[Record | ReadError]:
    import pyarrow

    line = 1
    try:
        for batch in batches:
            decode = {field.name: _decoder(field.type) for field in batch.schema}
            filled = any(_can_fill(field.type) for field in batch.schema)
            for start in range(0, len(batch), _ROWS):
                for row in _rows(batch.slice(start, _ROWS)):
                    yield _record(row, decode, line, file, filled) if isinstance(row, dict) else _not_utf8(row, line, file)
                    line += 1
    except (pyarrow.ArrowException, OSError, ValueError, KeyError, NotImplementedError) as error:
        reason = shown(str(error).split("\n", 1)[0], 120)
        raise ReadError(
            f"This is {kind['en']}, but it can't be read: {reason}. It may be cut off; write or download it again.",
            f"这是{kind['zh']}，但无法读取：{reason}。它可能被截断了；请重新写出或下载。",
            line=line if line > 1 else 0,
        ) from None


def _rows(batch: Any) -> Iterator[dict[str, Any] | bytes]:
    """The rows of a batch; for one with text that isn't UTF-8, an Arrow stream of this one row."""
    try:
        yield from batch.to_pylist()
    except UnicodeDecodeError:
        for number in range(len(batch)):
            try:
                yield batch.slice(number, 1).to_pylist()[0]
            except UnicodeDecodeError:
                yield _as_stream(batch.slice(number, 1))


def _as_stream(batch: Any) -> bytes:
    import pyarrow

    sink = pyarrow.BufferOutputStream()
    with pyarrow.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue())


def _record(row: dict[str, Any], decode: dict[str, Decode | None], line: int, file: str, filled: bool) -> Record | ReadError:
    for name, decoder in decode.items():
        if decoder and row[name] is not None:
            try:
                row[name] = decoder(row[name])
            except (ValueError, RecursionError):
                error = ReadError(
                    f"{name} should hold JSON, but its text isn't. Write the dataset again.",
                    f"{name} 应是 JSON 文本，但它不是。请重新写出数据集。",
                    file=file,
                    line=line,
                    field=name,
                )
                error.raw = Record(row, line, risky=True).raw()
                return error
    return row_record(row.items(), line, file=file, risky=any(decode.values()), filled=filled)


def _not_utf8(raw: bytes, line: int, file: str) -> ReadError:
    error = ReadError(
        "A text in this row is not UTF-8. Write the file again from a source that is.",
        "这一行中有文本不是 UTF-8。请用 UTF-8 的数据重新写出文件。",
        file=file,
        line=line,
    )
    error.raw = raw
    return error


def _decoder(kind: Any) -> Decode | None:
    """What turns Arrow's JSON texts in a column into values: `datasets` keeps in them what has no common type. None: there are none."""
    if getattr(kind, "extension_name", "") == "arrow.json":
        return lambda value: None if value is None else json.loads(value)
    if hasattr(kind, "value_type") and (inner := _decoder(kind.value_type)):
        return lambda value: None if value is None else [inner(item) for item in value]
    if _is_struct(kind):
        inners = {field.name: decoder for field in kind.fields if (decoder := _decoder(field.type))}
        if inners:
            return lambda value: None if value is None else {**value, **{name: decode(value[name]) for name, decode in inners.items()}}
    return None


def _can_fill(kind: Any) -> bool:
    """Whether a value of this type has fields that can't be left out."""
    return _is_struct(kind) or (hasattr(kind, "value_type") and _can_fill(kind.value_type))


def _is_struct(kind: Any) -> bool:
    import pyarrow

    return bool(pyarrow.types.is_struct(kind))
