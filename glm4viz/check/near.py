"""Nearly the same records among any number, in bounded memory for each.

A record's text is what is said in it, but for system messages, which many records share: normalised (NFKC, case, white space), and seen as
the set of its 5-grams of characters. Two records are near each other if these sets are: by their Jaccard index, the share of the 5-grams of
both that stand in either. MinHash and banding find whom to compare; what is reported was compared exactly.

Memory is 12 bytes for each band and 16 more, that is 208 bytes a record at the threshold 0.9 (16 bands) and 780 at most (0.5: 64 bands).
The normalised texts wait in a temporary file without a name, which is gone when the process is.
"""

import unicodedata
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from tempfile import TemporaryFile
from types import TracebackType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from glm4viz.check.duplicates import Seen
from glm4viz.layout import Message

THRESHOLD, LOWEST = 0.9, 0.5
GRAM = 5  # characters of a shingle
HASHES = 128
_SURE = 0.99  # of so many pairs that are just at the threshold, banding has to find
_AT_ONCE = 1024  # shingles of a text that are hashed at once, 128 times each
_DEPTH = 4  # records that may stand in one bucket, each found under a key of its own
_COMPARED = 8  # earlier records to which one is compared at most
_CACHED = 1024

Hashes = npt.NDArray[np.uint64]

_rng = np.random.Generator(np.random.PCG64(5))
_PLACES, _MULTIPLIERS = (_rng.integers(1 << 62, size=n, dtype=np.uint64) * np.uint64(2) + np.uint64(1) for n in (GRAM, HASHES))
# Of 32 bits, with which a processor takes several at once.
_FACTORS = (_MULTIPLIERS >> np.uint64(32)).astype(np.uint32)[:, None] | np.uint32(1)
_OFFSETS = _rng.integers(1 << 32, size=(HASHES, 1), dtype=np.uint32)


class NearText(NamedTuple):
    """What a record sends to the search: its normalised text in UTF-8, how many shingles it has, and a key for each band."""

    text: bytes
    shingles: int
    bands: Hashes


class Near(NamedTuple):
    """An earlier record that is nearly the same: its number as it was given to the search, and the Jaccard index."""

    number: int
    similarity: float


def near_text(messages: Sequence[Message], threshold: float) -> NearText | None:
    """None for a record that says nothing."""
    text = normalised(messages)
    if not text:
        return None
    shingles = shingles_of(text)
    return NearText(text.encode("utf-8", "surrogatepass"), len(shingles), _band_keys(shingles, bands_for(threshold)))


def normalised(messages: Sequence[Message]) -> str:
    """What is said in the messages, a message a line, without differences of width, case and white space."""
    said = (message.get("content") for message in messages if isinstance(message, dict) and message.get("role") != "system")
    texts = (" ".join(unicodedata.normalize("NFKC", text).casefold().split()) for text in said if isinstance(text, str))
    return "\n".join(text for text in texts if text)


def shingles_of(text: str) -> Hashes:
    """64 bits for each different 5-gram, sorted. A shorter text is one shingle."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.uint64)
    if len(codes) < GRAM:
        codes = np.pad(codes, (0, GRAM - len(codes)))
    count = len(codes) - GRAM + 1
    hashes = np.zeros(count, np.uint64)
    for place in range(GRAM):
        hashes += codes[place : place + count] * _PLACES[place]
    return np.unique(_mixed(hashes))


def jaccard(one: Hashes, other: Hashes) -> float:
    """Of the shingles in either set, the share that is in both."""
    both = len(np.intersect1d(one, other, assume_unique=True))
    return both / (len(one) + len(other) - both)


def bands_for(threshold: float) -> int:
    """The fewest bands that still find a pair just at the threshold almost surely; a power of two, so that they share out all hashes."""
    if not LOWEST <= threshold <= 1:
        raise ValueError(f"the threshold must be from {LOWEST} to 1, not {threshold}")
    bands = 1
    while 1 - (1 - threshold ** (HASHES // bands)) ** bands < _SURE:
        bands *= 2
    return bands


class NearSeen:
    """Which records' texts were seen. To be closed, or used in a `with`."""

    def __init__(self, threshold: float = THRESHOLD) -> None:
        self.threshold, self.bands = threshold, bands_for(threshold)
        self._buckets = Seen()
        self._numbers, self._counts, self._starts = array("I"), array("I"), array("Q", [0])
        self._texts = TemporaryFile()  # noqa: SIM115  closed by `close`
        self._shingles = lru_cache(_CACHED)(self._read)

    def add(self, texts: Sequence[NearText], numbers: Iterable[int]) -> list[tuple[int, Near]]:
        """Adds records with their numbers, which are below 2^32; of those near an earlier one, returns which of these it is, and that one."""
        if not texts:
            return []
        first = len(self._numbers)
        self._keep(texts, numbers)
        found: dict[int, Near] = {}
        compared: list[set[int]] = [set() for _ in texts]
        owners = np.repeat(np.arange(len(texts)), self.bands)
        keys = np.concatenate([text.bands for text in texts])
        for _ in range(_DEPTH):
            # A key that is new is taken by its record; else the record standing there is a candidate, and the next key is tried.
            taken = self._buckets.add(keys.tolist(), (owners + first).tolist())
            candidates: dict[int, Counter[int]] = {}
            for nth, earlier in taken:
                candidates.setdefault(int(owners[nth]), Counter())[earlier] += 1
            for owner, earlier_ones in candidates.items():
                if near := self._compare(first + owner, earlier_ones, compared[owner]):
                    found[owner] = near
            again = [nth for nth, _ in taken if int(owners[nth]) not in found]
            if not again:
                break
            owners, keys = owners[again], _mixed(keys[again])
        return sorted(found.items())

    def close(self) -> None:
        self._texts.close()

    def __enter__(self) -> "NearSeen":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    # ------------------------------------------------------------------------------------------------------------------

    def _keep(self, texts: Sequence[NearText], numbers: Iterable[int]) -> None:
        self._numbers.extend(numbers)
        self._texts.seek(self._starts[-1])
        for text in texts:
            self._texts.write(text.text)
            self._starts.append(self._starts[-1] + len(text.text))
            self._counts.append(text.shingles)

    def _compare(self, record: int, candidates: Counter[int], compared: set[int]) -> Near | None:
        """The likeliest candidates held against the record, until one is near."""
        for earlier, _ in sorted(candidates.items(), key=lambda entry: (-entry[1], entry[0])):
            if earlier in compared:
                continue
            if len(compared) == _COMPARED:
                return None
            compared.add(earlier)
            fewer, more = sorted((self._counts[earlier], self._counts[record]))
            if fewer < self.threshold * more:  # then even a part of the other would be too little
                continue
            similarity = jaccard(self._shingles(record), self._shingles(earlier))
            if similarity >= self.threshold:
                return Near(self._numbers[earlier], similarity)
        return None

    def _read(self, record: int) -> Hashes:
        start, stop = self._starts[record], self._starts[record + 1]
        self._texts.seek(start)
        return shingles_of(self._texts.read(stop - start).decode("utf-8", "surrogatepass"))


# ---------------------------------------------------------------------------------------------------------------------


def _band_keys(shingles: Hashes, bands: int) -> Hashes:
    """MinHash: the least of each of 128 hashes over all shingles; as many as a band has are made one key."""
    least, halves = np.full(HASHES, np.iinfo(np.uint32).max), (shingles >> np.uint64(32)).astype(np.uint32)
    for at in range(0, len(halves), _AT_ONCE):
        hashes = halves[at : at + _AT_ONCE] * _FACTORS + _OFFSETS
        least = np.minimum(least, hashes.min(axis=1))
    # The sum takes each hash times a number of its own, so that neither its place nor its band can be mistaken.
    return _mixed(np.add.reduce(_mixed(least.astype(np.uint64)).reshape(bands, -1) * _MULTIPLIERS.reshape(bands, -1), axis=1))


def _mixed(hashes: Hashes) -> Hashes:
    """Every bit of the result depends on every bit (the end of splitmix64)."""
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        hashes = (hashes ^ (hashes >> np.uint64(shift))) * np.uint64(factor)
    return hashes ^ (hashes >> np.uint64(31))
