"""Unsloth's train_on_responses_only: finds the answers in the token ids, by two markers.

Everything between <|assistant|> + newline and the next <|user|> + newline is trained, whatever it is. Nothing is known here
of messages or roles, which explains all its surprises: tool results inside an answer's span are trained, and an answer whose
marker doesn't come out as exactly these two tokens is not.
"""

from collections.abc import Iterator

import numpy as np

from glm4viz.errors import RecipeRejects
from glm4viz.recipe import LabelledSample, Recipe, Source
from glm4viz.systems.trl import TEMPLATE_QUIRKS, keep_labels, render

QUESTION, ANSWER = "<|user|>\n", "<|assistant|>\n"


def responses(ids: list[int], question: list[int], answer: list[int]) -> Iterator[tuple[int, int]]:
    """Start and stop of each trained span: from behind an answer's marker to the next question's, or to the end."""
    at, last = 0, len(ids) - 1
    while at < len(ids):
        if ids[at : at + len(answer)] != answer:
            at += 1
            continue
        start = at + len(answer)
        stop = next((i for i in range(start, len(ids)) if i == last or ids[i : i + len(question)] == question), None)
        if stop is None:
            return
        if stop == last:  # also if that token is a tag, where a cut fell right behind it
            yield start, len(ids)
            return
        yield start, stop
        at = stop + len(question) + 1  # the token behind a question's marker is never looked at


def train_on_responses_only(sample: LabelledSample, max_length: int | None) -> LabelledSample:
    """Cut first, then searched for markers, as the trainer does."""
    cut = sample if max_length is None or len(sample) <= max_length else sample.take(np.arange(max_length))
    question, answer = (sample.tokenizer.encode(marker, specials=True) for marker in (QUESTION, ANSWER))
    mask = np.zeros(len(cut), bool)
    for start, stop in responses(cut.input_ids.tolist(), question, answer):
        mask[start:stop] = True
    if len(cut) < len(sample) and not mask.any():
        raise RecipeRejects(
            f"Unsloth removes this sample: cut to {max_length} tokens, it has nothing to train. Raise max_length.",
            f"Unsloth 会移除这条样本：截断到 {max_length} 个 token 后没有可训练的内容。请调大 max_length。",
        )
    return keep_labels(cut, mask)


RECIPES = (
    Recipe(
        id="unsloth",
        system="Unsloth",
        source=Source("unslothai/unsloth-zoo", "unsloth_zoo/dataset_utils.py", "ce232d6", "2026-08-20"),
        rule={
            "en": "Trained is what stands between the tokens <|assistant|> newline and the next <|user|> newline, or the end. So the answer's "
            "text is, its newline isn't, and the <|user|> that ends it never is: no stop is taught.",
            "zh": "训练的是 <|assistant|> 换行 与下一个 <|user|> 换行（或末尾）之间的 token。因此回答正文参与训练，它的头部换行不参与，"
            "结束它的 <|user|> 也从不参与：学不到停止。",
        },
        max_length={
            "en": "max_length: the tail is cut off before the markers are searched; a sample left without a trained token is removed",
            "zh": "max_length：先丢弃尾部再查找标记；没有可训练 token 的样本会被移除",
        },
        layout=render,
        fit=train_on_responses_only,
        quirks=(
            {
                "en": "A call has its function's name between tag and newline, so its marker isn't found: a call right after a question is "
                "not trained.",
                "zh": "工具调用在标签与换行之间有函数名，标记匹配不上：紧跟在提问后的调用不参与训练。",
            },
            {
                "en": "Only <|user|> ends a span. After a plain thought, the call, the tool result and the tags between them are all trained.",
                "zh": "只有 <|user|> 能结束一段。普通的思考之后，调用、工具结果以及中间的标签全部参与训练。",
            },
            {
                "en": "A content that begins with a newline merges with the header newline; the marker no longer fits and the answer is not "
                "trained. Issues #3198, #2095.",
                "zh": "以换行开头的内容会与头部换行合并，标记不再匹配，整个回答都不训练。见 issue #3198、#2095。",
            },
            {
                "en": "If every sample has nothing to train, it stops with “All labels in your dataset are -100”. Issues #2900, #1128.",
                "zh": "如果所有样本都没有可训练的内容，会报错 “All labels in your dataset are -100”。见 issue #2900、#1128。",
            },
            *TEMPLATE_QUIRKS,
        ),
    ),
)
