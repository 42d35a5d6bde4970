"""Files that a command is given: those to read have to be there, those to write appear whole or not at all."""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from glm4viz.cli.misuse import Misuse
from glm4viz.conversation import shown
from glm4viz.readers.arrow import is_saved_dataset
from glm4viz.writing import whole_file


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
