"""Whether a text ends where its writer would have ended it.

Short answers, lists, tables and code end as they like. A text is held against its own habits instead: sentences that all close, and one at the
end that doesn't; brackets that are always closed, and a last one that isn't; words that no sentence ends in.
"""

import re

_OPEN_ENDS = "，、,；;：:（([{“‘「『《—"
_CLOSED = "。！？!?.…”’\"'」』）)]】》}>*`~|:：,，;；、—-=+/\\%$&^_°"
_EMOTICON = re.compile(r"[:;=]-?[(\[{]$")
_FENCE = re.compile(r"^\s*(?:```|~~~)", re.MULTILINE)
# Words that a sentence hardly ever ends in; those that it may end in after a short subject or such a verb; and those it may well end in.
_NEVER_LAST = re.compile(
    r"\w\W*\s(?:the|a|an|and|or|of|because|although|whose|into|than|its|their|your|my|our|unless|during|every|if|including)$"
)
_SELDOM_LAST = re.compile(
    r"\w\W+\w+\W+\w+\W*\s(?:is|are|was|were|in|at|with|by|from|as|which|will|would|has|have|to|be|can|may|should|could|must|might|these|those|very|such|"
    r"when|while|where|between|without|that|for|on|also)$"
)
_SHORT_BEFORE = re.compile(
    r"\b(?:it|he|she|that|this|what|they|we|you|i|who|there|here|so|where|how|all|log|sign|check|come|join|plug|fill)\W+\w+$",
    re.IGNORECASE,
)
_SOMETIMES_LAST = re.compile(
    r"\w\W*\s(?:is|are|was|were|in|at|with|by|from|as|for|to|on|that|which|will|would|has|have|be|can|may|should)$"
)
_NEVER_LAST_ZH = re.compile(
    r"(?:以及|并且|但是|而且|由于|对于|关于|因为|所以|如果|例如|比如|包括|其次|的是|首先|然后|为了|不仅|通过|根据|虽然|这种|一个|一种|这些|那些|我们的|他们的|"
    r"(?<![饱温柔缓总平谐])和|(?<![参给赠赋])与|(?<![涉普埃顾遍提来])及|或者|(?<!间)或|并|(?<![而姑尚])且|把|(?<!棉)被|将|让|使)$"
)
_SENTENCE_END = re.compile(r"[。！？!?]|\.(?=\s)")
_FULL_STOP = re.compile(r"[。！？](?![”’」』）])|(?<=[a-z]{2})(?<!\bvs)(?<!\betc)[.!?](?=\s)|(?<=[a-z]\))\.(?=\s)|(?<=\d)\.(?=\s[A-Z])")
_PLAIN_TAIL = re.compile(r"\s*[\w\s，、,；;：:'’“”\"\-—()（）《》%*/$.]+")
_ITEM = re.compile(r"\s*(?:[-*•·]|\(?\d{1,3}[.)、．:：]|[（(]?[一二三四五六七八九十a-zA-Z\d]{1,3}[)）、.])\s*")
_NOT_PROSE = re.compile(r"\s*(?:[#>|`$\\{}\[<=+]|https?:)|.*(?:https?://\S+|[@#]\w+|[{};<>=|\\]|\.\w{2,4})$")
_PAIRS = (("（", "）"), ("(", ")"), ("“", "”"), ("《", "》"), ("「", "」"), ("『", "』"))


def ends_open(text: str) -> bool:
    """Whether a text ends where neither a sentence nor anything else does."""
    text = text.rstrip()
    if not text:
        return False
    if ("```" in text or "~~~" in text) and len(_FENCE.findall(text)) % 2:
        return True
    if text[-1] in _OPEN_ENDS:
        return not _EMOTICON.search(text)
    if text[-1] in _CLOSED or not text[-1].isalnum():
        return False
    line = text[text.rfind("\n") + 1 :]
    if _NOT_PROSE.match(line):
        return False
    item = _ITEM.match(line)
    said = line[item.end() :] if item else line
    return (
        (text[-1].isalpha() and not item and _ends_in_a_joining_word(line[-200:]))
        or _leaves_its_last_sentence_open(said)
        or _leaves_a_bracket_open(said)
        or _breaks_with_the_lines_before(text[: -len(line)], _kind(line), said)
    )


def _ends_in_a_joining_word(line: str) -> bool:
    if (_NEVER_LAST_ZH.search(line) and len(line) >= 2) or _NEVER_LAST.search(line):
        return True
    if _SENTENCE_END.search(line):
        return bool(_SOMETIMES_LAST.search(line))
    return bool(_SELDOM_LAST.search(line)) and not _SHORT_BEFORE.search(line)


def _leaves_its_last_sentence_open(line: str) -> bool:
    """Whether this line ends a sentence properly and then has a good part of another."""
    stops = list(_FULL_STOP.finditer(line))
    if not stops:
        return False
    tail = line[stops[-1].end() :]
    return _length(tail) >= (4 if len(stops) > 1 else 5) and bool(_PLAIN_TAIL.fullmatch(tail))


def _leaves_a_bracket_open(line: str) -> bool:
    return any(
        line.rfind(first) > line.rfind(second) and line.count(first) > line.count(second) and _length(line[line.rfind(first) + 1 :]) >= 2
        for first, second in _PAIRS
        if first in line and line[line.rfind(first) - 1 : line.rfind(first)] not in (":", ";", "=")
    )


def _kind(line: str) -> str:
    """What a line is: an item with a sign, one with a number, or neither."""
    item = _ITEM.match(line)
    return "" if item is None else "number" if item[0].strip()[0].isalnum() else "sign"


def _breaks_with_the_lines_before(before: str, kind: str, last: str) -> bool:
    """Whether nearly every line of this kind ends its sentence, but the last one doesn't."""
    lines = [line for line in before.split("\n") if line.strip()]
    alike = [line.rstrip() for line in lines if _kind(line) == kind and not line.lstrip().startswith(("#", "|", ">", "`"))]
    if not kind:
        alike = [line for line in alike if _length(line) >= 8]
    closed = sum(line[-1] in "。！？.!?:：" for line in alike)
    return closed >= 2 and closed >= 0.8 * len(alike) and _length(last) >= (1 if kind else 4)


def _length(text: str) -> int:
    """Words, where a Chinese character is half a word."""
    han = sum("\u4e00" <= char <= "\u9fff" for char in text)
    return han // 2 + len(re.findall(r"[A-Za-z0-9'’-]+", text))
