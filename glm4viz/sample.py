"""LabelledSample: one conversation as one recipe would train on it, a column per question one can ask of a token."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from glm4viz.conversation import Conversation, check_messages, find_surrogate, surrogate_error
from glm4viz.engine import Entries, encode, lay_out
from glm4viz.errors import SeveralSamples
from glm4viz.layout import PARTS, Message, Piece, Segment
from glm4viz.recipe import IGNORE, Mask, Recipe
from glm4viz.recipes import DEFAULT, get_recipe
from glm4viz.tokenizer import Ids, Tokenizer, load_tokenizer

if TYPE_CHECKING:
    import pandas

MaxLength = int | tuple[int, int] | None
Strings = npt.NDArray[np.str_]


@dataclass(frozen=True, eq=False)
class LabelledSample:
    """All arrays have one entry per token, T in all; never padded.

    input_ids, labels int32 [T]: aligned; a label is the target for the token at its own position, IGNORE (-100) means no loss.
    message_index int32 [T]: the message a token sits in, -1 outside any.
    owner int32 [T]: the message whose generation the label teaches, -1 where masked.
    part_codes uint8 [T]: index in layout.PARTS; a token over two parts has that of its first byte.
    spans int32 [T, 2]: bytes start … stop - 1 of the message's content that the token holds, (-1, -1) where it holds none.
    """

    recipe: Recipe
    tokenizer: Tokenizer
    messages: Sequence[Message]
    input_ids: Ids
    labels: Ids
    message_index: Ids
    owner: Ids
    part_codes: npt.NDArray[np.uint8]
    spans: Ids
    pieces: Ids  # int32 [T]: tokens with the same number were encoded together
    full_sizes: Ids  # int32 [messages + 1]: tokens of each message before max_length cut; last: those outside messages

    def __len__(self) -> int:
        return len(self.input_ids)

    @property
    def full_length(self) -> int:
        """Tokens before max_length cut the tail off."""
        return int(self.full_sizes.sum())

    @property
    def trained(self) -> Mask:
        """bool [T]: does the token carry a label?"""
        return np.not_equal(self.labels, IGNORE)

    @property
    def targets(self) -> Ids:
        """int32 [T]: labels shifted left by one, what each position is trained to predict. The last is IGNORE."""
        return np.append(self.labels[1:], np.int32(IGNORE)).astype(np.int32)

    @property
    def roles(self) -> Strings:
        """str [T]: the role of the message a token sits in, "" outside."""
        return np.array([*(str(m["role"]) for m in self.messages), ""])[self.message_index]

    @property
    def parts(self) -> Strings:
        """str [T]: one of layout.PARTS."""
        return np.array(PARTS)[self.part_codes]

    @property
    def warnings(self) -> list[str]:
        """What the system would say at set-up."""
        return list(self.recipe.warnings)

    def take(self, positions: npt.NDArray[np.integer[Any]]) -> "LabelledSample":
        """The sample with only the tokens at `positions`, in that order."""
        columns = ("input_ids", "labels", "message_index", "owner", "part_codes", "spans", "pieces")
        return replace(self, **{name: getattr(self, name)[positions] for name in columns})

    @cached_property
    def token_bytes(self) -> list[bytes]:
        """The bytes of each token; joined they are the text that was rendered."""
        return self.tokenizer.all_bytes(self.input_ids)

    def table(self) -> "pandas.DataFrame":
        """One row per token: position, id, token, bytes, role, message, part, trained, label, target, owner."""
        import pandas as pd

        # Far fewer different tokens than tokens: each is decoded once.
        ids, which = np.unique(self.input_ids, return_inverse=True)
        known = self.tokenizer.all_bytes(ids)
        texts = pd.Series([b.decode("utf-8", "backslashreplace") for b in known], dtype="str")
        hexes = pd.Series([b.hex(" ") for b in known], dtype="str")
        return pd.DataFrame(
            {
                "position": np.arange(len(self)),
                "id": self.input_ids,
                "token": texts.array.take(which),
                "bytes": hexes.array.take(which),
                "role": pd.Series([*(str(m["role"]) for m in self.messages), ""], dtype="str").array.take(
                    self.message_index % (len(self.messages) + 1)
                ),
                "message": self.message_index,
                "part": pd.Series(PARTS, dtype="str").array.take(self.part_codes),
                "trained": self.trained,
                "label": self.labels,
                "target": self.targets,
                "owner": self.owner,
            }
        )


# ---------------------------------------------------------------------------------------------------------------------


def label(
    messages: Conversation | Sequence[Message],
    recipe: str | Recipe = DEFAULT,
    tokenizer: Tokenizer | None = None,
    max_length: MaxLength = None,
) -> LabelledSample:
    """Run the recipe's label pipeline on one conversation.

    Messages are taken as given: null is not absent. `max_length` None cuts nothing. Raises ConversationError, RecipeRejects,
    and SeveralSamples for a recipe that splits this conversation.
    """
    samples = label_all(messages, recipe, tokenizer, max_length)
    if len(samples) != 1:
        raise SeveralSamples(
            f"This recipe makes {len(samples)} samples of one conversation; use label_all.",
            f"这个配方把一段对话变成 {len(samples)} 条样本；请使用 label_all。",
        )
    return samples[0]


def label_all(
    messages: Conversation | Sequence[Message],
    recipe: str | Recipe = DEFAULT,
    tokenizer: Tokenizer | None = None,
    max_length: MaxLength = None,
) -> list[LabelledSample]:
    """All samples that the recipe makes of one conversation. Raises as `label` does."""
    found, tok = get_recipe(recipe), tokenizer or load_tokenizer()
    check_max_length(found, max_length)
    checked = check_messages(messages)
    try:
        return [_sample(found, tok, checked, pieces, max_length) for pieces in lay_out(found, checked, tok)]
    except UnicodeEncodeError:
        raise surrogate_error(find_surrogate(checked, "messages")) from None


def check_max_length(recipe: Recipe, max_length: Any) -> None:
    """Raise ValueError unless this is what the recipe's limit is: None, a positive whole number, or for some a pair of them."""
    numbers = (max_length,) if not recipe.max_length_pair else max_length
    if max_length is None or (
        isinstance(numbers, tuple | list) and len(numbers) == 1 + recipe.max_length_pair and all(map(_is_count, numbers))
    ):
        return
    wanted = "a pair of positive whole numbers" if recipe.max_length_pair else "a positive whole number"
    raise ValueError(f"max_length of {recipe.id} must be {wanted} or None, not {max_length!r}")


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and value >= 1


def _sample(
    recipe: Recipe, tokenizer: Tokenizer, messages: Sequence[Message], pieces: Sequence[Piece], max_length: MaxLength
) -> LabelledSample:
    entries = Entries()
    entries.add_row(pieces)
    rows, labels, sizes = encode(entries, recipe, tokenizer)
    message_index, part_codes, spans = _locate(rows.ids, sizes, pieces, tokenizer)
    numbers = np.repeat(np.arange(len(pieces), dtype=np.int32), sizes)
    if recipe.shift:
        teaches = np.concatenate([[-1], message_index[:-1]])
    else:
        given = np.array([-2 if piece.owner is None else piece.owner for piece in pieces], np.int32)[numbers]
        teaches = np.where(given == -2, message_index, given)
    sample = LabelledSample(
        recipe=recipe,
        tokenizer=tokenizer,
        messages=messages,
        input_ids=rows.ids,
        labels=labels,
        message_index=message_index,
        owner=np.where(labels == IGNORE, -1, teaches).astype(np.int32),
        part_codes=part_codes,
        spans=spans,
        pieces=numbers,
        full_sizes=np.bincount(message_index % (len(messages) + 1), minlength=len(messages) + 1).astype(np.int32),
    )
    if recipe.fit is not None:
        return recipe.fit(sample, max_length)
    return sample.take(np.arange(min(max_length, len(sample)))) if isinstance(max_length, int) else sample


def _locate(
    ids: Ids, entry_sizes: npt.NDArray[np.int64], pieces: Sequence[Piece], tokenizer: Tokenizer
) -> tuple[Ids, npt.NDArray[np.uint8], Ids]:
    """message_index, part_codes and spans: where each token's first byte falls among the segments of its piece."""
    segments: list[Segment] = [segment for piece in pieces for segment in piece.segments if segment.text]
    segment_bytes = np.array([len(segment.text.encode()) for segment in segments], np.int64)
    segment_ends = np.cumsum(segment_bytes)
    piece_ends = np.cumsum([sum(len(segment.text.encode()) for segment in piece.segments) for piece in pieces])
    token_sizes = tokenizer.token_sizes(ids).astype(np.int64)
    token_ends = np.cumsum(token_sizes)
    # A normalising tokenizer may change how many bytes a piece has; no token may leave its piece for that.
    first_token = np.cumsum(entry_sizes) - entry_sizes
    drift = (piece_ends - np.diff(piece_ends, prepend=0)) - (token_ends - token_sizes)[np.minimum(first_token, len(ids) - 1)]
    limit = np.repeat(piece_ends, entry_sizes)
    stops = np.minimum(token_ends + np.repeat(drift, entry_sizes), limit)
    starts = np.minimum(token_ends - token_sizes + np.repeat(drift, entry_sizes), limit - 1)

    at = np.searchsorted(segment_ends, starts, side="right")
    column = [(segment.message, PARTS.index(segment.part), segment.start) for segment in segments]
    message, part, content_start = np.array(column, np.int64).T
    # A token may begin in the header's newline and reach into the content: its span is what it holds of the content.
    after = np.minimum(at + 1, len(segments) - 1)
    reaches = (content_start[at] < 0) & (stops > segment_ends[at]) & (content_start[after] >= 0)
    held = np.where(reaches, after, at)
    origin = content_start[held] - (segment_ends - segment_bytes)[held]
    spans = np.stack([np.maximum(starts, (segment_ends - segment_bytes)[held]) + origin, np.minimum(stops, segment_ends[held]) + origin], 1)
    spans[content_start[held] < 0] = -1
    return message[at].astype(np.int32), part[at].astype(np.uint8), spans.astype(np.int32)
