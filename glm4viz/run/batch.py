"""from_batch: the batch that a trainer feeds its model, as labelled samples, one for each sequence in it."""

import re
from typing import Any

import numpy as np

from glm4viz.recipe import IGNORE
from glm4viz.run.families import end_names
from glm4viz.run.fields import Fields, read_fields
from glm4viz.run.find import found_in
from glm4viz.run.rows import Padding, Stretch, find_stretches
from glm4viz.run.sample import CapturedSample
from glm4viz.run.vocabulary import as_tokenizer, with_unknown
from glm4viz.texts import Text
from glm4viz.tokenizer import Tokenizer

_OF_MEDIA = re.compile("image|video|audio|vision|patch", re.IGNORECASE)  # <|image_pad|> holds the place of an image

_SEQUENCE_ENDS = ("</s>", "<eos>", "<|endoftext|>", "<|end_of_text|>", "<｜end▁of▁sentence｜>", "[EOS]")  # often padding, too


def from_batch(batch: Any, tokenizer: Any, *, shifted: bool | None = None) -> list[CapturedSample]:
    """One sample for each sequence of a batch, in its order, with exactly its ids and labels.

    `batch`: what a data loader yields, a mapping or object with `input_ids` and, where there are any, `labels`, `attention_mask`,
    `position_ids`, `cu_seq_lens`, `loss_mask`, `weights` and the like, as tensors, arrays or lists, [B, T] or [T]. `tokenizer`: glm4viz's, a
    fast one of transformers, or the path of one. Padding is taken off and counted (`padding`), but never a token that carries a label;
    packed rows are divided. Labels that are already shifted are brought back to their own tokens, and a note says so; `shifted` overrules
    what was recognised. Messages are found by the tokenizer's role tags. Raises BatchError and TokenizerError.

    >>> import glm4viz
    >>> tok = glm4viz.load_tokenizer()
    >>> ids = tok.encode("[gMASK]<sop><|user|>\\nHi<|assistant|>\\nHello<|user|><|endoftext|>", specials=True)
    >>> batch = {"input_ids": [ids], "labels": [[-100] * 6 + ids[6:9] + [-100]], "attention_mask": [[1] * 9 + [0]]}
    >>> (sample,) = glm4viz.from_batch(batch, tok)
    >>> sample.padding, [m["content"] for m in sample.messages], sample.recipe.id
    ((0, 1), ['Hi', 'Hello'], 'captured')
    >>> sample.owner.tolist()  # the last <|user|> is there to teach the answer to stop
    [-1, -1, -1, -1, -1, -1, 1, 1, 1]
    """
    fields = read_fields(batch, shifted)
    tok, notes = with_unknown(as_tokenizer(tokenizer), [*fields.ids, *(labels[labels != IGNORE] for labels in fields.labels)])
    padding = _padding(getattr(tokenizer, "tokenizer", tokenizer), tok)
    return [_sample(fields, stretch, tok, (*fields.notes, *notes)) for stretch in find_stretches(fields, padding, tok)]


def _padding(given: Any, tokenizer: Tokenizer) -> Padding:
    """What the tokenizer as it was given says of padding; else its special tokens that are called so or often serve as it; else any."""
    pad, bos, eos = (_id(given, name) for name in ("pad_token_id", "bos_token_id", "eos_token_id"))
    called = {i for name, i in tokenizer.special_ids.items() if "pad" in name.lower() and not _OF_MEDIA.search(name)}
    at_the_end = {i for name, i in tokenizer.special_ids.items() if name in _SEQUENCE_ENDS}
    return Padding(
        pads=frozenset({pad} if pad is not None else called),
        runs=frozenset() if pad is not None else frozenset(at_the_end if called else tokenizer.special_ids.values()),
        bos=bos,
        ends=frozenset(tokenizer.named_ids[name] for name in end_names() if name in tokenizer.named_ids)
        | ({eos} if eos is not None else set()),
    )


def _id(tokenizer: Any, name: str) -> int | None:
    value = getattr(tokenizer, name, None)
    return value if isinstance(value, int) else None


def _sample(fields: Fields, stretch: Stretch, tokenizer: Tokenizer, notes: tuple[Text, ...]) -> CapturedSample:
    row, start, stop = stretch.row, stretch.start, stretch.stop
    ids, labels = fields.ids[row][start:stop].astype(np.int32), fields.labels[row][start:stop].astype(np.int32)
    pad = np.zeros(len(ids), bool) if fields.mask is None else fields.mask[row][start:stop] == 0
    positions = np.arange(start, stop) if fields.positions is None else fields.positions[row][start:stop]
    weights = None if fields.weights is None else fields.weights[row][start:stop]
    found = found_in(tokenizer, ids, labels, pad, weights)
    found["notes"] = (*notes, *found["notes"])
    return CapturedSample(
        **found, positions=positions.astype(np.int32), row=row, segment=stretch.segment, padding=stretch.padding, batch_notes=notes
    )
