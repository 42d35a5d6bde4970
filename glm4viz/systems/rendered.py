"""Where the messages of a conversation stand in the text that a chat template made of them. What can't be told stays outside, unguessed."""

import re
from collections.abc import Callable, Iterator, Sequence

from glm4viz.conversation import Message
from glm4viz.layout import Segment

Render = Callable[[Sequence[Message]], str]
Place = tuple[int, int, int]  # characters start … stop - 1 of the text, and where they begin in the message's content, in characters
MARKS = ("\ue000", "\ue0f5", "\uf3a1")  # private use: no vocabulary of words, no template looks for them


def segments(text: str, messages: Sequence[Message], render: Render, stops: Sequence[str], prefix: str) -> list[Segment]:
    """The text as segments, in order. prefix: what begins every sequence, such as the bos token.

    A message's region ends where the rendering of the conversation up to it ends, if that is how the text begins. In it, what stands
    before the content is its role tag, and the first of `stops` behind the content its stop.
    """
    contents = _contents(text, messages, render)
    regions = _regions(text, messages, render, contents)
    found: list[Segment] = []
    at = len(prefix) if prefix and text.startswith(prefix) else 0
    if at:
        found.append(Segment("prefix", text[:at]))
    for m, message in enumerate(messages):
        start, stop = (max(at, border) if border >= 0 else at for border in regions[m])
        known = regions[m][0] >= 0
        places = [place for place in contents[m] if place[0] >= at]
        if not known and not places:
            continue
        if known and start > at:
            found.append(Segment("prefix", text[at:start]))
            at = start
        for begin, end, offset in places:
            found += _around(text[at:begin], m if known else -1, message, "role_tag" if begin == places[0][0] else "separator")
            found.append(Segment("content", text[begin:end], m, len(message["content"][:offset].encode())))
            at, known = end, True
        if regions[m][1] >= 0 and stop > at:
            found += _behind(text[at:stop], m, message, stops, started=bool(places))
            at = stop
    return [segment for segment in (*found, Segment("prefix", text[at:])) if segment.text]


def _around(text: str, m: int, message: Message, part: str) -> Iterator[Segment]:
    """What stands before a content; a thought that is the message's own is told apart."""
    thought = message.get("reasoning_content")
    thought = thought.strip() if isinstance(thought, str) else ""
    if m < 0 or not thought or text.count(thought) != 1:
        yield Segment(part if m >= 0 else "prefix", text, m)
        return
    before, after = text.split(thought)
    yield from (Segment(part, before, m), Segment("think", thought, m), Segment("separator", after, m))


def _behind(text: str, m: int, message: Message, stops: Sequence[str], *, started: bool) -> Iterator[Segment]:
    """What stands behind a content, or all of a message that has none: the first end token is its stop."""
    end = re.search("|".join(map(re.escape, sorted(stops, key=len, reverse=True))) or "(?!)", text)
    head, tail = (text[: end.start()], text[end.end() :]) if end else (text, "")
    yield from _around(head, m, message, "tool_call" if message.get("tool_calls") else "separator" if started else "role_tag")
    if end:
        yield Segment("stop", end.group(), m)
    yield Segment("separator", tail, m)


# Regions --------------------------------------------------------------------------------------------------------------


def _regions(text: str, messages: Sequence[Message], render: Render, contents: Sequence[Sequence[Place]]) -> list[tuple[int, int]]:
    """For each message the characters start, stop of its region; -1 where that can't be told."""
    ends = [_prefix_length(text, messages[: m + 1], render) for m in range(len(messages) - 1)] + [len(text)]
    starts = [_first_start(text, messages[0], render), *ends[:-1]]
    if starts[0] > min([len(text), *(start for start, _, _ in contents[0])]):
        starts[0] = -1
    tags: dict[str, set[str]] = {}
    for m, message in enumerate(messages):
        if starts[m] >= 0 and contents[m]:
            tags.setdefault(message["role"], set()).add(text[starts[m] : contents[m][0][0]])
    for m, message in enumerate(messages):
        # Messages of one role have one tag: where another one showed it, it is known here.
        known = tags.get(message["role"], set())
        if starts[m] < 0 and contents[m] and len(known) == 1:
            (tag,) = known
            start = contents[m][0][0] - len(tag)
            if tag and start >= 0 and text.startswith(tag, start) and (m == 0 or all(stop <= start for _, stop, _ in contents[m - 1])):
                starts[m] = start
                if m:
                    ends[m - 1] = start
    return list(zip(starts, ends, strict=True))


def _first_start(text: str, first: Message, render: Render) -> int:
    """Where the first message begins: a second one like it, alone or behind an answer, is written without what begins every text."""
    for between in ((), ({"role": "assistant", "content": "…"},)):
        try:
            one, short, long = (render(some) for some in ([first], [first, *between], [first, *between, first]))
        except Exception:  # a template may refuse such a conversation
            continue
        own = long[len(short) :]
        start = len(one) - len(own)
        if own and long.startswith(short) and one.endswith(own) and text.startswith(one[:start]):
            return start
    return -1


def _prefix_length(text: str, messages: Sequence[Message], render: Render) -> int:
    try:
        shorter = render(messages)
    except Exception:  # a template may refuse a conversation that ends here
        return -1
    return len(shorter) if text.startswith(shorter) else -1


# Contents -------------------------------------------------------------------------------------------------------------


def _contents(text: str, messages: Sequence[Message], render: Render) -> list[list[Place]]:
    """Where each message's content stands, found by rendering with marks in its place: what is around them must be the same text."""
    mark = next((mark for mark in MARKS if mark not in text), "")
    spoken = [m for m, message in enumerate(messages) if isinstance(message.get("content"), str) and message["content"]]
    if not mark:
        return [[] for _ in messages]
    together = _marked(text, messages, render, mark, spoken)
    if together is not None:
        return together
    places: list[list[Place]] = [[] for _ in messages]
    at = 0
    for m in spoken:  # a template may look into a content, for a thought say: then one at a time, with all others as they are
        alone = _marked(text, messages, render, mark, [m])
        if alone is not None and all(start >= at for start, _, _ in alone[m]):
            places[m] = alone[m]
            at = max([at, *(stop for _, stop, _ in alone[m])])
    return places


def _marked(text: str, messages: Sequence[Message], render: Render, mark: str, which: Sequence[int]) -> list[list[Place]] | None:
    marked = [{**message, "content": f"{mark}{m}{mark}"} if m in which else message for m, message in enumerate(messages)]
    try:
        pieces = re.split(f"{mark}(\\d+){mark}", render(marked))
    except Exception:  # as above
        return None
    if not text.startswith(pieces[0]):
        return None
    places: list[list[Place]] = [[] for _ in messages]
    at = len(pieces[0])
    for number, following in zip(pieces[1::2], pieces[2::2], strict=True):
        content, last = messages[int(number)]["content"], number == pieces[-2] and following == pieces[-1]
        written = _written(text, at, content, following)
        if written is None and last and len(which) == 1 and text.endswith(following):
            middle = text[at : len(text) - len(following)]
            written = middle if middle and content.count(middle) == 1 else None
        if written is None:
            return None
        if written:
            places[int(number)].append((at, at + len(written), content.find(written)))
        at += len(written) + len(following)
    return places if at == len(text) else None


def _written(text: str, at: int, content: str, following: str) -> str | None:
    """The content as it is, or stripped, whichever stands there with what follows it; the longest."""
    forms = (content, content.rstrip(), content.lstrip(), content.strip(), content.rstrip("\n"), content.lstrip("\n"), content.strip("\n"))
    return next((form for form in sorted(forms, key=len, reverse=True) if text.startswith(form + following, at)), None)
