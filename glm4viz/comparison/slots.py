"""What stands around the contents: tags, headers, tools, ends. Each recipe writes these in its own way; a slot lays them side by side.

A token's state is told here too, for contents and slots alike.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from glm4viz.layout import PARTS
from glm4viz.reading.stops import Positions, stop_positions
from glm4viz.recipe import IGNORE, LabelledSample

# absent: the recipe dropped, rewrote or cut it. differs: trained, but the label is another token than the one that stands there.
# In the order of strength: where a recipe makes several samples, the strongest counts.
STATES = ("absent", "masked", "trained", "differs")
ABSENT, MASKED, TRAINED, DIFFERS = range(4)
Codes = npt.NDArray[np.uint8]

# In reading order. `rewritten` is what a recipe writes in place of a content as given, `outside` what belongs to no message.
SLOTS = ("prefix", "tools", "tag", "header", "think", "rewritten", "call", "separator", "end", "outside")
_CONTENT = len(SLOTS)
_SLOT_OF_PART = {
    "role_tag": "tag",
    "metadata": "header",
    "newline": "header",
    "content": "rewritten",
    "stop": "end",
    "padding": "outside",
    "tool_call": "call",
    "arguments": "call",
}
_SLOT_CODES = np.array([SLOTS.index(_SLOT_OF_PART.get(part, part)) for part in PARTS], np.int64)


class Cell(NamedTuple):
    """What one recipe writes in one slot: the tokens' text, what is taught there ("" if nothing), and how many are trained."""

    state: str = "absent"
    text: str = ""
    label: str = ""
    tokens: int = 0
    trained: int = 0


class Slot(NamedTuple):
    """One of SLOTS at one message (-1: outside messages), with each recipe's cell.

    The end of a message is its own end token, or else the token right after it, which is then also the next message's tag.
    """

    message: int
    slot: str
    cells: dict[str, Cell]

    @property
    def states(self) -> dict[str, str]:
        return {id: cell.state for id, cell in self.cells.items()}

    @property
    def differs(self) -> bool:
        """Do the recipes teach different things here? What is only read may look as it likes, unless one lacks the tools, or the text."""
        cells = self.cells.values()
        return len({cell.label for cell in cells}) > 1 or (
            self.slot in ("tools", "think", "rewritten", "call") and len({cell.tokens > 0 for cell in cells}) > 1
        )


def states_of(sample: LabelledSample) -> Codes:
    """uint8 [T]: masked, trained or differs, as codes of STATES."""
    codes = np.where(sample.labels == IGNORE, MASKED, np.where(sample.labels == sample.input_ids, TRAINED, DIFFERS))
    return codes.astype(np.uint8)


def find_slots(all_samples: Mapping[str, Sequence[LabelledSample]]) -> list[Slot]:
    """Every slot that some recipe fills, in reading order."""
    found: dict[tuple[int, int], dict[str, Cell]] = {}
    for id, samples in all_samples.items():
        for sample in samples:
            states = states_of(sample)
            for key, tokens in _places(sample).items():
                cell = _cell(sample, states, tokens)
                cells = found.setdefault(key, {})
                if id not in cells or STATES.index(cell.state) > STATES.index(cells[id].state):
                    cells[id] = cell
    # The prefix comes first, what else is outside messages last.
    order = sorted(found, key=lambda key: (key[0] if key[0] >= 0 or key[1] == 0 else 1 << 30, key[1]))
    return [Slot(m, SLOTS[code], {id: found[m, code].get(id, Cell()) for id in all_samples}) for m, code in order]


# ---------------------------------------------------------------------------------------------------------------------


def _places(sample: LabelledSample) -> dict[tuple[int, int], Positions]:
    """The tokens of each slot by (message, code)."""
    message = sample.message_index.astype(np.int64)
    code = _slot_codes(sample)
    position = np.flatnonzero(code != _CONTENT)
    key = message[position] * (_CONTENT + 1) + code[position]
    order = np.argsort(key, kind="stable")
    key, position = key[order], position[order]
    cuts = np.flatnonzero(np.diff(key, prepend=key[:1] - 1))
    groups = zip(key[cuts].tolist(), np.split(position, cuts[1:]), strict=True)
    found = {divmod(k, _CONTENT + 1): tokens for k, tokens in groups}
    end = SLOTS.index("end")
    for m, at in enumerate(stop_positions(sample).tolist()):
        if at >= 0:
            found[m, end] = np.array([at])
    if (-1, end) in found:  # an end token that was appended to the whole; it ends the last message, where that isn't cut
        appended = found.pop((-1, end))
        before = int(message[appended[0] - 1]) if appended[0] else -1
        outside = SLOTS.index("outside")
        if not np.array_equal(found.setdefault((before, end), appended), appended):  # that has an end token of its own
            found[-1, outside] = np.append(found.get((-1, outside), appended[:0]), appended)
    return found


def _slot_codes(sample: LabelledSample) -> Positions:
    """int64 [T]: index in SLOTS, or _CONTENT for what the message says, as it was given."""
    position, parts, message = np.arange(len(sample)), sample.part_codes, sample.message_index
    code = _SLOT_CODES[parts]
    is_tag = parts == PARTS.index("role_tag")
    # Some write the tools under a tag of their own, before the message's: only its last tag is the message's.
    begins = is_tag & ~np.concatenate([[False], is_tag[:-1] & (message[1:] == message[:-1])])
    last = np.full(len(sample.messages) + 1, -1)
    last[message[begins]] = position[begins]
    with_tools = np.zeros(len(sample.messages) + 1, bool)
    with_tools[message[parts == PARTS.index("tools")]] = True
    code[(message >= 0) & with_tools[message] & (position < last[message])] = SLOTS.index("tools")
    code[(message < 0) & ~np.isin(code, (SLOTS.index("prefix"), SLOTS.index("end")))] = SLOTS.index("outside")
    # A token that reaches from the header into the content is shown with the header and counted with the content.
    code[(sample.spans[:, 0] >= 0) & (parts == PARTS.index("content"))] = _CONTENT
    return code


def _cell(sample: LabelledSample, states: Codes, tokens: Positions) -> Cell:
    labels = [label for label in sample.labels[tokens].tolist() if label != IGNORE]
    ids = sample.input_ids[tokens].tolist()
    text = _name(sample, ids)
    return Cell(STATES[max(states[tokens].tolist())], text, text if labels == ids else _name(sample, labels), len(ids), len(labels))


def _name(sample: LabelledSample, ids: Sequence[int]) -> str:
    return b"".join(map(sample.tokenizer.token_bytes, ids)).decode("utf-8", "backslashreplace")
