"""GLM-4's own fine-tuning scripts, from the first to the last: finetune.py and finetune_vision.py.

`process_batch` renders every message alone, gives all its tokens one mask by its role, appends one end token, and shifts the
mask right by one. So a token is trained if and only if the token *before* it belongs to an answer: the answer's own tag is
not, and the tag that follows the answer is. That tag is how GLM-4 learns to stop, for a turn has no end token of its own.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from glm4viz.errors import RecipeRejects
from glm4viz.layout import Message, Writer
from glm4viz.recipe import LabelledSample, Mask, Recipe, Rows, Source
from glm4viz.systems.glm4_messages import jinja_builder, old_builder, process_message
from glm4viz.texts import Text
from glm4viz.tokenizer import Ids

Builder = Callable[[Writer, int, Message, bool], None]
# The three rules ------------------------------------------------------------------------------------------------------


def process_batch(
    builder: Builder, *, masked: Sequence[str], end: str, prepare: bool = True
) -> Callable[[Sequence[Message], Writer], None]:
    """Every message alone, with one mask for all its tokens; then one end token."""

    def layout(messages: Sequence[Message], w: Writer) -> None:
        w.special("[gMASK]", "prefix")
        w.special("<sop>", "prefix")
        for m, message in enumerate(messages):
            builder(w, m, process_message(message) if prepare else message, message["role"] not in masked)
        w.special(end, "stop")

    return layout


def process_combined(messages: Sequence[Message], w: Writer) -> None:
    """combine: the whole conversation in one go, without process_message; the mask is made of the tokens."""
    process_batch(jinja_builder, masked=(), end="<|user|>", prepare=False)(messages, w)
    if all(piece.token != w.tokenizer.special_ids["<|assistant|>"] for piece in w.rows[-1]):
        raise RecipeRejects(
            "combine looks for the last <|assistant|> and finds none (ValueError: 151337 is not in list). Add an answer.",
            "combine 要找最后一个 <|assistant|>，但这里没有（ValueError: 151337 is not in list）。请补上一条回答。",
        )


def after_last_assistant(rows: Rows, special_ids: dict[str, int]) -> Mask:
    """combine's mask: every token after the row's last <|assistant|>, whoever wrote either of them."""
    position = np.arange(len(rows.ids))
    tag = np.where(rows.ids == special_ids["<|assistant|>"], position, -1)
    last = np.maximum.reduceat(tag, rows.offsets[:-1])
    return position > np.repeat(last, np.diff(rows.offsets))


# process_batch_eval ---------------------------------------------------------------------------------------------------


def eval_each_answer(messages: Sequence[Message], sample: LabelledSample, max_input: int, max_output: int) -> list[tuple[Ids, Ids]]:
    """One pair per answer: all before it and its tag, against the rest of it and the end token."""
    pairs, ids = [], sample.input_ids[:2]
    for m, message in enumerate(messages):
        if len(ids) >= max_input:
            break
        new = sample.input_ids[sample.message_index == m]
        if message["role"] == "assistant":
            output = np.append(new[1:], sample.input_ids[-1])
            pairs.append((np.append(ids[:max_input], new[:1]), output[:max_output]))
        ids = np.append(ids, new)
    return pairs


def eval_each_answer_or_crash(
    messages: Sequence[Message], sample: LabelledSample, max_input: int, max_output: int
) -> list[tuple[Ids, Ids]]:
    """The same from b475ebe on, where the clean-up after the loop needs that there was a pair."""
    pairs = eval_each_answer(messages, sample, max_input, max_output)
    if not pairs:
        raise RecipeRejects(
            "process_batch_eval crashes when no answer is left (UnboundLocalError: output_prompt). Add an answer or raise max_input_length.",
            "没有任何回答可用时 process_batch_eval 会崩溃（UnboundLocalError: output_prompt）。请补上回答，或调大 max_input_length。",
        )
    return pairs


def eval_combined(messages: Sequence[Message], sample: LabelledSample, max_input: int, max_output: int) -> list[tuple[Ids, Ids]]:  # noqa: ARG001
    """combine: the input holds the answer as well (a leak), and ends in [gMASK] where <|assistant|> was meant."""
    ids = sample.input_ids[:-1]
    last = np.flatnonzero(ids == sample.tokenizer.special_ids["<|assistant|>"])[-1]
    return [(np.append(ids[:max_input], ids[:1]), sample.input_ids[last:][:max_output])]


# The recipes ----------------------------------------------------------------------------------------------------------

MAX_LENGTH: Text = {
    "en": "max_input_length + max_output_length + 1: ids and labels are cut to this many, the tail goes",
    "zh": "max_input_length + max_output_length + 1：input_ids 和 labels 都只保留前这么多个，尾部丢弃",
}
MAX_LENGTH_VISION: Text = {
    "en": "max_input_length + max_output_length: ids and labels are cut to this many, the tail goes",
    "zh": "max_input_length + max_output_length：input_ids 和 labels 都只保留前这么多个，尾部丢弃",
}
RULE_SHIFTED: Text = {
    "en": "A token is trained if and only if the token before it belongs to an assistant message. So the answer is trained, its own "
    "<|assistant|> tag isn't, and the tag or end token right after the answer is: it is the stop signal.",
    "zh": "当且仅当前一个 token 属于 assistant 消息时，这个 token 才参与训练。因此回答参与训练，它自己的 <|assistant|> 标签不参与，"
    "而紧跟在回答后面的角色标签或结束 token 参与：它就是停止信号。",
}
RULE_OBSERVATION: Text = {
    "en": "A token is trained if and only if the token before it belongs to an assistant or an observation message: tool results are "
    "trained too, which was a mistake and was mended two days later.",
    "zh": "当且仅当前一个 token 属于 assistant 或 observation 消息时，这个 token 才参与训练：工具返回的结果也被训练了，这是个错误，两天后修复。",
}
RULE_COMBINE: Text = {
    "en": "Only what follows the last <|assistant|> is trained, and of that not the first token: the mask begins after the tag and is then "
    "shifted by one. Earlier answers are never trained.",
    "zh": "只训练最后一个 <|assistant|> 之后的内容，而且其中第一个 token 也不训练：掩码从标签之后开始，随后又右移一位。更早的回答一律不训练。",
}
RULE_VISION: Text = {
    "en": "A token is trained if and only if it belongs to an assistant message itself: the <|assistant|> tag is trained, and no stop "
    "token ever is, neither the next tag nor the final token.",
    "zh": "当且仅当 token 自己属于 assistant 消息时才参与训练：<|assistant|> 标签参与训练，而停止 token（后面的标签或末尾 token）从不参与。",
}

EMPTY_VANISHES: Text = {
    "en": "A message with empty content is written as nothing, not even its tag; two user turns may then become neighbours.",
    "zh": "内容为空的消息什么也不会写出，连标签也没有；于是两条 user 消息可能直接相邻。",
}
README_TOOLS: Text = {
    "en": "The README's schema shows tools as {name, args}; process_message crashes on them (KeyError: 'function'). Issue #199.",
    "zh": "README 里 tools 的格式写作 {name, args}，process_message 遇到它会崩溃（KeyError: 'function'）。见 issue #199。",
}
NULL_METADATA: Text = {
    "en": "A null metadata is written as the word None; datasets fills such nulls in when rows differ in their keys (datasets #7617).",
    "zh": "metadata 为 null 时会写出单词 None；各行键不一致时，datasets 会填入这样的 null（datasets #7617）。",
}
NULL_BY_VERSION: Text = {
    "en": "A null metadata is written as the word None, as transformers of the script's time do, up to 5.22; 5.23.0 and later drop null keys "
    "before rendering. datasets fills such nulls in when rows differ in their keys (datasets #7617).",
    "zh": "metadata 为 null 时会写出单词 None：脚本当时的 transformers 如此，直到 5.22；5.23.0 及以后会在渲染前丢弃值为 null 的键。"
    "各行键不一致时，datasets 会填入这样的 null（datasets #7617）。",
}
CALL_LAST: Text = {
    "en": "A conversation that ends with a tool call is trained to end in the appended token, where <|observation|> would be right.",
    "zh": "以工具调用结尾的对话会被训练成以追加的 token 结束，而正确的应当是 <|observation|>。",
}
SPECIALS_ALIVE: Text = {
    "en": "Text that spells a special token, such as <|user|>, becomes that token.",
    "zh": "文本里出现的特殊 token 的名字（例如 <|user|>）会变成真正的特殊 token。",
}
NEWLINE_MERGES: Text = {
    "en": "Header newline and content are encoded together, so a content that begins with a newline merges with it.",
    "zh": "头部换行与内容一起编码，所以以换行开头的内容会与它合并成一个 token。",
}
LAST_ONLY: Text = {
    "en": "combine is the default of the shipped configs since 2024-07-19, though the README says that every answer is trained (PR #803).",
    "zh": "自 2024-07-19 起 combine 是自带配置的默认值，而 README 仍说每个回答都会训练（PR #803）。",
}
LEAK: Text = {
    "en": "Its evaluation puts the answer into the prompt, so its scores mean nothing.",
    "zh": "它的评估把答案放进了提示里，分数没有意义。",
}
TEXT_ONLY: Text = {
    "en": "Text only: the image tokens, and the black picture the script inserts when there is none, are left out.",
    "zh": "仅文本：图像 token，以及没有图片时脚本插入的黑色图片，都不包含在内。",
}

ANSWERS_ONLY = ("system", "user", "observation")
FINETUNE = "finetune_demo/finetune.py"
OLD_QUIRKS = (EMPTY_VANISHES, README_TOOLS, NULL_METADATA, CALL_LAST)
JINJA_QUIRKS = (EMPTY_VANISHES, README_TOOLS, NULL_BY_VERSION, CALL_LAST, SPECIALS_ALIVE, NEWLINE_MERGES)


def _glm4(id: str, path: str, commit: str, date: str, rule: Text, **options: Any) -> Recipe:
    common: dict[str, Any] = {"max_length": MAX_LENGTH, "shift": True, "quirks": JINJA_QUIRKS}
    return Recipe(id=id, system="GLM-4", source=Source("THUDM/GLM-4", path, commit, date), rule=rule, **common | options)


RECIPES = (
    _glm4(
        "glm4",
        FINETUNE,
        "7fcaeba",
        "2024-06-07",
        RULE_SHIFTED,
        layout=process_batch(old_builder, masked=ANSWERS_ONLY, end="<|endoftext|>"),
        independent=True,
        evaluate=eval_each_answer,
        quirks=OLD_QUIRKS,
    ),
    _glm4(
        "glm4@c0a6d1e",
        FINETUNE,
        "c0a6d1e",
        "2024-06-05",
        RULE_OBSERVATION,
        layout=process_batch(old_builder, masked=("system", "user"), end="<|endoftext|>"),
        independent=True,
        evaluate=eval_each_answer,
        quirks=OLD_QUIRKS,
    ),
    _glm4(
        "glm4@5722878",
        FINETUNE,
        "5722878",
        "2024-06-20",
        RULE_SHIFTED,
        layout=process_batch(jinja_builder, masked=ANSWERS_ONLY, end="<|endoftext|>"),
        independent=True,
        evaluate=eval_each_answer_or_crash,
    ),
    _glm4(
        "glm4@b9d6d38",
        FINETUNE,
        "b9d6d38",
        "2024-07-01",
        RULE_SHIFTED,
        layout=process_batch(jinja_builder, masked=ANSWERS_ONLY, end="<|user|>"),
        independent=True,
        evaluate=eval_each_answer_or_crash,
    ),
    _glm4(
        "glm4@dfe4601",
        "finetune/finetune.py",
        "dfe4601",
        "2025-04-16",
        RULE_SHIFTED,
        layout=process_batch(jinja_builder, masked=ANSWERS_ONLY, end="<|user|>"),
        independent=True,
        evaluate=eval_each_answer_or_crash,
    ),
    _glm4(
        "glm4-combine@dfe4601",
        "finetune/finetune.py",
        "dfe4601",
        "2025-04-16",
        RULE_COMBINE,
        layout=process_combined,
        remask=after_last_assistant,
        evaluate=eval_combined,
        quirks=(LAST_ONLY, LEAK, *JINJA_QUIRKS),
    ),
    _glm4(
        "glm4v@dfe4601",
        "finetune/finetune_vision.py",
        "dfe4601",
        "2025-04-16",
        RULE_VISION,
        layout=process_batch(jinja_builder, masked=ANSWERS_ONLY, end="<|user|>", prepare=False),
        independent=True,
        shift=False,
        max_length=MAX_LENGTH_VISION,
        quirks=(TEXT_ONLY, EMPTY_VANISHES, NULL_BY_VERSION, SPECIALS_ALIVE, NEWLINE_MERGES),
    ),
)
