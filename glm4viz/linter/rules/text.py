"""Rules on what a content is made of: markers, characters that can't be seen, thoughts left open."""

import re
import unicodedata
from collections.abc import Iterator, Mapping

import numpy as np

from glm4viz.layout import PARTS
from glm4viz.linter.case import Case, byte_span, is_result, label_case
from glm4viz.linter.findings import Hit, hit_in, rule
from glm4viz.recipe import Form, Recipe
from glm4viz.texts import both
from glm4viz.tokenizer import GLM4_SPECIALS, GLM45_SPECIALS

# [MASK] is a word that people write about; it is reported only where it turns into the token.
_MARKERS = (
    *(name for name in GLM4_SPECIALS if name != "[MASK]"),
    *("<|im_start|>", "<|im_end|>", "<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|end_of_text|>"),
)
MARKER = re.compile("|".join(re.escape(name) for name in _MARKERS))
# What a vocabulary has that a text may spell.
SPECIALS: dict[Form, Mapping[str, int]] = {"glm4": GLM4_SPECIALS, "openai": GLM45_SPECIALS}
PREFIX = re.compile(r"\s*(?:\[gMASK\]\s*(?:<sop>)?|<sop>)")
THINK = re.compile(r"^\s*<think>", re.MULTILINE)

REPLACEMENT = "\ufffd"
CONTROL = "".join(chr(c) for c in (*range(0x20), *range(0x7F, 0xA0)) if chr(c) not in "\t\n\r")
ZERO_WIDTH = "\u200b\u2060\ufeff\u180e"
JOINERS = "\u200c\u200d"  # at home in emoji and in Indic and Arabic scripts
BIDI_OVERRIDES = "\u202d\u202e"
BIDI_MARKS = "\u200e\u200f\u202a\u202b\u202c\u2066\u2067\u2068\u2069"  # at home in right-to-left text

_CONTROL, _ZERO_WIDTH, _JOINERS, _OVERRIDES, _MARKS = (
    re.compile(f"[{re.escape(chars)}]") for chars in (CONTROL, ZERO_WIDTH, JOINERS, BIDI_OVERRIDES, BIDI_MARKS)
)
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_BREAKS_AT_ZERO_WIDTH = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]")  # Thai, Lao, Burmese and Khmer write no spaces


@rule(
    "special-token-text",
    "warning",
    title=both("Text that spells a special token", "文本里写有特殊 token 的名字"),
    harm=both(
        "GLM-4's script of June 2024 leaves such text alone, but every script with the chat template turns it into the token itself, which "
        "ends or opens a turn in the middle of a message.",
        "GLM-4 2024 年 6 月的脚本会把它当普通文本，而使用对话模板的脚本都会把它变成真正的 token，在消息中间结束或开始一轮。",
    ),
    mend=both(
        "Remove it, or break it up, for example with a space. It may be left from a template that was applied before.",
        "请删去，或用空格等拆开。它也可能是之前套用模板时留下的。",
    ),
    evidence=("transformers PR #47853", "tiktokenizer #17"),
    refines=True,
)
def special_token_text(case: Case) -> Iterator[Hit]:
    alive = alive_specials(case)
    for m, content in case.texts:
        if m in alive:
            if case.form == "glm4" or not is_result(case.messages[m]):  # there a rule of its own says it
                name = next((name for name in SPECIALS[case.form] if name in content), "")
                yield Hit(m, name, tokens=alive[m], severity="error")
        elif found := MARKER.search(content, _end_of_prefix(content)):
            yield Hit(m, found[0], span=byte_span(content, *found.span()))
    for passage in case.passages:
        if passage.field != "content" and (found := MARKER.search(passage.text)):
            yield hit_in(passage, *found.span(), found[0])


def alive_specials(case: Case) -> dict[int, tuple[int, int]]:
    """The messages in whose content text became a special token, with the first such token. An answer may write out its thought."""
    first: dict[int, tuple[int, int]] = {}
    for sample in case.samples:
        special_ids = sample.tokenizer.special_ids
        ids = [special_ids[name] for name in SPECIALS[case.form] if name in special_ids]
        thought = [special_ids[name] for name in ("<think>", "</think>") if name in special_ids]
        high = np.flatnonzero(
            (sample.input_ids >= min(ids, default=np.iinfo(np.int32).max)) & (sample.part_codes == PARTS.index("content"))
        )
        for at in high.tolist():
            m, token = int(sample.message_index[at]), int(sample.input_ids[at])
            if token in ids and not (token in thought and sample.messages[m]["role"] == "assistant"):
                first.setdefault(m, (at, at + 1))
    return first


@rule(
    "doubled-prefix",
    "error",
    title=both("The prefix [gMASK]<sop> stands in the content", "content 里已有前缀 [gMASK]<sop>"),
    harm=both(
        "Every recipe writes the prefix itself, so it stands there twice, and the model meets a beginning that it never sees when it is used.",
        "每个配方都会自己写前缀，于是它出现两次，模型看到的开头与使用时不同。",
    ),
    mend=both(
        "Remove it from the text: give the messages as they are, not a rendered prompt.",
        "请从文本中删去：给出原始消息，而不是套好模板的提示。",
    ),
    evidence=("GLM-4 #25", "OpenRLHF #393", "alignment-handbook #127"),
)
def doubled_prefix(case: Case) -> Iterator[Hit]:
    for m, content in case.texts:
        if end := _end_of_prefix(content):
            yield Hit(m, span=byte_span(content, 0, end))


def _end_of_prefix(content: str) -> int:
    found = PREFIX.match(content)
    return found.end() if found else 0


@rule(
    "newline-merges",
    "warning",
    title=both("White space merges with the header's newline", "空白与头部换行合并"),
    harm=both(
        "This recipe encodes the header's newline and the content as one string; the content begins with white space, and both become one "
        "token that GLM-4 doesn't write after <|assistant|>. Some systems then lose the whole turn.",
        "这个配方把头部换行和内容作为一个字符串编码；内容以空白开头，两者会合成一个 token，而 GLM-4 在 <|assistant|> 之后并不会写它。有的系统因此丢掉整轮。",
    ),
    mend=both("Strip the start of the content.", "请去掉内容开头的空白。"),
    labelled=True,
    forms=("glm4",),
)
def newline_merges(case: Case) -> Iterator[Hit]:
    for sample in case.samples:
        merged = (sample.part_codes == PARTS.index("newline")) & (sample.spans[:, 0] >= 0)
        for at in merged.nonzero()[0].tolist():
            m = int(sample.message_index[at])
            yield Hit(m, tokens=(at, at + 1), severity=None if sample.messages[m]["role"] == "assistant" else "info")


_merges_newlines: dict[str, bool] = {}


def merges_newlines(recipe: Recipe) -> bool:
    """Whether the recipe can merge a header's newline with the content: asked of the recipe itself, once, on a probe."""
    if recipe.id not in _merges_newlines:
        probe = [{"role": "user", "content": "\n?"}, {"role": "assistant", "content": "\n!"}]
        samples = label_case(probe, recipe, None, None).samples
        _merges_newlines[recipe.id] = not samples or any(True for _ in newline_merges.find(Case(probe, recipe, samples)))
    return _merges_newlines[recipe.id]


@rule(
    "replacement-character",
    "warning",
    title=both("The replacement character U+FFFD", "替换字符 U+FFFD"),
    harm=both(
        "Something was decoded wrongly before, and the model is taught to write the damage.",
        "之前有内容解码出错，模型会学着写出这种乱码。",
    ),
    mend=both("Read the source again with its right encoding.", "请用正确的编码重新读取原文件。"),
)
def replacement_character(case: Case) -> Iterator[Hit]:
    for passage in case.passages:
        if (at := passage.text.find(REPLACEMENT)) >= 0:
            yield hit_in(passage, at, at + 1, str(passage.text.count(REPLACEMENT)))


@rule(
    "control-character",
    "warning",
    title=both("A control character", "控制字符"),
    harm=both(
        "NUL, escape sequences and the like come from terminals and broken files; nobody sees them, but they cost tokens and are trained.",
        "NUL、转义序列之类来自终端或损坏的文件；看不见，却占用 token 并参与训练。",
    ),
    mend=both("Remove it.", "请删去。"),
)
def control_character(case: Case) -> Iterator[Hit]:
    yield from _first_of_each(case, _CONTROL)


@rule(
    "zero-width-character",
    "warning",
    title=both("A zero-width character", "零宽字符"),
    harm=both(
        "It can't be seen, but it splits words into other tokens than the model knows, and is trained in answers.",
        "它看不见，却会把词切成模型不认识的样子，在回答里还会参与训练。",
    ),
    mend=both("Remove it.", "请删去。"),
)
def zero_width_character(case: Case) -> Iterator[Hit]:
    for passage in case.passages:
        content = passage.text
        if content.isascii():
            continue
        found = next(
            (f for f in _ZERO_WIDTH.finditer(content) if not _BREAKS_AT_ZERO_WIDTH.match(content[f.start() - 1 : f.start()])), None
        )
        found = found or next((f for f in _JOINERS.finditer(content) if _joins_nothing(content, f.start())), None)
        if found:
            yield hit_in(passage, *found.span(), _code_point(found[0]))


def _joins_nothing(content: str, at: int) -> bool:
    """Whether a joiner stands where no script has one: after plain Latin, Chinese or Japanese, or at the start."""
    before = content[at - 1 : at]
    name = unicodedata.name(before, "") if before else ""
    return not before or before.isspace() or name.startswith(("LATIN", "CJK UNIFIED", "HIRAGANA", "KATAKANA", "DIGIT"))


@rule(
    "bidi-control",
    "warning",
    title=both("A control for the direction of writing", "书写方向控制符"),
    harm=both(
        "It can't be seen, it makes text look other than it reads, and it is trained in answers.",
        "它看不见，会让文本看起来与实际内容不同，在回答里还会参与训练。",
    ),
    mend=both("Remove it, unless the text is written from right to left.", "请删去，除非文本本来就从右向左书写。"),
)
def bidi_control(case: Case) -> Iterator[Hit]:
    for passage in case.passages:
        content = passage.text
        if content.isascii():
            continue
        found = _OVERRIDES.search(content) or (None if _RIGHT_TO_LEFT.search(content) else _MARKS.search(content))
        if found:
            yield hit_in(passage, *found.span(), _code_point(found[0]))


@rule(
    "think-not-closed",
    "warning",
    title=both("<think> is opened and not closed", "<think> 没有结束"),
    harm=both(
        "The model is taught to think without end: templates that cut everything up to </think> find nothing to cut, and the answer is "
        "taken for thought.",
        "模型会学着一直思考下去；按 </think> 去掉思考内容的模板也找不到位置，回答会被当成思考。",
    ),
    mend=both("Close it with </think> before the answer, or remove the tag.", "请在回答之前补上 </think>，或删去这个标签。"),
)
def think_not_closed(case: Case) -> Iterator[Hit]:
    for m, content in case.texts:
        if case.messages[m]["role"] != "assistant" or "<think>" not in content:
            continue
        opened = [found for found in THINK.finditer(content) if "</think>" not in content[found.end() :]]
        if opened:
            yield Hit(m, span=byte_span(content, *opened[-1].span()))


# ---------------------------------------------------------------------------------------------------------------------


def _first_of_each(case: Case, pattern: re.Pattern[str]) -> Iterator[Hit]:
    for passage in case.passages:
        if found := pattern.search(passage.text):
            yield hit_in(passage, *found.span(), _code_point(found[0]))


def _code_point(char: str) -> str:
    return f"U+{ord(char):04X}"


RULES = (
    special_token_text,
    doubled_prefix,
    newline_merges,
    replacement_character,
    control_character,
    zero_width_character,
    bidi_control,
    think_not_closed,
)
