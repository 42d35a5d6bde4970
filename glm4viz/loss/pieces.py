"""Rows on their way to a file: in whole pieces beside it, so that a run that was stopped, in whatever way, goes on where it was.

OUT.parts/ has about.json, which says of what data, model and recipe the rows are, and a file for each piece, named by the number of its
first record: a line with the totals of these records, then their rows. A piece appears when it is whole; once all are there, OUT is made of
them and the folder goes.
"""

import json
import secrets
import time
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO

from glm4viz.errors import Glm4vizError
from glm4viz.loss.calls import AnyModel
from glm4viz.loss.demo import HERE, NAMES
from glm4viz.loss.rows import COLUMNS, Row
from glm4viz.loss.served.model import ServedModel
from glm4viz.loss.totals import Totals
from glm4viz.texts import both, fill, listed
from glm4viz.writing import as_json, whole_file

ABOUT = "about.json"
SECONDS, MOST = 10.0, 4_096  # a piece is written after so long, or so many rows
GROUP = 16_384  # rows of a group of the Parquet file
KINDS = (".jsonl", ".jsonl.gz", ".parquet")
_NAMES = {"data": both("other data", "别的数据"), "model": both("another model", "别的模型"), "recipe": both("another recipe", "别的配方")}
_DIFFERS = both(
    "{folder} is of a stopped run with {what}. Give what it was begun with, so that it goes on; or remove that folder, or name another output.",
    "{folder} 属于一次中断的运行，用的是{what}。请按原来的设置运行，以便继续；或删除该文件夹，或换一个输出文件。",
)
_DAMAGED = both(
    "{folder} is no folder of a stopped run, or is damaged. Remove it, or name another output.",
    "{folder} 不是中断的运行留下的文件夹，或已损坏。请删除它，或换一个输出文件。",
)


class OtherRun(Glm4vizError):
    """What a stopped run left behind is of other data, another model or another recipe."""


class Pieces:
    """The pieces of one output. `totals`: of all records in whole pieces and since; `kept`: how many are in whole pieces."""

    def __init__(self, out: Path, about: Mapping[str, str]) -> None:
        """Takes up what is there already. about: what the rows are made of, as `about_run` says it. Raises OtherRun, OSError."""
        self.out, self.folder = out, out.with_name(f"{out.name}.parts")
        self.totals, self.kept = Totals(), 0
        self._rows, self._piece, self._began = list[Row](), Totals(), time.monotonic()
        _take_up(self.folder, about)
        for path in self._paths():
            with path.open("rb") as lines:
                self.totals.merge(Totals.from_json(json.loads(next(lines))))
            self.kept = self.totals.records
        self.found = self.kept  # by an earlier run

    def add(self, row: Row, totals: Totals) -> None:
        """One record's row, with its totals. Raises OSError."""
        self._rows.append(row)
        self._piece.merge(totals)
        self.totals.merge(totals)
        if len(self._rows) >= MOST or time.monotonic() - self._began >= SECONDS:
            self.keep()

    def keep(self) -> None:
        """Writes what was added since the last piece as a piece. Raises OSError."""
        if self._rows:
            with whole_file(self._path(self.kept)) as file:
                file.writelines(as_json(line).encode() + b"\n" for line in (self._piece.as_json(), *self._rows))
            self.kept += len(self._rows)
        self._rows, self._piece, self._began = [], Totals(), time.monotonic()

    def finish(self) -> None:
        """Makes the output of all pieces, and removes them. Raises OSError."""
        self.keep()
        with whole_file(self.out) as file:
            if self.out.suffix == ".parquet":
                _write_parquet(file, self._lines())
            else:
                file.writelines(self._lines())
        self.remove()

    def remove(self) -> None:
        """The last piece goes first, so that whatever is left if this is stopped too is such a run's folder."""
        for path in (*reversed(list(self._paths())), self.folder / ABOUT):
            path.unlink(missing_ok=True)
        self.folder.rmdir()

    def _path(self, first: int) -> Path:
        return self.folder / f"{first:012}.jsonl"

    def _paths(self) -> Iterator[Path]:
        """Of the pieces that follow each other from the first record on."""
        at = 0
        while (path := self._path(at)).exists():
            yield path
            with path.open("rb") as lines:
                at += json.loads(next(lines))["records"]

    def _lines(self) -> Iterator[bytes]:
        for path in self._paths():
            with path.open("rb") as lines:
                next(lines)
                yield from lines


def _take_up(folder: Path, about: Mapping[str, str]) -> None:
    """Begins the folder, or finds that it is of the same run."""
    path = folder / ABOUT
    if not folder.exists():
        folder.mkdir()
    if not any(folder.iterdir()):
        with whole_file(path) as file:
            file.write(as_json(about).encode())
        return
    try:
        before = json.loads(path.read_bytes())
        differs = [_NAMES[name] for name in _NAMES if before[name] != about[name]]
    except (OSError, ValueError, KeyError, TypeError):
        raise OtherRun(fill(_DAMAGED, folder=str(folder))) from None
    if differs:
        raise OtherRun(fill(_DIFFERS, folder=str(folder), what=listed(differs)))


def _write_parquet(file: BinaryIO, lines: Iterator[bytes]) -> None:
    import pyarrow
    import pyarrow.parquet

    types = {"int": pyarrow.int64(), "float": pyarrow.float64(), "str": pyarrow.string()}
    schema = pyarrow.schema([(name, types[kind]) for name, (kind, _) in COLUMNS.items()])
    with pyarrow.parquet.ParquetWriter(file, schema) as writer:
        for first in lines:
            rows = [json.loads(line) for line in islice(chain((first,), lines), GROUP)]
            writer.write_table(pyarrow.Table.from_pylist(rows, schema))


# What a run is made of --------------------------------------------------------------------------------------------------


def about_run(file: Path | None, model: AnyModel, recipe: str, max_length: object) -> dict[str, str]:
    """What must be the same for a run to go on: the data to the byte, the model, and how records are labelled.

    file: None for what can't be read again, which is never the same.
    """
    return {
        "data": secrets.token_hex(16) if file is None else _content(file),
        "model": _identity(model),
        "recipe": f"{recipe}, max_length {max_length}",
    }


def _content(file: Path) -> str:
    """A hash of a file, or of all files of a dataset folder."""
    found = blake2b(digest_size=16)
    for path in sorted(path for path in file.rglob("*") if path.is_file()) if file.is_dir() else [file]:
        if file.is_dir():
            found.update(f"{path.relative_to(file)}\0{path.stat().st_size}\0".encode())
        with path.open("rb") as stream:
            while piece := stream.read(1 << 20):
                found.update(piece)
    return found.hexdigest()


def _identity(model: AnyModel) -> str:
    """What it was loaded from, and how; of weights in a directory also when they were written."""
    if isinstance(model, ServedModel):
        return f"{model.name} ({model.served_name})"
    words = [model.name, model.described]
    sources = [HERE / f"{model.name}.safetensors"] if model.name in NAMES else []
    for name in (model.name, model.adapter):
        if name is not None and Path(name).is_dir():
            words.append(str(Path(name).resolve()))
            sources += sorted([*Path(name).glob("*.safetensors"), *Path(name).glob("*config.json")])
    return "; ".join([*words, *(f"{path.name} {path.stat().st_size} {path.stat().st_mtime_ns}" for path in sources)])
