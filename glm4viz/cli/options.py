"""Options and output that commands share."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from glm4viz.recipe import MaxLength, Recipe, check_max_length

Json = Annotated[bool, typer.Option("--json", help="One JSON object a line, for machines.")]
Language = Annotated[str, typer.Option("--lang", help="en or zh")]
MaxLengthOption = Annotated[
    str | None, typer.Option("--max-length", help="Cut as the training script does: a number, or two (512,512) for chatglm and chatglm2.")
]


def parse_max_length(recipe: Recipe, text: str | None) -> MaxLength:
    """The option's number, or pair of numbers, as this recipe takes it. Raises typer.BadParameter."""
    try:
        numbers = None if text is None else tuple(int(part) for part in text.split(","))
        limit = numbers[0] if numbers is not None and len(numbers) == 1 else numbers
        check_max_length(recipe, limit)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--max-length") from None
    return limit  # type: ignore[return-value]  # check_max_length refuses anything else


def say(value: Mapping[str, Any]) -> None:
    """One JSON object on a line of its own."""
    print(json.dumps(value, ensure_ascii=False))  # noqa: T201
