"""Answers held against those of the other records: one question answered differently, and an answer that fits its neighbour's question.

Both ask little: a hash of each first question, of the first million records, and the words of a question that its answer takes up, looked for
among the records before it.
"""

import re
from collections import Counter, defaultdict, deque
from collections.abc import Sequence
from hashlib import blake2b
from itertools import chain, pairwise
from typing import NamedTuple
from zlib import crc32

from glm4viz.layout import Message

_WORD = re.compile(r"[a-z]{4,}|\d{2,}|[\u4e00-\u9fff]+")
_COMMON = frozenset(
    [
        "what",
        "which",
        "when",
        "where",
        "that",
        "this",
        "with",
        "from",
        "your",
        "have",
        "does",
        "about",
        "would",
        "could",
        "should",
        "please",
        "write",
        "give",
        "tell",
        "explain",
        "describe",
        "make",
        "between",
        "into",
        "they",
        "them",
        "their",
        "there",
        "then",
        "than",
        "these",
        "those",
        "will",
        "more",
        "most",
        "some",
        "such",
        "list",
        "name",
        "following",
        "using",
        "used",
        "example",
        "create",
        "generate",
        "help",
        "need",
        "want",
        "like",
        "best",
        "good",
        "also",
        "each",
        "other",
        "only",
        "over",
        "many",
        "much",
        "very",
        "just",
        "know",
        "sentence",
    ]
)
_COMMON_ZH = frozenset(
    [
        "什么",
        "怎么",
        "如何",
        "请问",
        "一下",
        "一个",
        "为什",
        "可以",
        "我们",
        "你们",
        "哪些",
        "是什",
        "有什",
        "介绍",
        "解释",
        "说明",
        "帮我",
        "给我",
        "写一",
        "我想",
        "多少",
        "这个",
        "怎样",
        "么样",
        "有哪",
        "简单",
        "一篇",
        "一首",
        "的是",
        "的主",
        "需要",
        "能不",
        "不能",
    ]
)
BESIDE = 2  # records before, in which a slipped row is looked for
WITHIN = 500  # records before, in which one that went astray is
FEW_BESIDE, FEW = 2, 3  # words of a question that an answer has to take up
_SHORTEST = 12  # bytes of a question that means one thing
MOST = 1 << 20  # questions that are remembered


class Exchange(NamedTuple):
    """A record's first question and its answer. question: a hash, None for one too short to mean one thing; asked: hashes of its words;
    told: those of the answer, None if it takes up anything of its question: then it is where it belongs.
    """

    question: int | None
    asked: frozenset[int]
    told: frozenset[int] | None


def exchange(messages: Sequence[Message]) -> Exchange | None:
    """None for a record that doesn't begin with a question and an answer in words."""
    spoken = [m for m in messages if isinstance(m, dict) and m.get("role") != "system"]
    if [m.get("role") for m in spoken[:2]] != ["user", "assistant"] or any(m.get("metadata") or m.get("tool_calls") for m in spoken[:2]):
        return None
    question, answer = spoken[0].get("content"), spoken[1].get("content")
    if not isinstance(question, str) or not isinstance(answer, str) or not question.strip() or not answer.strip():
        return None
    asked, low = words_of(question), answer.lower()
    stray = len(asked) >= 2 and not any(word in low for word in asked)
    told = words_of(answer) if stray else None
    return Exchange(_question(messages, question), _numbers(asked), None if told is None or len(told) < 2 else _numbers(told))


def words_of(text: str) -> set[str]:
    """The words of a text that say what it is about: Latin words by their first five letters, Chinese by its pairs of characters."""
    found: set[str] = set()
    for word in _WORD.findall(text[:4000].lower()):
        if not word.isascii():
            found.update(pair for pair in map("".join, pairwise(word)) if pair not in _COMMON_ZH)
        elif word not in _COMMON:
            found.add(word[:5])
    return found


class Misplaced:
    """Which answers share nothing with their own question and much with one of an earlier record, or the other way round."""

    def __init__(self) -> None:
        self._last: deque[tuple[int, Exchange]] = deque()
        self._before = 0  # records that are no longer in `_last`
        self._asked: dict[int, deque[int]] = defaultdict(deque)  # for each word, which records' questions have it, in order
        self._told: dict[int, deque[int]] = defaultdict(deque)  # and which stray answers

    def add(self, number: int, said: Exchange) -> int | None:
        """Adds a record; if it is such a one, returns the number of the other."""
        best, other = 0.0, None
        for nth in self._alike(said):
            beside, (earlier, before) = nth >= len(self._last) - BESIDE, self._last[nth]
            fit = max(_fit(said, before, beside), _fit(before, said, beside))
            if fit > best:
                best, other = fit, earlier
        self._remember(number, said)
        return other

    def _alike(self, said: Exchange) -> list[int]:
        """Places in `_last`, the nearest first, of the records that have enough words for `_fit` to be asked."""
        if said.told is None:
            return []
        taken_up = Counter(chain.from_iterable(self._asked[word] for word in said.told if word in self._asked))
        spoken_of = Counter(chain.from_iterable(self._told[word] for word in said.asked if word in self._told))
        near = self._before + len(self._last) - BESIDE
        found = {nth for words in (taken_up, spoken_of) for nth, count in words.items() if count >= (FEW_BESIDE if nth >= near else FEW)}
        return [nth - self._before for nth in sorted(found, reverse=True)]

    def _remember(self, number: int, said: Exchange) -> None:
        nth = self._before + len(self._last)
        self._last.append((number, said))
        for words, places in ((said.asked, self._asked), (said.told or (), self._told)):
            for word in words:
                places[word].append(nth)
        if len(self._last) > WITHIN:
            _, gone = self._last.popleft()
            self._before += 1
            for words, places in ((gone.asked, self._asked), (gone.told or (), self._told)):
                for word in words:
                    places[word].popleft()  # the first is the oldest
                    if not places[word]:
                        del places[word]


def _fit(one: Exchange, other: Exchange, beside: bool) -> float:
    """The share of the other question's words that this stray answer speaks of, 0 if that is no more than chance; less will do beside it."""
    if one.told is None or not other.asked or one.asked == other.asked:
        return 0.0
    shared = len(other.asked & one.told)
    few, part = (FEW_BESIDE, 0.3) if beside else (FEW, 0.6)
    return shared / len(other.asked) if shared >= few and shared >= part * len(other.asked) else 0.0


def _question(messages: Sequence[Message], question: str) -> int | None:
    plain = "".join(char for char in question.lower() if char.isalnum())
    if len(plain.encode("utf-8", "surrogatepass")) < _SHORTEST:
        return None
    system = [m.get("content") for m in messages if isinstance(m, dict) and m.get("role") == "system"]
    return int.from_bytes(blake2b(f"{system}{plain}".encode("utf-8", "surrogatepass"), digest_size=8).digest())


def _numbers(words: set[str]) -> frozenset[int]:
    """The words as numbers that are the same in every process."""
    return frozenset(crc32(word.encode()) for word in words)
