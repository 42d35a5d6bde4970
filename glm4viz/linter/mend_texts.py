"""Texts of a record mended in place, whatever form it is in: where they are, and what may be done to one without a guess."""

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from glm4viz.linter.encodings import mend_encoding
from glm4viz.linter.rules.text import PREFIX

_ZERO_WIDTH = re.compile("[\u200b\u200c\u200d\u2060\ufeff]+")
_JOINERS = "\u200b\u200c\u200d"  # at home in emoji, and between the letters of Arabic, Indic and South-East Asian scripts


class Slot(NamedTuple):
    """A text in a record: `holder[key]`, with the message it is in (-1: none) and its field."""

    holder: Any
    key: Any
    message: int
    field: str


def texts_of(record: dict[str, Any]) -> Iterator[Slot]:
    """The texts that a model may be trained on. What isn't as its form has it gives nothing."""
    for key in ("system", "instruction", "input", "output", "prompt", "response", "content", "summary"):
        yield from _slot(record, key, -1, key)
    for m, message in _dicts(record.get("messages")):
        yield from (slot for key in ("content", "reasoning_content") for slot in _slot(message, key, m, key))
    for list_key, keys in (("conversations", ("value", "content")), ("conversation", ("human", "assistant", "system", "input", "output"))):
        for t, turn in _dicts(record.get(list_key)):
            yield from (slot for key in keys for slot in _slot(turn, key, -1, f"{list_key}[{t}].{key}"))
    history = record.get("history")
    for r, pair in enumerate(history if isinstance(history, list) else ()):
        if isinstance(pair, list):
            yield from (slot for side in range(len(pair)) for slot in _slot(pair, side, -1, f"history[{r}][{side}]"))


def _dicts(value: object) -> Iterator[tuple[int, dict[str, Any]]]:
    yield from ((n, item) for n, item in enumerate(value if isinstance(value, list) else ()) if isinstance(item, dict))


def _slot(holder: Any, key: Any, message: int, field: str) -> Iterator[Slot]:
    value = holder[key] if isinstance(holder, list) else holder.get(key)
    if isinstance(value, str):
        yield Slot(holder, key, message, field)


# What is done to a text. Each gives the text as it should be. ---------------------------------------------------------


def without_mark(text: str) -> str:
    return text.lstrip("\ufeff")


def without_prefix(text: str) -> str:
    found = PREFIX.match(text)
    return text[found.end() :] if found and text[found.end() :].strip() else text


def without_zero_width(text: str) -> str:
    """Zero-width characters do nothing between letters of scripts that don't use them; where a script does, or in an emoji, they stay."""
    return text if text.isascii() else _ZERO_WIDTH.sub(lambda run: _kept(text, run), text)


def _kept(text: str, run: re.Match[str]) -> str:
    around = text[max(0, run.start() - 1) : run.start()] + text[run.end() : run.end() + 1]
    return "" if all(map(_is_simple, around)) else "".join(c for c in run[0] if c in _JOINERS)


def _is_simple(char: str) -> bool:
    """ASCII, Latin, Greek, Cyrillic, general punctuation, CJK, kana and Hangul: no letter joins another there."""
    code = ord(char)
    return (
        code < 0x530
        or 0x2000 <= code < 0x2070
        or 0x3000 <= code < 0xA000
        or 0xAC00 <= code < 0xD7B0
        or 0xFF00 <= code < 0xFFF0
        or code >= 0x20000
    )


TEXT_STEPS: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("wrong-encoding", mend_encoding),
    ("bom", without_mark),
    ("prefix", without_prefix),
    ("zero-width", without_zero_width),
)
