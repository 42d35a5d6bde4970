"""The registry. Every module in this package holds one system's recipes in a tuple `RECIPES`: adding a file adds a system."""

import difflib
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType

from glm4viz.errors import UnknownRecipe
from glm4viz.recipe import Recipe

DEFAULT = "glm4"


@cache
def recipes() -> MappingProxyType[str, Recipe]:
    """All recipes by id, GLM-4's own first."""
    modules = sorted((info.name for info in iter_modules(__path__)), key=lambda name: (name != DEFAULT, name))
    found = [recipe for name in modules for recipe in import_module(f"{__name__}.{name}").RECIPES]
    return MappingProxyType({recipe.id: recipe for recipe in found})


def get_recipe(recipe: str | Recipe) -> Recipe:
    """The recipe with this id (a Recipe passes through). Raises UnknownRecipe, naming those that look alike."""
    if isinstance(recipe, Recipe):
        return recipe
    if str(recipe).startswith("custom:"):
        from glm4viz.custom import get_custom

        return get_custom(recipe)
    known = recipes()
    if recipe not in known:
        close = ", ".join(difflib.get_close_matches(str(recipe), known, 3)) or ", ".join(known)
        raise UnknownRecipe(f"There is no recipe {recipe!r}. Did you mean: {close}?", f"没有名为 {recipe!r} 的配方。是不是：{close}？")
    return known[recipe]
