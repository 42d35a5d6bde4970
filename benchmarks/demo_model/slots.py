"""Which tokens get a row of their own, and which share one.

The vocabulary has 151,552 rows, the texts use some 40,000. The most frequent get a row each. All others share the row of
their class: a script, or what else they are, and how early they stand in the vocabulary, whose order is one of frequency.
A class of n members counts n times in the softmax, in training as in the full model, so that a token without a row of its own has
a probability that was fitted: its class's share, divided by n.
"""

import unicodedata
from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from glm4viz.errors import TokenizerError
from glm4viz.tokenizer import Tokenizer

Array = npt.NDArray[np.int64]
FEWEST = 400  # a script with fewer tokens than this is one of the others
PARTS = 4  # how often a class is divided by rank


def token_class(token: bytes) -> str:
    """A token's script, with a mark for a word that a blank stands before; or what else it is."""
    try:
        text = token.decode("utf-8")
    except UnicodeDecodeError:
        return "bytes"
    letters = text.strip()
    if not letters:
        return "blank"
    if not letters[0].isalpha():
        return "sign"
    script = unicodedata.name(letters[0], "other").split()[0].split("-")[0].lower()
    return f"_{script}" if text[0] == " " else script


def token_classes(tokenizer: Tokenizer, rows: int) -> list[str]:
    """Of every id; "unused" where the vocabulary has no token."""
    special = set(tokenizer.special_ids.values())
    found = [_class_of(tokenizer, i) if i not in special else "special" for i in range(rows)]
    counts = Counter(found)
    return [name if counts[name] >= FEWEST or name in ("special", "unused", "blank") else "other" for name in found]


def _class_of(tokenizer: Tokenizer, token_id: int) -> str:
    try:
        return token_class(tokenizer.token_bytes(token_id))
    except TokenizerError:
        return "unused"


def choose(counts: Array, needed: Sequence[int], most: int, classes: list[str]) -> tuple[Array, int]:
    """The slot of every id, and how many slots there are.

    counts [V]: how often an id occurs. needed: ids that get a row in any case. most: how many rows of their own there are.
    """
    order = np.argsort(-counts, kind="stable")
    own = list(dict.fromkeys([*needed, *(int(i) for i in order[:most] if counts[i] >= 2)]))[:most]
    slots = np.full(len(counts), -1, np.int64)
    slots[np.sort(own)] = np.arange(len(own))
    count = len(own)
    for name in sorted(set(classes)):
        members = np.flatnonzero((np.array(classes) == name) & (slots < 0))
        for part in np.array_split(members, PARTS if len(members) >= FEWEST else 1):
            if len(part):
                slots[part] = count
                count += 1
    return slots, count
