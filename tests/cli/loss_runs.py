"""Running `glm4viz loss`, and reading the rows it wrote."""

import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from glm4viz.cli import app

GOOD = [[{"role": "user", "content": f"{n}?"}, {"role": "assistant", "content": "no " * n + "yes"}] for n in range(6)]


def run(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["loss", *map(str, arguments)])


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
