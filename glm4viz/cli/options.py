"""Options that commands share, what their values mean, and how a line of JSON is written."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from glm4viz.cli.misuse import Misuse
from glm4viz.cli.streams import speaks_unicode
from glm4viz.errors import UnknownRecipe
from glm4viz.recipe import MaxLength, Recipe
from glm4viz.systems.registry import DEFAULT, get_recipe

LANGUAGES = ("en", "zh")
OWN = "custom:a.all.np.next_tag.endoftext.old"


def _language(value: str) -> str:
    if value not in LANGUAGES:
        raise Misuse("--lang", f"{value!r} is no language here; use en or zh.", f"这里没有语言 {value!r}；请用 en 或 zh。")
    return value


FileArgument = Annotated[
    Path, typer.Argument(help="Conversations in any format that convert reads; - reads standard input.", allow_dash=True)
]
RecipeOption = Annotated[
    str | None,
    typer.Option("--recipe", help="A recipe id, see `glm4viz recipes`, or custom: and a code.", show_default=f"{DEFAULT}, or the config's"),
]
MaxLengthOption = Annotated[
    str | None,
    typer.Option(
        "--max-length",
        metavar="N",
        help="Cut as the training script does: a number, or two (512,512) for chatglm and chatglm2; none: no cut.",
    ),
]
ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        help="Your training config (GLM-4, LLaMA-Factory, Axolotl, TRL, Unsloth, ms-swift): it gives the recipe and the limit.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line, for machines.")]
Language = Annotated[str, typer.Option("--lang", help="The language of sentences.", metavar="en|zh", callback=_language)]


def say(value: Mapping[str, Any]) -> None:
    """One JSON object on a line of its own; in ASCII where standard output can't write all characters, so that it stays JSON."""
    print(json.dumps(value, ensure_ascii=not speaks_unicode()))  # noqa: T201


# What is written in options. All of these raise Misuse. ---------------------------------------------------------------


def parse_recipe(id: str, option: str = "--recipe") -> Recipe:
    """The recipe with this id, `custom:` and a code included."""
    try:
        return get_recipe(id)
    except UnknownRecipe as error:
        raise Misuse.because(option, error) from None
    except ValueError:
        raise Misuse(
            option,
            f"{id!r} is not the code of a recipe. One looks like {OWN}; CustomRecipe(…).code makes it, and so does the page.",
            f"{id!r} 不是配方代码。代码形如 {OWN}，由 CustomRecipe(…).code 或网页生成。",
        ) from None


def parse_max_length(text: str | None) -> MaxLength:
    """A number or a pair of numbers; "none" is no limit."""
    if text is None or text == "none":
        return None
    numbers = [parse_whole(part.strip(), "--max-length") for part in text.split(",")]
    if len(numbers) > 2:
        raise Misuse("--max-length", f"Give one number or two, not {text}.", f"请给出一个或两个数，而不是 {text}。")
    return (numbers[0], numbers[1]) if len(numbers) == 2 else numbers[0]


def check_fits(recipe: Recipe, limit: MaxLength) -> None:
    """Whether the limit is what this recipe takes: one number, or a pair."""
    if limit is None or isinstance(limit, tuple) == recipe.max_length_pair:
        return
    if recipe.max_length_pair:
        raise Misuse(
            "--max-length",
            f"{recipe.id} takes two numbers, the question's limit and the answer's: {limit},{limit}, for example.",
            f"{recipe.id} 需要两个数，即问题和回答各自的上限，例如 {limit},{limit}。",
        )
    raise Misuse("--max-length", f"{recipe.id} takes one number, not two.", f"{recipe.id} 只接受一个数，不是两个。")


def parse_whole(text: str, option: str) -> int:
    """A whole number from 1 on, of which nine digits are enough."""
    if not re.fullmatch("[0-9]{1,9}", text) or not int(text):
        raise Misuse(
            option,
            f"{text!r} is not a whole number from 1 to 999999999.",
            f"{text!r} 不是 1 到 999999999 之间的整数。",
        )
    return int(text)
