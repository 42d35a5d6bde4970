"""All recipes. A module of this package that has a tuple `RECIPES` is a system: adding a file adds a system."""

import difflib
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType, ModuleType

from glm4viz import systems
from glm4viz.errors import UnknownRecipe
from glm4viz.recipe import Recipe
from glm4viz.systems.own import SCHEME, get_custom

DEFAULT = "glm4"


@cache
def recipes() -> MappingProxyType[str, Recipe]:
    """All recipes by id, GLM-4's own first."""
    return MappingProxyType({recipe.id: recipe for module in system_modules() for recipe in module.RECIPES})


@cache
def system_modules() -> tuple[ModuleType, ...]:
    """Every system's module, GLM-4's own first."""
    names = sorted((info.name for info in iter_modules(systems.__path__)), key=lambda name: (name != DEFAULT, name))
    modules = (import_module(f"{systems.__name__}.{name}") for name in names if name != "registry")
    return tuple(module for module in modules if hasattr(module, "RECIPES"))


def get_recipe(recipe: str | Recipe) -> Recipe:
    """The recipe with this id (a Recipe passes through). Raises UnknownRecipe, naming those that look alike."""
    if isinstance(recipe, Recipe):
        return recipe
    if str(recipe).startswith(SCHEME):
        return get_custom(recipe)
    known = recipes()
    if recipe not in known:
        close = ", ".join(difflib.get_close_matches(str(recipe), known, 3)) or ", ".join(known)
        raise UnknownRecipe(f"There is no recipe {recipe!r}. Did you mean: {close}?", f"没有名为 {recipe!r} 的配方。是不是：{close}？")
    return known[recipe]
