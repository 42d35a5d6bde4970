"""Tokens, messages and texts as the reader sees them."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from glm4viz.tokenizer import VOCABULARY_SIZE, Tokenizer
from glm4viz.ui.i18n import t
from glm4viz.walkthrough.steps import Step

Item = dict[str, Any]
SHOWN, LONGEST_CHIP = 150, 24
VISIBLE = {"\n": "↵", "\t": "→", "\r": "␍", "\u3000": "□"}


def chip(tokenizer: Tokenizer, token: int) -> Item:
    """A token as the reader sees it: a special one by its name, white space visible, part of a character as bytes."""
    data = tokenizer.token_bytes(token)
    if token >= VOCABULARY_SIZE:
        return {"text": data.decode("utf-8", "replace"), "kind": "special"}
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return {"text": data.hex(" ").upper(), "kind": "bytes"}
    bare = text.strip(" ")
    start = text.index(bare) if bare else len(text)
    text = "·" * start + bare + "·" * (len(text) - start - len(bare))
    text = "".join(VISIBLE.get(c, c if c.isprintable() else f"\\u{ord(c):04x}") for c in text)
    return {"text": text if len(text) <= LONGEST_CHIP else text[: LONGEST_CHIP - 1] + "…", "kind": ""}


def window(stop: int, near: Sequence[int], limit: int = SHOWN) -> list[int]:
    """Which of the positions 0 … stop - 1 to show: all that fit, those nearest to what matters first. No gap is a single token."""
    if stop <= limit:
        return list(range(stop))
    anchors = np.unique(np.clip([0, *near], 0, stop - 1))[: limit // 4]
    position = np.arange(stop)
    at = np.clip(np.searchsorted(anchors, position), 0, len(anchors) - 1)
    distance = np.minimum(np.abs(position - anchors[at]), np.abs(position - anchors[np.maximum(at - 1, 0)]))
    shown = np.zeros(stop, bool)
    shown[np.argsort(distance, kind="stable")[:limit]] = True
    shown |= np.append(shown[1:], True) & np.insert(shown[:-1], 0, True)
    return [int(i) for i in np.flatnonzero(shown)]


def first_token(step: Step) -> str:
    """The name of the first new token."""
    return str(chip(step.sample.tokenizer, int(step.sample.input_ids[step.start]))["text"])


def shown_json(message: object, limit: int = 500) -> str:
    """A message as the data file has it, cut where it is long."""
    text = json.dumps(message, ensure_ascii=False)
    return text if len(text) <= limit else f"{text[:limit]} … {t('walk.more_characters', count=f'{len(text) - limit:,}')}"


def shown_text(text: str, limit: int = 500) -> str:
    return text if len(text) <= limit else f"{text[:limit]} … {t('walk.more_characters', count=f'{len(text) - limit:,}')}"
