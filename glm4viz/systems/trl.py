"""TRL's SFTTrainer with its defaults: the model's own chat template, and every token is trained.

`render` is also where Axolotl and Unsloth begin: both take the same rendering and then keep only some of its labels.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from glm4viz.layout import Message, Writer
from glm4viz.recipe import IGNORE, LabelledSample, Mask, Recipe, Source
from glm4viz.systems.glm4_messages import jinja_builder
from glm4viz.texts import Text


def render(messages: Sequence[Message], w: Writer) -> None:
    """glm-4-9b-chat's template, every token trained. A tag right after an answer teaches that answer to end."""
    w.special("[gMASK]", "prefix", mask=True)
    w.special("<sop>", "prefix", mask=True)
    row, answer = w.rows[-1], None
    for m, message in enumerate(messages):
        tag = len(row)
        jinja_builder(w, m, message, True)
        if tag < len(row):  # a message with empty content is written as nothing
            row[tag] = row[tag]._replace(owner=answer)
            answer = m if message["role"] == "assistant" else None


def without_nulls(message: Message) -> Message:
    """The message without the keys that are null, which transformers drops from 5.23.0 on; nulls inside a value stay."""
    return {key: value for key, value in message.items() if value is not None or key == "content"}


def keep_labels(sample: LabelledSample, mask: Mask) -> LabelledSample:
    """The sample with only the labels where `mask` is True."""
    labels, owner = np.where(mask, sample.labels, np.int32(IGNORE)), np.where(mask, sample.owner, np.int32(-1))
    return replace(sample, labels=labels, owner=owner)


def sft(messages: Sequence[Message], w: Writer) -> None:
    render([without_nulls(message) for message in messages], w)


NULLS_PRINTED: Text = {
    "en": "A null metadata is written as the word None, and null tools stop the template: transformers up to 5.22 hand nulls to it, and "
    "unsloth-zoo asks for 5.17 or older. From 5.23.0 on, null keys are dropped.",
    "zh": "metadata 为 null 时会写出单词 None，tools 为 null 时模板会报错：5.22 及更早的 transformers 把 null 交给模板，"
    "而 unsloth-zoo 要求 5.17 或更早的版本。从 5.23.0 起，值为 null 的键会被丢弃。",
}
TEMPLATE_QUIRKS: tuple[Text, ...] = (
    {
        "en": "A message with empty content is written as nothing, not even its tag.",
        "zh": "内容为空的消息什么也不会写出，连标签也没有。",
    },
    {
        "en": "Text that spells a special token, such as <|user|>, becomes that token.",
        "zh": "文本里出现的特殊 token 的名字（例如 <|user|>）会变成真正的特殊 token。",
    },
)

RECIPES = (
    Recipe(
        id="trl",
        system="TRL",
        source=Source("huggingface/trl", "trl/trainer/sft_trainer.py", "f2cd577", "2026-07-24"),
        rule={
            "en": "Every token of the rendered conversation is trained, questions, system text and tool results included. No end token is "
            "appended, so the last answer is never taught to stop.",
            "zh": "渲染出的每个 token 都参与训练，包括提问、system 文本和工具结果。末尾不追加结束 token，所以最后一个回答学不到停止。",
        },
        max_length={
            "en": "max_length: the tail is cut off; a sample that is left without a trained token would be dropped, which can't happen here, "
            "where all are trained",
            "zh": "max_length：丢弃尾部；截断后没有可训练 token 的样本会被丢弃，但这里全部参与训练，所以不会发生",
        },
        layout=sft,
        quirks=(
            {
                "en": "Users are surprised that the prompt is trained (issue #3279). assistant_only_loss needs a template with generation "
                "marks, which glm-4-9b-chat's has not.",
                "zh": "提示部分也被训练常让用户意外（issue #3279）。assistant_only_loss 需要带 generation 标记的模板，而 glm-4-9b-chat 的模板没有。",
            },
            {
                "en": "The label on the very first token never enters the loss: nothing predicts it.",
                "zh": "第一个 token 上的标签从不进入损失：没有位置预测它。",
            },
            {
                "en": "Shown with transformers 5.23.0, which drops a message's null keys before rendering. 5.22 and older print a null "
                "metadata as the word None. Nulls inside tools are printed by both.",
                "zh": "这里按 transformers 5.23.0 显示：渲染前会丢弃消息里值为 null 的键。5.22 及更早的版本会把为 null 的 metadata 写成单词 None。"
                "tools 内部的 null 两者都会写出。",
            },
            *TEMPLATE_QUIRKS,
        ),
    ),
)
