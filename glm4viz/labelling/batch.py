"""label_batch: thousands of conversations through the same engine, encoded in one call."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter
from typing import Any

import numpy as np

from glm4viz.conversation import ROLES, Chat, Conversation
from glm4viz.errors import Glm4vizError
from glm4viz.forms import Given, take
from glm4viz.labelling.engine import Entries, Frame, cut_right, encode, lay_out
from glm4viz.labelling.single import label_all
from glm4viz.recipe import LabelledSample, MaxLength, Recipe, check_max_length
from glm4viz.systems.captured import CAPTURED
from glm4viz.systems.registry import DEFAULT, get_recipe, tokenizer_for
from glm4viz.tokenizer import Ids, Offsets, Tokenizer

ROLE, CONTENT = itemgetter("role"), itemgetter("content")
BLOCK = 512  # conversations that are tried at once; one that isn't plain slows down only its block
PROBE = "\N{OBJECT REPLACEMENT CHARACTER}"


@dataclass(frozen=True, eq=False)
class Batch:
    """input_ids, labels int32 [N] flat; row i is offsets[i] … offsets[i + 1] - 1; offsets int64 [rows + 1].

    source int64 [rows]: the conversation a row came from. errors: {conversation index: exception}; those have no row.
    """

    input_ids: Ids
    labels: Ids
    offsets: Offsets
    source: Offsets
    errors: dict[int, Exception]
    _again: tuple[Sequence[Any], Recipe, Tokenizer, MaxLength]

    def __len__(self) -> int:
        return len(self.source)

    @property
    def recipe(self) -> Recipe:
        """The recipe that made the rows."""
        return self._again[1]

    def __getitem__(self, row: int) -> LabelledSample:
        """The row with all its columns, labelled anew from its conversation."""
        row = range(len(self))[row]
        conversations, recipe, tokenizer, max_length = self._again
        source = int(self.source[row])
        nth = row - int(np.searchsorted(self.source, source))
        return label_all(conversations[source], recipe, tokenizer, max_length)[nth]


def label_batch(
    conversations: Iterable[Given],
    recipe: str | Recipe = DEFAULT,
    tokenizer: Tokenizer | None = None,
    max_length: MaxLength = None,
    *,
    tools: Iterable[Sequence[Any] | None] | None = None,
) -> Batch:
    """`label_all` for many conversations: the same arrays, flat. A conversation that fails has no row but an error.

    `tools`: for each conversation its own, where they don't stand in a record or Conversation.

    >>> short = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "你好！"}]
    >>> broken = [{"role": "user"}]
    >>> batch = label_batch([short, broken, short * 2])
    >>> batch.offsets.tolist(), batch.source.tolist()  # two rows, of conversations 0 and 2
    ([0, 10, 27], [0, 2])
    >>> print(batch.errors[1])
    messages[0].content is missing. Add it; an empty text ("") is allowed.
    >>> bool((batch[1].labels == batch.labels[10:27]).all())
    True
    """
    found = get_recipe(recipe)
    tok = tokenizer_for(found, tokenizer)
    whole = found.form != "glm4" or found.id == CAPTURED.id
    given: list[Any] = [c.messages if isinstance(c, Conversation) and not whole else c for c in conversations]
    if tools is not None:
        given = [one if own is None else Chat(list(one), own) for one, own in zip(given, tools, strict=True)]
    check_max_length(found, max_length)
    errors: dict[int, Exception] = {}
    if found.fit is not None or found.id == CAPTURED.id:
        return _one_by_one(found, tok, given, max_length, errors)
    entries, source = _collect(found, tok, given, errors)
    try:
        rows, labels, _ = encode(entries, found, tok)
    except UnicodeEncodeError:
        # Half a character somewhere, be it in a tool's name: find whose it is, and do the others.
        errors = {i: error for i, one in enumerate(given) if (error := _fault_of(one, found, tok))}
        entries, source = _collect(found, tok, given, errors)
        rows, labels, _ = encode(entries, found, tok)
    ids, offsets = rows.ids, rows.offsets
    if isinstance(max_length, int):
        keep, offsets = cut_right(offsets, max_length)
        ids, labels = ids[keep], labels[keep]
    return Batch(ids, labels, offsets, np.array(source, np.int64), errors, (given, found, tok, max_length))


def _fault_of(conversation: Any, recipe: Recipe, tokenizer: Tokenizer) -> Glm4vizError | None:
    try:
        label_all(conversation, recipe, tokenizer)
    except Glm4vizError as error:
        return error
    return None


def _one_by_one(recipe: Recipe, tokenizer: Tokenizer, given: Sequence[Any], max_length: MaxLength, errors: dict[int, Exception]) -> Batch:
    """For recipes that judge every sample by itself."""
    samples, source = [], []
    for i, conversation in enumerate(given):
        try:
            made = label_all(conversation, recipe, tokenizer, max_length)
        except Glm4vizError as error:
            errors[i] = error
            continue
        samples += made
        source += [i] * len(made)
    ids, labels = ([getattr(sample, name) for sample in samples] for name in ("input_ids", "labels"))
    offsets = np.cumsum([0, *map(len, samples)], dtype=np.int64)
    none = [np.empty(0, np.int32)]
    again = (given, recipe, tokenizer, max_length)
    return Batch(np.concatenate(ids or none), np.concatenate(labels or none), offsets, np.array(source, np.int64), errors, again)


def _collect(recipe: Recipe, tokenizer: Tokenizer, given: Sequence[Any], errors: dict[int, Exception]) -> tuple[Entries, list[int]]:
    """The entries of all conversations that are not in `errors`, adding to `errors` those that fail."""
    entries, source = Entries(), []
    plain = _plain(recipe, tokenizer, entries) if recipe.independent else None
    todo = [i for i in range(len(given)) if i not in errors]
    for start in range(0, len(todo), BLOCK):
        block = todo[start : start + BLOCK]
        conversations = [given[i] for i in block]
        if plain is not None and plain.add_rows(conversations, entries):
            source += block
            continue
        for i, messages in zip(block, conversations, strict=True):
            if plain is not None and plain.add_rows([messages], entries):
                source.append(i)
                continue
            try:
                taken = take(messages, recipe.form)
                for pieces in lay_out(recipe, taken.messages, tokenizer, taken.tools):
                    entries.add_row(pieces)
                    source.append(i)
            except Glm4vizError as error:
                errors[i] = error
    return entries, source


@dataclass(frozen=True, slots=True)
class _Plain:
    """How a recipe writes messages that hold a role and a text and nothing else: almost all messages there are.

    Found by having the recipe write a probe, so it can't differ from what the recipe says. `glue` is text that is encoded
    together with the content; then a special token's name in the content needs the recipe itself.
    """

    before: int
    after: int
    codes: dict[str, int]
    glue: str
    tokenizer: Tokenizer

    def add_rows(self, conversations: Sequence[Any], entries: Entries) -> bool:
        """Adds a row for each conversation; False, and nothing added, if any message of any of them isn't plain."""
        try:
            # map over C functions: this is most of what a batch costs beside the encoding.
            sizes = np.fromiter(map(len, conversations), np.int64, len(conversations))
            messages = list(chain.from_iterable(conversations))
            codes = np.frombuffer(bytes(map(self.codes.__getitem__, map(ROLE, messages))), np.uint8)
            texts = list(map(CONTENT, messages))
            # Two keys are exactly role and content; an empty content is left to the recipe, which may write nothing at all.
            if {*map(len, messages)} != {2} or {*map(type, texts)} != {str} or not all(texts) or not sizes.all():
                return False
        except (KeyError, TypeError):
            return False
        if self.glue:
            texts = [self.glue + text for text in texts]
            if any(map(self.tokenizer.specials_pattern.search, texts)):
                return False
        # before, the messages, after; and so on for every row
        whole = np.full(len(codes) + 2 * len(sizes), self.after, np.uint16)
        first = np.cumsum(sizes + 2) - sizes - 2
        whole[first] = self.before
        whole[np.arange(len(codes)) + np.repeat(2 * np.arange(len(sizes)) + 1, sizes)] = codes
        entries.codes.frombytes(whole.tobytes())
        entries.row_sizes += (sizes + 2).tolist()
        entries.texts += texts
        return True


def _plain(recipe: Recipe, tokenizer: Tokenizer, entries: Entries) -> _Plain:
    codes = {}
    for role in ROLES:
        (row,) = lay_out(recipe, [{"role": role, "content": PROBE}], tokenizer)
        own = [i for i, piece in enumerate(row) if piece.segments[0].message == 0]
        runs = row[: own[0]], row[own[0] : own[-1]], row[own[-1] + 1 :]
        before, head, after = (tuple(i for p in run for i in ([p.token] if p.token >= 0 else tokenizer.encode(p.text))) for run in runs)
        body = row[own[-1]]
        codes[role] = entries.code(Frame(head, True, body.mask))
    return _Plain(
        before=entries.code(Frame(before, False, False)),
        after=entries.code(Frame(after, False, False)),
        codes=codes,
        glue=body.text.removesuffix(PROBE),
        tokenizer=tokenizer,
    )
