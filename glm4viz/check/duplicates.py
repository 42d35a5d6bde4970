"""Exact duplicates among any number of records, in about twelve bytes for each."""

import json
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from operator import itemgetter

import numpy as np
import numpy.typing as npt

from glm4viz.layout import Message

_ROLE, _CONTENT = itemgetter("role"), itemgetter("content")
_BUCKETS = 16
_RECENT = 1 << 16
_EMPTY_HASH, _EMPTY_PLACE = np.empty(0, np.uint64), np.empty(0, np.uint32)


def fingerprint(messages: Sequence[Message]) -> int:
    """64 bits of a hash of the messages: equal for equal ones, and by chance for one pair in 10^19."""
    try:
        roles, texts = list(map(_ROLE, messages)), list(map(_CONTENT, messages))
        plain = {*map(len, messages)} == {2} and {*map(type, texts)} == {str}
        text = f"{','.join(roles)} {','.join(map(str, map(len, texts)))} {''.join(texts)}" if plain else _as_json(messages)
    except (KeyError, TypeError, ValueError, RecursionError):
        text = repr(messages)
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest())


def _as_json(messages: Sequence[Message]) -> str:
    return json.dumps(messages, ensure_ascii=False, sort_keys=True, default=str)


class Seen:
    """Which fingerprints were seen, and at which place first.

    Places are numbers below 2^32. The last few thousand are in a dict, the others sorted in buckets, so that merging one bucket needs
    little memory beside the whole.
    """

    def __init__(self) -> None:
        self._recent: dict[int, int] = {}
        self._hashes: list[npt.NDArray[np.uint64]] = [_EMPTY_HASH] * _BUCKETS
        self._places: list[npt.NDArray[np.uint32]] = [_EMPTY_PLACE] * _BUCKETS

    def add(self, hashes: Iterable[int], places: Iterable[int]) -> list[tuple[int, int]]:
        """Adds fingerprints with their places; of those seen before, returns which of these it is, and the earlier place."""
        asked = list(hashes)
        old = self._look_up(np.array(asked, np.uint64)) if any(map(len, self._hashes)) else {}
        again = []
        for nth, (number, place) in enumerate(zip(asked, places, strict=True)):
            first = self._recent.get(number, old.get(number))
            if first is None:
                self._recent[number] = place
            else:
                again.append((nth, first))
        if len(self._recent) >= _RECENT:
            self._merge()
        return again

    def _look_up(self, asked: npt.NDArray[np.uint64]) -> dict[int, int]:
        found: dict[int, int] = {}
        for bucket in range(_BUCKETS):
            hashes = self._hashes[bucket]
            mine = asked[asked >> np.uint64(60) == bucket]
            if not len(hashes) or not len(mine):
                continue
            at = np.minimum(np.searchsorted(hashes, mine), len(hashes) - 1)
            hit = hashes[at] == mine
            found.update(zip(mine[hit].tolist(), self._places[bucket][at[hit]].tolist(), strict=True))
        return found

    def _merge(self) -> None:
        hashes = np.fromiter(self._recent.keys(), np.uint64, len(self._recent))
        places = np.fromiter(self._recent.values(), np.uint32, len(self._recent))
        self._recent = {}
        order = np.argsort(hashes)
        hashes, places = hashes[order], places[order]
        cuts = np.searchsorted(hashes >> np.uint64(60), np.arange(_BUCKETS + 1, dtype=np.uint64))
        for bucket in range(_BUCKETS):
            new = slice(cuts[bucket], cuts[bucket + 1])
            at = np.searchsorted(self._hashes[bucket], hashes[new])
            self._hashes[bucket] = np.insert(self._hashes[bucket], at, hashes[new])
            self._places[bucket] = np.insert(self._places[bucket], at, places[new])
