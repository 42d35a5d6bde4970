"""What a sample teaches, counted: per turn whether it is trained and learns to stop, per message its share of the loss."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from glm4viz.conversation import ALL_ROLES
from glm4viz.layout import PARTS
from glm4viz.reading.stops import stop_positions
from glm4viz.recipe import LabelledSample

State = Literal["whole", "cut", "lost", "empty"]


class Share(NamedTuple):
    """One message's tokens, how many labels teach it, and what these weigh together. Message -1 is what stands outside messages."""

    message: int
    role: str
    tokens: int
    trained: int
    weight: float


class RoleText(NamedTuple):
    """What one role's messages say, in tokens of their contents, and how many of these are trained."""

    tokens: int
    trained: int


@dataclass(frozen=True, slots=True)
class Turn:
    """One assistant message.

    state: whole; cut by max_length inside; lost to it entirely; or empty, written as nothing.
    stop: position of the token that ends the turn, its own end token or else the token right after it; None if it was cut off.
    stop_name: the name of that token's label, or of the token itself if it has none.
    first: position of its first token, None if it has none.
    hands_over: another assistant message follows, so no stop is due. generation_stops: the model stops generating at it.
    """

    message: int
    tokens: int
    trained: int
    state: State
    first: int | None
    stop: int | None
    stop_name: str
    stop_trained: bool
    hands_over: bool
    generation_stops: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """tokens and trained count the sample as cut; full_length is its length before. text: by role, for roles that have any."""

    tokens: int
    trained: int
    full_length: int
    turns: tuple[Turn, ...]
    text: Mapping[str, RoleText] = field(default_factory=dict)

    @property
    def stops_trained(self) -> int:
        return sum(turn.stop_trained for turn in self.turns)


def verdict(sample: LabelledSample) -> Verdict:
    """The verdict on one sample, its turns in order."""
    trained, following, stops = _labels_owned(sample), _next_written(sample), stop_positions(sample).tolist()
    turns = tuple(
        _turn(sample, m, own, trained[m], following[m], stops[m])
        for m, (message, own) in enumerate(zip(sample.messages, positions(sample), strict=True))
        if message["role"] == "assistant"
    )
    return Verdict(len(sample), int(sample.trained.sum()), sample.full_length, turns, _text(sample))


def _text(sample: LabelledSample) -> dict[str, RoleText]:
    content = sample.part_codes == PARTS.index("content")
    roles, trained = sample.roles[content], sample.trained[content]
    return {role: RoleText(int((roles == role).sum()), int(trained[roles == role].sum())) for role in ALL_ROLES if (roles == role).any()}


def positions(sample: LabelledSample) -> list[npt.NDArray[np.intp]]:
    """The positions of each message's tokens; one pass over the sample, however many messages it has."""
    order = np.argsort(sample.message_index, kind="stable")
    edges = np.searchsorted(sample.message_index[order], np.arange(len(sample.messages) + 1))
    return [order[start:stop] for start, stop in pairwise(edges.tolist())]


def _labels_owned(sample: LabelledSample) -> list[int]:
    owners = sample.owner[sample.owner >= 0]
    counts: list[int] = np.bincount(owners, minlength=len(sample.messages)).tolist()
    return counts


def _next_written(sample: LabelledSample) -> list[int | None]:
    """For each message the next one that is written at all."""
    found: list[int | None] = []
    following: int | None = None
    for m in reversed(range(len(sample.messages))):
        found.append(following)
        following = m if sample.full_sizes[m] else following
    return found[::-1]


def _turn(sample: LabelledSample, m: int, own: npt.NDArray[np.intp], trained: int, following: int | None, end: int) -> Turn:
    full = int(sample.full_sizes[m])
    state: State = "empty" if not full else "lost" if not len(own) else "cut" if len(own) < full else "whole"
    stop = end if end >= 0 else None
    name, stop_trained = "", False
    if stop is not None:
        stop_trained = bool(sample.trained[stop])
        shown = sample.labels[stop] if stop_trained else sample.input_ids[stop]
        name = sample.tokenizer.token_bytes(shown).decode("utf-8", "backslashreplace")
    return Turn(
        message=m,
        tokens=len(own),
        trained=trained,
        state=state,
        first=int(own[0]) if len(own) else None,
        stop=stop,
        stop_name=name,
        stop_trained=stop_trained,
        hands_over=following is not None and sample.messages[following]["role"] == "assistant",
        generation_stops=name in sample.recipe.stops,
    )


def shares(sample: LabelledSample) -> list[Share]:
    """Tokens and labels of every message, then of what stands outside messages. Labels go to the message they teach."""
    count = len(sample.messages)
    tokens = np.bincount(sample.message_index % (count + 1), minlength=count + 1)
    trained = np.bincount(sample.owner[sample.trained] % (count + 1), minlength=count + 1)
    weights = np.bincount(sample.owner[sample.trained] % (count + 1), sample.weights[sample.trained], minlength=count + 1)
    roles = [str(message["role"]) for message in sample.messages] + [""]
    index = [*range(count), -1]
    columns = zip(index, roles, tokens.tolist(), trained.tolist(), weights.tolist(), strict=True)
    return [Share(m, role, t, n, w) for m, role, t, n, w in columns]
