"""What GLM-4.5's recipes tell apart: thoughts and calls that are trained, emptied or lost, and texts that no server feeds."""

from collections.abc import Iterator

from glm4viz.comparison.edits import written_whole
from glm4viz.comparison.sentences import Fact, code
from glm4viz.comparison.sides import Sides
from glm4viz.comparison.taught import answer_numbers, is_learned, numbered

SHOWN_CHARACTERS = 28  # of each side where the server's prompt is left


def of_thoughts(c: Sides, first: str, id: str) -> Iterator[Fact]:
    """Thoughts with a text of their own, and the tag that opens any, in answers that both train."""
    numbers, both = answer_numbers(c), _learned_by_both(c, first, id)
    found = [[thought for thought in c.thoughts[one] if thought.message in both] for one in (first, id)]
    texts = [{t.message for t in side if t.written == "kept" and t.trained > t.opener_trained} for side in found]
    openers = [{t.message for t in side if t.opener_trained} for side in found]
    if ours := texts[1] - texts[0]:
        yield Fact("trains_thoughts", id, {"answers": numbered(ours, numbers)})
    if theirs := texts[0] - texts[1]:
        yield Fact("leaves_thoughts", id, {"answers": numbered(theirs, numbers)})
    if openers[1] and not openers[0]:
        yield Fact("trains_opener", id, {})
    elif openers[0] and not openers[1]:
        yield Fact("leaves_opener", id, {})


def of_own_thoughts(c: Sides, id: str) -> Iterator[Fact]:
    """What one recipe makes of thoughts: dropped, left out, or an empty one trained."""
    numbers, found = answer_numbers(c), c.thoughts[id]
    for key, messages in (
        ("drops_thoughts", {t.message for t in found if t.given and t.written == "empty"}),
        ("lacks_thoughts", {t.message for t in found if t.given and t.written == "absent"}),
        ("empty_thoughts", {t.message for t in found if t.written == "empty" and t.trained}),
    ):
        if messages := messages & set(numbers):
            yield Fact(key, id, {"answers": numbered(messages, numbers)})


def of_calls(c: Sides, first: str, id: str) -> Iterator[Fact]:
    """Calls that both write; GLM-4's form has them as an answer's text."""
    sides: list[dict[int, bool]] = [{}, {}]
    for slot in c.slots:
        for side, one in zip(sides, (first, id), strict=True):
            if slot.slot == "call" and slot.cells[one].tokens:
                side[slot.message] = slot.cells[one].trained > 0
    numbers, both = answer_numbers(c), sides[0].keys() & sides[1].keys()
    for key, theirs in (("trains_calls", False), ("leaves_calls", True)):
        if messages := {m for m in both if sides[0][m] is theirs and sides[1][m] is not theirs} & set(numbers):
            yield Fact(key, id, {"answers": numbered(messages, numbers)})


def of_lost_calls(c: Sides, id: str) -> Iterator[Fact]:
    if c.recipes[id].form != "openai":
        return
    written = {slot.message for slot in c.slots if slot.slot == "call" and slot.cells[id].tokens}
    whole, numbers = written_whole(c.all_samples[id]), answer_numbers(c)
    lost = {m for m, message in enumerate(c.messages) if message.get("tool_calls") and whole[m] and m not in written} & set(numbers)
    if lost:
        yield Fact("loses_calls", id, {"answers": numbered(lost, numbers)})


def of_served(c: Sides, id: str) -> Iterator[Fact]:
    """Trained answers before which a server feeds something else. Where history is rewritten, the openers are not worth a word."""
    numbers, other = answer_numbers(c), c.left(id)
    for kind in ("rewritten", "prefill"):
        if found := [answer for answer in other if answer.kind == kind]:
            expected, got = (code(text[:SHOWN_CHARACTERS]) for text in (found[0].expected, found[0].got))
            answers = numbered({answer.message_index for answer in found}, numbers)
            yield Fact(kind, id, {"answers": answers, "position": found[0].position, "expected": expected, "got": got})
            return


def _learned_by_both(c: Sides, first: str, id: str) -> set[int]:
    sides = ({turn.message for turn in c.verdicts[one].turns if is_learned(turn)} for one in (first, id))
    return set.intersection(*sides) & set(answer_numbers(c))
