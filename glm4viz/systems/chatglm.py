"""ChatGLM-6B's and ChatGLM2's P-Tuning scripts: one question, one answer, and what was said before as part of the question.

Only the last answer is trained; earlier ones are read in the prompt. The two differ in the rounds they count, in the layout,
and in the start token, which ChatGLM-6B trains although the program supplies it when the model is used.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from glm4viz.errors import RecipeRejects
from glm4viz.layout import Message, Segment, Writer
from glm4viz.recipe import LabelledSample, Recipe, Source
from glm4viz.texts import Text

Pair = tuple[int, int]
EOS = {"</s>": 151_553}  # the end token of ChatGLM's SentencePiece vocabulary

# Formats that hold questions and answers ------------------------------------------------------------------------------


def question_answer_pairs(messages: Sequence[Message], system: str, *, system_first: bool = False) -> list[Pair]:
    """Indexes of every question and its answer, or RecipeRejects. `system_first`: one system message may stand before them."""
    start = 1 if system_first and messages[0]["role"] == "system" else 0
    roles = [message["role"] for message in messages]
    if "observation" in roles:
        raise _no_place(system, "tool results", "工具返回的结果")
    if any(message.get("tools") for message in messages):
        raise _no_place(system, "tools", "工具说明")
    if any(message.get("metadata") for message in messages):
        raise _no_place(system, "tool calls (metadata)", "工具调用（metadata）")
    if "system" in roles[start:]:
        raise _no_place(system, "this system message", "这条 system 消息")
    if not roles[start:] or roles[start:] != ["user", "assistant"] * (len(roles[start:]) // 2):
        raise RecipeRejects(
            f"{system} takes pairs of a question and an answer only. Let user and assistant alternate, and end with assistant.",
            f"{system} 只接受成对的问题和回答。请让 user 与 assistant 交替出现，并以 assistant 结尾。",
        )
    return [(m, m + 1) for m in range(start, len(messages), 2)]


def _no_place(system: str, en: str, zh: str) -> RecipeRejects:
    return RecipeRejects(
        f"The data format of {system} has no place for {en}, so it can't hold this conversation.",
        f"{system} 的数据格式放不下{zh}，因此装不下这段对话。",
    )


def as_formatted(messages: Sequence[Message], m: int) -> Segment:
    """The content as Python's format writes it: null becomes the word None."""
    content = messages[m]["content"]
    return Segment("content", str(content), m, -1 if content is None else 0)


# The two layouts ------------------------------------------------------------------------------------------------------


def chatglm(messages: Sequence[Message], w: Writer) -> None:
    """[Round 0]⏎问：…⏎答：[gMASK] <sop> answer <eop>, where all from <sop> on is trained."""
    pairs = _pairs(messages, "ChatGLM-6B")
    answer = pairs[-1][1]
    w.text(*_prompt(messages, pairs, first=0, gap="\n"))
    w.special("[gMASK]", "prefix")
    w.special("<sop>", "prefix", mask=True, owner=answer)
    w.text(as_formatted(messages, answer), mask=True)
    w.special("<eop>", "stop", message=answer, mask=True)


def chatglm2(messages: Sequence[Message], w: Writer) -> None:
    """[gMASK] <sop> [Round 1]⏎⏎问：…⏎⏎答：answer </s>, where the answer and </s> are trained."""
    pairs = _pairs(messages, "ChatGLM2")
    answer = pairs[-1][1]
    w.special("[gMASK]", "prefix")
    w.special("<sop>", "prefix")
    w.text(*_prompt(messages, pairs, first=1, gap="\n\n"))
    w.text(as_formatted(messages, answer), mask=True)
    w.special("<|endoftext|>", "stop", message=answer, mask=True)


def _pairs(messages: Sequence[Message], system: str) -> list[Pair]:
    pairs = question_answer_pairs(messages, system)
    if not all(messages[m]["content"] for m in pairs[-1]):
        raise RecipeRejects(
            f"{system}'s script skips a row whose last question or last answer is empty. Fill it in, or drop the turn.",
            f"{system} 的脚本会跳过最后一问或最后一答为空的数据。请补全，或删去这一轮。",
        )
    return pairs


def _prompt(messages: Sequence[Message], pairs: Sequence[Pair], *, first: int, gap: str) -> list[Segment]:
    """All rounds as one text, which is encoded in one go; the last one stops where its answer would begin."""
    segments = []
    for number, (question, answer) in enumerate(pairs, first):
        segments += [
            Segment("role_tag", f"[Round {number}]{gap}问：", question),
            as_formatted(messages, question),
            Segment("role_tag", f"{gap}答：", answer),
            as_formatted(messages, answer),
            Segment("separator", gap, answer),
        ]
    return segments[:-2]


def cut_each(question_pieces: int, spare: tuple[int, int]) -> Callable[[LabelledSample, Any], LabelledSample]:
    """Question and answer are each cut right; the end token stays. `spare`: tokens that the two limits keep free."""

    def fit(sample: LabelledSample, max_length: Any) -> LabelledSample:
        if max_length is None:
            return sample
        question = np.flatnonzero(sample.pieces < question_pieces)
        answer = np.flatnonzero(sample.pieces == 3)
        lost = question[max_length[0] - spare[0] :], answer[max_length[1] - spare[1] :]
        return sample.take(np.delete(np.arange(len(sample)), np.concatenate(lost)))

    return fit


# The recipes ----------------------------------------------------------------------------------------------------------

HISTORY_UNTRAINED: Text = {
    "en": "Earlier answers are part of the prompt and never trained. To train every answer of n turns, write n rows.",
    "zh": "之前的回答都在提示里，从不训练。要训练 n 轮对话的每个回答，需要写成 n 条数据。",
}
QUESTION_LOST: Text = {
    "en": "An over-long prompt loses its end, which is the current question and the 答： after it; the oldest rounds stay.",
    "zh": "提示过长时丢掉的是末尾，也就是当前的问题和后面的“答：”，最早的几轮反而保留。",
}
START_TRAINED: Text = {
    "en": "<sop> is trained although the program supplies it at inference (ChatGLM-6B issue #519).",
    "zh": "<sop> 也参与训练，尽管推理时它由程序给出（ChatGLM-6B issue #519）。",
}
PAD_IS_EOS: Text = {
    "en": "Labels equal to the pad id are erased. With tokenizer revisions whose pad is </s>, the stop is erased too (ChatGLM2 issue #54).",
    "zh": "等于 pad id 的标签会被抹掉。如果分词器版本的 pad 就是 </s>，停止 token 的标签也会消失（ChatGLM2 issue #54）。",
}

RECIPES = (
    Recipe(
        id="chatglm",
        system="ChatGLM-6B",
        source=Source("THUDM/ChatGLM-6B", "ptuning/main.py", "401bf3a", "2024-06-27"),
        rule={
            "en": "Only the last answer is trained, together with the <sop> before it and the <eop> after it, which is the stop token. "
            "Everything said earlier is prompt.",
            "zh": "只训练最后一个回答，连同它前面的 <sop> 和后面的停止 token <eop>。之前说过的都只是提示。",
        },
        max_length={
            "en": "(max_source_length, max_target_length): the prompt is cut to the first minus 1, the answer to the second minus 2; "
            "both lose their tail, <eop> always stays",
            "zh": "(max_source_length, max_target_length)：提示保留前者减 1 个 token，回答保留后者减 2 个；两者都丢尾部，<eop> 总会保留",
        },
        max_length_pair=True,
        layout=chatglm,
        stand_ins=EOS,
        fit=cut_each(1, (1, 2)),
        quirks=(HISTORY_UNTRAINED, START_TRAINED, QUESTION_LOST),
    ),
    Recipe(
        id="chatglm2",
        system="ChatGLM2",
        source=Source("THUDM/ChatGLM2-6B", "ptuning/main.py", "cb8e8b4", "2024-06-27"),
        rule={
            "en": "Only the last answer is trained, and the </s> after it, which is the stop token. Everything said earlier is prompt.",
            "zh": "只训练最后一个回答和它后面的停止 token </s>。之前说过的都只是提示。",
        },
        max_length={
            "en": "(max_source_length, max_target_length): [gMASK], <sop> and the prompt are cut to the first, the answer to the second; "
            "both lose their tail, </s> always stays",
            "zh": "(max_source_length, max_target_length)：[gMASK]、<sop> 加提示保留前者那么多个 token，回答保留后者那么多个；两者都丢尾部，</s> 总会保留",
        },
        max_length_pair=True,
        layout=chatglm2,
        stand_ins=EOS,
        fit=cut_each(3, (0, 0)),
        quirks=(HISTORY_UNTRAINED, QUESTION_LOST, PAD_IS_EOS),
    ),
)
