"""All recipes. A module of this package that has a tuple `RECIPES` is a system: adding a file adds a system."""

import difflib
from functools import cache, lru_cache
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import MappingProxyType, ModuleType

from glm4viz import systems
from glm4viz.errors import UnknownRecipe
from glm4viz.recipe import Recipe
from glm4viz.systems.own import SCHEME, get_custom
from glm4viz.tokenizer import Tokenizer, read_tokenizer

DEFAULT = "glm4"


@cache
def recipes() -> MappingProxyType[str, Recipe]:
    """All recipes by id, GLM-4's own first."""
    return MappingProxyType({recipe.id: recipe for module in system_modules() for recipe in module.RECIPES})


@cache
def stand_ins() -> MappingProxyType[str, int]:
    """Every stand-in token that some recipe writes, by name. Raises ValueError where two names have one id, or one name two."""
    pairs = {pair for recipe in recipes().values() for pair in recipe.stand_ins.items()}
    found = dict(pairs)
    if not len(pairs) == len(found) == len(set(found.values())):
        raise ValueError(f"these stand-ins share a name or an id: {sorted(pairs)}")
    return MappingProxyType(found)


@lru_cache(maxsize=2)
def _bundled(name: str) -> Tokenizer:
    return read_tokenizer(name).with_stand_ins(stand_ins())


def load_tokenizer(source: str | Path | None = None) -> Tokenizer:
    """The bundled GLM-4 vocabulary (no argument or "glm-4"), the same with GLM-4.5's special tokens ("glm-4.5"), or a model's.

    A model is a directory or a hub id: a fast Hugging Face tokenizer (loaded with transformers, never with remote code), or a
    directory with a tiktoken-style `tokenizer.model`. It can also name the stand-ins of all recipes. Raises TokenizerError.
    """
    if source in (None, "glm-4", "glm-4.5"):
        return _bundled("glm-4" if source is None else str(source))
    return read_tokenizer(source).with_stand_ins(stand_ins())


def tokenizer_for(recipe: Recipe, tokenizer: Tokenizer | None) -> Tokenizer:
    """The tokenizer that this recipe's samples are encoded with: the given one, or the bundled vocabulary that it asks for."""
    return (tokenizer or load_tokenizer(recipe.vocabulary)).with_stand_ins(recipe.stand_ins)


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
