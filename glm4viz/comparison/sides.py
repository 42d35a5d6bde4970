"""Several recipes on one conversation, side by side: their samples, rows, slots, verdicts and stops."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from glm4viz.comparison.alignment import Rows, align
from glm4viz.comparison.slots import ABSENT, Codes, Slot, find_slots, states_of
from glm4viz.errors import Glm4vizError
from glm4viz.inference.parity import Parity, served_parity, takes_long
from glm4viz.layout import PARTS, Message
from glm4viz.reading.stops import stop_positions
from glm4viz.reading.thoughts import Thought, thoughts
from glm4viz.reading.verdict import RoleText, Turn, Verdict, verdict
from glm4viz.recipe import LabelledSample, Recipe


@dataclass(frozen=True)
class Sides:
    """samples: the first sample of each recipe that takes this conversation; all_samples: all of them. errors: why the others don't."""

    recipes: dict[str, Recipe]
    messages: Sequence[Message]
    all_samples: dict[str, list[LabelledSample]]
    errors: dict[str, Glm4vizError]

    @property
    def ids(self) -> tuple[str, ...]:
        """The recipes that took the conversation, in the order they were asked for."""
        return tuple(self.all_samples)

    @property
    def samples(self) -> dict[str, LabelledSample]:
        return {id: samples[0] for id, samples in self.all_samples.items()}

    @cached_property
    def rows(self) -> Rows:
        """The contents of all messages, stretch by stretch."""
        return align(self.ids, [str(message.get("content") or "").encode() for message in self.messages], self.all_samples)

    @cached_property
    def slots(self) -> list[Slot]:
        """What stands around the contents, in reading order; only slots that some recipe fills."""
        return find_slots(self.all_samples)

    @cached_property
    def verdicts(self) -> dict[str, Verdict]:
        return {id: _merged([verdict(sample) for sample in samples]) for id, samples in self.all_samples.items()}

    @cached_property
    def thoughts(self) -> dict[str, list[Thought]]:
        """By recipe, what became of each thought; where it makes several samples, in the last, which has every answer."""
        return {id: thoughts(samples[-1]) for id, samples in self.all_samples.items()}

    @cached_property
    def parity(self) -> dict[str, dict[int, Parity]]:
        """By recipe and message: is each trained answer behind what a server feeds? Nothing where no template is known, or it refuses."""
        return {id: self._parity(id, samples[-1]) for id, samples in self.all_samples.items()}

    def _parity(self, id: str, sample: LabelledSample) -> dict[int, Parity]:
        trained = {turn.message for turn in self.verdicts[id].turns if turn.trained}
        if takes_long(sample):
            return {}
        return {one.message_index: one for one in served_parity(sample) or () if one.message_index in trained}

    def left(self, id: str) -> list[Parity]:
        """The answers that leave the server's prompt."""
        return [one for one in self.parity[id].values() if not one.same]

    @cached_property
    def stop_states(self) -> Codes:
        """uint8 [recipes, messages]: the state of the token that ends each assistant message; absent for all other messages."""
        answers = np.array([message["role"] == "assistant" for message in self.messages], bool)
        found = np.zeros((len(self.ids), len(self.messages)), np.uint8)
        for r, samples in enumerate(self.all_samples.values()):
            found[r] = np.where(answers, np.max([_stop_states(sample) for sample in samples], axis=0), ABSENT)
        return found

    def equal_masks(self) -> list[list[str]]:
        """Groups of recipes that train the same text, headers, thoughts, calls and stops of this conversation, largest first."""
        groups: dict[tuple[object, ...], list[str]] = {}
        for r, id in enumerate(self.ids):
            text, stops = self.rows.states[:, r].tobytes(), self.stop_states[r].tobytes()
            around = tuple(_taught_around(slot, id) for slot in self.slots if slot.slot in ("header", "think", "call"))
            groups.setdefault((text, stops, around, b"".join(map(_rewritten, self.all_samples[id]))), []).append(id)
        return sorted(groups.values(), key=len, reverse=True)

    def agreement(self) -> npt.NDArray[np.float64]:
        """float64 [recipes, recipes]: the share of the content's bytes, 0 to 1, that have the same state under both recipes."""
        rows, at = self.rows, self.rows.stretches()
        sizes = np.add.reduceat((rows.stop - rows.start).astype(np.int64), at) if len(at) else np.zeros(0, np.int64)
        states, found = rows.states[at], np.ones((len(self.ids), len(self.ids)))
        for r in range(len(self.ids)):
            found[r] = (sizes[:, None] * (states == states[:, [r]])).sum(axis=0) / max(sizes.sum(), 1)
        return found


def _stop_states(sample: LabelledSample) -> Codes:
    """uint8 [messages]: the state of the token that ends each message."""
    at = stop_positions(sample)
    return np.where(at >= 0, states_of(sample)[at], ABSENT).astype(np.uint8) if len(sample) else np.zeros(len(at), np.uint8)


def _taught_around(slot: Slot, id: str) -> str:
    """How much of a header is trained, or what of a thought or a call; templates differ in white space, which no one reads."""
    cell = slot.cells[id]
    if slot.slot == "header":
        return "none" if not cell.trained else "all" if cell.trained == cell.tokens else "part"
    return "".join(cell.label.split())


def _rewritten(sample: LabelledSample) -> bytes:
    """What it writes in place of a content as given, with its labels: text that has no place among the rows."""
    tokens = (sample.part_codes == PARTS.index("content")) & (sample.spans[:, 0] < 0)
    return np.stack([sample.message_index, sample.input_ids, sample.labels])[:, tokens].tobytes()


def _merged(verdicts: Sequence[Verdict]) -> Verdict:
    """One verdict for all samples of a conversation: for each answer the turn of the sample that teaches it most."""
    if len(verdicts) == 1:
        return verdicts[0]
    turns = tuple(max(versions, key=_taught) for versions in zip(*(v.turns for v in verdicts), strict=True))
    roles = {role for v in verdicts for role in v.text}
    text = {role: RoleText(*np.sum([v.text.get(role, (0, 0)) for v in verdicts], axis=0).tolist()) for role in sorted(roles)}
    return Verdict(sum(v.tokens for v in verdicts), sum(v.trained for v in verdicts), sum(v.full_length for v in verdicts), turns, text)


def _taught(turn: Turn) -> tuple[int, bool, bool]:
    return turn.trained, turn.stop_trained, turn.state != "empty"
