"""Files that a command is given: those to read have to be there, those to write appear whole or not at all."""

import os
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from glm4viz.cli.misuse import Misuse
from glm4viz.conversation import shown
from glm4viz.readers.arrow import is_saved_dataset
from glm4viz.writing import as_json, whole_file


def must_be_there(files: Iterable[Path]) -> None:
    """Raises Misuse for the first that can't be read; - is standard input.

    A file isn't opened for that: of a pipe, that would be the only time.
    """
    for file in files:
        name = shown(str(file), 80)
        if str(file) == "-" and not os.path.lexists(file):
            if sys.stdin is None:
                raise Misuse("", "Standard input is closed.", "标准输入已关闭。")
        elif not os.path.exists(file):  # noqa: PTH110  # unlike Path's, it takes any name
            raise Misuse("", f"There is no file {name}.", f"没有文件 {name}。")
        elif not os.access(file, os.R_OK):
            raise Misuse("", f"{name} may not be read; check its permissions.", f"没有读取 {name} 的权限。")
        elif file.is_dir() and not is_saved_dataset(file):
            raise Misuse(
                "",
                f"{name} is a folder. Name a file in it, or a folder that save_to_disk wrote.",
                f"{name} 是文件夹。请指定其中的文件，或 save_to_disk 写出的文件夹。",
            )


def not_onto(outputs: Iterable[tuple[str, Path | None]], inputs: Iterable[Path]) -> None:
    """Raises Misuse if an output, given with its option, is a file that is read, by whatever name or link, or is also another output."""
    taken = list(inputs)
    for option, path in outputs:
        if path is None:
            continue
        if any(_is_same(path, other) for other in taken):
            name = shown(str(path), 80)
            raise Misuse(
                option,
                f"{name} would be written over what is read, or over another output; name another file.",
                f"{name} 会覆盖被读取的文件或另一个输出；请换一个文件名。",
            )
        # os.path's, unlike Path's, take a name of any length.
        if str(path) != "-" and (os.path.isfile(path) or not os.path.exists(path)):  # noqa: PTH110, PTH113
            taken.append(path)


def _is_same(output: Path, other: Path) -> bool:
    try:
        if other.is_dir():  # a dataset folder: nothing in it may change
            return other.resolve() in output.resolve().parents
        one, two = (os.fstat(number) if str(path) == "-" else path.stat() for path, number in ((output, 1), (other, 0)))
        return stat.S_ISREG(one.st_mode) and os.path.samestat(one, two)
    except (OSError, ValueError):  # not there yet: told by its name
        return "-" not in (str(output), str(other)) and output.resolve() == other.resolve()


class SideFiles:
    """What goes with an output OUT: OUT.rejected.jsonl and the like. They belong to it: a new output replaces them, or removes an old one
    that would have nothing in it. All are filled before the first takes its name.
    """

    def __init__(self, out: Path, option: str, stack: ExitStack) -> None:
        self.out, self.option, self.stack = out, option, stack
        self.files: dict[str, BinaryIO] = {}

    def write(self, kind: str, row: Mapping[str, object]) -> None:
        if kind not in self.files:
            self.files[kind] = self.stack.enter_context(output(side_path(self.out, kind), self.option))
        self.files[kind].write(as_json(row).encode() + b"\n")

    def finish(self, main: BinaryIO) -> None:
        """To be called when all is written."""
        for file in (main, *self.files.values()):
            file.flush()
        for kind in SIDES:
            if kind not in self.files:
                side_path(self.out, kind).unlink(missing_ok=True)

    def names(self) -> dict[str, str]:
        return {kind: str(side_path(self.out, kind)) for kind in self.files}


SIDES = ("rejected", "dropped", "changes")


def side_path(out: Path, kind: str) -> Path:
    return out.with_name(f"{out.name}.{kind}.jsonl")


@contextmanager
def output(path: Path, option: str) -> Iterator[BinaryIO]:
    """A file that stands there whole once the block has ended well. Raises Misuse if it can't be written."""
    try:
        with whole_file(path) as file:
            yield file
    except BrokenPipeError:  # of standard output, to which something may be written meanwhile
        raise
    except OSError as error:
        name, reason = shown(str(path), 80), error.strerror or error
        raise Misuse(option, f"{name} can't be written: {reason}.", f"无法写入 {name}：{reason}。") from None
