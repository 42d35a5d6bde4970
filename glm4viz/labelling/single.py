"""label and label_all: one conversation through one recipe."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from glm4viz.conversation import Conversation, find_surrogate, shown, surrogate_error
from glm4viz.errors import SeveralSamples
from glm4viz.forms import Given, Taken, take
from glm4viz.labelling.engine import Entries, encode, lay_out
from glm4viz.labelling.places import place
from glm4viz.layout import PART_CODES, PARTS, Made, Piece, Segment
from glm4viz.recipe import IGNORE, Floats, LabelledSample, MaxLength, Recipe, check_max_length
from glm4viz.systems.captured import CAPTURED
from glm4viz.systems.registry import DEFAULT, get_recipe, tokenizer_for
from glm4viz.texts import Text, both
from glm4viz.tokenizer import Ids, Tokenizer


def label(
    messages: Given,
    recipe: str | Recipe = DEFAULT,
    tokenizer: Tokenizer | None = None,
    max_length: MaxLength = None,
    *,
    tools: Sequence[Any] | None = None,
) -> LabelledSample:
    """Run the recipe's label pipeline on one conversation: its messages, a Conversation, or a record `{"messages": […]}` as stored.

    Messages are taken as given: null is not absent. `tools`: the conversation's own, for recipes of GLM-4.5 and later. `max_length`
    None cuts nothing. Raises ConversationError, RecipeRejects, and SeveralSamples for a recipe that splits this conversation.

    >>> sample = label([{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "你好！"}])
    >>> [token.decode() for token in sample.token_bytes]
    ['[gMASK]', '<sop>', '<|user|>', '\\n', 'Hi', '<|assistant|>', '\\n', '你好', '！', '<|endoftext|>']
    >>> sample.labels.tolist()  # the answer is trained, and the token after it, which tells the model to stop
    [-100, -100, -100, -100, -100, -100, 198, 109377, 6313, 151329]
    """
    samples = label_all(messages, recipe, tokenizer, max_length, tools=tools)
    if len(samples) != 1:
        raise SeveralSamples(
            f"This recipe makes {len(samples)} samples of one conversation; use label_all.",
            f"这个配方把一段对话变成 {len(samples)} 条样本；请使用 label_all。",
        )
    return samples[0]


def label_all(
    messages: Given,
    recipe: str | Recipe = DEFAULT,
    tokenizer: Tokenizer | None = None,
    max_length: MaxLength = None,
    *,
    tools: Sequence[Any] | None = None,
) -> list[LabelledSample]:
    """All samples that the recipe makes of one conversation. Raises as `label` does."""
    found = get_recipe(recipe)
    tok = tokenizer_for(found, tokenizer)
    check_max_length(found, max_length)
    if found.id == CAPTURED.id and isinstance(messages, Conversation) and messages.captured is not None:
        sample: LabelledSample = messages.captured
        return [cut_right(sample, max_length)]
    taken = take(messages, found.form, tools)
    try:
        return [_sample(found, tok, taken, pieces, max_length) for pieces in lay_out(found, taken.messages, tok, taken.tools)]
    except UnicodeEncodeError:
        raise surrogate_error(find_surrogate({"messages": list(taken.messages), "tools": taken.tools}, "")) from None


def _sample(recipe: Recipe, tokenizer: Tokenizer, taken: Taken, pieces: Sequence[Piece], max_length: MaxLength) -> LabelledSample:
    messages = taken.messages
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
        for made, here in _made(pieces, sizes):
            teaches[here] = made.owners
    rewritten = [made.traced.rewritten for made, _ in _made(pieces, sizes) if made.traced.rewritten is not None]
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
        tools=taken.tools,
        label_weights=_weights(recipe, pieces, numbers),
        notes=(*taken.notes, *(rewrites(tokenizer, *pair) for pair in rewritten[:1])),
    )
    if recipe.fit is not None:
        return recipe.fit(sample, max_length)
    return cut_right(sample, max_length)


def cut_right(sample: LabelledSample, max_length: MaxLength) -> LabelledSample:
    """The sample without its tail; whole where no number is given."""
    return sample.take(np.arange(min(max_length, len(sample)))) if isinstance(max_length, int) else sample


def _weights(recipe: Recipe, pieces: Sequence[Piece], numbers: Ids) -> Floats | None:
    """float32 [T]: what each token's label counts; None where all count 1."""
    if all(piece.weight == 1 for piece in pieces):
        return None
    weights = np.array([piece.weight for piece in pieces], np.float32)[numbers]
    return np.concatenate([weights[:1], weights[:-1]]) if recipe.shift else weights


def _made(pieces: Sequence[Piece], entry_sizes: npt.NDArray[np.int64]) -> list[tuple[Made, slice]]:
    """The pieces that came with their tokens, and where these stand in the sample."""
    ends = np.cumsum(entry_sizes).tolist()
    return [(piece.made, slice(end - size, end)) for piece, end, size in zip(pieces, ends, entry_sizes.tolist(), strict=True) if piece.made]


def _begins(pieces: Sequence[Piece], piece_ends: npt.NDArray[np.int64]) -> list[int]:
    """The byte at which each of these pieces begins."""
    starts = [0, *piece_ends[:-1].tolist()]
    return [start for piece, start in zip(pieces, starts, strict=True) if piece.made]


def rewrites(tokenizer: Tokenizer, text: str, tokens: str) -> Text:
    """A note that the tokens hold other bytes than the text."""
    how = ", ".join(tokenizer.rewrites) or "added tokens"
    first, zh = (f": the first is {shown(text)}, whose tokens are {shown(tokens)}", f"：首处是 {shown(text)}，其 token 是 {shown(tokens)}")
    return both(
        f"{tokenizer.name} rewrites text before it encodes it ({how}), so the tokens differ from the text{first if text or tokens else ''}. "
        "Spans follow the tokenizer's own offsets.",
        f"{tokenizer.name} 在编码之前会改写文本（{how}），因此 token 与文本不同{zh if text or tokens else ''}。span 依据分词器自己的偏移。",
    )


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
    for (made, here), begins in zip(_made(pieces, entry_sizes), _begins(pieces, piece_ends), strict=True):
        starts[here], stops[here] = begins + made.traced.starts, begins + made.traced.stops
    empty = stops <= starts  # a space that the tokenizer added, say: it holds nothing of the text
    starts = np.minimum(starts, limit - 1)

    if unknown := {segment.part for segment in segments} - PART_CODES.keys():
        raise ValueError(f"a recipe writes a part {unknown.pop()!r}; it must be one of {', '.join(PARTS)}")
    column = [(segment.message, PART_CODES[segment.part], segment.start) for segment in segments]
    message_index, part_codes, spans = place(starts, stops, segment_ends, *np.array(column, np.int64).T)
    spans[empty] = -1
    return message_index, part_codes, spans
