"""What tells recipes apart on one conversation, as sentences: the first recipe is what the others are held against."""

from collections.abc import Iterator

from glm4viz.comparison.edits import of_edits, of_samples_and_limits
from glm4viz.comparison.sentences import Fact, code, say
from glm4viz.comparison.sides import Sides
from glm4viz.comparison.taught import of_answers, of_foreign_stops, of_headers, of_roles, of_stops
from glm4viz.comparison.thinking import of_calls, of_lost_calls, of_own_thoughts, of_served, of_thoughts
from glm4viz.texts import Text, listed


def describe(c: Sides) -> list[Text]:
    """All sentences, the weightiest differences first. What can be said of several recipes is said once."""
    if not c.ids:
        return []
    first, *others = c.ids
    facts: list[Fact] = []
    for topic in (of_answers, of_stops, of_thoughts, of_calls, of_roles, of_headers):
        for id in others:
            facts += topic(c, first, id)
    for topic_of_one in (of_served, of_foreign_stops, of_own_thoughts, of_lost_calls, of_edits, of_samples_and_limits):
        for id in c.ids:
            facts += topic_of_one(c, id)
    merged: list[tuple[Fact, list[str]]] = []
    for fact in facts:
        names = next((ids for other, ids in merged if (other.key, other.values) == (fact.key, fact.values)), None)
        if names is None:
            merged.append((fact, names := []))
        names.append(name_of(c, fact.id))
    about_first = {"first": name_of(c, first)}
    return [*_equal(c), *(say(fact.key, len(names), name=listed(names), **about_first, **fact.values) for fact, names in merged)]


def _equal(c: Sides) -> Iterator[Text]:
    groups = [group for group in c.equal_masks() if len(group) > 1]
    if groups and len(groups[0]) == len(c.ids):
        yield say("all_equal", total=len(c.ids))
    else:
        yield from (say("equal", names=listed([name_of(c, id) for id in group])) for group in groups)


def name_of(c: Sides, id: str) -> str:
    """The system, where no other recipe here is of the same one; else the recipe's id."""
    system = c.recipes[id].system
    return system if sum(recipe.system == system for recipe in c.recipes.values()) == 1 else code(id)
