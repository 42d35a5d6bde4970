"""Several recipes on one conversation, side by side: what each of them trains, aligned by the bytes of the messages' contents.

Systems cut the same text into different tokens, so tokens can't be laid side by side. Bytes can: a row is a stretch of one
message's content that no recipe's token boundary divides. What is not content (tags, headers, ends) stands in slots.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, overload

import numpy as np
import numpy.typing as npt

from glm4viz.comparison.differences import describe
from glm4viz.comparison.slots import ABSENT, STATES, Codes, Slot, find_slots, states_of
from glm4viz.conversation import Conversation, check_messages
from glm4viz.errors import Glm4vizError, RecipeRejects
from glm4viz.labelling.single import label_all
from glm4viz.layout import PARTS, Message
from glm4viz.reading.stops import stop_positions
from glm4viz.reading.verdict import RoleText, Turn, Verdict, verdict
from glm4viz.recipe import LabelledSample, MaxLength, Recipe
from glm4viz.systems.registry import get_recipe, load_tokenizer
from glm4viz.tokenizer import Ids, Tokenizer


class Row(NamedTuple):
    """Bytes start … stop - 1 of one message's content, and their state under each recipe."""

    message: int
    start: int
    stop: int
    bytes: bytes
    states: dict[str, str]

    @property
    def text(self) -> str:
        return self.bytes.decode("utf-8", "backslashreplace")


@dataclass(frozen=True)
class Rows(Sequence[Row]):
    """All rows in reading order, kept as columns: message, start, stop int32 [rows]; states uint8 [rows, recipes], codes of STATES.

    tokens int32 [rows, recipes]: the token that holds the row, counted through all samples of the recipe; -1 where absent.
    """

    ids: tuple[str, ...]
    contents: tuple[bytes, ...]
    message: Ids
    start: Ids
    stop: Ids
    states: Codes
    tokens: Ids

    def __len__(self) -> int:
        return len(self.message)

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> list[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | list[Row]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        m, start, stop = int(self.message[index]), int(self.start[index]), int(self.stop[index])
        states = {id: STATES[code] for id, code in zip(self.ids, self.states[index].tolist(), strict=True)}
        return Row(m, start, stop, self.contents[m][start:stop], states)

    def __iter__(self) -> Iterator[Row]:
        return (self[i] for i in range(len(self)))

    def stretches(self) -> npt.NDArray[np.intp]:
        """The rows at which the message or any state changes: between two of them all is alike."""
        if not len(self):
            return np.zeros(0, np.intp)
        alike = (self.message[1:] == self.message[:-1]) & (self.states[1:] == self.states[:-1]).all(axis=1)
        return np.flatnonzero(np.concatenate([[True], ~alike]))


@dataclass(frozen=True)
class Comparison:
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
        return _align(self.ids, [str(message["content"] or "").encode() for message in self.messages], self.all_samples)

    @cached_property
    def slots(self) -> list[Slot]:
        """What stands around the contents, in reading order; only slots that some recipe fills."""
        return find_slots(self.all_samples)

    @cached_property
    def verdicts(self) -> dict[str, Verdict]:
        return {id: _merged([verdict(sample) for sample in samples]) for id, samples in self.all_samples.items()}

    @cached_property
    def stop_states(self) -> Codes:
        """uint8 [recipes, messages]: the state of the token that ends each assistant message; absent for all other messages."""
        answers = np.array([message["role"] == "assistant" for message in self.messages], bool)
        found = np.zeros((len(self.ids), len(self.messages)), np.uint8)
        for r, samples in enumerate(self.all_samples.values()):
            found[r] = np.where(answers, np.max([_stop_states(sample) for sample in samples], axis=0), ABSENT)
        return found

    def equal_masks(self) -> list[list[str]]:
        """Groups of recipes that train the same text and the same stops of this conversation, largest first."""
        groups: dict[bytes, list[str]] = {}
        for r, id in enumerate(self.ids):
            text, stops = self.rows.states[:, r].tobytes(), self.stop_states[r].tobytes()
            groups.setdefault(text + stops + b"".join(map(_rewritten, self.all_samples[id])), []).append(id)
        return sorted(groups.values(), key=len, reverse=True)

    def agreement(self) -> npt.NDArray[np.float64]:
        """float64 [recipes, recipes]: the share of the content's bytes, 0 to 1, that have the same state under both recipes."""
        rows, at = self.rows, self.rows.stretches()
        sizes = np.add.reduceat((rows.stop - rows.start).astype(np.int64), at) if len(at) else np.zeros(0, np.int64)
        states, found = rows.states[at], np.ones((len(self.ids), len(self.ids)))
        for r in range(len(self.ids)):
            found[r] = (sizes[:, None] * (states == states[:, [r]])).sum(axis=0) / max(sizes.sum(), 1)
        return found

    def sentences(self, language: str = "en") -> list[str]:
        """What the recipes after the first do otherwise than the first, and what any of them edits or drops. Names of tokens stand in backticks."""
        return [text[language] for text in describe(self)]


def compare(
    messages: Conversation | Sequence[Message],
    recipe_ids: Sequence[str | Recipe],
    tokenizer: Tokenizer | None = None,
    max_length: MaxLength = None,
) -> Comparison:
    """Label one conversation with each recipe. A recipe that rejects it is in `errors`; a malformed conversation raises.

    `max_length` means to each system what it calls so; a pair (question, answer) is for others its sum + 1, as GLM-4's limit is,
    and one number is shared out in halves where a pair is needed.
    """
    tok, checked = tokenizer or load_tokenizer(), check_messages(messages)
    chosen = {recipe.id: recipe for recipe in map(get_recipe, recipe_ids)}
    taken: dict[str, list[LabelledSample]] = {}
    errors: dict[str, Glm4vizError] = {}
    for id, recipe in chosen.items():
        try:
            taken[id] = label_all(checked, recipe, tok, limit_for(recipe, max_length))
        except RecipeRejects as error:
            errors[id] = error
    return Comparison(chosen, checked, taken, errors)


def limit_for(recipe: Recipe, max_length: MaxLength) -> MaxLength:
    """The limit as this recipe takes it: a number, or a pair."""
    if isinstance(max_length, int) and recipe.max_length_pair:
        return max(max_length // 2, 1), max((max_length - 1) // 2, 1)
    if isinstance(max_length, tuple | list) and not recipe.max_length_pair:
        return sum(max_length) + 1
    return max_length


# Contents -------------------------------------------------------------------------------------------------------------


def _align(ids: tuple[str, ...], contents: list[bytes], all_samples: Mapping[str, list[LabelledSample]]) -> Rows:
    """Cut the contents, laid end to end, at every token boundary of every recipe; then look up who holds each piece."""
    ends = np.cumsum([len(content) for content in contents], dtype=np.int64)
    bases = np.concatenate([[0], ends])
    held = [[_holds(sample, bases) for sample in samples] for samples in all_samples.values()]
    is_cut = np.zeros(int(bases[-1]) + 1, bool)
    is_cut[bases] = True
    for start, stop, _ in (part for parts in held for part in parts):
        is_cut[start] = is_cut[stop] = True
    cuts = np.flatnonzero(is_cut)
    starts, stops = cuts[:-1], cuts[1:]
    message = np.searchsorted(ends, starts, side="right")
    states, tokens = np.zeros((len(starts), len(ids)), np.uint8), np.full((len(starts), len(ids)), -1, np.int32)
    for r, id in enumerate(ids):
        first = 0
        for sample, (start, stop, token) in zip(all_samples[id], held[r], strict=True):
            at = np.searchsorted(start, starts, side="right") - 1
            found = (at >= 0) & (stop[at] > starts) if len(start) else np.zeros(len(starts), bool)
            here = np.where(found, token[at], 0) if len(start) else np.zeros(len(starts), np.int64)
            state = np.where(found, states_of(sample)[here], ABSENT) if len(sample) else np.zeros(len(starts), np.uint8)
            better = state > states[:, r]
            states[better, r], tokens[better, r] = state[better], here[better] + first
            first += len(sample)
    origin = bases[message]
    return Rows(
        ids,
        tuple(contents),
        message.astype(np.int32),
        (starts - origin).astype(np.int32),
        (stops - origin).astype(np.int32),
        states,
        tokens,
    )


def _holds(sample: LabelledSample, bases: npt.NDArray[np.int64]) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]:
    """start, stop and token, sorted: which bytes of the contents, laid end to end, each token holds."""
    token = np.flatnonzero(sample.spans[:, 0] >= 0)
    span, origin = sample.spans[token], bases[sample.message_index[token]]
    start, stop = span[:, 0] + origin, span[:, 1] + origin
    # Where contents are joined without anything between, a token may hold the end of one and the beginning of the next.
    after = np.minimum(token + 1, len(sample) - 1)
    into = (sample.message_index[after] != sample.message_index[token]) & (sample.spans[after, 0] > 0)
    into &= sample.tokenizer.token_sizes(sample.input_ids[token]) - (stop - start) == sample.spans[after, 0]
    begin = bases[sample.message_index[after[into]]]
    start, stop = np.append(start, begin), np.append(stop, begin + sample.spans[after[into], 0])
    token = np.append(token, token[into])
    order = np.argsort(start, kind="stable")
    return start[order], stop[order], token[order]


# Stops and verdicts ---------------------------------------------------------------------------------------------------


def _stop_states(sample: LabelledSample) -> Codes:
    """uint8 [messages]: the state of the token that ends each message."""
    at = stop_positions(sample)
    return np.where(at >= 0, states_of(sample)[at], ABSENT).astype(np.uint8) if len(sample) else np.zeros(len(at), np.uint8)


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
