"""The quick yes for what is plainly clean, so that only the rest is looked at closely.

Three questions, each for many records at once: is a line plain JSON of plain messages; does its text hold nothing that any rule asks
about; does the recipe train in it just what it should. Nothing here finds a fault: it only says "clean", or leaves it to the rules. A test
holds the two against each other.
"""

import json
import re
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

import numpy as np

from glm4viz.conversation import ROLES
from glm4viz.labelling.batch import Batch
from glm4viz.layout import Message
from glm4viz.linter import RULES
from glm4viz.linter.case import Case
from glm4viz.linter.encodings import GBK_STARTS
from glm4viz.linter.endings import ends_open
from glm4viz.linter.findings import Rule
from glm4viz.linter.rules import leftovers, private, replies, speaker
from glm4viz.linter.rules.answers import said_too_often, start_of_repetition, starts_on_a_new_line
from glm4viz.linter.rules.calls import call_written_as_text
from glm4viz.linter.rules.order import RULES as ORDER_RULES
from glm4viz.recipe import IGNORE, Mask, Recipe
from glm4viz.systems.captured import CAPTURED
from glm4viz.systems.registry import get_recipe
from glm4viz.tokenizer import Tokenizer

_ROLE, _CONTENT = itemgetter("role"), itemgetter("content")
_decode = json.JSONDecoder().decode
# Keys beside "messages" that no format knows, so that they can't change what the record is.
_IDLE_KEYS = frozenset(("messages", "id", "title", "about", "source", "category"))

# What a rule may ask about, in UTF-8 inside JSON. Each pattern begins with one fixed byte, which is searched for at memory speed.
_ASKED_ABOUT = tuple(
    re.compile(pattern, re.DOTALL)
    for pattern in (
        rb"\\[ubf]",  # an escape: it may be anything
        rb"\x7f",
        rb"\xc2[\x80-\x9f]",
        rb"\xe1\xa0\x8e",
        # A zero-width joiner after an emoji or its variation selector is at home there.
        rb"\xe2\x80(?:[\x8b\x8c\x8e\x8f\xaa-\xae]|\x8d(?<!\xf0\x9f..\xe2\x80\x8d)(?<!\xef\xb8\x8f\xe2\x80\x8d))",
        rb"\xe2\x81[\xa0\xa6-\xa9]",
        rb"\xef(?:\xbf\xbd|\xbb\xbf)",
        rb"<(?:\||sop>|eop>|think|tool_call|function_call)",
        # UTF-8 read as Latin-1 or cp1252 has an accented letter before a sign; read as GBK it begins with one of these characters.
        rb"\xc3[\x82-\xb4](?:\xc2|\xe2[\x80\x82\x84]|\xcb|[\xc5\xc6])",
        *(re.escape(char.encode()) for char in GBK_STARTS),
        rb"\[[gs]?MASK\]",
    )
)


# Lines ----------------------------------------------------------------------------------------------------------------


def plain_messages(line: str) -> list[Message] | None:
    """The messages of a line that holds one GLM-4 conversation of roles and texts and nothing else; None for any other line."""
    try:
        record = _decode(line)
        if type(record) is not dict or not record.keys() <= _IDLE_KEYS:
            return None
        messages: list[Message] = record["messages"]
        if type(messages) is not list or {*map(len, messages)} != {2} or {*map(type, messages)} != {dict}:
            return None
        if not {*map(_ROLE, messages)} <= _ROLES or {*map(type, map(_CONTENT, messages))} != {str}:
            return None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return messages


_ROLES = frozenset(ROLES)


def lines_asked_about(data: bytes) -> set[int]:
    """Numbers, from 0, of the lines that hold anything a rule on text may ask about."""
    places = sorted(found.start() for pattern in _ASKED_ABOUT for found in pattern.finditer(data))
    if not places:
        return set()
    breaks = np.flatnonzero(np.frombuffer(data, np.uint8) == 10).tolist()
    return {bisect_right(breaks, place) for place in places}


# Messages -------------------------------------------------------------------------------------------------------------


def suspects(messages: Sequence[Message]) -> Sequence[Rule]:
    """The rules on messages that may find anything in plain ones, in whose text nothing was asked about; none for plainly clean ones."""
    roles = tuple(map(_ROLE, messages))
    if not _clean_order(roles):
        return MESSAGE_RULES
    for role, message in zip(roles, messages, strict=True):
        text = message["content"]
        if not text or (text[0].isspace() and (text.isspace() or starts_on_a_new_line(text))):
            return MESSAGE_RULES
        if role == "assistant" and not _ends_well(message, text.strip()):
            return MESSAGE_RULES
    texts = [message["content"] for message in messages]
    found: list[Rule] = []
    if any(map(_SIGNS_LEFT.search, texts)):
        found += leftovers.RULES
    if any(map(_SIGNS_PRIVATE.search, texts)) or any(map(private.holds_many_digits, texts)):
        found += private.RULES
    if not _replies_well(messages, roles):
        found += (*speaker.RULES, *replies.RULES)
    return found


def _ends_well(message: Message, text: str) -> bool:
    if text[0] in "{[" and call_written_as_text(message):
        return False
    return not ends_open(text) and start_of_repetition(text) < 0 and said_too_often(text) is None


# Each begins with one fixed character, so that the search passes over all others at once.
_SIGNS_LEFT = re.compile("|".join(map(re.escape, dict.fromkeys(leftovers.SIGNS))))
_SIGNS_PRIVATE = re.compile("|".join(map(re.escape, dict.fromkeys(private.SIGNS))))
_SIGNS_IN_ANSWERS = re.compile("|".join(map(re.escape, dict.fromkeys(speaker.SIGNS))))
_OTHER_SCRIPT = re.compile("[\u00c0-\u1fff\u3040-\u30ff\uac00-\ud7af]")
_ENGLISH = re.compile(" (?:the|is|of|to|and|a|in|you|for) ")


def _replies_well(messages: Sequence[Message], roles: Sequence[str]) -> bool:
    """Whether every answer plainly fits its question in language and length, and none speaks of who says it."""
    question = ""
    for role, message in zip(roles, messages, strict=True):
        text = message["content"]
        if role == "assistant":
            if len(text) <= 40 or text.startswith(question[:5]) or _SIGNS_IN_ANSWERS.search(text) or not _same_script(question, text):
                return False
        elif role == "user":
            question = text.strip()
    first = [message["content"].strip() for role, message in zip(roles, messages, strict=True) if role != "system"][:2]
    return len(first) < 2 or not replies.looks_swapped(*first)


def _same_script(question: str, answer: str) -> bool:
    if question.isascii() and answer.isascii():
        return bool(_ENGLISH.search(question) and _ENGLISH.search(answer))
    # In UTF-8 a Chinese character takes three bytes, so mostly Chinese texts take more than twice as many as they have characters.
    chinese = [len(text.encode()) > 2 * len(text) for text in (question, answer)]
    return all(chinese) and not _OTHER_SCRIPT.search(question) and not _OTHER_SCRIPT.search(answer)


@lru_cache(maxsize=4096)
def _clean_order(roles: tuple[str, ...]) -> bool:
    """Whether no rule on the order of messages finds anything in these roles. Asked of the rules themselves."""
    case = Case([{"role": role, "content": "…"} for role in roles], get_recipe("glm4"))
    return "observation" not in roles and not any(True for rule in ORDER_RULES for _ in rule.find(case))


MESSAGE_RULES = tuple(rule for rule in RULES.values() if not rule.labelled and "glm4" in rule.forms)
LABELLED_RULES = tuple(rule for rule in RULES.values() if rule.labelled)


# Labels ---------------------------------------------------------------------------------------------------------------


def can_be_judged(recipe: Recipe) -> bool:
    """Whether `trains_as_it_should` holds for the recipe: one that judges samples one by one has reasons that arrays don't show."""
    return recipe.form == "glm4" and recipe.fit is None and recipe.id != CAPTURED.id and not recipe.max_length_pair


def trains_as_it_should(batch: Batch, answers: Iterable[int], max_length: int | None, tokenizer: Tokenizer) -> Mask:
    """bool [conversations]: the conversation became one row, was not cut, and in it exactly this is trained: every answer and what ends it.

    Told from the arrays alone, by the role tags among the ids, so it costs a few passes over all rows at once. `answers`: how many
    answers each conversation has. Only for batches that were labelled without a limit.
    """
    expected_answers = np.fromiter(answers, np.int64)
    good = np.zeros(len(expected_answers), bool)
    if not len(batch):
        return good
    ids, starts, ends = batch.input_ids, batch.offsets[:-1], batch.offsets[1:]
    assistant = tokenizer.special_ids["<|assistant|>"]
    others = [tokenizer.special_ids[f"<|{role}|>"] for role in ROLES if role != "assistant"]
    lowest = min(assistant, *others)
    at = np.flatnonzero(ids >= lowest)  # few: the rest is text
    at = at[np.isin(ids[at], [assistant, *others])]
    is_answer = ids[at] == assistant
    # A row's first token opens a segment of its own, so that a row doesn't go on where the last one ended.
    opens = np.concatenate([at, starts])
    order = np.argsort(opens, kind="stable")
    speaks = np.concatenate([is_answer, np.zeros(len(starts), bool)])[order]
    in_answer = np.repeat(speaks, np.diff(opens[order], append=len(ids)))
    trained = np.empty(len(ids), bool)
    trained[0], trained[1:] = False, in_answer[:-1]
    trained[starts] = False
    wrong = np.where(trained, ids, np.int32(IGNORE)) != batch.labels
    stops = [tokenizer.special_ids[name] for name in batch.recipe.stops]
    counts = np.concatenate([[0], np.cumsum(wrong)])
    fine = (counts[ends] == counts[starts]) & np.isin(ids[ends - 1], stops)
    found = np.bincount(np.searchsorted(ends, at[is_answer], side="right"), minlength=len(starts))
    fine &= (found > 0) & (found == expected_answers[batch.source])
    if max_length is not None:
        fine &= ends - starts <= max_length
    rows = np.bincount(batch.source, minlength=len(good))
    good[batch.source[fine]] = True
    good &= rows == 1
    return good


def count_answers(messages: Sequence[Any]) -> int:
    """How many answers GLM-4 writes: an empty one leaves nothing."""
    return sum(1 for message in messages if message["role"] == "assistant" and message["content"])
