"""What a recipe edits, drops or adds, how many samples it makes, and what its length limit cuts."""

from collections.abc import Iterator, Sequence

import numpy as np

from glm4viz.comparison.sentences import SENTENCES, Fact, code, places, size
from glm4viz.comparison.sides import Sides
from glm4viz.layout import PARTS
from glm4viz.reading.stops import message_sizes
from glm4viz.recipe import LabelledSample, Mask
from glm4viz.systems.captured import CAPTURED
from glm4viz.tokenizer import VOCABULARY_SIZE


def of_edits(c: Sides, id: str) -> Iterator[Fact]:
    """Only of messages that the length limit leaves whole."""
    r, samples = c.ids.index(id), c.all_samples[id]
    slots = {(slot.slot, slot.message): slot.cells[id] for slot in c.slots if slot.cells[id].tokens}
    absent = _absent_texts(c, r)
    is_written, is_whole = np.any([s.full_sizes[:-1] > 0 for s in samples], axis=0), written_whole(samples)
    named = {m for s in samples for m in np.unique(s.message_index[s.part_codes == PARTS.index("metadata")]).tolist()}
    edits: dict[str, list[int]] = {}
    lost: dict[str, int] = {}
    for m, message in enumerate(c.messages):
        written = bool(is_written[m])
        if written and not is_whole[m]:
            continue
        text = absent.get(m, b"")
        if text:
            kind = _edit(message, text, len(str(message["content"]).encode()), written, ("rewritten", m) in slots, ("tools", m) in slots)
            edits.setdefault(kind, []).append(m)
            lost[kind] = lost.get(kind, 0) + len(text)
        if message.get("tools") and ("tools", m) not in slots:
            edits.setdefault("drops_tools", []).append(m)
        if written and message["role"] == "assistant" and message.get("metadata") and m not in named:
            edits.setdefault("drops_name", []).append(m)
    for kind in sorted(edits, key=list(SENTENCES).index):
        yield Fact(kind, id, {"where": places(edits[kind]), "bytes": size(lost.get(kind, 0))})


def written_whole(samples: Sequence[LabelledSample]) -> Mask:
    """bool [messages]: does one of the samples have all of the message's tokens, and any?"""
    found: Mask = np.any([(s.full_sizes[:-1] > 0) & (message_sizes(s) == s.full_sizes[:-1]) for s in samples], axis=0)
    return found


def _absent_texts(c: Sides, r: int) -> dict[int, bytes]:
    """The bytes of each message that recipe number r has no token for."""
    rows, found = c.rows, dict[int, bytes]()
    for i in (rows.states[:, r] == 0).nonzero()[0].tolist():
        m = int(rows.message[i])
        found[m] = found.get(m, b"") + rows.contents[m][rows.start[i] : rows.stop[i]]
    return found


def _edit(message: object, absent: bytes, size: int, written: bool, rewritten: bool, tools: bool) -> str:
    """Which edit leaves these bytes of a message out."""
    is_call = isinstance(message, dict) and bool(message.get("metadata"))
    if rewritten:
        return "rewrites_call" if is_call else "rewrites"
    if not absent.decode("utf-8", "replace").strip():
        return "strips"
    if len(absent) == size:
        return "tools_instead" if tools else "leaves_out"
    return "drops" if written else "leaves_out"


def of_samples_and_limits(c: Sides, id: str) -> Iterator[Fact]:
    samples, verdict = c.all_samples[id], c.verdicts[id]
    if len(samples) > 1:
        yield Fact("several", id, {"samples": len(samples)})
    words = (samples[0].part_codes == PARTS.index("prefix")) & (samples[0].input_ids < VOCABULARY_SIZE)
    if words.any() and id != CAPTURED.id:  # in another vocabulary, special tokens have such ids too
        yield Fact("own_system", id, {"tokens": int(words.sum())})
    if id == CAPTURED.id and any(other[0].tokenizer.special_ids != samples[0].tokenizer.special_ids for other in c.all_samples.values()):
        yield Fact("other_vocabulary", id, {"tokenizer": code(samples[0].tokenizer.name)})
    if verdict.full_length > verdict.tokens:
        yield Fact("cut", id, {"lost": verdict.full_length - verdict.tokens, "full": verdict.full_length})
    for warning in samples[0].warnings:
        yield Fact("warns", id, {"warning": code(warning)})
