"""All recipes. A module of this package that has a tuple `RECIPES` is a system: adding a file adds a system."""

import difflib
from collections import Counter
from collections.abc import Collection
from functools import cache, lru_cache
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType, ModuleType
from typing import Any

from glm4viz import systems
from glm4viz.errors import TokenizerError, UnknownRecipe
from glm4viz.recipe import Recipe
from glm4viz.systems.captured import CAPTURED
from glm4viz.systems.own import SCHEME, get_custom
from glm4viz.tokenizer import GLM_TAGS, Tokenizer, read_tokenizer

DEFAULT = "glm4"
FIRST_STAND_IN = 151_552  # the rows of GLM-4's embedding end before it


@cache
def recipes() -> MappingProxyType[str, Recipe]:
    """All recipes by id, GLM-4's own first. Raises ValueError where two have one id."""
    found = [recipe for module in system_modules() for recipe in module.RECIPES]
    if twice := [id for id, count in Counter(recipe.id for recipe in found).items() if count > 1]:
        raise ValueError(f"several recipes have the id {', '.join(twice)}")
    return MappingProxyType({recipe.id: recipe for recipe in found})


@cache
def stand_ins() -> MappingProxyType[str, int]:
    """Every stand-in token that some recipe writes, by name. Raises TokenizerError, see `joined`."""
    return MappingProxyType(joined(recipes().values()))


def joined(some: Collection[Recipe]) -> dict[str, int]:
    """Their stand-ins by name. Raises TokenizerError where an id is GLM's own, two names have one id, or one name has two."""
    ids: dict[str, int] = {}
    names: dict[int, str] = {}
    for recipe in some:
        for name, id in recipe.stand_ins.items():
            taken = names.setdefault(id, name)
            if id >= FIRST_STAND_IN and taken == name and ids.setdefault(name, id) == id:
                continue
            why, why_zh = f"{id} is {taken}'s", f"{id} 已是 {taken} 的编号"
            if id < FIRST_STAND_IN:
                why, why_zh = f"ids below {FIRST_STAND_IN} are GLM's own", f"{FIRST_STAND_IN} 以下是 GLM 自己的编号"
            elif taken == name:
                why, why_zh = f"another recipe gives it {ids[name]}", f"另一个配方给它的是 {ids[name]}"
            free = max(FIRST_STAND_IN - 1, *(i for other in some for i in other.stand_ins.values())) + 1
            raise TokenizerError(
                f"Recipe {recipe.id} can't give its stand-in {name} the id {id}: {why}. Ids from {free} on are free.",
                f"配方 {recipe.id} 不能给替代 token {name} 编号 {id}：{why_zh}。从 {free} 起的编号可用。",
            )
    return ids


@lru_cache(maxsize=2)
def _bundled(name: str) -> Tokenizer:
    return read_tokenizer(name).with_stand_ins(stand_ins())


def load_tokenizer(source: Any = None) -> Tokenizer:
    """The bundled GLM-4 vocabulary (no argument or "glm-4"), the same with GLM-4.5's special tokens ("glm-4.5"), or a model's.

    A model is a directory or a hub id: any fast Hugging Face tokenizer that is byte-level or SentencePiece-style (loaded with
    transformers, never with remote code), such a tokenizer that is loaded already, or a directory with a tiktoken-style `tokenizer.model`. One with GLM-4's tags can also name the stand-ins of all recipes; in another
    vocabulary their ids may be taken. Raises TokenizerError.
    """
    if source is None or (isinstance(source, str) and source in ("glm-4", "glm-4.5")):
        return _bundled("glm-4" if source is None else str(source))
    found = read_tokenizer(source)
    return found.with_stand_ins(stand_ins()) if found.special_ids.keys() >= set(GLM_TAGS) else found


def tokenizer_for(recipe: Recipe, tokenizer: Tokenizer | None) -> Tokenizer:
    """The tokenizer that this recipe's samples are encoded with: the given one, or the bundled vocabulary that it asks for.

    Raises TokenizerError where the given one lacks special tokens that the recipe needs.
    """
    found = tokenizer or load_tokenizer(recipe.vocabulary)
    found.require(recipe.needs)
    return found.with_stand_ins(recipe.stand_ins)


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
    if recipe == CAPTURED.id:
        return CAPTURED
    known = recipes()
    if recipe not in known:
        close = ", ".join(difflib.get_close_matches(str(recipe), known, 3)) or ", ".join(known)
        raise UnknownRecipe(f"There is no recipe {recipe!r}. Did you mean: {close}?", f"没有名为 {recipe!r} 的配方。是不是：{close}？")
    return known[recipe]
