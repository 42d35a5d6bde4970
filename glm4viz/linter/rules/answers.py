"""Rules on how an answer is written: broken off, or repeating itself. Guesses, so they are made to miss rather than to cry wolf."""

import re
from collections.abc import Iterator

from glm4viz.linter.case import Case, byte_span, is_call
from glm4viz.linter.findings import Hit, rule
from glm4viz.texts import both

_OPEN_ENDS = "，、,；;：:（([{“‘「『《—"
_EMOTICON = re.compile(r"[:;=]-?[(\[{]$")
_FENCE = re.compile(r"^\s*(?:```|~~~)", re.MULTILINE)
# Words that a sentence hardly ever ends in; those that it may end in after a short subject or such a verb; and those it may well end in.
_NEVER_LAST = re.compile(r"\w\W*\s(?:the|a|an|and|or|of|because|although|whose|into|than|its|their|your|my|our|unless|during)$")
_SELDOM_LAST = re.compile(r"\w\W+\w+\W+\w+\W*\s(?:is|are|was|were|in|at|with|by|from|as|which|will|would|has|have)$")
_SHORT_BEFORE = re.compile(
    r"\b(?:it|he|she|that|this|what|they|we|you|i|who|there|here|so|where|how|all|log|sign|check|come|join|plug|fill)\W+\w+$",
    re.IGNORECASE,
)
_SOMETIMES_LAST = re.compile(r"\w\W*\s(?:is|are|was|were|in|at|with|by|from|as|for|to|on|that|which|will|would|has|have)$")
_NEVER_LAST_ZH = re.compile(r"(?:以及|并且|但是|而且|由于|对于|关于|因为|所以|如果|例如|比如|包括|其次|的是|首先|然后)$")
_SENTENCE_END = re.compile(r"[。！？!?]|\.(?=\s)")
_FULL_STOPS = re.compile(r"。|[a-z]\.(?=\s)")
_PLAIN_TAIL = re.compile(r"\s*[\w\s，、,；;：:'’\-]+")


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
    for m in case.written:
        message = case.messages[m]
        if message["role"] != "assistant" or is_call(message):
            continue
        following = case.messages[m + 1] if m + 1 < len(case.messages) else None
        # A thought before a call may well end in a colon.
        if ends_open(message["content"]) and not (following is not None and is_call(following)):
            yield Hit(m, repr(message["content"].rstrip()[-20:]))


def ends_open(text: str) -> bool:
    """Whether a text ends where neither a sentence nor anything else does."""
    text = text.rstrip()
    if not text:
        return False
    if ("```" in text or "~~~" in text) and len(_FENCE.findall(text)) % 2:
        return True
    if text[-1] in _OPEN_ENDS:
        return not _EMOTICON.search(text)
    if not text[-1].isalpha():
        return False
    line = text[text.rfind("\n") + 1 :]
    if line.lstrip()[:1] in "-*#>|`0123456789$":  # a list, a heading, a table: they end as they like
        return False
    return _ends_in_a_joining_word(line[-200:]) or _leaves_its_last_sentence_open(line)


def _ends_in_a_joining_word(line: str) -> bool:
    if _NEVER_LAST_ZH.search(line) or _NEVER_LAST.search(line):
        return True
    if _SENTENCE_END.search(line):
        return bool(_SOMETIMES_LAST.search(line))
    return bool(_SELDOM_LAST.search(line)) and not _SHORT_BEFORE.search(line)


def _leaves_its_last_sentence_open(line: str) -> bool:
    """Whether this line ends two sentences properly and then has a good part of another."""
    stops = list(_FULL_STOPS.finditer(line))
    if len(stops) < 2:
        return False
    tail = line[stops[-1].end() :]
    words = len(tail.split()) if tail.isascii() else len(tail)
    return words >= 4 and bool(_PLAIN_TAIL.fullmatch(tail))


@rule(
    "repeats",
    "warning",
    title=both("An answer repeats itself", "回答不断重复"),
    harm=both(
        "The same words come again and again to the end: the model is taught to run in circles.",
        "同样的词句一直重复到结尾：模型会学着原地打转。",
    ),
    mend=both("Cut the repetition, or remove the record.", "请删去重复部分，或删去这条记录。"),
)
def repeats(case: Case) -> Iterator[Hit]:
    for m in case.written:
        message = case.messages[m]
        if message["role"] == "assistant" and (start := start_of_repetition(message["content"])) >= 0:
            content = message["content"]
            yield Hit(m, repr(content[start : start + 20]), span=byte_span(content, start, len(content)))


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
    for m in case.written:
        message = case.messages[m]
        if message["role"] == "assistant" and starts_on_a_new_line(message["content"]):
            content = message["content"]
            start = len(content) - len(content.lstrip())
            yield Hit(m, repr(content[:start][:20]), span=byte_span(content, 0, start))


def starts_on_a_new_line(text: str) -> bool:
    """Whether a line break stands before the first word of a text that has one."""
    start = text[: len(text) - len(text.lstrip())]
    return start != text and ("\n" in start or "\r" in start)


RULES = (breaks_off, repeats, begins_with_newline)
