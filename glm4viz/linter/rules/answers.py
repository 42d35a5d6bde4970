"""Rules on how an answer is written: broken off, or repeating itself. Guesses, so they are made to miss rather than to cry wolf."""

import re
import zlib
from collections import Counter
from collections.abc import Iterator

from glm4viz.linter.case import Case, byte_span, is_call, tokens_at
from glm4viz.linter.endings import ends_open
from glm4viz.linter.findings import Hit, rule
from glm4viz.texts import both


@rule(
    "breaks-off",
    "info",
    title=both("An answer seems to break off", "回答像是没有写完"),
    harm=both(
        "It ends in the middle of a sentence or of a code block, and the model is taught to stop there. Answers that were cut at a "
        "generation limit look like this.",
        "它在句子或代码块中间结束，模型会学着停在那里。生成时被长度上限截断的回答就是这样。",
    ),
    mend=both("Complete it, or remove the record.", "请补完，或删去这条记录。"),
    evidence=("ChatGLM3 #980", "MedicalGPT #157"),
)
def breaks_off(case: Case) -> Iterator[Hit]:
    for m, content in case.texts:
        message = case.messages[m]
        if message["role"] != "assistant" or is_call(message):
            continue
        following = case.messages[m + 1] if m + 1 < len(case.messages) else None
        # A thought before a call may well end in a colon.
        if ends_open(content) and not (following is not None and is_call(following)):
            yield Hit(m, repr(content.rstrip()[-20:]))


@rule(
    "repeats",
    "warning",
    title=both("An answer repeats itself", "回答不断重复"),
    harm=both(
        "The same words come again and again: the model is taught to run in circles.",
        "同样的词句不断重复：模型会学着原地打转。",
    ),
    mend=both("Cut the repetition, or remove the record.", "请删去重复部分，或删去这条记录。"),
)
def repeats(case: Case) -> Iterator[Hit]:
    for m, content in case.texts:
        if case.messages[m]["role"] == "assistant" and (start := start_of_repetition(content)) >= 0:
            yield Hit(m, repr(content[start : start + 20]), span=byte_span(content, start, len(content)))
        elif case.messages[m]["role"] == "assistant" and (loop := said_too_often(content)):
            yield Hit(m, repr(content[slice(*loop)][:40]), span=byte_span(content, *loop), severity="info")


def start_of_repetition(text: str) -> int:
    """Where a text begins to repeat one unit until its end, at least five times; -1 if it doesn't."""
    end = len(text)
    while end and not text[end - 1].isalnum():
        end -= 1
    for probe in (6, 16):  # how much of the end to look for: short units need a short one, long units a long one
        earlier = text.rfind(text[end - probe : end], 0, end - 1) if end > probe else -1
        if earlier < 0:
            continue
        period = end - probe - earlier
        start = _periodic_from(text, end, period)
        unit = text[end - period : end]
        length = end - start
        long_enough = length >= (60 if period == 1 else 24 if not unit.isascii() else 40)
        if long_enough and length >= 5 * period - 1 and any(map(str.isalpha, unit)) and not _counts(unit):
            return start
    return -1


def _periodic_from(text: str, end: int, period: int) -> int:
    """The first place from which on every character up to `end` is the one `period` before its end."""
    at = end - period - 1
    while at >= 0 and text[at] == text[at + period]:
        at -= 1
    return at + 1


_SENTENCE = re.compile(r"[^。！？!?\n.，；]{6,}(?:[。！？!?.，；]|\n|$)")
_CHAR_RUN = re.compile(r"([^\W\d_])\1{29,}")
_WORDS = re.compile(r"[A-Za-z']+|[\u4e00-\u9fff]")
_PIECES = 10
_PACKED = 0.3  # of prose of some length, no less than this is left by zlib; of loops far less


def said_too_often(text: str) -> tuple[int, int] | None:
    """Where a text says the same sentence three times or more, or the same few words over and over, wherever in it; None if it doesn't."""
    if found := _CHAR_RUN.search(text):
        return found.span()
    if len(text) < 30 or not _comes_back(text) or "```" in text or "|" in text:
        return None
    data = text.encode()
    first: dict[str, tuple[int, int]] = {}
    counts: Counter[str] = Counter()
    for found in _SENTENCE.finditer(text):
        said = " ".join(found[0].lower().split()).strip("。！？!?.，；- *")
        first.setdefault(said, found.span())
        counts[said] += len(said.encode())
    total = sum(counts.values())
    for said, size in counts.most_common(1):
        if said and size >= 3 * len(said.encode()) and size >= 0.5 * total and any(map(str.isalpha, said)):
            return first[said]
    words = _WORDS.findall(text.lower())
    grams = Counter(zip(words, words[1:], words[2:], words[3:], strict=False))
    loops = len(words) >= 40 and len(grams) < 0.5 * (len(words) - 3) and grams.most_common(1)[0][1] >= 5
    return (0, len(text)) if loops and len(zlib.compress(data)) < _PACKED * len(data) else None


def _comes_back(text: str) -> bool:
    """Whether any of some pieces of the text, taken at even distances, stands in it three times."""
    size = 12 if text.isascii() else 5
    step = max(1, (len(text) - size) // _PIECES)
    return any(text.count(text[at : at + size]) >= 3 for at in range(0, len(text) - size + 1, step))


def _counts(unit: str) -> bool:
    """Units of digits and signs are tables and series, such as 0, 0, 0."""
    return sum(map(str.isalpha, unit)) * 3 < len(unit.strip())


@rule(
    "begins-with-newline",
    "warning",
    title=both("An answer begins with an empty line", "回答以空行开头"),
    harm=both(
        "GLM-4 puts one newline between <|assistant|> and the answer. This answer adds its own, so the model is taught to begin with empty "
        "lines; Unsloth doesn't find the start of such an answer and trains none of it.",
        "GLM-4 在 <|assistant|> 与回答之间放一个换行。这个回答又加上自己的，模型会学着以空行开头；Unsloth 找不到这种回答的开头，整个都不训练。",
    ),
    mend=both("Remove the line breaks at the start of the content.", "请删去 content 开头的换行。"),
    evidence=("unsloth #3198", "unsloth #2095"),
)
def begins_with_newline(case: Case) -> Iterator[Hit]:
    for m, content in case.texts:
        if case.messages[m]["role"] != "assistant" or not starts_on_a_new_line(content):
            continue
        start = len(content) - len(content.lstrip())
        span = byte_span(content, 0, start)
        # GLM-4.5's template strips an answer, so there it depends on who writes it.
        if case.form == "glm4" or any(tokens_at(sample, m, span) for sample in case.samples):
            yield Hit(m, repr(content[:start][:20]), span=span)


def starts_on_a_new_line(text: str) -> bool:
    """Whether a line break stands before the first word of a text that has one."""
    start = text[: len(text) - len(text.lstrip())]
    return start != text and ("\n" in start or "\r" in start)


RULES = (breaks_off, repeats, begins_with_newline)
