"""LLaMA-Factory, template glm4: pairs of question and answer, and <|endoftext|> as the label where the next tag stands.

A question ("source") runs up to and with the <|assistant|> tag, an answer ("target") is the rest. The template is marked
`efficient_eos`: an end token is not written between the turns, it only appears as the *label* of the next question's first
token. So the model is shown <|user|> and taught <|endoftext|>: label and input differ there.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from glm4viz.errors import RecipeRejects
from glm4viz.layout import Message, Segment, Writer
from glm4viz.recipe import LabelledSample, Recipe, Source
from glm4viz.texts import Text

EOS = "<|endoftext|>"
QUESTIONS, ANSWERS = ("user", "observation"), ("assistant",)
PERSONA = (
    "你是一个名为 ChatGLM 的人工智能助手。你是基于智谱 AI 公司训练的语言模型 GLM-4 模型开发的，"
    "你的任务是针对用户的问题和要求提供适当的答复和支持。\n\n# 可用工具"
)
TOOL = "\n\n## {name}\n\n{body}\n在调用上述函数时，请使用 Json 格式表示调用的参数。"

# What is written, and with which labels -------------------------------------------------------------------------------


def encode(*, mask_history: bool = False, train_on_prompt: bool = False) -> Callable[[Sequence[Message], Writer], None]:
    """The pairs of one conversation. mask_history: only the last answer is trained; train_on_prompt: everything is."""

    def layout(messages: Sequence[Message], w: Writer) -> None:
        first = first_question(messages)
        # With mask_history the pairs are handled last first, so the one that gets no end label is the last, not the first.
        unlabelled = len(messages) - 2 if mask_history else first
        gets_eos = {m for m in range(first, len(messages), 2) if m != unlabelled and not train_on_prompt}

        w.special("[gMASK]", "prefix", mask=train_on_prompt, label=EOS if first in gets_eos else None)
        w.special("<sop>", "prefix", mask=train_on_prompt)
        if first:
            write_system(messages[0], w, train_on_prompt)
        for m in range(first, len(messages), 2):
            label = EOS if m in gets_eos and m != first else None
            write_question(m, messages[m], w, mask=train_on_prompt, label=label, owner=m - 1 if m > first else None)
            write_answer(m + 1, messages[m + 1], w, mask=train_on_prompt or not mask_history or m + 2 == len(messages))
        w.special(EOS, "stop", mask=True, owner=len(messages) - 1)

    return layout


def write_system(message: Message, w: Writer, mask: bool) -> None:
    content, tools = message["content"] or "", tools_text(message.get("tools"))
    if content or tools:
        w.special("<|system|>", "role_tag", message=0, mask=mask)
        w.text(Segment("newline", "\n", 0), Segment("content", content, 0, 0), Segment("tools", tools, 0), mask=mask, specials=True)


def write_question(m: int, message: Message, w: Writer, *, mask: bool, label: str | None, owner: int | None) -> None:
    """`owner` is the answer before it: what the tag is labelled with tells how that answer ends."""
    w.special(f"<|{message['role']}|>", "role_tag", message=m, mask=mask, label=label, owner=owner)
    w.text(Segment("newline", "\n", m), Segment("content", message["content"], m, 0), mask=mask, specials=True)
    w.special("<|assistant|>", "role_tag", message=m + 1, mask=mask)


def write_answer(m: int, message: Message, w: Writer, *, mask: bool) -> None:
    content = Segment("content", message["content"], m, 0)
    if message.get("metadata"):
        content = call_arguments(content)
    w.text(Segment("metadata", message.get("metadata") or "", m), Segment("newline", "\n", m), content, mask=mask, specials=True)


def call_arguments(content: Segment) -> Segment:
    """A call's arguments, parsed and written anew: they may not be the very text that was given."""
    try:
        text = json.dumps(json.loads(content.text), ensure_ascii=False)
        text.encode()
    except (ValueError, RecursionError):
        raise RecipeRejects(
            "LLaMA-Factory parses a function call and stops here (RuntimeError: Invalid JSON format in function message). "
            "Write the call's arguments as a JSON object.",
            "LLaMA-Factory 会解析函数调用，遇到这里会停止（RuntimeError: Invalid JSON format in function message）。请把调用参数写成 JSON 对象。",
        ) from None
    return content if text == content.text else content._replace(text=text, start=-1)


def tools_text(tools: Any) -> str:
    if not tools:
        return ""
    try:
        functions = [tool.get("function", "") if tool.get("type") == "function" else tool for tool in tools]
        bodies = [TOOL.format(name=f["name"], body=json.dumps(f, indent=4, ensure_ascii=False)) for f in functions]
    except (KeyError, TypeError, AttributeError) as error:
        raise RecipeRejects(
            f"LLaMA-Factory can't write these tools ({type(error).__name__}: {error}). It needs a list of functions that have a name.",
            f"LLaMA-Factory 写不出这些 tools（{type(error).__name__}: {error}）。需要由带 name 的函数组成的列表。",
        ) from None
    return PERSONA + "".join(bodies)


def first_question(messages: Sequence[Message]) -> int:
    """Where the pairs begin: after a system message, the only one that may be null. Raises RecipeRejects for what the converter empties
    and the loader drops, and for what stops the formatter.
    """
    first = int(messages[0]["role"] == "system")
    turns = messages[first:]
    for i, message in enumerate(turns):
        if message["role"] not in (ANSWERS if i % 2 else QUESTIONS):
            wanted = "assistant" if i % 2 else "user or observation"
            raise skipped(
                f"Invalid role tag: message {first + i} is {message['role']}, where {wanted} must stand",
                f"Invalid role tag：第 {first + i} 条消息是 {message['role']}，这里应当是 {wanted}",
            )
    if not turns or len(turns) % 2:
        raise skipped("Invalid message count: the last question has no answer", "Invalid message count：最后一个问题没有回答")
    for m, message in enumerate(turns, first):
        if message["content"] is None:
            raise RecipeRejects(
                f"LLaMA-Factory crashes on the null content of message {m} (RuntimeError: Expected a string, got None). Write a text, which "
                "may be empty.",
                f"第 {m} 条消息的 content 是 null，LLaMA-Factory 会崩溃（RuntimeError: Expected a string, got None）。请写文本，可以为空。",
            )
    return first


def skipped(en: str, zh: str) -> RecipeRejects:
    return RecipeRejects(
        f"LLaMA-Factory skips this conversation ({en}). Questions (user, observation) and answers must alternate and end with an answer.",
        f"LLaMA-Factory 会跳过这段对话（{zh}）。提问（user、observation）与回答必须交替，并以回答结尾。",
    )


# cutoff_len -----------------------------------------------------------------------------------------------------------


class Pair(NamedTuple):
    """Token positions: source start … target - 1, target target … stop - 1. `answer` is the message that the target is."""

    start: int
    target: int
    stop: int
    answer: int


def pairs_of(sample: LabelledSample) -> list[Pair]:
    answers = [m for m, message in enumerate(sample.messages) if message["role"] == "assistant"]
    begins = np.searchsorted(sample.message_index[:-1], np.arange(len(sample.messages) + 1)).tolist()
    # Prefix and system belong to the first question; an answer's first token is its tag, which the question ends with.
    starts = [0, *(begins[m + 1] for m in answers[:-1])]
    return [Pair(start, begins[m] + 1, begins[m + 1], m) for start, m in zip(starts, answers, strict=True)]


def infer_seqlen(source: int, target: int, room: int) -> tuple[int, int]:
    """How many tokens of question and answer stay: the short one is spared, else both shrink in proportion."""
    if target * 2 < room:
        most = room
    elif source * 2 < room:
        most = room - source
    else:
        most = int(room * (target / (source + target)))
    target = min(most, target)
    return min(max(room - target, 0), source), target


def share_out(*, last_first: bool) -> Callable[[LabelledSample, Any], LabelledSample]:
    """Pair after pair gets what room is left, one token being set aside for the end; pairs without room are dropped."""

    def fit(sample: LabelledSample, cutoff_len: int | None) -> LabelledSample:
        if cutoff_len is None:
            return sample
        kept: list[tuple[Pair, list[int]]] = []
        total = 1
        for pair in sorted(pairs_of(sample), reverse=last_first):
            if total >= cutoff_len:
                break
            source, target = infer_seqlen(pair.target - pair.start, pair.stop - pair.target, cutoff_len - total)
            total += source + target
            kept.append((pair, [*range(pair.start, pair.start + source), *range(pair.target, pair.target + target)]))
        kept.sort()
        cut = sample.take(np.array([i for _, positions in kept for i in positions] + [len(sample) - 1]))
        cut.owner[-1] = kept[-1][0].answer if kept else -1  # it now ends the answer of the last pair that is left
        return cut

    return fit


# The recipes ----------------------------------------------------------------------------------------------------------

MAX_LENGTH: Text = {
    "en": "cutoff_len: shared out per pair of question and answer, cutting each on the right; pairs without room are dropped. "
    "<|endoftext|> is always appended and trained, even after a stump.",
    "zh": "cutoff_len：按“问题 + 回答”逐对分配，各自从右侧截断；没有空间的轮次被丢弃。末尾总会追加并训练 <|endoftext|>，即使前面是残句。",
}
QUIRKS: tuple[Text, ...] = (
    {
        "en": "GLM-4 itself ends a turn with <|user|> or <|observation|>; here the model is taught <|endoftext|> at those places.",
        "zh": "GLM-4 本身用 <|user|> 或 <|observation|> 结束一轮；这里在这些位置教的却是 <|endoftext|>。",
    },
    {
        "en": "Conversations that don't alternate (two questions or two answers in a row, a question at the end) are dropped with a "
        "warning. Issues #2529, #4249, #9600.",
        "zh": "不交替的对话（连续两个提问或回答、以提问结尾）会在警告后被丢弃。见 issue #2529、#4249、#9600。",
    },
    {
        "en": "A short cutoff_len often keeps the answer and cuts the question, so that <|user|> or <|assistant|> is lost.",
        "zh": "cutoff_len 较小时往往保留回答、截断问题，于是丢失 <|user|> 或 <|assistant|>。",
    },
    {
        "en": "An empty answer is kept: its header newline and its end are trained.",
        "zh": "空回答会保留：头部换行和结束处都参与训练。",
    },
    {
        "en": "A null content stops it (RuntimeError: Expected a string, got None), except in the system message, which is then left out.",
        "zh": "content 为 null 会让它中止（RuntimeError: Expected a string, got None），system 消息除外：那时它只是不写出。",
    },
    {
        "en": "A call's arguments are parsed and written anew. Its tools text has its own persona.",
        "zh": "调用参数会先解析再重新写出。工具说明使用它自己的人设文字。",
    },
)
LEAKED_EOS: Text = {
    "en": "From three turns on, earlier questions still carry an <|endoftext|> label, which trains the ends of the masked answers; "
    "the one on the very first token has no effect. PR #10827 proposes a fix.",
    "zh": "从三轮起，较早的提问上仍带有 <|endoftext|> 标签，于是被屏蔽的回答的结尾仍受训练；第一个 token 上的那个没有作用。PR #10827 提出了修复。",
}
REFUSED: Text = {
    "en": "LLaMA-Factory refuses this option for glm4 at start-up; shown is what its encode function gives with that check left out.",
    "zh": "LLaMA-Factory 启动时会拒绝在 glm4 上使用这个选项；这里显示的是去掉该检查后编码函数的结果。",
}


def _llamafactory(id: str, rule: Text, *, last_first: bool = False, **options: Any) -> Recipe:
    return Recipe(
        id=id,
        system="LLaMA-Factory",
        source=Source("hiyouga/LLaMA-Factory", "src/llamafactory/data/processor/supervised.py", "ff6d4d1", "2026-08-18"),
        rule=rule,
        max_length=MAX_LENGTH,
        fit=share_out(last_first=last_first),
        **{"quirks": QUIRKS} | options,
    )


RECIPES = (
    _llamafactory(
        "llamafactory",
        {
            "en": "Every answer is trained from its header newline on; tags, questions and tool results are not. Each answer is taught to "
            "end in <|endoftext|>: as the label at the next tag, and after the last answer as a token of its own.",
            "zh": "每个回答从头部换行起参与训练；标签、提问和工具结果不参与。每个回答都被教成以 <|endoftext|> 结束："
            "它是下一个标签处的标签值，最后一个回答之后则是真正的 token。",
        },
        layout=encode(),
    ),
    _llamafactory(
        "llamafactory-mask-history",
        {
            "en": "mask_history: only the last answer is trained, with <|endoftext|> after it. When the conversation is too long, the last "
            "turns are kept and the first ones go.",
            "zh": "mask_history：只训练最后一个回答，以及其后的 <|endoftext|>。对话过长时保留最后几轮，丢弃最前面的。",
        },
        layout=encode(mask_history=True),
        last_first=True,
        quirks=(LEAKED_EOS, *QUIRKS),
    ),
    _llamafactory(
        "llamafactory-train-on-prompt",
        {
            "en": "train_on_prompt: every token is trained, prefix, system and questions included. The tags keep themselves as labels; "
            "<|endoftext|> comes only at the end.",
            "zh": "train_on_prompt：所有 token 都参与训练，包括前缀、system 和提问。标签处的目标就是它们自己；<|endoftext|> 只在末尾。",
        },
        layout=encode(train_on_prompt=True),
        quirks=(REFUSED, *QUIRKS[1:]),
        warnings=("ValueError: Current template does not support `train_on_prompt`.",),
    ),
)
