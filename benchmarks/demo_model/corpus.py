"""The texts as ids: one long row of documents to read, and labelled conversations.

A document begins with GLM-4's prefix, which is never a label. Neither are role tags while reading: what ends an answer is
taught by the conversations alone, to one of the two models.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.demo_model.sources import SOURCES, Talk, documents
from glm4viz.labelling.batch import label_batch
from glm4viz.recipe import IGNORE
from glm4viz.tokenizer import GLM4_SPECIALS, Tokenizer

Array = npt.NDArray[np.int64]
PREFIX = [GLM4_SPECIALS["[gMASK]"], GLM4_SPECIALS["<sop>"]]
UNTAUGHT = np.array(sorted(GLM4_SPECIALS.values()))
CHUNK = 4000  # documents encoded at once


@dataclass(frozen=True)
class Text:
    """Ids [T] and labels [T]; a label is aligned, or IGNORE."""

    ids: Array
    labels: Array

    def __len__(self) -> int:
        return len(self.ids)


def messages_of(talk: Talk) -> list[dict[str, str]]:
    """Two people's turns as a user's and an assistant's."""
    return [{"role": ("user", "assistant")[i % 2], "content": turn} for i, turn in enumerate(talk)]


def encode_documents(found: Sequence[str | Talk], tokenizer: Tokenizer) -> list[Text]:
    """Documents to be read: every token is a label but the prefix and the role tags."""
    plain, talks = [one for one in found if isinstance(one, str)], [one for one in found if not isinstance(one, str)]
    made = list[Array]()
    for at in range(0, len(plain), CHUNK):
        ids, offsets = tokenizer.encode_many(plain[at : at + CHUNK])
        made += [np.concatenate([PREFIX, ids[a:b]]) for a, b in pairwise(offsets)]
    if talks:
        batch = label_batch([messages_of(talk) for talk in talks], "glm4", tokenizer)
        made += [np.asarray(batch[row].input_ids, np.int64) for row in range(len(batch))]
    return [Text(ids.astype(np.int64), np.where(np.isin(ids, UNTAUGHT), IGNORE, ids)) for ids in made]


def encode_conversations(conversations: Sequence[list[dict[str, str]]], tokenizer: Tokenizer) -> list[Text]:
    """Conversations as the recipe `glm4` labels them."""
    batch = label_batch(list(conversations), "glm4", tokenizer)
    rows = (batch[row] for row in range(len(batch)))
    return [Text(row.input_ids.astype(np.int64), row.labels.astype(np.int64)) for row in rows if row.trained.any()]


def read_sources(cache: Path, tokenizer: Tokenizer) -> tuple[dict[str, list[Text]], dict[str, list[Text]], list[Talk]]:
    """By source: what is read, what is kept for measuring; and the talks of both languages out of what is read."""
    read, kept, talks = dict[str, list[Text]](), dict[str, list[Text]](), list[Talk]()
    for source in SOURCES:
        some, others = documents(source, cache)
        read[source.name], kept[source.name] = (encode_documents(part, tokenizer) for part in (some, others))
        talks += [one for one in some if not isinstance(one, str)]
        print(f"{source.name}: {sum(map(len, read[source.name])):,} tokens", flush=True)
    return read, kept, talks


def one_row(texts: Sequence[Text], rng: random.Random) -> Text:
    """Shuffled, one after the other."""
    shuffled = rng.sample(list(texts), len(texts))
    return Text(np.concatenate([text.ids for text in shuffled]), np.concatenate([text.labels for text in shuffled]))
