"""What recipes teach otherwise than the first of them: answers, stops, other roles, tags and headers."""

from collections.abc import Callable, Collection, Iterator, Sequence

from glm4viz.comparison.sentences import SHOWN, TERMS, Fact, code, term, tokens
from glm4viz.comparison.sides import Sides
from glm4viz.comparison.slots import Slot
from glm4viz.reading.verdict import Turn
from glm4viz.texts import Text, listed


def is_learned(turn: Turn) -> bool:
    """Is something of the answer itself trained, and not only what ends it?"""
    return turn.trained > turn.stop_trained


def answer_numbers(c: Sides) -> dict[int, int]:
    """Messages that some recipe here writes as an answer, with their numbers from 1."""
    written = {turn.message for verdict in c.verdicts.values() for turn in verdict.turns if turn.state != "empty"}
    return {m: number for number, m in enumerate(sorted(written), 1)}


def of_answers(c: Sides, first: str, id: str) -> Iterator[Fact]:
    numbers = answer_numbers(c)
    sets = [{turn.message for turn in c.verdicts[one].turns if is_learned(turn)} for one in (first, id)]
    if sets[0] == sets[1]:
        return
    theirs, ours = (_which(messages, numbers) for messages in sets)
    key = "no_answer" if not sets[1] else "last_answer" if sets[1] == {max(numbers)} and len(numbers) > 1 else "answers"
    yield Fact(key, id, {"ours": ours, "theirs": theirs})


def _which(messages: set[int], numbers: dict[int, int]) -> Text:
    if not messages:
        return term("none")
    if messages == set(numbers):
        return term("all", total=len(numbers))
    if messages == {max(numbers)}:
        return term("last")
    if len(messages) > SHOWN:
        return term("some_of", count=len(messages), total=len(numbers))
    return term("some", numbers=listed([str(numbers[m]) for m in sorted(messages)]), total=len(numbers))


def _these(messages: Sequence[int], numbers: dict[int, int]) -> Text:
    if len(messages) == len(numbers):
        return term("the_answer" if len(numbers) == 1 else "every_answer")
    if list(messages) == [max(numbers)]:
        return term("last_answer")
    return numbered(messages, numbers)


def numbered(messages: Collection[int], numbers: dict[int, int]) -> Text:
    """These answers by their numbers, or how many they are."""
    if len(messages) > SHOWN:
        return term("many_answers", count=len(messages))
    names = listed([str(numbers[m]) for m in sorted(messages)])
    return term("one_answer" if len(messages) == 1 else "more_answers", numbers=names)


def of_stops(c: Sides, first: str, id: str) -> Iterator[Fact]:
    numbers = answer_numbers(c)
    other: dict[str, list[str]] = {}
    missing: list[Turn] = []
    more: list[Turn] = []
    leaked: list[int] = []
    for theirs, ours in zip(c.verdicts[first].turns, c.verdicts[id].turns, strict=True):
        if ours.stop_trained and not is_learned(ours):
            leaked.append(ours.message)
        if ours.state != "whole" or theirs.state != "whole" or theirs.hands_over:
            continue
        if ours.stop_trained and theirs.stop_trained and ours.stop_name != theirs.stop_name:
            other.setdefault(ours.stop_name, []).append(theirs.stop_name)
        elif theirs.stop_trained and not ours.stop_trained and is_learned(ours):
            missing.append(theirs)
        elif ours.stop_trained and not theirs.stop_trained and is_learned(theirs):
            more.append(ours)
    for name, those in other.items():
        yield Fact("other_stop", id, {"ours": code(name), "theirs": tokens(those)})
    if missing:
        answers, theirs_names = _these([turn.message for turn in missing], numbers), tokens(turn.stop_name for turn in missing)
        yield Fact("no_stop", id, {"answers": answers, "theirs": theirs_names})
    if more:
        yield Fact(
            "more_stop", id, {"answers": _these([turn.message for turn in more], numbers), "ours": tokens(t.stop_name for t in more)}
        )
    if leaked:
        yield Fact("leaked_stop", id, {"answers": _these(leaked, numbers)})


def of_foreign_stops(c: Sides, id: str) -> Iterator[Fact]:
    names = [turn.stop_name for turn in c.verdicts[id].turns if turn.stop_trained and not turn.hands_over]
    foreign = [name for name in names if name not in c.recipes[id].stops]
    if foreign:
        yield Fact("foreign_stop", id, {"ours": tokens(foreign)})


def of_roles(c: Sides, first: str, id: str) -> Iterator[Fact]:
    trained = [{role for role, text in c.verdicts[one].text.items() if text.trained and role != "assistant"} for one in (first, id)]
    for key, roles in (("trains_text", trained[1] - trained[0]), ("leaves_text", trained[0] - trained[1])):
        if roles:
            yield Fact(key, id, {"what": listed([TERMS[role] for role in sorted(roles)])})


def of_headers(c: Sides, first: str, id: str) -> Iterator[Fact]:
    """The answer's own tag and header, in answers that both train."""
    both = {
        ours.message
        for theirs, ours in zip(c.verdicts[first].turns, c.verdicts[id].turns, strict=True)
        if is_learned(ours) and is_learned(theirs)
    }

    def first_of(slot: str, test: Callable[[Slot], bool]) -> Slot | None:
        return next((s for s in c.slots if s.slot == slot and s.message in both and test(s)), None)

    # A tag that follows another answer is that answer's end.
    follows = {m for m in both if m and c.messages[m - 1]["role"] == "assistant"}
    tag = first_of("tag", lambda s: s.message not in follows and s.cells[id].trained > 0 and not s.cells[first].trained)
    if tag:
        yield Fact("own_tag", id, {"tag": code(tag.cells[id].text)})
    if first_of("header", lambda s: s.cells[id].tokens > 0 and not s.cells[id].trained and s.cells[first].trained > 0):
        yield Fact("no_header", id, {})
    elif first_of("header", lambda s: 0 < s.cells[id].trained < s.cells[id].tokens and s.cells[first].trained == s.cells[first].tokens):
        yield Fact("part_header", id, {})
