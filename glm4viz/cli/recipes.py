"""glm4viz recipes: what there is to choose from."""

from rich.console import Console
from rich.table import Table

from glm4viz.cli.options import Json, Language, say
from glm4viz.systems.registry import recipes


def command(as_json: Json = False, lang: Language = "en") -> None:
    """List the recipes: whose script, at which commit, and the rule in words."""
    if as_json:
        for recipe in recipes().values():
            entry = {"id": recipe.id, "system": recipe.system, "source": recipe.source._asdict(), "rule": recipe.rule}
            say(entry | {"max_length": recipe.max_length, "quirks": recipe.quirks})
        return
    table = Table("id", "source", "rule", show_lines=True)
    for recipe in recipes().values():
        source = f"{recipe.source.repository}\n{recipe.source.path}\n{recipe.source.commit} {recipe.source.date}"
        table.add_row(recipe.id, source, recipe.rule[lang])
    Console().print(table)
