"""ms-swift's turns of a conversation in OpenAI's form: what follows what, calls as text, and a thought in every response.

`Template._swift_prepare_inputs` of modelscope/ms-swift 4.6.0, `swift/template/base.py`, with `swift/agent_template/glm4.py`.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import groupby
from typing import Any, NamedTuple

from glm4viz.errors import RecipeRejects
from glm4viz.forms import function_of
from glm4viz.layout import Message, Segment, cut
from glm4viz.systems.glm45 import Template, call_segments, with_thought
from glm4viz.systems.swift import parsed, unparsed


class Span(NamedTuple):
    """A text with its places, and what its message says about its loss."""

    segments: Sequence[Segment]
    loss: Any = None
    loss_scale: float | None = None

    @property
    def text(self) -> str:
        return "".join(segment.text for segment in self.segments)

    def part(self, start: int, stop: int) -> "Span":
        return self._replace(segments=cut(self.segments, start, stop))

    def stripped(self) -> "Span":
        return self.part(len(self.text) - len(self.text.lstrip()), len(self.text.rstrip()))

    def after(self, *segments: Segment) -> "Span":
        return self._replace(segments=(*segments, *self.segments))


class Turn(NamedTuple):
    """A question (role user, or tool: results) or a response. `tagged`: an <|assistant|> follows the results."""

    role: str
    message: int
    spans: list[Span]
    tagged: bool = True


def items(messages: Sequence[Message], t: Template) -> Iterator[tuple[str, int, Any]]:
    """(kind, message, what it holds): an answer with calls is its content, if it has any, and each call."""
    for m in numbers(messages):
        message = messages[m]
        content, given = message.get("content") or "", message.get("tool_calls")
        thought: tuple[Segment, ...] = ()
        if message["role"] == "assistant" and message.get("reasoning_content"):
            thought = (
                Segment("think", f"<think>{message['reasoning_content']}</think>", m),
                Segment("newline", t.newline * bool(content), m),
            )
        elif message.get("content") is None and not given:
            raise refuses(
                "AssertionError", f"message {m} has no text, and the record is deleted", f"第 {m} 条消息没有文本，该条数据会被删除"
            )
        if m == 0 and message["role"] == "system":
            continue
        if content or thought or not given:
            yield message["role"], m, Span((*thought, *with_thought(m, content)), message.get("loss"), message.get("loss_scale"))
        for call in given or ():
            yield "call", m, call


def numbers(messages: Sequence[Message]) -> list[int]:
    """The order of the messages: results that name their calls, one each, follow the order of these."""
    order = list(range(len(messages)))
    for m, message in enumerate(messages):
        calls = [call.get("id") for call in message.get("tool_calls") or ()]
        stop = next((k for k in range(m + 1, len(messages)) if messages[k]["role"] != "tool"), len(messages))
        named = [messages[k].get("tool_call_id") for k in order[m + 1 : stop]]
        if calls and None not in calls and len(calls) == len(named) and all(calls.count(id) == named.count(id) == 1 for id in calls):
            order[m + 1 : stop] = [m + 1 + named.index(id) for id in calls]
    return order


def turns_of(messages: Sequence[Message], t: Template) -> list[Turn]:
    """Questions in a row become one turn, answers and calls in a row too. Raises RecipeRejects."""
    runs = [(kind, [item[1:] for item in run]) for kind, run in groupby(items(messages, t), key=lambda item: item[0])]
    turns = [Turn("", -1, [])]
    for number, (kind, found) in enumerate(runs):
        m, before = found[0][0], turns[-1]
        contents = [content for _, content in found]
        if kind == "system" or (kind, before.role) in (("user", "tool"), ("tool", "")):
            error = "ValueError" if kind == "tool" else "AssertionError"
            raise refuses(error, f"message {m} is {kind}, which can't stand there", f"第 {m} 条消息是 {kind}，不能在这里")
        if kind == "tool":
            if before.role == "user":
                before.spans.extend((Span((Segment("role_tag", "<|observation|>", m),)), *(result(span, t) for span in contents)))
            else:
                turns.append(react(before, contents) or Turn("tool", m, [result(span, t) for span in contents]))
            continue
        role = "user" if kind == "user" else "assistant"
        if before.role != role:
            turns.append(Turn(role, m, []))
        spans = turns[-1].spans
        if kind == "call":
            following = runs[number + 1 : number + 2]
            results = following[0][1][0][0] if following and following[0][0] == "tool" else -1
            end = Segment("stop", "<|observation|>", found[-1][0]) if results < 0 else Segment("role_tag", "<|observation|>", results)
            written = calls(found, messages, end, t)
            # Content right before the call is stripped and gets a newline; another call would be part of this one.
            if before.role == role and t.newline and spans[-1].text.strip():
                spans[-1], written = spans[-1].stripped(), written.after(Segment("newline", "\n", m))
            contents = [written]
        spans += contents
    if len(turns) == 1:
        raise refuses("AssertionError", "there is nothing but a system message", "除 system 消息外没有别的消息")
    return turns[1:]


def calls(found: Sequence[tuple[int, Any]], messages: Sequence[Message], end: Segment, t: Template) -> Span:
    """Calls in a row as one text, which ends with the tag of the results."""
    segments: list[Segment] = []
    for m, call in found:
        name, arguments = function_of(call)
        try:
            written = call_segments(m, {"name": name, "arguments": read_arguments(arguments)}, t)
        except TypeError as error:
            raise refuses(f"TypeError: {error}", "a call's arguments are not JSON", "调用的参数不是 JSON") from None
        between = [Segment("newline", t.newline, m)] if segments else []
        segments += [*between, *written]
    given = {key: next((messages[m][key] for m, _ in found if key in messages[m]), None) for key in ("loss", "loss_scale")}
    return Span((*segments, end), **given)


def read_arguments(arguments: Any) -> Mapping[str, Any]:
    """Arguments that are a text are read as JSON; a text in a text, or one that isn't JSON, is read once more, as JSON or Python."""
    with suppress(ValueError, RecursionError):
        arguments = json.loads(arguments) if isinstance(arguments, str) else arguments
    found = parsed(arguments) if isinstance(arguments, str) else arguments
    if found is None:
        raise unparsed()
    if not isinstance(found, Mapping):
        raise refuses("AttributeError", "a call's arguments are not an object", "调用的参数不是对象")
    return found


def result(span: Span, t: Template) -> Span:
    m = span.segments[0].message
    open_, close = f"{t.newline}<tool_response>{t.newline}", f"{t.newline}</tool_response>"
    return Span((Segment("separator", open_, m), *span.segments, Segment("separator", close, m)))


def react(answer: Turn, contents: Sequence[Span]) -> Turn | None:
    """An answer in one piece that writes Action: and Action Input: is taken for ReAct: Observation: ends it, and no tag its results."""
    said, m = answer.spans[-1], contents[0].segments[0].message
    if len(answer.spans) > 1 or not ("Action:" in said.text and "Action Input:" in said.text):
        return None
    if not said.text.endswith("Observation:"):
        more = "\n" * (not said.text.endswith("\n")) + "Observation:"
        answer.spans[-1] = said._replace(segments=(*said.segments, Segment("separator", more, said.segments[-1].message)))
    spans: list[Span] = []
    for span in contents:
        before = "Observation:" if spans else ""
        spans += [Span((Segment("separator", before, m),)), span, Span((Segment("separator", "\n" * (not span.text.endswith("\n")), m),))]
    return Turn("tool", m, spans, tagged=False)


def think(turns: Sequence[Turn], t: Template, last_round: bool) -> None:
    """Every response gets a thought; with last_round, those before the last question or results lose theirs."""
    last_question = max((i for i, turn in enumerate(turns) if turn.role != "assistant"), default=-1)
    for i, turn in enumerate(turns):
        if turn.role != "assistant":
            continue
        first = turn.spans[0]
        if last_round and i < last_question:
            said = first.part(len(first.text) - len(first.text.split("</think>")[-1]), len(first.text)).stripped()
            turn.spans[0] = said.after(*empty_thought(t, turn.message))
        elif not first.text.startswith(("<think>", t.empty + t.newline)):
            turn.spans[0] = first.after(*empty_thought(t, turn.message))


def empty_thought(t: Template, m: int) -> tuple[Segment, Segment]:
    return Segment("think", t.empty, m), Segment("newline", t.newline, m)


def refuses(error: str, en: str, zh: str) -> RecipeRejects:
    return RecipeRejects(f"ms-swift stops at this conversation ({error}): {en}.", f"ms-swift 会在这段对话上报错（{error}）：{zh}。")
