"""All that the models are trained on and measured with, as ids."""

import json
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.demo_model.corpus import Text, encode_conversations, messages_of, one_row, read_sources
from benchmarks.demo_model.slots import Array, choose, token_classes
from benchmarks.demo_model.talk import conversations
from glm4viz.conversation import Conversation
from glm4viz.labelling.single import label
from glm4viz.loss.demo import HERE
from glm4viz.readers import read_conversations
from glm4viz.recipe import LabelledSample
from glm4viz.systems.registry import load_tokenizer
from glm4viz.tokenizer import GLM4_SPECIALS

VOCABULARY = 151_552
OWN_ROWS = 28_000
TAGS = ("<|endoftext|>", "<|system|>", "<|user|>", "<|assistant|>", "<|observation|>")
SAMPLES = HERE.parents[2] / "sample_data"
# The rest of sample_data shows what goes wrong; these are right.
SAMPLE_FILES = (*(f"0{i}-*.json" for i in range(1, 9)), "13-*.jsonl")
EVERYDAY = Path(__file__).parent / "everyday.jsonl"
LONGEST = 512  # tokens of a talk


@dataclass(frozen=True)
class Data:
    """read: the running text in one row. kept: by source, what is only measured. groups: conversations by kind."""

    read: Text
    kept: dict[str, list[Text]]
    groups: dict[str, list[Text]]
    counts: Array
    classes: list[str]
    slots: Array
    slot_count: int


def house_samples() -> list[LabelledSample]:
    """The project's own conversations, which both models learn by heart."""
    paths = [HERE / "conversations.jsonl", *(path for pattern in SAMPLE_FILES for path in sorted(SAMPLES.glob(pattern)))]
    return [label(one) for path in paths for one in read_conversations(path) if isinstance(one, Conversation)]


def everyday(rng: random.Random) -> list[list[dict[str, str]]]:
    """Everyday talk with an assistant: written out, and made of patterns."""
    written = [json.loads(line)["messages"] for line in EVERYDAY.read_text("utf-8").splitlines()]
    return [*written, *conversations(rng)]


def prepare(cache: Path, seed: int) -> Data:
    """Everything read, encoded and shuffled; the texts must have been fetched."""
    tokenizer = load_tokenizer()
    read, kept, talks = read_sources(cache, tokenizer)
    house = [Text(one.input_ids.astype(np.int64), one.labels.astype(np.int64)) for one in house_samples()]
    counts = np.zeros(VOCABULARY, np.int64)
    for text in [*(text for texts in read.values() for text in texts), *house]:
        counts += np.bincount(text.ids, minlength=VOCABULARY)
    needed = np.unique(np.concatenate([[GLM4_SPECIALS[name] for name in TAGS], *(text.ids for text in house)]))
    classes = token_classes(tokenizer, VOCABULARY)
    slots, count = choose(counts, needed.tolist(), OWN_ROWS, classes)
    groups = {
        "house": house,
        "everyday": encode_conversations(everyday(random.Random(seed)), tokenizer),
        "talks": [
            Text(text.ids[:LONGEST], text.labels[:LONGEST])
            for text in encode_conversations([messages_of(talk) for talk in talks], tokenizer)
        ],
    }
    row = one_row([text for texts in read.values() for text in texts], random.Random(seed))
    return Data(row, kept, groups, counts, classes, slots, count)
