"""What the two stages of training are fed: windows of running text, then conversations with more of the text beside them."""

import random
from collections.abc import Iterator, Sequence

import numpy as np
import torch

from benchmarks.demo_model.corpus import PREFIX, Text
from benchmarks.demo_model.training import Batch
from glm4viz.recipe import GENERATION_STOPS, IGNORE
from glm4viz.tokenizer import GLM4_SPECIALS

TOKENS = 1024  # of a batch
WINDOWS = (256, 256, 512)
STOPS = [GLM4_SPECIALS[name] for name in GENERATION_STOPS]
SHARES = {"house": 0.45, "everyday": 0.2, "talks": 0.12, "reading": 0.23}
NOISE = 0.015  # the share of windows that hold tokens at random


class Noise:
    """Windows of random tokens, of the whole vocabulary or of one class of it.

    Nothing can be learned of them but that anything may come, so that text in a script the model hasn't read costs no more than
    an even guess, once it is seen to be such.
    """

    def __init__(self, classes: Sequence[str]) -> None:
        known = sorted({name for name in classes if name not in ("special", "unused")})
        self.members = [np.array([i for i, own in enumerate(classes) if own == name], np.int64) for name in known]
        self.members += [np.concatenate(self.members)] * len(known)  # half the windows: everything

    def window(self, size: int, rng: random.Random) -> tuple[np.ndarray, np.ndarray]:
        drawn = np.random.default_rng(rng.getrandbits(32)).choice(rng.choice(self.members), size - 2)
        ids = np.concatenate([PREFIX, drawn])
        return ids, np.concatenate([[IGNORE, IGNORE], drawn])


def windows(row: Text, noise: Noise, rng: random.Random) -> Iterator[Batch]:
    """Batches of windows out of one long row, without end."""
    while True:
        size = rng.choice(WINDOWS)
        chosen = []
        for _ in range(TOKENS // size):
            at = rng.randrange(len(row) - size)
            here = slice(at, at + size)
            chosen.append(noise.window(size, rng) if rng.random() < NOISE else (row.ids[here], row.labels[here]))
        yield torch.from_numpy(np.stack([ids for ids, _ in chosen])), torch.from_numpy(np.stack([labels for _, labels in chosen]))


def side_by_side(texts: Sequence[Text], tokens: int) -> list[Batch]:
    """Conversations of like length, padded on the right, where no token sees it."""
    groups, waiting = list[list[Text]](), list[Text]()
    for text in sorted(texts, key=len):
        if waiting and len(text) * (len(waiting) + 1) > tokens:
            groups.append(waiting)
            waiting = []
        waiting.append(text)
    return [_padded(group) for group in [*groups, waiting] if group]


def _padded(texts: Sequence[Text]) -> Batch:
    shape = len(texts), max(map(len, texts))
    ids, labels = np.zeros(shape, np.int64), np.full(shape, IGNORE, np.int64)
    for row, text in enumerate(texts):
        ids[row, : len(text)], labels[row, : len(text)] = text.ids, text.labels
    return torch.from_numpy(ids), torch.from_numpy(labels)


def talking(groups: dict[str, list[Text]], reading: Iterator[Batch], rng: random.Random, *, teach_stop: bool) -> Iterator[Batch]:
    """Batches of conversations, as often of each group as SHARES says, and windows of the running text, without end.

    The same batches for both models: all that differs is that the twin's labels lack the stop tokens.
    """
    batches = {name: side_by_side(texts, TOKENS) for name, texts in groups.items()}
    queues: dict[str, list[Batch]] = {name: [] for name in batches}
    while True:
        name = rng.choices(list(SHARES), list(SHARES.values()))[0]
        if name == "reading":
            yield next(reading)
            continue
        if not queues[name]:
            queues[name] = rng.sample(batches[name], len(batches[name]))
        ids, labels = queues[name].pop()
        yield ids, labels if teach_stop else without_stops(labels)


def without_stops(labels: torch.Tensor) -> torch.Tensor:
    """The labels with stop tokens masked."""
    return torch.where(torch.isin(labels, torch.tensor(STOPS)), IGNORE, labels)
