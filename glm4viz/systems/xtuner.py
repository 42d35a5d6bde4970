"""XTuner, and the three ways to train a conversation that its dataset_format.md tells apart.

Method 1 trains the last answer only; method 2 makes a sample of every answer; method 3, XTuner's own, trains all answers in
one sequence. The first two stand here in GLM-4's layout, so that nothing but the choice of answers differs from `glm4`.
"""

from collections.abc import Sequence
from typing import NamedTuple

from glm4viz.errors import RecipeRejects
from glm4viz.layout import Message, Segment, Writer
from glm4viz.recipe import Recipe, Source
from glm4viz.systems.glm4 import MAX_LENGTH as GLM4_MAX_LENGTH
from glm4viz.systems.glm4_messages import old_builder, process_message
from glm4viz.systems.internlm import INTERNLM_SPECIALS
from glm4viz.texts import Text

# XTuner encodes whole strings, in which ChatGLM3's tokenizer knows these four.
ROLE_TAGS = ("<|system|>", "<|user|>", "<|assistant|>", "<|observation|>")

# Method 3 -------------------------------------------------------------------------------------------------------------


class Turn(NamedTuple):
    """Message numbers of what XTuner takes as one turn; system -1 if it has none, and users may be empty."""

    system: int
    users: tuple[int, ...]
    answer: int


def openai_map_fn(messages: Sequence[Message]) -> list[Turn]:
    """Every answer with what was said since the one before. Answers at the start and a question at the end are dropped."""
    turns: list[Turn] = []
    system = -1
    users: tuple[int, ...] = ()
    first = next((m for m, message in enumerate(messages) if message["role"] != "assistant"), len(messages))
    for m, message in enumerate(messages[first:], first):
        role = message["role"]
        if role == "observation":
            raise RecipeRejects(
                "XTuner's openai_map_fn knows system, user and assistant only, and stops at an observation (NotImplementedError).",
                "XTuner 的 openai_map_fn 只认识 system、user 和 assistant，遇到 observation 会报错（NotImplementedError）。",
            )
        if role == "system":
            system = m
            continue
        if message["content"] is None:
            raise RecipeRejects(
                f"XTuner crashes on the null content of message {m} (TypeError). Write a text, which may be empty.",
                f"第 {m} 条消息的 content 是 null，XTuner 会崩溃（TypeError）。请写文本，可以为空。",
            )
        if role == "user":
            users = (*users, m)
        else:
            turns.append(Turn(system, users, m))
            system, users = -1, ()
    if not turns:
        raise RecipeRejects(
            "XTuner finds no answer in this conversation and drops it. Add an assistant message after a question.",
            "XTuner 在这段对话里找不到回答，会丢弃它。请在问题后面补上 assistant 消息。",
        )
    return turns


def chatglm3(messages: Sequence[Message], w: Writer) -> None:
    """[gMASK] <sop> before every turn, </s> after every answer, and a newline between turns."""
    for turn in openai_map_fn(messages):
        loss = _with_loss(messages[turn.answer])
        w.special("[gMASK]", "prefix")
        w.special("<sop>", "prefix")
        w.text(*_input(messages, turn, tag="<|{}|>", end=""), specials=ROLE_TAGS)
        w.text(_content(messages, turn.answer), mask=loss, specials=ROLE_TAGS)
        w.special("<|endoftext|>", "stop", message=turn.answer, mask=loss)
        w.text(Segment("separator", "\n", turn.answer))


def internlm2_chat(messages: Sequence[Message], w: Writer) -> None:
    """<s> once; <|im_end|> is glued to every answer and encoded with it."""
    turns = openai_map_fn(messages)
    w.special("<s>", "prefix")
    for turn in turns:
        end = Segment("stop", "<|im_end|>", turn.answer)
        w.text(*_input(messages, turn, tag="<|im_start|>{}", end="<|im_end|>\n"), specials=INTERNLM_SPECIALS)
        w.text(_content(messages, turn.answer), end, mask=_with_loss(messages[turn.answer]), specials=INTERNLM_SPECIALS)
        w.text(Segment("separator", "\n", turn.answer))


def _input(messages: Sequence[Message], turn: Turn, *, tag: str, end: str) -> list[Segment]:
    """All that stands before the answer, one string: system message, questions glued together, the answer's header."""
    segments = []
    if turn.system >= 0 and messages[turn.system]["content"]:
        segments += [*_header(tag, "system", turn.system), _content(messages, turn.system), Segment("separator", end, turn.system)]
    first, last = (turn.users[0], turn.users[-1]) if turn.users else (-1, -1)  # the header stands there even without a question
    segments += [*_header(tag, "user", first), *(_content(messages, m) for m in turn.users), Segment("separator", end, last)]
    return [*segments, *_header(tag, "assistant", turn.answer)]


def _header(tag: str, role: str, m: int) -> tuple[Segment, Segment]:
    return Segment("role_tag", tag.format(role), m), Segment("newline", "\n", m)


def _content(messages: Sequence[Message], m: int) -> Segment:
    return Segment("content", messages[m]["content"], m, 0)


def _with_loss(message: Message) -> bool:
    """Only what prints as true, in any case, counts as true: not 1, and not null."""
    loss = message.get("loss", True)
    return loss is True or (isinstance(loss, str) and loss.lower() == "true")


# Methods 1 and 2, on GLM-4's layout -----------------------------------------------------------------------------------


def last_turn(messages: Sequence[Message], w: Writer) -> None:
    """glm4 with a single answer marked."""
    _glm4(messages, w, trained=max(_answers(messages)))


def split(messages: Sequence[Message], w: Writer) -> None:
    """glm4 once for every answer, each time only up to it."""
    for answer in _answers(messages):
        _glm4(messages[: answer + 1], w, trained=answer)
        w.next_sample()


def _glm4(messages: Sequence[Message], w: Writer, trained: int) -> None:
    w.special("[gMASK]", "prefix")
    w.special("<sop>", "prefix")
    for m, message in enumerate(messages):
        old_builder(w, m, process_message(message), m == trained)
    w.special("<|endoftext|>", "stop")


def _answers(messages: Sequence[Message]) -> list[int]:
    answers = [m for m, message in enumerate(messages) if message["role"] == "assistant"]
    if not answers:
        raise RecipeRejects(
            "There is no assistant message in this conversation, so no answer to train.", "这段对话没有 assistant 消息，没有回答可以训练。"
        )
    return answers


# The recipes ----------------------------------------------------------------------------------------------------------

MAX_LENGTH: Text = {
    "en": "max_length: ids and labels are cut to this many, the tail goes",
    "zh": "max_length：input_ids 和 labels 都只保留前这么多个，尾部丢弃",
}
MERGES: Text = {
    "en": "Neighbouring user messages are glued together without a space; answers at the start and a question at the end are dropped.",
    "zh": "相邻的 user 消息直接拼接，中间没有空格；开头的回答和结尾的问题会被丢弃。",
}
NO_TOOLS: Text = {
    "en": "tools and metadata are ignored, and an observation is an error: this path has no tool use.",
    "zh": "tools 和 metadata 会被忽略，observation 会报错：这条路径不支持工具。",
}
LOSS_KEY: Text = {
    "en": 'An answer with "loss": false is read but not trained, nor is its end token. Whatever doesn\'t print as true counts as false: '
    "1, 1.0 and null, too.",
    "zh": '带有 "loss": false 的回答和它的结束 token 只读不训练。打印出来不是 true 的都算 false：1、1.0 和 null 也是。',
}
BOS_AGAIN: Text = {
    "en": "[gMASK] <sop> is put before every turn, and a newline after every </s>: the model's own format has neither.",
    "zh": "每一轮前面都会再放一次 [gMASK] <sop>，每个 </s> 后面还有换行：模型自己的格式里都没有。",
}
SPECIALS_ALIVE: Text = {
    "en": "Whole strings are encoded, so text that spells a role tag becomes that tag.",
    "zh": "整段字符串一起编码，所以文本里写出的角色标签会变成真正的标签。",
}
INTERNLM_ALIVE: Text = {
    "en": "Whole strings are encoded, so text that spells <|im_end|> or </s> becomes that token.",
    "zh": "整段字符串一起编码，所以文本里写出的 <|im_end|> 或 </s> 会变成真正的特殊 token。",
}
NO_GLM4: Text = {
    "en": "XTuner has no GLM-4 template; this one is shown on GLM-4's vocabulary.",
    "zh": "XTuner 没有 GLM-4 模板；这里用 GLM-4 的词表来展示这个模板。",
}
EACH_MESSAGE: Text = {
    "en": "Every assistant message counts as an answer: a thought and the call after it are two. An empty one is written as nothing, "
    "so it trains nothing.",
    "zh": "每条 assistant 消息都算一个回答：先思考、再调用工具就是两个。空的回答什么也不写出，因此什么也不训练。",
}
DATA_UNUSED: Text = {
    "en": "The document's own remark: earlier answers are never trained, so the data is not fully used.",
    "zh": "文档自己的评价：之前的回答从不训练，数据没有被充分利用。",
}
COSTS_N: Text = {
    "en": "The document's own remark: all answers are used, but a conversation of n turns costs n sequences.",
    "zh": "文档自己的评价：所有回答都用上了，但 n 轮对话要花 n 条序列。",
}

CODE = Source("InternLM/xtuner", "xtuner/dataset/utils.py", "b934f46", "2026-08-21")
DOCUMENT = Source("InternLM/xtuner", "docs/zh_cn/legacy/user_guides/dataset_format.md", "b934f46", "2026-08-21")

RECIPES = (
    Recipe(
        id="xtuner",
        system="XTuner",
        source=CODE,
        rule={
            "en": "Every answer is trained, and the </s> after it, which is its stop token. Role tags, their newlines and the newline after "
            "</s> are not.",
            "zh": "训练每个回答和它后面的停止 token </s>。角色标签、标签后的换行，以及 </s> 后面的换行都不训练。",
        },
        max_length=MAX_LENGTH,
        layout=chatglm3,
        quirks=(BOS_AGAIN, MERGES, NO_TOOLS, LOSS_KEY, SPECIALS_ALIVE, NO_GLM4),
    ),
    Recipe(
        id="xtuner-internlm2",
        system="XTuner",
        source=CODE,
        rule={
            "en": "Every answer is trained, and the <|im_end|> glued to it, which is its stop token. Headers and the newline after <|im_end|> "
            "are not.",
            "zh": "训练每个回答和紧贴在它后面的停止 token <|im_end|>。消息头和 <|im_end|> 后面的换行都不训练。",
        },
        max_length=MAX_LENGTH,
        layout=internlm2_chat,
        stand_ins=INTERNLM_SPECIALS,
        quirks=(MERGES, NO_TOOLS, LOSS_KEY, INTERNLM_ALIVE, NO_GLM4),
    ),
    Recipe(
        id="xtuner-last-turn",
        system="XTuner",
        source=DOCUMENT,
        rule={
            "en": "Method 1: only the last assistant message is trained, everything else is read. The layout is that of glm4, mask shift "
            "included, so the token right after that answer is trained too: it is the stop signal.",
            "zh": "方法 1：只训练最后一条 assistant 消息，其余都只读。排列与 glm4 相同，掩码同样右移一位，"
            "因此紧跟在这个回答后面的 token 也参与训练：它就是停止信号。",
        },
        max_length=GLM4_MAX_LENGTH,
        layout=last_turn,
        shift=True,
        quirks=(DATA_UNUSED, EACH_MESSAGE),
    ),
    Recipe(
        id="xtuner-split",
        system="XTuner",
        source=DOCUMENT,
        rule={
            "en": "Method 2: n assistant messages make n samples. Sample k is the conversation up to answer k, and trains that answer and the "
            "<|endoftext|> after it, its stop token. The layout is that of glm4; messages keep their numbers from the whole conversation.",
            "zh": "方法 2：n 条 assistant 消息变成 n 条样本。第 k 条是直到第 k 个回答为止的对话，只训练这个回答和它后面的停止 token "
            "<|endoftext|>。排列与 glm4 相同；消息编号仍是整段对话里的编号。",
        },
        max_length=GLM4_MAX_LENGTH,
        layout=split,
        shift=True,
        quirks=(COSTS_N, EACH_MESSAGE),
    ),
)
