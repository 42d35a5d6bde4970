"""Reading a row by a family's tags: which bytes are whose, what they are, and which message a tag behind an answer teaches to stop."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from glm4viz.run.bodies import take_apart, tools_in
from glm4viz.run.families import GLM45, ROLE_NAMES, Family


class Mark(NamedTuple):
    """A special token that means something to the family, and its bytes in the row."""

    start: int
    stop: int
    name: str


class Segment(NamedTuple):
    """Bytes up to `stop` from where the segment before ends. content: where they begin in the message's content, -1 if they aren't of it.
    teaches: the message that a label here teaches, None for the one it stands in."""

    part: str
    message: int
    stop: int
    content: int = -1
    teaches: int | None = None


# before: nothing has been opened. name: of who speaks. blank: right behind a tag. body: in a message. due: a message that has no tag of
# its own begins with whatever comes. after: behind a message's end. lost: in what an unknown role says.
Phase = Literal["before", "name", "blank", "body", "due", "after", "lost"]
_FUNCTION = re.compile(rb"(?P<name>[A-Za-z_][\w.\-]{0,63} ?)\n")
_NAME = re.compile(rb"\s*([A-Za-z_]+)")


@dataclass
class Turns:
    """Segments of a whole row, its messages, and the conversation's tools. broken: messages with bytes that are no whole character."""

    family: Family
    data: bytes
    segments: list[Segment] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    tools: list[Any] | None = None
    broken: list[int] = field(default_factory=list)
    phase: Phase = "before"
    role: str = ""
    prefixed: bool = False
    header: bytes = b""
    start: int = 0  # of the open message's body
    _end: int = 0  # where it ends, as far as it has been read
    tag: int = 0  # the first segment of the open message
    inside: list[tuple[int, str]] = field(default_factory=list)  # marks in the open message's body

    def read(self, marks: Sequence[Mark]) -> "Turns":
        """The row, mark by mark."""
        at = 0
        for mark in marks:
            self._text(at, mark.start)
            self._mark(mark)
            at = mark.stop
        self._text(at, len(self.data))
        self._finish()
        return self

    # Pieces -----------------------------------------------------------------------------------------------------------

    def _put(self, part: str, message: int, stop: int, content: int = -1, teaches: int | None = None) -> None:
        if stop > (self.segments[-1].stop if self.segments else 0):
            self.segments.append(Segment(part, message, stop, content, teaches))

    def _spoken(self) -> int | None:
        """The assistant message that ends right here, if one does."""
        answered = self.phase == "after" and self.messages and self.messages[-1]["role"] == "assistant"
        return len(self.messages) - 1 if answered else None

    def _open(self, role: str, phase: Phase, start: int) -> None:
        self.role, self.phase, self.start, self.inside = role, phase, start, []

    def _close(self) -> None:
        """Ends the open message, if there is one, and takes apart what it says."""
        if self.phase == "due":
            self.phase = "after"
        if self.phase == "name":  # nobody was named
            self._disown()
        if self.phase not in ("blank", "body"):
            return
        stop, end = self.start, self._end
        bodies = take_apart(self.family, self.role, self.header, self.data, stop, end, self.inside)
        if self.family is GLM45 and self.role == "system" and not self.messages and (tools := tools_in(self.data[stop:end])):
            self.tools = tools
            own = [segment._replace(message=-1) for segment in self.segments[self.tag :]]
            self.segments[self.tag :] = own
            self._put("tools", -1, end)
            self.phase = "after"
            return
        metadata = {"metadata": self.header.decode()} if self.family.metadata and self.header else {}
        for body in bodies:
            m = len(self.messages)
            for span in body.spans:
                self._put(span.part, m, span.stop, span.content)
            self.messages.append({"role": self.role, **metadata, **body.fields})
            if not body.whole:
                self.broken.append(m)
        self.phase = "after"

    # What comes -------------------------------------------------------------------------------------------------------

    def _text(self, start: int, stop: int) -> None:
        if stop == start:
            return
        text = self.data[start:stop]
        if self.phase == "due":
            self._begin_due(start)
        if self.phase == "name":
            self._name(start, stop)
        elif self.phase == "blank":
            self._blank(text, start)
            self._end = stop
        elif self.phase == "body":
            self._end = stop
        elif self.phase == "before" and self.prefixed and self.family.bare and text.strip():
            self.tag, self.header = len(self.segments), b""
            self._open(self.family.bare, "body", start)
            self._end = stop
        elif self.phase == "after" and not text.strip():
            self._put("separator", len(self.messages) - 1 if self.messages and self.family.own_end else -1, stop)
        else:
            self._put("content" if text.strip() else "separator", -1, stop)
            self.phase = "lost" if text.strip() else self.phase

    def _begin_due(self, start: int) -> None:
        self.tag, self.header = len(self.segments), b""
        self._open(self.role, "body", start)
        self._end = start

    def _name(self, start: int, stop: int) -> None:
        """The name of who speaks, up to a newline, or, before a token that ends it, as far as it goes."""
        if self.family.name_end != "\n":
            self.header += self.data[start:stop]
            self._put("role_tag", len(self.messages), stop)
            return
        newline = self.data.find(b"\n", start, stop)
        self.header = self.data[start : newline if newline >= 0 else stop]
        self._put("role_tag", len(self.messages), newline if newline >= 0 else stop)
        if self._known("") and newline >= 0:
            self._put("newline", len(self.messages), newline + 1)
        if self.phase == "lost":
            self._put("content", -1, stop)
        self.start, self._end = newline + 1 if newline >= 0 else stop, stop

    def _known(self, role: str) -> bool:
        """Opens the message that the header names; where it names no role that is known, what follows is nobody's."""
        match = _NAME.match(self.header)
        role = ROLE_NAMES.get(match[1].decode().lower(), role) if match else role
        if role:
            self._open(role, "body", 0)
            return True
        self._disown()
        return False

    def _disown(self) -> None:
        """The tag and what follows it are nobody's."""
        self.segments[self.tag :] = [segment._replace(message=-1) for segment in self.segments[self.tag :]]
        self.phase = "lost"

    def _blank(self, text: bytes, start: int) -> None:
        """What stands between a tag and what is said: a newline, and in GLM-4 a function's name before it."""
        m, blank = len(self.messages), self.family.blank.encode()
        if blank and text.startswith(blank):
            start += len(blank)
            self._put("newline", m, start)
        elif self.family.metadata and self.role == "assistant" and (match := _FUNCTION.match(text)):
            self.header = match["name"]
            self._put("metadata", m, start + match.end("name"))
            self._put("newline", m, start + match.end())
            start += match.end()
        self.start, self.phase = start, "body"

    def _mark(self, mark: Mark) -> None:
        family, name = self.family, mark.name
        if name in family.openers:
            self._opener(mark)
        elif name == family.name_end and self.phase == "name":
            self._put("role_tag", len(self.messages), mark.stop)
            if self._known(self.role):
                self.phase, self.start, self._end = "blank", mark.stop, mark.stop
        elif name in family.closes:
            self._close()
            ended = self.phase == "after" and bool(self.messages)
            self._put("role_tag" if ended else "separator", len(self.messages) - 1 if ended else -1, mark.stop)
            self.phase, self.role = ("due", family.closes[name]) if family.closes[name] else ("after", "")
        elif name in family.ends or (name in family.stops and self.phase in ("blank", "body")):
            self._end_token(mark)
        elif name in family.prefix:
            self._close()
            self._put("prefix", -1, mark.stop)
            self.phase, self.prefixed = "before", True
        elif name in family.stops:
            self._put("stop", -1, mark.stop)
        elif self.phase == "name":
            self.header += self.data[mark.start : mark.stop]
            self._put("role_tag", len(self.messages), mark.stop)
        else:  # around a thought or a call: part of what is said
            self._text(mark.start, mark.stop)
            self.inside.append((mark.start, name))

    def _opener(self, mark: Mark) -> None:
        self._close()
        teaches, m = self._spoken(), len(self.messages)
        self.tag, self.header = len(self.segments), b""
        self._put("role_tag", m, mark.stop, -1, teaches)
        self._end = mark.stop
        if mark.name == self.family.start:
            self.phase, self.role = "name", ""
        elif self.family.name_end.strip():
            self.phase, self.role = "name", self.family.tags[mark.name]
        else:
            self._open(self.family.tags[mark.name], "blank", mark.stop)

    def _end_token(self, mark: Mark) -> None:
        if self.phase == "due":
            self._begin_due(mark.start)
        opened = self.phase in ("blank", "body")
        self._close()
        said = len(self.messages) - 1
        if opened and self.family.own_end and self.messages:
            self._put("stop", said, mark.stop)
        elif self.phase == "after":
            self._put("stop", -1, mark.stop, -1, said if opened or not self.family.own_end else None)
        else:
            self._put("stop" if self.phase == "before" else "separator", -1, mark.stop)
        self.phase = "after" if self.phase != "before" else "before"

    def _finish(self) -> None:
        """The end of the row. A tag that nothing follows, behind an answer, opens no message: it is there for its label."""
        last = self.segments[-1] if self.segments else None
        if self.phase == "blank" and last and last.teaches is not None and self.role != "assistant" and self.start == len(self.data):
            self.segments[-1] = last._replace(part="stop", message=-1)
        else:
            self._close()
