"""torchtune with its Llama 3 tokenizer: every message has a header and an end token of its own.

The mask belongs to the whole message, so an answer is trained with its header, from <|start_header_id|> to <|eot_id|>. The
labels are shown unshifted; torchtune shifts them while it prepares the data.
"""

from collections.abc import Sequence

import numpy as np

from glm4viz.errors import RecipeRejects
from glm4viz.layout import PARTS, Message, Segment, Writer
from glm4viz.recipe import IGNORE, LabelledSample, Recipe, Source

END = "<|end_of_text|>"
LLAMA3_SPECIALS = {
    name: 151_560 + i for i, name in enumerate(("<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", END))
}


def tokenize_messages(messages: Sequence[Message], w: Writer) -> None:
    contents = contents_of(messages)
    validate_messages(messages)
    w.special("<|begin_of_text|>", "prefix")
    for m, content in enumerate(contents):
        write_message(m, messages[m]["role"], content, w)
    w.special(END, "stop")


def contents_of(messages: Sequence[Message]) -> list[Segment]:
    """The text of each message, stripped. Raises RecipeRejects where the first has none.

    OpenAIToMessages sets a variable `content` for a text and for a list, and for null leaves it as the message before it did: that text then
    stands there again, in no place of the message's own content.
    """
    segments, text = list[Segment](), None
    for m, message in enumerate(messages):
        text = text if message["content"] is None else message["content"]
        if text is None:
            raise RecipeRejects(
                "torchtune crashes on the null content of the first message (UnboundLocalError: content). Write a text.",
                "第一条消息的 content 是 null，torchtune 会崩溃（UnboundLocalError: content）。请写上文本。",
            )
        stripped = text.strip()
        given = stripped and message["content"] is not None
        segments.append(Segment("content", stripped, m, len(text[: len(text) - len(text.lstrip())].encode()) if given else -1))
    return segments


def write_message(m: int, role: str, content: Segment, w: Writer) -> None:
    mask = role == "assistant"
    w.special("<|start_header_id|>", "role_tag", message=m, mask=mask)
    w.text(Segment("role_tag", role, m), mask=mask)
    w.special("<|end_header_id|>", "role_tag", message=m, mask=mask)
    w.text(Segment("newline", "\n\n", m), mask=mask)
    w.text(content, mask=mask)
    w.special("<|eot_id|>", "stop", message=m, mask=mask)


def validate_messages(messages: Sequence[Message]) -> None:
    """torchtune's own checks, in its order. Raises RecipeRejects."""
    if len(messages) < 2:
        raise _invalid("a conversation needs at least two messages", "对话至少需要两条消息")
    before = "assistant"
    for m, message in enumerate(messages):
        role = message["role"]
        if role == "assistant" and before not in ("user", "observation"):
            raise _invalid(f"message {m} is an answer, but no question stands before it", f"第 {m} 条消息是回答，但前面没有提问")
        if role == "user" and before == "user":
            raise _invalid(f"messages {m - 1} and {m} are two questions in a row", f"第 {m - 1}、{m} 条消息是连续两个提问")
        if role == "system" and m > 0:
            raise _invalid(f"message {m} is a system message; it must come first", f"第 {m} 条消息是 system 消息，它必须在最前面")
        if role == "observation":
            raise _invalid(
                f"message {m} is a tool result, which must follow a call, and its OpenAI format can't mark a message as a call",
                f"第 {m} 条消息是工具结果，必须跟在调用之后，而它的 OpenAI 格式无法把消息标为调用",
            )
        before = role


def _invalid(en: str, zh: str) -> RecipeRejects:
    return RecipeRejects(f"torchtune stops at this conversation (ValueError): {en}.", f"torchtune 会在这段对话上报错（ValueError）：{zh}。")


def truncate(sample: LabelledSample, max_seq_len: int | None) -> LabelledSample:
    """The tail goes, and the last token that is left becomes the end token, without a label."""
    if max_seq_len is None or len(sample) <= max_seq_len:
        return sample
    cut = sample.take(np.arange(max_seq_len))
    cut.input_ids[-1], cut.labels[-1] = sample.tokenizer.named_ids[END], IGNORE
    cut.message_index[-1] = cut.owner[-1] = cut.spans[-1] = -1
    cut.part_codes[-1], cut.pieces[-1] = PARTS.index("stop"), sample.pieces[-1]
    return cut


RECIPES = (
    Recipe(
        id="torchtune",
        system="torchtune",
        source=Source("pytorch/torchtune", "torchtune/datasets/_sft.py", "bd2a0fc", "2026-04-23"),
        rule={
            "en": "Every answer is trained as a whole: its header, its text and the <|eot_id|> that ends it, which is the stop. Questions, "
            "system text and the final <|end_of_text|> are not.",
            "zh": "每个回答整体参与训练：头部、正文，以及结束它的 <|eot_id|>（停止信号）。提问、system 文本和末尾的 <|end_of_text|> 不参与。",
        },
        max_length={
            "en": "max_seq_len: the tail is cut off and the last token left is replaced by <|end_of_text|>, without a label",
            "zh": "max_seq_len：丢弃尾部，剩下的最后一个 token 换成没有标签的 <|end_of_text|>",
        },
        layout=tokenize_messages,
        stand_ins=LLAMA3_SPECIALS,
        fit=truncate,
        quirks=(
            {
                "en": "Llama 3's layout, not GLM-4's: its special tokens are stand-ins here.",
                "zh": "这是 Llama 3 的格式，不是 GLM-4 的：它的特殊 token 在这里用替代编号表示。",
            },
            {"en": "Contents are stripped of surrounding white space.", "zh": "内容首尾的空白会被去掉。"},
            {
                "en": "A message with null content repeats the text of the message before it (a variable keeps its old value); in the first "
                "message a null crashes (UnboundLocalError).",
                "zh": "content 为 null 的消息会重复前一条消息的文本（变量保留了旧值）；第一条消息为 null 则会崩溃（UnboundLocalError）。",
            },
            {
                "en": "Two questions or two answers in a row, and tool results, are refused; metadata and tools are ignored.",
                "zh": "连续两个提问或回答、以及工具结果都会被拒绝；metadata 和 tools 被忽略。",
            },
            {
                "en": "The label of the final end token is masked (#949), and a truncated answer is not taught to stop there.",
                "zh": "末尾结束 token 的标签被屏蔽（#949），被截断的回答不会学着在那里停止。",
            },
        ),
    ),
)
