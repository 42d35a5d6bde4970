"""What a message says, taken apart: its thought, its text and its calls, as far as they can be told for certain."""

import json
import re
from typing import Any, NamedTuple

from glm4viz.run.families import GLM45, HARMONY, Family
from glm4viz.systems.glm45 import GLM45 as TEMPLATE45
from glm4viz.systems.glm45 import GLM47 as TEMPLATE47
from glm4viz.systems.glm45 import tools_text


class Span(NamedTuple):
    """Bytes start … stop - 1 of the row that are one part; content: where they begin in the message's content, -1 if they aren't of it."""

    part: str
    start: int
    stop: int
    content: int = -1


class Body(NamedTuple):
    """One message's fields beside its role, and its spans in order. whole: every byte of its text is part of a character."""

    fields: dict[str, Any]
    spans: list[Span]
    whole: bool = True


_CALL = re.compile(
    rb"<tool_call>(?P<name>[^<\n]+)\n?(?P<arguments>(?:<arg_key>.*?</arg_key>\n?<arg_value>.*?</arg_value>\n?)*)</tool_call>", re.DOTALL
)
_ARGUMENT = re.compile(rb"<arg_key>(.*?)</arg_key>\n?<arg_value>(.*?)</arg_value>\n?", re.DOTALL)
_JSON_CALL = re.compile(rb"<tool_call>(?P<json>.*?)</tool_call>", re.DOTALL)
_JSON_ARGUMENTS = re.compile(rb'\s*\{\s*"name"\s*:\s*"[^"\\]*"\s*,\s*"arguments"\s*:\s*(?P<arguments>.*\})\s*\}\s*', re.DOTALL)
_RESULT = re.compile(rb"\s*<tool_response>\n?(.*?)\n?</tool_response>", re.DOTALL)
_TOOLS = re.compile(rb"<tools>\n(.*?)</tools>", re.DOTALL)
_SPACE = re.compile(rb"\s*")


class _Text:
    """Spans as they are collected, and the content that they make up."""

    def __init__(self, data: bytes) -> None:
        self.data, self.spans, self.whole = data, list[Span](), True
        self.content: list[str] = []
        self.size = 0

    def put(self, part: str, start: int, stop: int) -> None:
        if stop > start:
            self.spans.append(Span(part, start, stop))

    def say(self, start: int, stop: int, part: str = "content") -> None:
        """Bytes of the content. Those that are no whole character, at a cut, stay out of its text."""
        while start < stop:
            try:
                text, bad = self.data[start:stop].decode(), stop
                end = stop
            except UnicodeDecodeError as error:
                self.whole = False
                end, bad = start + error.start, start + error.end
                text = self.data[start:end].decode()
            if end > start:
                self.spans.append(Span(part, start, end, self.size))
                self.content.append(text)
                self.size += end - start
            self.put(part, end, bad)
            start = bad

    def body(self, **fields: Any) -> Body:
        return Body({"content": "".join(self.content), **fields}, self.spans, self.whole)


def take_apart(family: Family, role: str, header: bytes, data: bytes, start: int, stop: int, marks: list[tuple[int, str]]) -> list[Body]:
    """Bytes start … stop - 1 of a message, with the special tokens that stand among them: one message, or one for each tool's result."""
    if family.form == "openai" and role in ("tool", "user") and (results := _results(data, start, stop)):
        return results
    text = _Text(data)
    if role != "assistant":
        text.say(start, stop)
        return [text.body()]
    if family is HARMONY:
        part = "think" if b"<|channel|>analysis" in header else "arguments" if b"to=" in header else "content"
        text.say(start, stop, part)
        return [text.body()]
    reasoning, at = _thought(family, text, start, stop, marks)
    first = next((place for place, name in marks if name in family.calls and place >= at), stop)
    calls = _calls(family, data, first, stop)
    if calls is None:
        text.say(at, first)
        text.say(first, stop, "tool_call")
        return [text.body(**reasoning)]
    end = at + len(data[at:first].rstrip()) if calls else first
    text.say(at, end)
    text.put("separator", end, first)
    for part, a, b in (span for _, spans in calls for span in spans):
        text.put(part, a, b)
    called = {"tool_calls": [call for call, _ in calls]} if calls else {}
    return [text.body(**reasoning, **called)]


def _thought(family: Family, text: _Text, start: int, stop: int, marks: list[tuple[int, str]]) -> tuple[dict[str, str], int]:
    """A thought that the message begins with, and where what follows begins. Its first tag may be missing: some servers prefill it."""
    opener, closer = family.think
    space = _SPACE.match(text.data, start, stop)
    begin = start if space is None else space.end()
    opened = (begin, opener) in marks
    closed = next((place for place, name in marks if name == closer), -1)
    if not opened and (closed < 0 or any(name == opener for _, name in marks)):
        return {}, start
    text.put("separator", start, begin)
    end = closed + len(closer.encode()) if closed >= 0 else stop
    text.put("think", begin, end)
    inner = text.data[begin + len(opener.encode()) * opened : closed if closed >= 0 else stop].decode("utf-8", "ignore")
    inner = inner.removeprefix("thought\n") if opener == "<|channel>" else inner
    space = _SPACE.match(text.data, end, stop)
    at = end if space is None else space.end()
    text.put("separator", end, at)
    return ({"reasoning_content": inner.strip("\n")} if inner.strip() else {}), at


# Calls, results, tools ------------------------------------------------------------------------------------------------

_Call = tuple[dict[str, Any], list[tuple[str, int, int]]]


def _calls(family: Family, data: bytes, start: int, stop: int) -> list[_Call] | None:
    """The calls that these bytes are, [] for no bytes; None where anything in them isn't such a call."""
    found: list[_Call] = []
    pattern = _CALL if family is GLM45 else _JSON_CALL
    at = start
    while at < stop:
        space = _SPACE.match(data, at, stop)
        begin = at if space is None else space.end()
        if begin == stop and found:
            found[-1][1].append(("separator", at, stop))
            return found
        match = pattern.match(data, begin, stop)
        if match is None or "<tool_call>" not in family.calls:
            return None
        try:
            call = _glm_call(match) if family is GLM45 else _json_call(match)
        except (ValueError, RecursionError):
            return None
        call[1].insert(0, ("separator", at, begin))
        found.append(call)
        at = match.end()
    return found


def _glm_call(match: re.Match[bytes]) -> _Call:
    a, b = match.span("arguments")
    arguments = {key.decode(): _value(value.decode()) for key, value in _ARGUMENT.findall(match["arguments"])}
    spans = [("tool_call", match.start(), a), ("arguments", a, b), ("tool_call", b, match.end())]
    return _function(match["name"].decode(), arguments), spans


def _value(text: str) -> Any:
    """An argument: JSON where writing it again gives the same text, else the text itself."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value if not isinstance(value, str) and json.dumps(value, ensure_ascii=False) == text else text


def _json_call(match: re.Match[bytes]) -> _Call:
    value = json.loads(match["json"])
    written = _JSON_ARGUMENTS.fullmatch(match["json"])
    if (
        not isinstance(value, dict)
        or written is None
        or not isinstance(value.get("name"), str)
        or not isinstance(value.get("arguments"), dict)
    ):
        raise ValueError
    a, b = (match.start("json") + edge for edge in written.span("arguments"))
    spans = [("tool_call", match.start(), a), ("arguments", a, b), ("tool_call", b, match.end())]
    return _function(value["name"], value["arguments"]), spans


def _function(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "arguments": arguments}}


def _results(data: bytes, start: int, stop: int) -> list[Body]:
    """A message for each <tool_response>, if there is nothing else."""
    found = []
    at = start
    while (match := _RESULT.match(data, at, stop)) is not None:
        text = _Text(data)
        text.put("separator", at, match.start(1))
        text.say(*match.span(1))
        text.put("separator", match.end(1), match.end())
        found.append(text.body(role="tool"))
        at = match.end()
    if not found or data[at:stop].strip():
        return []
    if at < stop:
        found[-1].spans.append(Span("separator", at, stop))
    return found


def tools_in(data: bytes) -> list[Any] | None:
    """The tools that a system text of GLM-4.5 or 4.7 lists, if it is exactly what the template writes for them."""
    listed = _TOOLS.search(data.replace(b"<tools></tools>", b""))
    if listed is None:
        return None
    try:
        tools = [json.loads(line) for line in listed[1].splitlines() if line]
        text = data.decode()
    except (ValueError, RecursionError):
        return None
    return tools if tools and any(tools_text(tools, template) == text for template in (TEMPLATE45, TEMPLATE47)) else None
