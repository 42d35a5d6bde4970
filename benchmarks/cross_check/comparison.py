"""What glm4viz makes of the conversations, held against what a peer answered."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import glm4viz
from benchmarks.cross_check.conversations import Given
from glm4viz.errors import RecipeRejects

Answer = dict[str, Any]  # {"ids", "labels"}, or {"error"}
AROUND = 6  # tokens shown on each side of a difference


@dataclass(slots=True)
class Outcome:
    """How many conversations came out how, and the first of each kind of disagreement, in words."""

    equal: int = 0
    different: int = 0
    refused_by_both: int = 0
    refused_by_peer: int = 0
    refused_by_glm4viz: int = 0
    first: dict[str, str] = field(default_factory=dict)
    errors: Counter[str] = field(default_factory=Counter)  # the peer's, by kind, where both refuse

    @property
    def agrees(self) -> bool:
        return not (self.different or self.refused_by_peer or self.refused_by_glm4viz)


def answer(given: Given, recipe: str) -> Answer:
    """glm4viz's own, in the form of a peer's."""
    try:
        sample = glm4viz.label(given.messages, recipe, tools=given.tools)
    except RecipeRejects as refused:
        return {"error": str(refused)}
    return {"ids": sample.input_ids.tolist(), "labels": sample.labels.tolist()}


def compared(ours: Sequence[Answer], theirs: Sequence[Answer]) -> Outcome:
    """Conversation by conversation; both in the same order."""
    outcome = Outcome()
    for number, (mine, other) in enumerate(zip(ours, theirs, strict=True)):
        kind = kind_of(mine, other)
        setattr(outcome, kind, getattr(outcome, kind) + 1)
        if kind == "refused_by_both":
            outcome.errors[other["error"].split(":")[0]] += 1
        elif kind != "equal":
            outcome.first.setdefault(kind, f"conversation {number}: {difference(mine, other)}")
    return outcome


def kind_of(mine: Answer, other: Answer) -> str:
    """The name of the field of Outcome that counts this pair."""
    refused = "error" in mine, "error" in other
    if any(refused):
        return "refused_by_both" if all(refused) else "refused_by_glm4viz" if refused[0] else "refused_by_peer"
    return "equal" if mine == other else "different"


def difference(mine: Answer, other: Answer) -> str:
    """The first difference: which token, and both texts around it; or the error of the side that refused."""
    for side, one in (("glm4viz", mine), ("peer", other)):
        if "error" in one:
            return f"{side} refuses it: {one['error']}"
    for what in ("ids", "labels"):
        a, b = mine[what], other[what]
        if a == b:
            continue
        shared = min(len(a), len(b))
        at = next((i for i in range(shared) if a[i] != b[i]), shared)
        if what == "labels":
            return f"token {at} is {trained(a[at])} in glm4viz and {trained(b[at])} in the peer: {shown(mine['ids'], at)}"
        return f"at token {at} glm4viz has {shown(a, at)}, the peer {shown(b, at)}"
    raise ValueError("These two are equal.")


def trained(label: int) -> str:
    return "not trained" if label == glm4viz.IGNORE else f"trained as {text_of([label])!r}"


def shown(ids: Sequence[int], at: int) -> str:
    """The text around a token, which stands behind a mark."""
    before, after = text_of(ids[max(0, at - AROUND) : at]), text_of(ids[at : at + AROUND])
    return repr(f"{before}▸{after}")


def text_of(ids: Sequence[int]) -> str:
    tokenizer = glm4viz.load_tokenizer("glm-4.5")
    return b"".join(tokenizer.token_bytes(i) for i in ids).decode("utf-8", "replace")
