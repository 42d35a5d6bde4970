"""Options and output that commands share."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

import typer

Json = Annotated[bool, typer.Option("--json", help="One JSON object a line, for machines.")]
Language = Annotated[str, typer.Option("--lang", help="en or zh")]


def say(value: Mapping[str, Any]) -> None:
    """One JSON object on a line of its own."""
    print(json.dumps(value, ensure_ascii=False))  # noqa: T201
