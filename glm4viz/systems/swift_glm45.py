"""ms-swift, templates glm4_5 and glm4_7: rounds of a question and a response, each with a thought, and each text trained or not.

ms-swift doesn't read reasoning_content, so it is first put into the content, as the official template writes it. How messages become
turns is in swift_turns.py.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from glm4viz.layout import Message, Segment, Writer
from glm4viz.recipe import Recipe, Source
from glm4viz.systems.glm45 import GLM45, GLM47, Template, tools_text, with_thought
from glm4viz.systems.swift import MAX_LENGTH, STOP_WORDS, check_length, parsed
from glm4viz.systems.swift_turns import Span, Turn, empty_thought, refuses, think, turns_of
from glm4viz.texts import Text

# What ignore_empty_think takes for an empty thought, GLM's and those of other families.
EMPTY_THOUGHTS = (
    r"<think>\s*</think>\s*",
    r"<seed:think><seed:cot_budget_reflect>The current thinking budget is 0, so I will directly start answering the question."
    r"</seed:cot_budget_reflect>\n</seed:think>\s*",
    r"</think>\s*",
    r"<\|channel>thought\n<channel\|>",
    r"</mm:think>\s*",
)
EMPTY_THOUGHT = re.compile("|".join(EMPTY_THOUGHTS), re.DOTALL)


class Context(NamedTuple):
    """A piece of the rendered text; its labels count if the weight isn't 0."""

    span: Span
    weight: float = 0


def encode(t: Template, *, last_round: bool = False, ignore_empty_think: bool = False) -> Callable[[Sequence[Message], Writer], None]:
    """last_round and ignore_empty_think are values of --loss_scale."""

    def layout(messages: Sequence[Message], w: Writer) -> None:
        turns = turns_of(messages, t)
        think(turns, t, last_round)
        if turns[0].role == "assistant":  # an empty question is put before it
            turns.insert(0, Turn("user", -1, []))
        system = system_of(messages[0], w.tools, t)
        contexts = [prefix(system, t)]
        for i, turn in enumerate(turns):
            if turn.role == "assistant":
                for span in turn.spans:
                    contexts += weighed(span, not last_round or turn is turns[-1], ignore_empty_think)
            else:
                contexts += question(turn, i // 2, turns[i + 1].message if i + 1 < len(turns) else -1, system, t)
        last = turns[-1]
        if last.role != "assistant":
            contexts.append(Context(Span(empty_thought(t, -1))))
        elif not last.spans[-1].text.endswith(STOP_WORDS):
            contexts.append(Context(Span((Segment("stop", "<|user|>", last.message),)), 1))
        write(without_newlines(contexts), w)

    return layout


# From turns to text ---------------------------------------------------------------------------------------------------


def system_of(first: Message, tools: Sequence[Any] | None, t: Template) -> Span | None:
    """What the system block holds: the system text, or the tools and the system text in a block of its own."""
    m = 0 if first["role"] == "system" else -1
    own = Span(with_thought(0, first["content"])) if m == 0 else None
    if not tools:
        return own
    head = (Segment("tools", tools_text(map(function_tool, tools), t)),)
    if own and own.text.strip():
        return own.stripped().after(*head, Segment("role_tag", "<|system|>", 0), Segment("newline", "\n", 0))
    return Span((Segment("newline", "\n" * (not t.newline)), *head))


def function_tool(tool: Any) -> dict[str, Any]:
    tool = without_nulls(parsed(tool) if isinstance(tool, str) else tool)
    if not isinstance(tool, dict):
        raise refuses("AssertionError", "a tool is not an object", "有 tool 不是对象")
    return tool if "type" in tool or "function" in tool else {"type": "function", "function": tool}


def without_nulls(schema: Any) -> Any:
    """ms-swift takes a null for padding, but where JSON Schema has values: default, const, enum, examples and x-…"""
    if isinstance(schema, list):
        return [without_nulls(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {}
    for key, value in schema.items():
        if key in ("default", "const") or key.startswith("x-"):
            kept[key] = value
        elif value is not None:
            named = key in ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies")
            if named and isinstance(value, dict):
                kept[key] = {name: without_nulls(item) for name, item in value.items() if item is not None}
            else:
                kept[key] = value if key in ("enum", "examples") else without_nulls(value)
    return kept


def prefix(system: Span | None, t: Template) -> Context:
    start = (Segment("prefix", "[gMASK]<sop>"),)
    if not system or not system.text:
        return Context(Span(start))
    m = system.segments[0].message
    return Context(system.after(*start, Segment("role_tag", "<|system|>", m), Segment("newline", t.newline, m)))


def question(turn: Turn, number: int, answer: int, system: Span | None, t: Template) -> list[Context]:
    """A question with the tags around it is one context, each result and the tag after them too. Placeholders in them are filled."""
    tag = (Segment("role_tag", "<|assistant|>", answer), Segment("newline", t.newline, answer))
    rounds = {"{{ROUND0}}": str(number), "{{ROUND1}}": str(number + 1)}
    if turn.role == "user":
        head = (Segment("role_tag", "<|user|>", turn.message), Segment("newline", t.newline, turn.message))
        asked = [segment for span in turn.spans for segment in filled(span, rounds).segments]
        return [Context(Span((*head, *asked, *tag)))]
    names = {"{{SYSTEM}}": system.text if system else "{{SYSTEM}}", "{{QUERY}}": "", **rounds}
    return [Context(filled(span, names)) for span in (*turn.spans, *([Span(tag)] if turn.tagged else ())) if span.text]


def filled(span: Span, names: Mapping[str, str]) -> Span:
    segments = []
    for segment in span.segments:
        text = segment.text
        for name, value in names.items():
            text = text.replace(name, value)
        segments.append(segment if text == segment.text else segment._replace(text=text, start=-1))
    return span._replace(segments=segments)


def weighed(span: Span, by_default: bool, ignore_empty_think: bool) -> list[Context]:
    """A message's own `loss` and `loss_scale` go first."""
    if not (by_default if span.loss is None else span.loss):
        return [Context(span)]
    if span.loss_scale is not None or not ignore_empty_think:
        return [Context(span, 1 if span.loss_scale is None else span.loss_scale)]
    found = EMPTY_THOUGHT.match(span.text)
    at = found.end() if found else 0
    rest = span.part(at, len(span.text))
    pieces = Context(span.part(0, at)), Context(rest, 0 if EMPTY_THOUGHT.match(rest.text) else 1)
    return [piece for piece in pieces if piece.span.text]


def without_newlines(contexts: Sequence[Context]) -> list[Context]:
    """The newline that ends a context is left out at the end, and before a text that holds <|observation|>: before a call, as a rule."""
    written = []
    for context, following in zip(contexts, [*contexts[1:], None], strict=True):
        text = context.span.text
        bare = following is None or "<|observation|>" in following.span.text
        if bare and text.endswith(("<|assistant|>\n", "<think></think>\n")):
            context = context._replace(span=context.span.part(0, len(text) - 1))
        written.append(context)
    return written


def write(contexts: Sequence[Context], w: Writer) -> None:
    """Neighbours of one weight become one string. Then the dynamic eos: <|user|> right after trained text is trained."""
    for weight, run in groupby((c for c in contexts if c.span.text), key=lambda c: c.weight):
        w.text(*(segment for context in run for segment in context.span.segments), mask=weight > 0, specials=True)
    row, user = w.rows[-1], w.tokenizer.special_ids["<|user|>"]
    trained = [piece.mask for piece in row]
    for i in range(1, len(row)):
        eos = trained[i - 1] and row[i].token == user
        if eos or (trained[i] and row[i].segments[0].part in ("role_tag", "stop")):
            before = row[i - 1].owner if row[i - 1].owner is not None else row[i - 1].segments[-1].message
            row[i] = row[i]._replace(owner=before)
        row[i] = row[i]._replace(mask=trained[i] or eos)


# The recipes ----------------------------------------------------------------------------------------------------------

TRAINED: Text = {
    "en": "Every answer is trained, from its thought on, in every round. The <|user|> after it is trained as its stop, a call's <|observation|> "
    "likewise, and after the last answer a <|user|> is appended and trained.",
    "zh": "每一轮的每个回答都从思考起参与训练。其后的 <|user|> 作为停止信号参与训练，调用后的 <|observation|> 也是；最后一个回答之后会追加一个 <|user|> 并训练。",
}
LAST: Text = {
    "en": "--loss_scale last_round: only the answer after the last question or tool result is trained, with its thought and its stop. Answers "
    "before it lose their thoughts.",
    "zh": "--loss_scale last_round：只训练最后一个提问或工具结果之后的回答，连同思考和停止信号。之前的回答会丢掉思考。",
}
IGNORE_EMPTY: Text = {
    "en": "--loss_scale ignore_empty_think: as by default, but an empty thought that an answer begins with is not trained.",
    "zh": "--loss_scale ignore_empty_think：与默认相同，但回答开头的空思考不训练。",
}
QUIRKS: tuple[Text, ...] = (
    {
        "en": "reasoning_content isn't read; here it was put into the content first. The reasoning of earlier rounds stays, where the official "
        "template drops it, and an answer that doesn't begin with a thought gets an empty one.",
        "zh": "它不读取 reasoning_content；这里先把思考放进了正文。较早轮次的思考会保留（官方模板会丢弃），不以思考开头的回答会加上空思考。",
    },
    {
        "en": "Questions in a row are joined without anything between them, answers in a row too. Before a first answer stands an empty question; "
        "a question or a result at the end is followed by <|assistant|> and an empty thought, without loss.",
        "zh": "连续的提问直接拼接，连续的回答也是。以回答开头时前面会加一个空提问；以提问或工具结果结尾时后面会写 <|assistant|> 和空思考，不计损失。",
    },
    {
        "en": "Nulls in tools are dropped as padding, but in default, const, enum and examples. A record with a null content is deleted. Text such "
        "as {{QUERY}} in a tool result is filled like a template.",
        "zh": "tools 里的 null 会当作填充删去（default、const、enum、examples 除外）。content 为 null 的数据会被删除。工具结果里的 {{QUERY}} 之类会像模板一样被替换。",
    },
    {
        "en": "A message's own loss (true or false) goes before the rule. Results with tool_call_id are put into the order of their calls.",
        "zh": "消息自带的 loss（true 或 false）优先于规则。带 tool_call_id 的工具结果会按调用的顺序排列。",
    },
)
BARE_CALL: Text = {
    "en": "The newline after <|assistant|> is part of the question, and is left out before an answer that is only a call, or that "
    "spells <|observation|>. Content is stripped only where a call follows it.",
    "zh": "<|assistant|> 后的换行属于提问；只有调用的回答，或写出 <|observation|> 的回答之前没有它。只有后面跟着调用的正文才去除首尾空白。",
}
MISPLACED: Text = {
    "en": "With tools and a system text, a newline sits after the second <|system|>, where GLM-4.7 has it after the first.",
    "zh": "既有 tools 又有 system 文本时，换行在第二个 <|system|> 之后，而 GLM-4.7 的换行在第一个之后。",
}
LAST_QUIRK: Text = {
    "en": "A tool result counts as a last round: the reasoning of the call right before it is dropped. Text before a </think> that an earlier "
    "answer merely mentions goes too. A conversation that ends with a question has no trained token.",
    "zh": "工具结果也算最后一轮：它之前那次调用的思考会被丢弃。较早的回答只是提到 </think> 时，之前的正文也会丢失。以提问结尾的对话没有任何参与训练的 token。",
}
EMPTY_QUIRK: Text = {
    "en": "The newline that is left out before a call is here the one after the empty thought, not the one after <|assistant|>.",
    "zh": "调用之前去掉的换行在这里是空思考之后的那个，而不是 <|assistant|> 之后的那个。",
}


def _recipe(id: str, template: Template, rule: Text, *quirks: Text, **loss_scale: bool) -> Recipe:
    return Recipe(
        id=id,
        system="ms-swift",
        source=Source("modelscope/ms-swift", "swift/template/templates/glm.py", "v4.6.0", "2026-10-14"),
        rule=rule,
        max_length=MAX_LENGTH,
        layout=encode(template, **loss_scale),
        fit=check_length,
        form="openai",
        vocabulary="glm-4.5",
        quirks=(*quirks, BARE_CALL if template is GLM45 else MISPLACED, *QUIRKS),
    )


RECIPES = (
    _recipe("ms-swift-glm4.5", GLM45, TRAINED),
    _recipe("ms-swift-glm4.5-last-round", GLM45, LAST, LAST_QUIRK, last_round=True),
    _recipe("ms-swift-glm4.5-ignore-empty-think", GLM45, IGNORE_EMPTY, EMPTY_QUIRK, ignore_empty_think=True),
    _recipe("ms-swift-glm4.7", GLM47, TRAINED),
    _recipe("ms-swift-glm4.7-last-round", GLM47, LAST, LAST_QUIRK, last_round=True),
    _recipe("ms-swift-glm4.7-ignore-empty-think", GLM47, IGNORE_EMPTY, ignore_empty_think=True),
)
