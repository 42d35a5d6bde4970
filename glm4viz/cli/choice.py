"""Which recipe, with which limit: from `--recipe`, `--max-length` and `--config`, for all commands in the same way.

What is given by hand goes before what the config says, and that is said; another recipe than the config's leaves its limit out too, which
wasn't meant for it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from rich.console import Console
from rich.markup import escape

from glm4viz.cli.misuse import Misuse
from glm4viz.cli.options import check_fits, parse_max_length, parse_recipe
from glm4viz.conversation import Conversation
from glm4viz.recipe import MaxLength, Recipe, default_limit
from glm4viz.systems.captured import CAPTURED
from glm4viz.systems.registry import DEFAULT
from glm4viz.texts import printable

if TYPE_CHECKING:
    from glm4viz.configs.notes import TrainingConfig
    from glm4viz.linter import Finding

PAIR = (DEFAULT, "llamafactory")  # what is compared unless something else is said


class Choice(NamedTuple):
    """findings: what the config sets and isn't followed here, or was chosen against."""

    recipe: Recipe
    max_length: MaxLength
    by_hand: bool = True  # asked for, by an option or a config
    findings: "Sequence[Finding]" = ()

    def recipe_for(self, conversation: Conversation) -> Recipe:
        """The recipe for this conversation: one that a run fed is shown as it was fed, unless a recipe was asked for."""
        return CAPTURED if conversation.captured is not None and not self.by_hand else self.recipe


def choose(recipe: str | None, max_length: str | None, config: Path | None, lang: str, default: bool = False) -> Choice:
    """One recipe and its limit. default: where nobody names a limit, it is that of the pages. Raises Misuse."""
    found = _read_config(config, lang)
    chosen = parse_recipe(DEFAULT if found is None else found.recipe_id) if recipe is None else parse_recipe(recipe)
    limit = parse_max_length(max_length)
    if max_length is None:
        if found is not None and found.recipe_id == chosen.id:
            limit = found.max_length
        elif default:
            limit = default_limit(chosen)
    check_fits(chosen, limit)
    by_hand = recipe is not None or found is not None
    return Choice(chosen, limit, by_hand, () if found is None else _tell_findings(found, chosen, limit, lang))


def choose_several(recipes: str | None, max_length: str | None, config: Path | None, lang: str) -> tuple[list[Recipe], MaxLength]:
    """Recipes to compare, the one that the others are held against first. The limit is fitted to each of them later. Raises Misuse.

    A config's recipe is added to those given by hand; without any, it is held against GLM-4's own.
    """
    ids = [] if recipes is None else _named(recipes)
    limit, found = parse_max_length(max_length), _read_config(config, lang)
    if found is not None:
        _tell_findings(found, found.recipe, found.max_length if limit is None else limit, lang)
        ids = list(dict.fromkeys([*(ids or [DEFAULT]), found.recipe_id]))
        limit = found.max_length if limit is None else limit
    if recipes is None and len(ids) < 2:
        ids = list(PAIR)
    if len(ids) < 2:
        raise Misuse("--recipes", "Name two recipes or more, with commas between.", "请指定两个或更多配方，用逗号分隔。")
    return [parse_recipe(id, "--recipes") for id in ids], limit


def choose_for(conversation: Conversation, recipes: list[Recipe]) -> list[Recipe]:
    """What is compared where nothing was asked for: what a run fed, with GLM's recipe for messages of its form; else these recipes."""
    fed = conversation.captured
    if fed is None:
        return recipes
    from glm4viz.comparison.closest import closest_recipe  # label needs no comparison

    return [CAPTURED, parse_recipe(closest_recipe(fed))]


def _named(recipes: str) -> list[str]:
    ids = [id.strip() for id in recipes.split(",") if id.strip()]
    twice = next((id for id in ids if ids.count(id) > 1), None)
    if twice is not None:
        raise Misuse("--recipes", f"{twice} is named twice.", f"{twice} 出现了两次。")
    return ids


# Training configs -----------------------------------------------------------------------------------------------------


def _read_config(path: Path | None, lang: str) -> "TrainingConfig | None":
    """The config, after saying on standard error what it comes to. Raises Misuse."""
    if path is None:
        return None
    from glm4viz.configs.parsing import ConfigError
    from glm4viz.configs.reader import read_training_config

    try:
        found = read_training_config(path)
    except ConfigError as error:
        raise Misuse.because("--config", error) from None
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(f"[bold]{escape(found.system)}[/] → {found.recipe_id}, max_length {found.max_length}")
    for decision in found.decided_by:
        console.print(f"✓ {escape(printable(decision.key))}: {escape(printable(decision.value))} · {escape(decision.why[lang])}")
    return found


def _tell_findings(found: "TrainingConfig", recipe: Recipe, limit: MaxLength, lang: str) -> "list[Finding]":
    """What isn't as the config says, after saying it on standard error."""
    from glm4viz.configs.findings import config_findings

    findings = config_findings(found, recipe.id, limit)
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    for finding in findings:
        sign = "!" if finding.severity == "warning" else "i"
        console.print(f"{sign} {finding.rule}: {escape(printable(finding.sentence(lang)))}")
    return findings
