"""What a sample teaches, counted: per turn whether it is trained and learns to stop, per message its share of the loss."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from glm4viz.layout import PARTS
from glm4viz.sample import LabelledSample

# generation_config.json of glm-4-9b-chat: the ids at which generation ends.
GENERATION_STOPS = ("<|endoftext|>", "<|user|>", "<|observation|>")

State = Literal["whole", "cut", "lost", "empty"]


class Share(NamedTuple):
    """One message's tokens, and how many labels teach it. Message -1 is what stands outside messages."""

    message: int
    role: str
    tokens: int
    trained: int


@dataclass(frozen=True, slots=True)
class Turn:
    """One assistant message.

    state: whole; cut by max_length inside; lost to it entirely; or empty, written as nothing.
    stop: position of the token that ends the turn, its own end token or else the token right after it; None if it was cut off.
    stop_name: the name of that token's label, or of the token itself if it has none.
    hands_over: another assistant message follows, so no stop is due. generation_stops: GLM-4 stops generating at it.
    """

    message: int
    tokens: int
    trained: int
    state: State
    stop: int | None
    stop_name: str
    stop_trained: bool
    hands_over: bool
    generation_stops: bool


@dataclass(frozen=True, slots=True)
class Verdict:
    """tokens and trained count the sample as cut; full_length is its length before."""

    tokens: int
    trained: int
    full_length: int
    turns: tuple[Turn, ...]

    @property
    def stops_trained(self) -> int:
        return sum(turn.stop_trained for turn in self.turns)


def verdict(sample: LabelledSample) -> Verdict:
    """The verdict on one sample, its turns in order."""
    turns = tuple(_turn(sample, m) for m, message in enumerate(sample.messages) if message["role"] == "assistant")
    return Verdict(len(sample), int(sample.trained.sum()), sample.full_length, turns)


def _turn(sample: LabelledSample, m: int) -> Turn:
    own = np.flatnonzero(sample.message_index == m)
    full = int(sample.full_sizes[m])
    state: State = "empty" if not full else "lost" if not len(own) else "cut" if len(own) < full else "whole"
    stop = _stop(sample, own) if state == "whole" else None
    name, stop_trained = "", False
    if stop is not None:
        stop_trained = bool(sample.trained[stop])
        shown = sample.labels[stop] if stop_trained else sample.input_ids[stop]
        name = sample.tokenizer.token_bytes(shown).decode("utf-8", "backslashreplace")
    following = next((i for i in range(m + 1, len(sample.messages)) if sample.full_sizes[i]), None)
    return Turn(
        message=m,
        tokens=len(own),
        trained=int((sample.owner == m).sum()),
        state=state,
        stop=stop,
        stop_name=name,
        stop_trained=stop_trained,
        hands_over=following is not None and sample.messages[following]["role"] == "assistant",
        generation_stops=name in GENERATION_STOPS,
    )


def _stop(sample: LabelledSample, own: npt.NDArray[np.intp]) -> int | None:
    ends = own[sample.part_codes[own] == PARTS.index("stop")]
    if len(ends):
        return int(ends[-1])
    return int(own[-1]) + 1 if own[-1] + 1 < len(sample) else None


def shares(sample: LabelledSample) -> list[Share]:
    """Tokens and labels of every message, then of what stands outside messages. Labels go to the message they teach."""
    count = len(sample.messages)
    tokens = np.bincount(sample.message_index % (count + 1), minlength=count + 1)
    trained = np.bincount(sample.owner[sample.trained] % (count + 1), minlength=count + 1)
    roles = [str(message["role"]) for message in sample.messages] + [""]
    index = [*range(count), -1]
    return [Share(m, role, int(t), int(n)) for m, role, t, n in zip(index, roles, tokens, trained, strict=True)]
