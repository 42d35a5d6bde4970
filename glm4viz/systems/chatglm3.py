"""ChatGLM3's two chat fine-tuning scripts: the ancestors of GLM-4's finetune.py, with the same mask shifted by one.

The older one (2023) knows tools, and a call with its result is one entry; the later one (finetune_hf.py) refuses tools and,
because it masks system and user only, trains what a tool returned.
"""

import ast
import json
from collections.abc import Sequence
from typing import Any

from glm4viz.conversation import describe
from glm4viz.errors import RecipeRejects
from glm4viz.layout import Message, Segment, Writer
from glm4viz.recipe import Recipe, Source
from glm4viz.texts import Text

TOOLS_PREFIX = "Answer the following questions as best as you can. You have access to the following tools:\n"

# 2023: format_conversation --------------------------------------------------------------------------------------------


def format_conversation(messages: Sequence[Message], w: Writer) -> None:
    """Tools first, then every message alone; a call and the observation after it come from one `tool` entry."""
    _prefix(w)
    _write_tools(messages, w)
    m = 0
    while m < len(messages):
        message = messages[m]
        if message["role"] == "assistant" and message.get("metadata"):
            m += _write_call(messages, m, w)
        elif not (_has_tools(message) and not message["content"]):  # an empty system message only carried the tools
            _write(w, message["role"], m, _content(message, m), mask=_with_loss(message))
        m += 1
    w.special("<|endoftext|>", "stop")


def _write_call(messages: Sequence[Message], m: int, w: Writer) -> int:
    """The call as Python code, then its result. Returns how many messages it took beside the call."""
    call, following = messages[m], messages[m + 1 : m + 2]
    code = Segment("content", f"```python\n{_python_call(call)}\n```", m)  # rewritten, so it has no place in the content as given
    _write(w, "assistant", m, code, name=str(call["metadata"]), mask=_with_loss(call))
    if following and following[0]["role"] == "observation":
        result = following[0]["content"]
        _write(w, "observation", m + 1, Segment("content", "null", m + 1) if result is None else Segment("content", result, m + 1, 0))
        return 1
    _write(w, "observation", -1, Segment("content", "null"))  # the entry has no result, which JSON writes as null
    return 0


def _python_call(call: Message) -> str:
    try:
        arguments = json.loads(call["content"])
        # The script builds a syntax tree and unparses it, which writes a number too large for a float as 1e309.
        code = f"tool_call({', '.join(f'{name}={ast.unparse(ast.Constant(value))}' for name, value in arguments.items())})"
        code.encode()  # JSON may spell half a character, which no tokenizer takes
    except (ValueError, TypeError, AttributeError, RecursionError):
        raise RecipeRejects(
            f'ChatGLM3 takes the arguments of a call as an object. Write the call of {call["metadata"]} as JSON, such as {{"city": "苏州"}}.',
            f'ChatGLM3 要求工具调用的参数是一个对象。请把 {call["metadata"]} 的调用写成 JSON，例如 {{"city": "苏州"}}。',
        ) from None
    return code


def _write_tools(messages: Sequence[Message], w: Writer) -> None:
    """The one list of tools, as a system message before all others, in the form of the bare function objects."""
    carriers = [m for m, message in enumerate(messages) if _has_tools(message)]
    if len(carriers) > 1:
        raise RecipeRejects(
            "ChatGLM3 takes one list of tools for a whole conversation. Put all tools on one system message.",
            "ChatGLM3 的一段对话只有一个 tools 列表。请把所有工具放在同一条 system 消息里。",
        )
    for m in carriers:
        tools = messages[m]["tools"]
        if isinstance(tools, list):
            tools = [tool.get("function", tool) if isinstance(tool, dict) else tool for tool in tools]
        text = TOOLS_PREFIX + json.dumps(tools, indent=4, ensure_ascii=False)
        _write(w, "system", m, Segment("tools", text, m))


def _has_tools(message: Message) -> bool:
    return message["role"] == "system" and message.get("tools") is not None


def _with_loss(message: Message) -> bool:
    """Answers are trained unless they say `loss: false`; system and user never are."""
    if message["role"] in ("system", "user"):
        return False
    try:
        return bool(int(message.get("loss", True)))
    except (TypeError, ValueError, OverflowError) as error:
        found = describe(message["loss"])
        raise RecipeRejects(
            f"ChatGLM3's script crashes on loss: {found['en']} ({type(error).__name__}). Write true or false.",
            f"ChatGLM3 的脚本遇到 loss（{found['zh'].strip()}）会崩溃（{type(error).__name__}）。请写 true 或 false。",
        ) from None


# 2024: finetune_hf.py -------------------------------------------------------------------------------------------------


def process_batch(messages: Sequence[Message], w: Writer) -> None:
    """Every message alone, without metadata, with one mask by its role; then the end token."""
    if any(_has_tools(message) for message in messages):
        raise RecipeRejects(
            "finetune_hf.py refuses a conversation that has tools (NotImplementedError). Use the tool format of the 2023 script.",
            "finetune_hf.py 拒绝带 tools 的对话（NotImplementedError）。请使用 2023 年脚本的工具格式。",
        )
    _prefix(w)
    for m, message in enumerate(messages):
        _write(w, message["role"], m, _content(message, m), mask=message["role"] not in ("system", "user"))
    w.special("<|endoftext|>", "stop")


# Both -----------------------------------------------------------------------------------------------------------------


def _prefix(w: Writer) -> None:
    w.special("[gMASK]", "prefix")
    w.special("<sop>", "prefix")


def _write(w: Writer, role: str, m: int, text: Segment, *, name: str = "", mask: bool = False) -> None:
    """build_single_message: tag, header and text encoded apart. Unlike GLM-4's, it writes an empty message too."""
    w.special(f"<|{role}|>", "role_tag", message=m, mask=mask)
    w.text(Segment("metadata", name, m), Segment("newline", "\n", m), mask=mask)
    w.text(text, mask=mask)


def _content(message: Message, m: int) -> Segment:
    content: Any = message["content"]
    if content is None:
        raise RecipeRejects(
            f"ChatGLM3's tokenizer crashes on the null content of message {m} (TypeError). Write a text, which may be empty.",
            f"第 {m} 条消息的 content 是 null，ChatGLM3 的分词器会崩溃（TypeError）。请写文本，可以为空。",
        )
    return Segment("content", content, m, 0)


# The recipes ----------------------------------------------------------------------------------------------------------

EMPTY_STAYS: Text = {
    "en": "A message with empty content keeps its tag and newline; an empty answer is thus trained to stop at once.",
    "zh": "内容为空的消息仍写出标签和换行，于是空回答会被训练成立刻停止。",
}
CALL_REWRITTEN: Text = {
    "en": "A call's JSON arguments are rewritten as Python code, tool_call(name='value') in a code block, and that is what is trained. A number "
    "too large, such as 1e400, becomes 1e309.",
    "zh": "工具调用的 JSON 参数会改写成代码块里的 Python 代码 tool_call(name='value')，训练的就是它。过大的数（例如 1e400）会写成 1e309。",
}
NULL_RESULT: Text = {
    "en": "A call without a result still gets an observation, with the word null. An observation without a call is trained like an answer.",
    "zh": "没有结果的调用也会写出一条 observation，内容是单词 null。没有调用的 observation 则像回答一样被训练。",
}
LOSS_KEY: Text = {
    "en": 'An answer with "loss": false is read but not trained, and neither is the tag after it.',
    "zh": '带有 "loss": false 的回答只读不训练，它后面的标签也不训练。',
}
STOPS_DIFFER: Text = {
    "en": "Answers in the middle are taught to stop at the next tag, the last one at </s>; if the cut removes the end, it never stops "
    "(ChatGLM3 issue #980).",
    "zh": "中间的回答学到在下一个标签处停止，最后一个学到 </s>；如果截断丢了末尾，就学不会停止（ChatGLM3 issue #980）。",
}
TOOLS_REFUSED: Text = {
    "en": "The README documents tools, but the code refuses them since February 2024 (ChatGLM3 issues #1176, #906).",
    "zh": "README 里写了 tools，但代码自 2024 年 2 月起拒绝它（ChatGLM3 issue #1176、#906）。",
}
NAME_LOST: Text = {
    "en": "A call's function name (metadata) is dropped; only its arguments are written, as an ordinary answer.",
    "zh": "工具调用的函数名（metadata）被丢弃，只写出参数，当作普通回答。",
}

RECIPES = (
    Recipe(
        id="chatglm3",
        system="ChatGLM3",
        source=Source("THUDM/ChatGLM3", "finetune_chatmodel_demo/preprocess_utils.py", "0ffbe4c", "2023-12-23"),
        rule={
            "en": "A token is trained if and only if the token before it belongs to an answer or a call. So an answer's own <|assistant|> tag "
            "isn't trained, and the tag after it is its stop token; after the last answer that is </s>. Tool results are masked.",
            "zh": "当且仅当前一个 token 属于回答或工具调用时，这个 token 才参与训练。因此回答自己的 <|assistant|> 标签不训练，"
            "它后面的标签就是停止 token；最后一个回答后面是 </s>。工具返回的结果不训练。",
        },
        max_length={
            "en": "max_seq_length: ids and labels are cut to this many, the tail goes",
            "zh": "max_seq_length：input_ids 和 labels 都只保留前这么多个，尾部丢弃",
        },
        layout=format_conversation,
        shift=True,
        quirks=(EMPTY_STAYS, CALL_REWRITTEN, NULL_RESULT, LOSS_KEY, STOPS_DIFFER),
    ),
    Recipe(
        id="chatglm3-hf",
        system="ChatGLM3",
        source=Source("THUDM/ChatGLM3", "finetune_demo/finetune_hf.py", "732294f", "2025-01-13"),
        rule={
            "en": "A token is trained if and only if the token before it belongs to an assistant or an observation message: tool results are "
            "trained too. The tag after an answer is its stop token; after the last answer that is </s>.",
            "zh": "当且仅当前一个 token 属于 assistant 或 observation 消息时，这个 token 才参与训练：工具返回的结果也被训练。"
            "回答后面的标签就是停止 token；最后一个回答后面是 </s>。",
        },
        max_length={
            "en": "max_input_length + max_output_length + 1: ids and labels are cut to this many, the tail goes",
            "zh": "max_input_length + max_output_length + 1：input_ids 和 labels 都只保留前这么多个，尾部丢弃",
        },
        layout=process_batch,
        shift=True,
        independent=True,
        quirks=(TOOLS_REFUSED, NAME_LOST, EMPTY_STAYS, STOPS_DIFFER),
    ),
)
