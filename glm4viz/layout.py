"""What a recipe writes: special tokens and texts in order, each with its place in the conversation and its mask.

A recipe says *what goes where*; the engine encodes it. Nothing here knows a token id but those of special tokens.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from glm4viz.conversation import Message as Message  # recipes take it from here, with the rest of what they need
from glm4viz.tokenizer import Ids, Tokenizer, Traced

# The last three are GLM-4.5's and later: a thought with its tags, the markup and name of a call, and a call's arguments.
PARTS = ("prefix", "role_tag", "metadata", "newline", "content", "tools", "separator", "stop", "padding", "think", "tool_call", "arguments")


PART_CODES = {part: code for code, part in enumerate(PARTS)}


class Segment(NamedTuple):
    """Text of one part of one message. `start` is its byte offset in the message's content, -1 where it isn't content."""

    part: str
    text: str
    message: int = -1
    start: int = -1


class Made(NamedTuple):
    """A piece's tokens, already encoded. mask bool [T]; owners int32 [T]: the message that each one's label teaches, -1 for none."""

    traced: Traced
    mask: npt.NDArray[np.bool_]
    owners: Ids


class Piece(NamedTuple):
    """Segments that become tokens together: one special token (`token` ≥ 0), or text that is encoded as one string (-1).

    `mask` is GLM-4's loss_mask: does the training script mark these tokens? `label` replaces the first token's label.
    `owner` is the message that its labels teach, if that isn't the message it stands in. `weight` is what its labels count in the loss.
    `made`: the tokens, where the recipe or a tokenizer that rewrites text has encoded them; they have masks and owners of their own.
    """

    token: int
    segments: tuple[Segment, ...]
    mask: bool
    label: int | None = None
    owner: int | None = None
    weight: float = 1.0
    made: Made | None = None

    @property
    def text(self) -> str:
        return "".join(segment.text for segment in self.segments)


@dataclass(frozen=True, slots=True)
class Writer:
    """Collects the pieces of one conversation; `rows` has a list of pieces for each sample made of it.

    `tools` are the conversation's, for recipes that take OpenAI's form; GLM-4's form has them in its messages.
    """

    tokenizer: Tokenizer
    tools: Sequence[Any] | None = None
    rows: list[list[Piece]] = field(default_factory=lambda: [[]])

    def special(
        self,
        name: str,
        part: str,
        *,
        message: int = -1,
        mask: bool = False,
        label: str | None = None,
        owner: int | None = None,
        weight: float = 1.0,
    ) -> None:
        """One special or stand-in token by its name; `label` names another one as its label."""
        id_of = self.tokenizer.named_id
        piece = Piece(id_of(name), (Segment(part, name, message),), mask, None if label is None else id_of(label), owner, weight)
        self.rows[-1].append(piece)

    def text(
        self,
        *segments: Segment,
        mask: bool = False,
        specials: bool | Collection[str] = False,
        owner: int | None = None,
        weight: float = 1.0,
    ) -> None:
        """Segments encoded as one string. Names inside it become special tokens: all that the tokenizer has, or those in `specials`."""
        text = "".join(segment.text for segment in segments)
        if not text:
            return
        if not specials:
            self.rows[-1].append(Piece(-1, segments, mask, None, owner, weight))
            return
        names = None if specials is True else frozenset(specials or ())
        at = 0
        for special, part in self.tokenizer.split_specials(text, names):
            token = self.tokenizer.named_id(part) if special else -1
            self.rows[-1].append(Piece(token, cut(segments, at, at + len(part)), mask, None, owner, weight))
            at += len(part)

    def next_sample(self) -> None:
        """What follows belongs to another sample."""
        self.rows.append([])


def cut(segments: Sequence[Segment], start: int, stop: int) -> tuple[Segment, ...]:
    """The segments of characters start … stop - 1 of the joined text."""
    cut, at = [], 0
    for segment in segments:
        text = segment.text[max(start - at, 0) : max(stop - at, 0)]
        if text:
            before = len(segment.text[: max(start - at, 0)].encode())
            cut.append(segment._replace(text=text, start=segment.start + before if segment.start >= 0 else -1))
        at += len(segment.text)
    return tuple(cut)
