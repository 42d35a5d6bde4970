"""Firefly's datasets, for ChatGLM3 and for InternLM2: pairs of human and assistant, every text stripped of white space.

Both train the answer with an end token of its own, so no role tag is ever trained. There is no GLM-4 template.
"""

from collections.abc import Sequence

from glm4viz.errors import RecipeRejects
from glm4viz.layout import Message, Segment, Writer
from glm4viz.recipe import Recipe, Source
from glm4viz.systems.chatglm import EOS, question_answer_pairs
from glm4viz.systems.internlm import INTERNLM_SPECIALS
from glm4viz.texts import Text

# What a conversation without a system message begins with.
CHATGLM3_SYSTEM = (
    "You are ChatGLM3, a large language model trained by Zhipu.AI. Follow the user's instructions carefully. Respond using markdown."
)
INTERNLM2_SYSTEM = (
    "You are an AI assistant whose name is InternLM (书生·浦语).\n"
    "- InternLM (书生·浦语) is a conversational language model that is developed by Shanghai AI Laboratory (上海人工智能实验室). "
    "It is designed to be helpful, honest, and harmless.\n"
    "- InternLM (书生·浦语) can understand and communicate fluently in the language chosen by the user such as English and 中文."
)


def chatglm3(messages: Sequence[Message], w: Writer) -> None:
    """[gMASK] <sop> <|system|> S <|user|> U <|assistant|> A </s> …: no newline after the tags, each text encoded alone."""
    pairs = question_answer_pairs(messages, "Firefly", system_first=True)
    system = _system(messages, CHATGLM3_SYSTEM)
    w.special("[gMASK]", "prefix")
    w.special("<sop>", "prefix")
    w.special("<|system|>", "role_tag", message=system.message)
    w.text(system)
    for question, answer in pairs:
        w.special("<|user|>", "role_tag", message=question)
        w.text(_stripped(messages, question))
        w.special("<|assistant|>", "role_tag", message=answer)
        w.text(_stripped(messages, answer), mask=True)
        w.special("<|endoftext|>", "stop", message=answer, mask=True)


def internlm2(messages: Sequence[Message], w: Writer) -> None:
    """Three strings, each encoded as one: the system block, the question with the answer's header, the answer with its end."""
    pairs = question_answer_pairs(messages, "Firefly", system_first=True)
    system = _system(messages, INTERNLM2_SYSTEM)
    w.text(*_header("system", system.message), system, *_end(system.message, "separator"), specials=INTERNLM_SPECIALS)
    for question, answer in pairs:
        w.text(
            *_header("user", question),
            _stripped(messages, question),
            *_end(question, "separator"),
            *_header("assistant", answer),
            specials=INTERNLM_SPECIALS,
        )
        w.text(_stripped(messages, answer), *_end(answer, "stop"), mask=True, specials=INTERNLM_SPECIALS)


def _header(role: str, m: int) -> tuple[Segment, Segment]:
    return Segment("role_tag", f"<|im_start|>{role}", m), Segment("newline", "\n", m)


def _end(m: int, part: str) -> tuple[Segment, Segment]:
    return Segment(part, "<|im_end|>", m), Segment("separator", "\n", m)


def _system(messages: Sequence[Message], default: str) -> Segment:
    return _stripped(messages, 0) if messages[0]["role"] == "system" else Segment("prefix", default)


def _stripped(messages: Sequence[Message], m: int) -> Segment:
    content = messages[m]["content"]
    if content is None:
        raise RecipeRejects(
            f"Firefly strips every text and crashes on the null content of message {m} (AttributeError). Write a text, which may be empty.",
            f"Firefly 会对每段文本调用 strip；第 {m} 条消息的 content 是 null，会崩溃（AttributeError）。请写文本，可以为空。",
        )
    white = content[: len(content) - len(content.lstrip())]
    return Segment("content", content.strip(), m, len(white.encode()))


# The recipes ----------------------------------------------------------------------------------------------------------

MAX_LENGTH: Text = {
    "en": "max_seq_length: ids and labels are cut to this many, the tail goes",
    "zh": "max_seq_length：input_ids 和 labels 都只保留前这么多个，尾部丢弃",
}
STRIPPED: Text = {
    "en": "White space at both ends of every text is removed.",
    "zh": "每段文本首尾的空白都会去掉。",
}
DEFAULT_SYSTEM: Text = {
    "en": "A conversation without a system message gets the template's default one, which names the model.",
    "zh": "没有 system 消息的对话会加上模板自带的默认系统提示，其中写明了模型的名字。",
}
NO_GLM4: Text = {
    "en": "Firefly has no GLM-4 template; this one is shown on GLM-4's vocabulary.",
    "zh": "Firefly 没有 GLM-4 模板；这里用 GLM-4 的词表来展示这个模板。",
}
NO_NEWLINE: Text = {
    "en": "No newline follows a role tag, and </s> ends every answer: both differ from the model's own format.",
    "zh": "角色标签后面没有换行，而且每个回答都以 </s> 结尾：两者都与模型自己的格式不同。",
}
NEWLINE_TRAINED: Text = {
    "en": "The newline after <|im_end|> is trained, although generation has stopped before it.",
    "zh": "<|im_end|> 后面的换行也参与训练，尽管生成到那里之前就已停止。",
}

RECIPES = (
    Recipe(
        id="firefly-chatglm3",
        system="Firefly",
        source=Source("yangjianxin1/Firefly", "component/dataset.py", "e22b406", "2024-10-24"),
        rule={
            "en": "Every answer is trained, and the </s> put after it, which is its stop token. Role tags are never trained.",
            "zh": "训练每个回答，以及加在它后面的停止 token </s>。角色标签从不训练。",
        },
        max_length=MAX_LENGTH,
        layout=chatglm3,
        stand_ins=EOS,
        quirks=(NO_NEWLINE, STRIPPED, DEFAULT_SYSTEM, NO_GLM4),
    ),
    Recipe(
        id="firefly-internlm2",
        system="Firefly",
        source=Source("yangjianxin1/Firefly", "component/dataset.py", "e22b406", "2024-10-24"),
        rule={
            "en": "Every answer is trained, and after it <|im_end|>, its stop token, with the newline that follows. Headers are never trained.",
            "zh": "训练每个回答，以及后面的停止 token <|im_end|> 和再后面的换行。消息头从不训练。",
        },
        max_length=MAX_LENGTH,
        layout=internlm2,
        stand_ins=INTERNLM_SPECIALS,
        quirks=(NEWLINE_TRAINED, STRIPPED, DEFAULT_SYSTEM, NO_GLM4),
    ),
)
