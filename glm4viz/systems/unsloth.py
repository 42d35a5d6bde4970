"""Unsloth's train_on_responses_only: finds the answers in the token ids, by two markers.

What stands between <|assistant|> + newline and the next <|user|> + newline is trained, whatever it is. Nothing is known here of messages
or roles, which explains all its surprises: tool results inside an answer's span are trained, and an answer whose marker doesn't come out
as exactly these two tokens is not. From 2026.10.9 on, the next <|assistant|> + newline ends a span as well.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from glm4viz.errors import RecipeRejects
from glm4viz.recipe import LabelledSample, Recipe, Source
from glm4viz.systems.trl import NULLS_PRINTED, TEMPLATE_QUIRKS, keep_labels, render
from glm4viz.texts import Text


def responses(ids: list[int], question: list[int], answer: list[int]) -> Iterator[tuple[int, int]]:
    """Start and stop of each trained span: from behind an answer's marker to the next question's, or to the end."""
    at, last = 0, len(ids) - 1
    while at < len(ids):
        if not _stands_at(ids, at, answer):
            at += 1
            continue
        start = at + len(answer)
        stop = next((i for i in range(start, len(ids)) if i == last or _stands_at(ids, i, question)), None)
        if stop is None:
            return
        if stop == last:  # also if that token is a tag, where a cut fell right behind it
            yield start, len(ids)
            return
        yield start, stop
        at = stop + len(question) + 1  # the token behind a question's marker is never looked at


def responses_to_either(ids: list[int], question: list[int], answer: list[int], eos: int) -> Iterator[tuple[int, int]]:
    """The spans since 2026.10.9: either marker ends one, and so does an eos, which is trained. (So does a bos, which GLM-4 has not.)"""
    at = 0
    while at < len(ids):
        if not _stands_at(ids, at, answer):
            at += 1
            continue
        start = at + len(answer)
        stop, at = _end_of_span(ids, start, question, answer, eos)
        yield start, stop


def _end_of_span(ids: list[int], start: int, question: list[int], answer: list[int], eos: int) -> tuple[int, int]:
    """Where the span that begins at `start` stops, and where the search goes on."""
    for i in range(start, len(ids)):
        if ids[i] == eos:
            return i + 1, i + 1
        if _stands_at(ids, i, answer):
            return i, i
        if _stands_at(ids, i, question):
            return i, i + len(question)
    return len(ids), len(ids)


def _stands_at(ids: list[int], i: int, marker: list[int]) -> bool:
    return ids[i] == marker[0] and ids[i : i + len(marker)] == marker


def train_on_responses_only(*, either: bool) -> Callable[[LabelledSample, Any], LabelledSample]:
    """Cut first, then searched for markers, as the trainer does, which takes a sample without a label out of the data.

    One that was cut is refused then; one that wasn't is shown as the masking left it, with a note that says so.
    """

    def fit(sample: LabelledSample, max_length: int | None) -> LabelledSample:
        tokenizer = sample.tokenizer
        cut = sample if max_length is None or len(sample) <= max_length else sample.take(np.arange(max_length))
        question, answer = (tokenizer.encode(marker, specials=True) for marker in ("<|user|>\n", "<|assistant|>\n"))
        mask = np.zeros(len(cut), bool)
        ids, eos = cut.input_ids.tolist(), tokenizer.special_ids["<|endoftext|>"]
        for start, stop in responses_to_either(ids, question, answer, eos) if either else responses(ids, question, answer):
            mask[start:stop] = True
        if mask.any():
            return keep_labels(cut, mask)
        if len(cut) == len(sample):
            return replace(keep_labels(cut, mask), notes=(*cut.notes, REMOVED))
        raise RecipeRejects(
            f"Unsloth removes this sample: cut to {max_length} tokens, it has nothing to train. Raise max_length.",
            f"Unsloth 会移除这条样本：截断到 {max_length} 个 token 后没有可训练的内容。请调大 max_length。",
        )

    return fit


REMOVED: Text = {
    "en": "Unsloth removes this sample from the data: the marker <|assistant|> newline isn't in it with a text behind it, so all labels are "
    "-100. Add an answer that is no call and doesn't begin with a newline.",
    "zh": "Unsloth 会把这条样本从数据中移除：里面没有“<|assistant|> 换行”标记加上后面的文本，所有标签都是 -100。"
    "请加上一个不是工具调用、也不以换行开头的回答。",
}

# The recipes ----------------------------------------------------------------------------------------------------------

CALL_UNMARKED: Text = {
    "en": "A call has its function's name between tag and newline, so its marker isn't found: a call right after a question is not trained.",
    "zh": "工具调用在标签与换行之间有函数名，标记匹配不上：紧跟在提问后的调用不参与训练。",
}
ENDS_AT_QUESTION: Text = {
    "en": "Only <|user|> ends a span. After a plain thought, the call, the tool result and the tags between them are all trained.",
    "zh": "只有 <|user|> 能结束一段。普通的思考之后，调用、工具结果以及中间的标签全部参与训练。",
}
ENDS_AT_MARKER: Text = {
    "en": "A call's own tag and <|observation|> end no span. After a plain thought, the call and the tool result are trained, up to the next "
    "answer that is no call.",
    "zh": "调用自己的标签和 <|observation|> 都不会结束一段。普通的思考之后，调用和工具结果都参与训练，直到下一个不是调用的回答。",
}
ENDS_AFTER_EOS: Text = {
    "en": "A text that spells <|endoftext|> ends the span there: what follows in that answer is not trained.",
    "zh": "文本里写出的 <|endoftext|> 会在那里结束这一段：这个回答后面的内容不再训练。",
}
NEWLINE_LOSES: Text = {
    "en": "A content that begins with a newline merges with the header newline; the marker no longer fits and the answer is not trained. "
    "Issues #3198, #2095.",
    "zh": "以换行开头的内容会与头部换行合并，标记不再匹配，整个回答都不训练。见 issue #3198、#2095。",
}
NOTHING_LEFT: Text = {
    "en": "A sample whose labels are all -100 is removed, cut or not; if every sample is, it stops with an error. Issues #2900, #1128.",
    "zh": "标签全是 -100 的样本会被移除，不论是否截断；如果所有样本都如此，则会报错停止。见 issue #2900、#1128。",
}


def _unsloth(id: str, source: Source, rule: Text, quirks: tuple[Text, ...], *, either: bool) -> Recipe:
    return Recipe(
        id=id,
        system="Unsloth",
        source=source,
        rule=rule,
        max_length={
            "en": "max_length: the tail is cut off before the markers are searched; a sample left without a trained token is removed",
            "zh": "max_length：先丢弃尾部再查找标记；没有可训练 token 的样本会被移除",
        },
        layout=render,
        fit=train_on_responses_only(either=either),
        quirks=(CALL_UNMARKED, *quirks, NEWLINE_LOSES, NOTHING_LEFT, NULLS_PRINTED, *TEMPLATE_QUIRKS),
    )


RECIPES = (
    _unsloth(
        "unsloth",
        Source("unslothai/unsloth-zoo", "unsloth_zoo/dataset_utils.py", "ce232d6", "2026-08-20"),
        {
            "en": "Trained is what stands between the tokens <|assistant|> newline and the next <|user|> newline, or the end. So the answer's "
            "text is, its newline isn't, and the <|user|> that ends it never is: no stop is taught.",
            "zh": "训练的是 <|assistant|> 换行 与下一个 <|user|> 换行（或末尾）之间的 token。因此回答正文参与训练，它的头部换行不参与，"
            "结束它的 <|user|> 也从不参与：学不到停止。",
        },
        (ENDS_AT_QUESTION,),
        either=False,
    ),
    _unsloth(
        "unsloth@2026.10.9",
        Source("unslothai/unsloth-zoo", "unsloth_zoo/dataset_utils.py", "2026.10.9", "2026-10-26"),
        {
            "en": "Trained is what stands between the tokens <|assistant|> newline and the next <|user|> newline, <|assistant|> newline, or "
            "the end. The answer's text is, its newline isn't, and the <|user|> that ends it never is: no stop is taught.",
            "zh": "训练的是 <|assistant|> 换行 与下一个 <|user|> 换行、<|assistant|> 换行（或末尾）之间的 token。回答正文参与训练，"
            "它的头部换行不参与，结束它的 <|user|> 也从不参与：学不到停止。",
        },
        (ENDS_AT_MARKER, ENDS_AFTER_EOS),
        either=True,
    ),
)
