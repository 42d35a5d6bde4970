"""The option `--config FILE`: the recipe and the limit from a training config."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from glm4viz.configs.notes import TrainingConfig
from glm4viz.configs.parsing import ConfigError
from glm4viz.configs.reader import read_training_config

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config", help="Your training config (GLM-4, LLaMA-Factory, Axolotl, TRL, ms-swift): it gives the recipe and the limit."
    ),
]


def parse_config(path: Path | None, lang: str) -> TrainingConfig | None:
    """The config, after saying on standard error what it comes to. Raises typer.BadParameter."""
    if path is None:
        return None
    try:
        found = read_training_config(path)
    except ConfigError as error:
        raise typer.BadParameter(error.sentence(lang), param_hint="--config") from None
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(f"[bold]{found.system}[/] → {found.recipe_id}, max_length {found.max_length}")
    for sign, decisions in (("✓", found.decided_by), ("✗", found.not_honoured)):
        for decision in decisions:
            console.print(f"{sign} {escape(decision.key)}: {escape(decision.value)} · {escape(decision.why.get(lang, decision.why['en']))}")
    for warning in found.warnings:
        console.print(f"! {escape(warning.get(lang, warning['en']))}")
    return found
