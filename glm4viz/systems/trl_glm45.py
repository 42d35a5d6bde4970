"""TRL's SFTTrainer with assistant_only_loss on GLM-4.5: the trainer swaps the model's template for one of its own.

That one marks the answers with {% generation %}, and has each answer write the tag that ends it, so that every stop is trained.
"""

from collections.abc import Sequence

import numpy as np

from glm4viz.errors import RecipeRejects
from glm4viz.layout import Message, Segment, Writer
from glm4viz.recipe import LabelledSample, Recipe, Source
from glm4viz.systems.glm45 import GLM45, answer, last_user, result, said, tools_block
from glm4viz.texts import Text


def training_template(messages: Sequence[Message], w: Writer) -> None:
    """Trained: an answer from the newline behind its tag to the tag that ends it, which the next message then doesn't write."""
    if all(message["role"] != "assistant" for message in messages):
        raise RecipeRejects(
            "TRL stops here (RuntimeError: at least one example has no assistant tokens). Add an answer.",
            "TRL 会在这里报错（RuntimeError：至少有一条样本没有 assistant token）。请补上一条回答。",
        )
    # Encoded together, as there is not always a tag between a message and the next.
    pending = [Segment("prefix", "[gMASK]"), Segment("prefix", "<sop>"), *(tools_block(w.tools, GLM45) if w.tools else ())]
    shown_from = last_user(messages) + 1
    for m, message in enumerate(messages):
        after_answer = m > 0 and messages[m - 1]["role"] == "assistant"
        if message["role"] == "assistant":
            w.text(*pending, specials=True)
            pending = []
            w.special("<|assistant|>", "role_tag", message=m)
            w.text(*answer(m, message, GLM45, shown=m >= shown_from), mask=True, specials=True)
            close(w, m, messages)
        elif message["role"] == "tool":
            if message.get("content") is None and not after_answer:
                pending.append(Segment("role_tag", "<|observation|>", m))
            pending += result(m, message, GLM45)
        else:
            if not after_answer:
                pending.append(Segment("role_tag", f"<|{message['role']}|>", m))
            pending += said(m, message, GLM45)
    w.text(*pending, specials=True)


def close(w: Writer, m: int, messages: Sequence[Message]) -> None:
    """The tag behind an answer, trained: the next message's own, or at the end one that is appended."""
    following = messages[m + 1]["role"] if m + 1 < len(messages) else ""
    tag = "<|observation|>" if messages[m].get("tool_calls") else "<|system|>" if following == "system" else "<|user|>"
    if following in ("", "assistant"):
        w.special(tag, "stop", message=m if following else -1, mask=True, owner=m)
    else:
        w.special(tag, "role_tag", message=m + 1, mask=True, owner=m)


def keep_start(sample: LabelledSample, max_length: int | None) -> LabelledSample:
    """truncation_mode keep_start; a sample without a label left is dropped."""
    cut = sample if max_length is None else sample.take(np.arange(min(max_length, len(sample))))
    if not cut.trained.any():
        raise RecipeRejects(
            f"TRL drops this sample: cut to {max_length} tokens, it has nothing to train. Raise max_length.",
            f"TRL 会丢弃这条样本：截断到 {max_length} 个 token 后没有可训练的内容。请调大 max_length。",
        )
    return cut


HISTORY: Text = {
    "en": "Thoughts before the last user message are dropped, and an empty thought is trained in their place (GLM-4.5's own template drops "
    "them, too).",
    "zh": "最后一条 user 消息之前的思考会被丢弃，取而代之训练的是空的思考（GLM-4.5 自己的模板也会丢弃它们）。",
}
SPLIT: Text = {
    "en": "Without reasoning_content, a literal </think> in an answer is taken for the end of its thought; what stands before it vanishes.",
    "zh": "没有 reasoning_content 时，回答里写出的 </think> 会被当作思考的结尾，它前面的文本随之消失。",
}
ALIVE: Text = {
    "en": "Text that spells a special token, such as <|user|> or <tool_call>, becomes that token, in tool results too.",
    "zh": "文本里出现的特殊 token 的名字（例如 <|user|> 或 <tool_call>）会变成真正的特殊 token，工具返回的结果里也是。",
}
STRIPPED: Text = {
    "en": "White space around an answer's text and thought is stripped.",
    "zh": "回答和思考前后的空白会被去掉。",
}
NULL_DROPPED: Text = {
    "en": "A null key counts as absent (transformers 5.23; before, a null content was printed as None).",
    "zh": "值为 null 的键等于没有（transformers 5.23；更早的版本会把 null 的 content 写成 None）。",
}

RECIPES = (
    Recipe(
        id="trl-glm4.5",
        system="TRL",
        source=Source("huggingface/trl", "trl/chat_templates/glm4moe_training.jinja", "v1.16.0", "2026-10-15"),
        rule={
            "en": "assistant_only_loss: everything of an answer behind <|assistant|> is trained, its first newline, its thought (shown or "
            "empty) and its calls included, and the tag that ends it: <|observation|> after a call, else <|user|>, at the very end too.",
            "zh": "assistant_only_loss：<|assistant|> 之后的整个回答都参与训练，包括第一个换行、思考（显示的或空的）和调用，以及结束它的标签："
            "调用之后是 <|observation|>，否则是 <|user|>，末尾也一样。",
        },
        max_length={
            "en": "max_length: the tail is cut off; a sample left without a trained token is dropped",
            "zh": "max_length：丢弃尾部；截断后没有可训练 token 的样本会被丢弃",
        },
        layout=training_template,
        fit=keep_start,
        form="openai",
        vocabulary="glm-4.5",
        served="glm4.5",
        quirks=(
            {
                "en": "TRL takes this template only if the tokenizer's own is GLM-4.5-Air's, character for character. Its stop check "
                "(issues #5988, #6044) was made after GLM models that never stopped.",
                "zh": "只有分词器自带的模板与 GLM-4.5-Air 的逐字相同时，TRL 才会换用这个模板。它对停止 token 的检查（issue #5988、#6044）"
                "正是因为 GLM 模型停不下来才加入的。",
            },
            {
                "en": "One token more than GLM-4.5's own rendering: the closing tag behind the last answer.",
                "zh": "比 GLM-4.5 自己的渲染多一个 token：最后一个回答之后的结束标签。",
            },
            {
                "en": "A tool result that doesn't follow an answer gets no <|observation|>.",
                "zh": "不紧跟在回答之后的工具结果没有 <|observation|>。",
            },
            HISTORY,
            SPLIT,
            STRIPPED,
            ALIVE,
            NULL_DROPPED,
        ),
    ),
)
