"""Files to check, and the command on them."""

import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from glm4viz.check import Checked, Settings, check_files
from glm4viz.check.chunks import SIZE
from glm4viz.cli import app

Messages = list[dict[str, Any]]


def write(path: Path, *records: Any) -> Path:
    path.write_text(
        "".join((r if isinstance(r, str) else json.dumps({"messages": r}, ensure_ascii=False)) + "\n" for r in records), "utf-8"
    )
    return path


def run(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["check", *map(str, arguments)])


def found(path: Path, workers: int = 1, size: int = SIZE, **settings: Any) -> list[Checked]:
    pieces = check_files([path], Settings(**{"recipe": "glm4"} | settings), workers, size)
    return [checked for piece in pieces for checked in piece.checked]
