"""ms-swift, template glm4: rounds of a question and a response, each text trained or not, joined before they are encoded.

The response is trained, and so is what ends it: the <|user|> of the next round (`dynamic eos`), the <|observation|> that it
writes itself behind a call, or the <|user|> that it appends at the end.
"""

import ast
import json
from collections.abc import Sequence
from itertools import groupby
from typing import Any, NamedTuple

from glm4viz.errors import RecipeRejects
from glm4viz.layout import Message, Segment, Writer
from glm4viz.recipe import LabelledSample, Recipe, Source
from glm4viz.texts import Text

TOOLS_HEADING = "# 可用工具\n\n"
TOOL = "## {name}\n\n{body}\n在调用上述函数时，请使用 Json 格式表示调用的参数。"
STOP_WORDS = ("<|endoftext|>", "<|user|>", "<|observation|>")


class Context(NamedTuple):
    """A piece of the rendered text, and whether it is trained."""

    segment: Segment
    trained: bool = False


def swift_encode(messages: Sequence[Message], w: Writer) -> None:
    first = int(messages[0]["role"] == "system")
    contexts = [Context(Segment("prefix", "[gMASK]")), Context(Segment("prefix", "<sop>"))]
    if first:
        contexts += system(messages[0])
    runs = [(role, list(run)) for role, run in groupby(range(first, len(messages)), key=lambda m: messages[m]["role"])]
    check_rounds(runs, messages)
    if runs[0][0] == "assistant":  # an empty question is put before it
        runs.insert(0, ("user", []))
    for role, run in runs:
        if role == "assistant":
            contexts += response(run, messages)
        else:
            contexts += question(run, messages) if role == "user" else tool_results(run, messages)
            following = run[-1] + 1 if run else first
            contexts += assistant_tag(following, messages)
    if runs[-1][0] == "assistant" and not contexts[-1].segment.text.endswith(STOP_WORDS):
        contexts.append(Context(Segment("stop", "<|user|>"), True))
    write(contexts, w)


def write(contexts: Sequence[Context], w: Writer) -> None:
    """Neighbours that are both trained or both not become one string. Then the dynamic eos: <|user|> right after a response."""
    for trained, run in groupby((c for c in contexts if c.segment.text), key=lambda c: c.trained):
        w.text(*(context.segment for context in run), mask=trained, specials=True)
    row, user = w.rows[-1], w.tokenizer.special_ids["<|user|>"]
    for i in range(1, len(row)):
        if row[i - 1].mask and row[i].token == user:
            row[i] = row[i]._replace(mask=True)
        if row[i].mask and row[i].segments[0].part in ("role_tag", "stop"):
            before = row[i - 1].owner if row[i - 1].owner is not None else row[i - 1].segments[-1].message
            row[i] = row[i]._replace(owner=before)


# The parts of a round -------------------------------------------------------------------------------------------------


def system(message: Message) -> list[Context]:
    """With tools, their text stands in place of the system's own."""
    text = Segment("tools", tools_text(message["tools"]), 0) if message.get("tools") else Segment("content", message["content"], 0, 0)
    return [Context(s) for s in (Segment("role_tag", "<|system|>", 0), Segment("newline", "\n", 0), text)] if text.text else []


def question(run: Sequence[int], messages: Sequence[Message]) -> list[Context]:
    """Questions in a row are joined without anything between them."""
    m = run[0] if run else -1
    head = [Context(Segment("role_tag", "<|user|>", m)), Context(Segment("newline", "\n", m))]
    return head + [Context(Segment("content", messages[m]["content"], m, 0)) for m in run]


def tool_results(run: Sequence[int], messages: Sequence[Message]) -> list[Context]:
    """The first <|observation|> was written with the call."""
    contexts = []
    for m in run:
        if m != run[0]:
            contexts.append(Context(Segment("role_tag", "<|observation|>", m)))
        contexts += [Context(Segment("newline", "\n", m)), Context(Segment("content", messages[m]["content"], m, 0))]
    return contexts


def assistant_tag(m: int, messages: Sequence[Message]) -> list[Context]:
    """The tag before message m and its newline, which goes before a call, and where no answer follows."""
    if m == len(messages):
        return [Context(Segment("role_tag", "<|assistant|>"))]
    tag, newline = Context(Segment("role_tag", "<|assistant|>", m)), Context(Segment("newline", "\n", m))
    bare = is_call(messages[m]) or "<|observation|>" in messages[m]["content"]
    return [tag] if bare else [tag, newline]


def response(run: Sequence[int], messages: Sequence[Message]) -> list[Context]:
    """Answers in a row are joined without anything between them, calls in a row by a tag."""
    contexts: list[Context] = []
    for m in run:
        message = messages[m]
        trained = message.get("loss") is None or bool(message["loss"])
        if not is_call(message):
            contexts.append(Context(Segment("content", message["content"], m, 0), trained))
            continue
        segments = [Segment("metadata", message["metadata"], m), Segment("newline", "\n", m), call_arguments(message["content"], m)]
        if m > run[0] and is_call(messages[m - 1]):
            segments.insert(0, Segment("role_tag", "<|assistant|>", m))
        if m == run[-1] or not is_call(messages[m + 1]):
            result = m + 1 < len(messages) and messages[m + 1]["role"] == "observation"
            segments.append(Segment("role_tag", "<|observation|>", m + 1) if result else Segment("stop", "<|observation|>", m))
        contexts += [Context(segment, trained) for segment in segments]
    return contexts


def is_call(message: Message) -> bool:
    return message["role"] == "assistant" and bool(message.get("metadata"))


def call_arguments(content: str, m: int) -> Segment:
    """The arguments are parsed, and printed as Python prints them."""
    arguments = parsed(content)
    if isinstance(arguments, str) or arguments is None:
        raise unparsed()
    text = str(arguments)
    return Segment("content", text, m, 0 if text == content else -1)


def parsed(text: str) -> Any:
    """The value that a text writes, as JSON or else as Python; None where it is neither."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        try:
            return ast.literal_eval(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            return None


def unparsed() -> RecipeRejects:
    return RecipeRejects(
        "ms-swift can't parse this call's arguments (AssertionError). Write them as a JSON object.",
        "ms-swift 解析不了这次调用的参数（AssertionError）。请写成 JSON 对象。",
    )


def tools_text(tools: Any) -> str:
    try:
        functions = [tool["function"] if "type" in tool and "function" in tool else tool for tool in tools]
        names = [function.get("name_for_model") or function.get("name") for function in functions]
    except (KeyError, TypeError, AttributeError) as error:
        raise RecipeRejects(
            f"ms-swift can't write these tools ({type(error).__name__}: {error}). It needs a list of functions.",
            f"ms-swift 写不出这些 tools（{type(error).__name__}: {error}）。需要由函数组成的列表。",
        ) from None
    bodies = [json.dumps(function, ensure_ascii=False, indent=4) for function in functions]
    return TOOLS_HEADING + "\n".join(TOOL.format(name=name, body=body) for name, body in zip(names, bodies, strict=True))


# What it refuses ------------------------------------------------------------------------------------------------------


def check_rounds(runs: Sequence[tuple[str, list[int]]], messages: Sequence[Message]) -> None:
    """Runs of one role must alternate: a question or tool results, then a response. Raises RecipeRejects."""
    if not runs:
        raise _refuses("there is nothing but a system message", "除 system 消息外没有别的消息")
    before = ""
    for role, run in runs:
        expected = {"": ("user", "assistant"), "assistant": ("user", "observation")}.get(before, ("assistant",))
        if role not in expected:
            raise _refuses(
                f"message {run[0]} is {role}, where {' or '.join(expected)} must stand",
                f"第 {run[0]} 条消息是 {role}，这里应当是 {' 或 '.join(expected)}",
            )
        before = role
    for m, message in enumerate(messages):
        if message["content"] is None:
            raise RecipeRejects(
                f"ms-swift deletes this row before it is encoded: message {m} has no text, its content is null (AssertionError in "
                "_check_messages; strict=True stops there). Write a text, which may be empty.",
                f"ms-swift 在编码之前就会删除这一行：第 {m} 条消息的 content 是 null（_check_messages 里的 AssertionError；strict=True 则会停下）。"
                "请写文本，可以为空。",
            )


def _refuses(en: str, zh: str) -> RecipeRejects:
    return RecipeRejects(f"ms-swift stops at this conversation: {en}.", f"ms-swift 会在这段对话上报错：{zh}。")


def check_length(sample: LabelledSample, max_length: int | None) -> LabelledSample:
    if max_length is not None and len(sample) > max_length:
        raise RecipeRejects(
            f"ms-swift refuses this sample (MaxLengthError): it has {len(sample)} tokens and max_length is {max_length}. Raise max_length, "
            "or choose another truncation_strategy.",
            f"ms-swift 拒绝这条样本（MaxLengthError）：它有 {len(sample)} 个 token，而 max_length 是 {max_length}。请调大 max_length，"
            "或换一种 truncation_strategy。",
        )
    return sample


MAX_LENGTH: Text = {
    "en": "max_length: a longer sample is refused (truncation_strategy raise; delete drops it)",
    "zh": "max_length：更长的样本会被拒绝（truncation_strategy 为 raise；delete 则丢弃）",
}

RECIPES = (
    Recipe(
        id="ms-swift",
        system="ms-swift",
        source=Source("modelscope/ms-swift", "swift/template/templates/glm.py", "3602360", "2026-08-22"),
        rule={
            "en": "Every answer's text is trained; its tag and header newline are not. The <|user|> after it is trained as its stop, a call's "
            "<|observation|> likewise, and after the last answer a <|user|> is appended and trained.",
            "zh": "训练每个回答的正文；它的标签和头部换行不训练。其后的 <|user|> 作为停止信号参与训练，调用后的 <|observation|> 也是；"
            "最后一个回答之后会追加一个 <|user|> 并训练。",
        },
        max_length=MAX_LENGTH,
        layout=swift_encode,
        fit=check_length,
        quirks=(
            {
                "en": "A call's arguments are trained as Python prints them: {'city': '苏州'} with single quotes, not as JSON.",
                "zh": "调用参数按 Python 的打印形式训练：{'city': '苏州'}，用单引号，不是 JSON。",
            },
            {
                "en": "Answers in a row are joined without tag or separator, questions in a row too.",
                "zh": "连续的回答直接拼接，没有标签或分隔符；连续的提问也是。",
            },
            {
                "en": "A row with a null content, the system message's included, is deleted with a warning before anything is encoded.",
                "zh": "只要有一条消息（包括 system）的 content 是 null，整行就会在编码之前被删除，并给出警告。",
            },
            {
                "en": "Nulls inside tools are written as null; from 4.6.0 on they are dropped before, as what Arrow filled in.",
                "zh": "tools 内部的 null 会写成 null；从 4.6.0 起会作为 Arrow 填入的空值提前丢弃。",
            },
            {
                "en": "With tools, the system message's own text is ignored, and the tools text has no persona.",
                "zh": "有 tools 时 system 消息自己的文本被忽略，工具说明也没有人设。",
            },
            {
                "en": "A conversation that ends with a question or a tool result leaves a bare <|assistant|> at the end.",
                "zh": "以提问或工具结果结尾的对话，末尾会留下一个单独的 <|assistant|>。",
            },
            {
                "en": "An empty answer's stop is not trained: the <|user|> after it follows no trained token.",
                "zh": "空回答的停止不训练：它后面的 <|user|> 前面没有参与训练的 token。",
            },
            {
                "en": "Text that spells a special token becomes that token; an answer that spells <|observation|> loses its header newline.",
                "zh": "文本里出现的特殊 token 的名字会变成真正的特殊 token；写出 <|observation|> 的回答会丢失头部换行。",
            },
        ),
    ),
)
