"""What a fine-tuning script does to one conversation, step by step: the two lists growing, the shift, the labels, the loss.

A step reads the columns of the labelled sample and never makes a mask of its own: what `loss_masks` held before the shift is
the sample's labels moved back by one. Beside each step stand the lines of the recipe that do it.
"""

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from glm4viz.conversation import Conversation
from glm4viz.errors import RecipeRejects
from glm4viz.labelling import engine
from glm4viz.labelling import single as sample
from glm4viz.labelling.single import label_all
from glm4viz.layout import PARTS, Message
from glm4viz.reading.verdict import verdict
from glm4viz.recipe import IGNORE, LabelledSample, Mask, MaxLength
from glm4viz.rows.collator import Collated, collate, lay_rows
from glm4viz.systems import chatglm3, glm4, xtuner
from glm4viz.systems.registry import DEFAULT
from glm4viz.tokenizer import Ids

Kind = Literal[
    "start",
    "prefix",
    "predict",
    "message",
    "mask",
    "end",
    "shift",
    "append",
    "labels",
    "cut",
    "padding",
    "inside",
    "entropy",
    "mean",
    "ways",
]
Question = Literal["", "answer", "next", "final"]

# The ways to train a conversation that a class compares; the walk can take the other versions of finetune.py as well.
WAYS = ("glm4", "glm4-combine@dfe4601", "glm4v@dfe4601", "chatglm3", "xtuner", "xtuner-last-turn", "xtuner-split")
WALKABLE = (*WAYS, "glm4@c0a6d1e", "glm4@5722878", "glm4@b9d6d38", "glm4@dfe4601")
MOST_CHARACTERS = 20_000_000  # of all samples of a split together
PADS_RIGHT = ("chatglm3", "xtuner")


@dataclass(frozen=True, slots=True)
class Step:
    """One step. Tokens start … stop - 1 are new; the lists so far are those up to `stop`.

    sample: before the cut, from "cut" on as cut. mask: the whole of loss_masks as this step leaves it, None where the script has none
    yet; it is one shorter than the sample before the shift. message: -1 for no message. why: which sentence explains the mask.
    question: what a "predict" step asks about its tokens. part: which of the recipe's samples this is.
    """

    kind: Kind
    sample: LabelledSample
    start: int = 0
    stop: int = 0
    mask: Mask | None = None
    message: int = -1
    why: str = ""
    question: Question = ""
    part: int = 0
    parts: int = 1

    @property
    def input_ids(self) -> Ids:
        return self.sample.input_ids[: self.stop]

    @property
    def new_input_ids(self) -> Ids:
        return self.sample.input_ids[self.start : self.stop]

    @property
    def loss_masks(self) -> Mask:
        """loss_masks so far; empty while the script has none."""
        return np.zeros(0, bool) if self.mask is None else self.mask[: self.stop]

    @property
    def rendered(self) -> str:
        """The text that the new tokens write."""
        return b"".join(self.sample.token_bytes[self.start : self.stop]).decode("utf-8", "replace")


def walk(messages: Conversation | Sequence[Message], recipe: str = DEFAULT, max_length: MaxLength = 1025, *, part: int = -1) -> list[Step]:
    """All steps. `part` picks one of the samples of a recipe that splits the conversation, by default the last, which has all of it.

    Raises what `label` raises, and RecipeRejects where the samples of a split would be too large together.
    """
    _check_size(messages, recipe)
    whole = label_all(messages, recipe)
    part = part if 0 <= part < len(whole) else len(whole) - 1
    cut = label_all(messages, recipe, max_length=max_length)[part]
    return [replace(step, part=part, parts=len(whole)) for step in _steps(whole[part], cut, len(whole) > 1)]


def _check_size(messages: Conversation | Sequence[Message], recipe: str) -> None:
    """One sample an answer grows with the square of the conversation."""
    found = messages.messages if isinstance(messages, Conversation) else messages
    answers = sum(message.get("role") == "assistant" for message in found)
    characters = answers * sum(len(str(message.get("content"))) for message in found) // 2
    if recipe == "xtuner-split" and characters > MOST_CHARACTERS:
        raise RecipeRejects(
            f"One sample an answer makes {answers} samples here, about {characters:,} characters together: too many to lay out on a page.",
            f"每个回答一条样本，这里会有 {answers} 条，合计约 {characters:,} 个字符：太多了，无法在页面上展开。",
        )


def _steps(whole: LabelledSample, cut: LabelledSample, splits: bool) -> Iterator[Step]:
    count, recipe = len(whole), whole.recipe
    raw = mask_before_shift(whole)
    early = None if recipe.remask else raw  # a mask that is made of the tokens comes after all messages
    first = int(np.argmax(whole.part_codes != PARTS.index("prefix")))
    has_end = bool(whole.part_codes[-1] == PARTS.index("stop") and whole.message_index[-1] < 0)
    last = count - has_end

    yield Step("start", whole)
    yield Step("prefix", whole, 0, first, early, why="prefix")
    asked: list[Question] = []
    for message, start, stop in _runs(whole, first, last, splits):
        is_answer = start < stop and message >= 0 and whole.messages[message]["role"] == "assistant"
        if start < stop and message >= 0 and asked == ["answer"]:
            asked.append("next")
            yield Step("predict", whole, start, stop, None, message, question="next")
        if is_answer and not asked:
            asked.append("answer")
            yield Step("predict", whole, start, stop, None, message, question="answer")
        yield Step("message", whole, start, stop, early, message, _why(whole, early, message, start, stop))
    if recipe.remask:
        yield Step("mask", whole, last, last, raw)
    if has_end:
        if asked:
            yield Step("predict", whole, last, count, None, question="final")
        yield Step("end", whole, last, count, raw[:last])
    if recipe.shift:
        yield Step("shift", whole, count, count, whole.trained)
    elif has_end:
        yield Step("append", whole, count, count, whole.trained)
    yield Step("labels", whole, count, count, whole.trained)
    after: tuple[Kind, ...] = ("cut", "padding", "inside", "entropy", "mean", "ways")
    for kind in after:
        yield Step(kind, cut, len(cut), len(cut), cut.trained)


def _runs(whole: LabelledSample, first: int, last: int, splits: bool) -> list[tuple[int, int, int]]:
    """(message, start, stop) of every run of tokens of one message in order; messages that wrote nothing stand where they would have."""
    index = whole.message_index[first:last]
    starts = np.flatnonzero(np.diff(index, prepend=-2)) + first
    runs = [(int(whole.message_index[a]), int(a), int(b)) for a, b in zip(starts, [*starts[1:], last], strict=True)]
    silent = sorted(set(range(len(whole.messages))) - {message for message, _, _ in runs})
    if splits:  # later messages are no part of this sample
        silent = [m for m in silent if m < max((message for message, _, _ in runs), default=0)]
    for m in silent:
        at = next((k for k, run in enumerate(runs) if run[0] > m), len(runs))
        place = runs[at][1] if at < len(runs) else last
        runs.insert(at, (m, place, place))
    return runs


def _why(whole: LabelledSample, mask: Mask | None, message: int, start: int, stop: int) -> str:
    """The sentence on the mask of one message: by what it is, and what its tokens got."""
    if start == stop:
        return "nothing"
    if mask is None:
        return "later"
    values = mask[start:stop]
    if message < 0:
        return "outside"
    if values.any() and not values.all():
        return "mixed"
    if whole.messages[message]["role"] == "assistant":
        return "answer" if values.all() else "left_out"
    return "given" if not values.any() else "not_an_answer"


def mask_before_shift(whole: LabelledSample) -> Mask:
    """loss_masks as the script has it before `[False, *loss_masks]`: what the shift moved, moved back."""
    return whole.trained[1:] if whole.recipe.shift else whole.trained


class Boundary(NamedTuple):
    """A token whose mask the shift changes. before is None at the final token, for which the list had no value yet."""

    position: int
    before: bool | None
    after: bool


def boundaries(whole: LabelledSample) -> list[Boundary]:
    """Where the mask of the whole sample differs before and after the shift; none if the recipe doesn't shift."""
    if not whole.recipe.shift:
        return []
    after = whole.trained
    before = np.append(mask_before_shift(whole), False)
    last = len(whole) - 1
    return [Boundary(int(i), None if i == last else bool(before[i]), bool(after[i])) for i in np.flatnonzero(before != after)]


# What the article leaves out. The last three are also the code that the page shows. -------------------------------------


def padded(step: Step, neighbour: LabelledSample, max_length: MaxLength) -> Collated:
    """A batch of two, as the recipe's collator lays it out: the step's sample and another one."""
    recipe = step.sample.recipe.id
    whole_length = max_length if recipe == "chatglm3" and isinstance(max_length, int) else None  # that script pads every row to its limit
    return collate([step.sample, neighbour], "right" if recipe in PADS_RIGHT else "left", whole_length)


def shift_in_model(input_ids: Ids, labels: Ids) -> list[tuple[int, int]]:
    """What the model does: logits[t], after reading input_ids[:t + 1], are compared with labels[t + 1]."""
    read = input_ids[:-1]
    target = labels[1:]
    return list(zip(read.tolist(), target.tolist(), strict=True))


Floats = npt.NDArray[np.floating[Any]]


def cross_entropy(logprobs: Floats, target: Ids) -> Floats:
    """-log p of each target; 0 where the target is ignore_index."""
    ignored = target == IGNORE
    return np.where(ignored, 0.0, -logprobs)


def mean_loss(losses: Floats, target: Ids) -> float:
    """The number that training makes smaller: the mean over the trained tokens only. nan if there are none."""
    trained = int((target != IGNORE).sum())
    return float(losses.sum()) / trained if trained else float("nan")


# The ways side by side ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Way:
    """What one recipe makes of the conversation. tokens: read in all sequences together. answers: not those of empty content.

    unused: answers of which nothing is trained. stops: answers that should end in a stop token; stops_trained: those that do.
    tags_trained: `<|assistant|>` tags that a program would have put there. rejected: why the script refuses the conversation.
    """

    recipe: str
    sequences: int = 0
    tokens: int = 0
    trained: int = 0
    answers: int = 0
    unused: int = 0
    stops: int = 0
    stops_trained: int = 0
    tags_trained: int = 0
    rejected: RecipeRejects | None = None


def ways(messages: Conversation | Sequence[Message], max_length: MaxLength = 1025) -> list[Way]:
    """The same conversation under each of WAYS."""
    return [_way(messages, recipe, max_length) for recipe in WAYS]


def _way(messages: Conversation | Sequence[Message], recipe: str, max_length: MaxLength) -> Way:
    try:
        _check_size(messages, recipe)
        samples = label_all(messages, recipe, max_length=max_length)
    except RecipeRejects as error:
        return Way(recipe, rejected=error)
    turns = [[turn for turn in verdict(one).turns if turn.state != "empty"] for one in samples]
    # The last sample of a conversation has every answer; a turn counts as trained if any sample trains it.
    answers = {turn.message for row in turns for turn in row}
    due = {turn.message for turn in turns[-1] if not turn.hands_over}
    used = {turn.message for row in turns for turn in row if turn.trained}
    stopped = {turn.message for row in turns for turn in row if turn.stop_trained and turn.trained}
    tags = sum(
        int(
            (
                one.trained & (one.part_codes == PARTS.index("role_tag")) & (one.roles == "assistant") & (one.owner == one.message_index)
            ).sum()
        )
        for one in samples
    )
    return Way(
        recipe=recipe,
        sequences=len(samples),
        tokens=sum(map(len, samples)),
        trained=sum(int(one.trained.sum()) for one in samples),
        answers=len(answers),
        unused=len(answers - used),
        stops=len(due),
        stops_trained=len(due & stopped),
        tags_trained=tags,
    )


# The lines of code beside a step --------------------------------------------------------------------------------------

LONGEST_LISTING, AROUND = 22, 3


class Listing(NamedTuple):
    """Some lines of a source file. numbers: their line numbers; lit: indices in `lines` of those that do the step."""

    title: str
    lines: tuple[str, ...]
    numbers: tuple[int, ...]
    lit: tuple[int, ...]


Code = tuple[Callable[..., Any] | ModuleType, tuple[str, ...]]


def listing(code: Callable[..., Any] | ModuleType, markers: Sequence[str]) -> Listing:
    """The source with the lines lit that contain a marker; of a long one only what is around them. LookupError if a marker is nowhere."""
    lines, first = inspect.getsourcelines(code)
    module = code.__name__ if isinstance(code, ModuleType) else code.__module__
    title = module.replace(".", "/") + ".py" + ("" if isinstance(code, ModuleType) else f" · {code.__name__}")
    texts = [line.rstrip("\n") for line in lines]
    found: list[int] = []
    for marker in markers:
        here = [k for k, text in enumerate(texts) if marker in text]
        if not here:
            raise LookupError(f"{marker!r} is not in the source of {title}")
        found.append(here[0])
    around = 0 if isinstance(code, ModuleType) else AROUND
    shown = [k for k in range(len(texts)) if len(texts) <= LONGEST_LISTING or any(abs(k - lit) <= around for lit in found)]
    while shown and not texts[shown[-1]].strip():
        shown.pop()
    numbers = tuple(k + max(first, 1) for k in shown)
    return Listing(title, tuple(texts[k] for k in shown), numbers, tuple(sorted({shown.index(k) for k in found})))


def code_of(step: Step) -> list[Listing]:
    """The lines that do this step, from the recipe, the engine, or this file."""
    return [listing(code, markers) for code, markers in _code(step)]


SHIFT = ("if recipe.shift:", "np.concatenate([[False], rows.mask[:-1]])", "trained[offsets[:-1]] = False")
ENGINE: dict[Kind, tuple[Code, ...]] = {
    "shift": ((engine.encode, SHIFT),),
    "append": ((engine.encode, ("trained = rows.mask", "if recipe.shift:")),),
    "labels": ((engine.encode, ("labels = np.full(total, IGNORE", "np.copyto(labels, ids, where=trained)")),),
    "cut": ((sample._sample, ("sample.take(np.arange(min(max_length",)),),
    "padding": ((collate, ("width = ", "starts = [")), (lay_rows, ("np.full(shape, value", "input_ids[here], labels[here]"))),
    "inside": ((shift_in_model, ("read = ", "target = ")),),
    "entropy": ((cross_entropy, ("ignored = ", "np.where(ignored")),),
    "mean": ((mean_loss, ("trained = ", "if trained else")),),
}


def _code(step: Step) -> tuple[Code, ...]:
    if step.kind in ENGINE:
        return ENGINE[step.kind]
    recipe = step.sample.recipe.id
    if recipe.startswith("glm4"):
        return _glm4_code(step, recipe)
    if recipe == "chatglm3":
        return _chatglm3_code(step)
    return _method_code(step, recipe) if recipe in ("xtuner-last-turn", "xtuner-split") else _xtuner_code(step)


PREFIX = ('w.special("[gMASK]", "prefix")', 'w.special("<sop>", "prefix")')


def _glm4_code(step: Step, recipe: str) -> tuple[Code, ...]:
    whole: tuple[Code, ...] = ((glm4.process_combined, ("process_batch(",)),) if recipe.startswith("glm4-combine") else ()
    match step.kind:
        case "prefix":
            return ((glm4.process_batch, PREFIX), *whole)
        case "message":
            rule: tuple[Code, ...] = whole or ((glm4, (_masked_line(recipe),)),)
            return ((glm4.process_batch, ("for m, message in enumerate", "builder(w, m,")), _builder_code(step, recipe), *rule)
        case "mask":
            return ((glm4.after_last_assistant, ("tag = ", "last = ", "return position >")),)
        case "end":
            return ((glm4.process_batch, ('w.special(end, "stop")',)), *whole)
    return ()


def _masked_line(recipe: str) -> str:
    return 'masked=("system", "user"), end=' if recipe == "glm4@c0a6d1e" else "ANSWERS_ONLY = ("


def _builder_code(step: Step, recipe: str = DEFAULT) -> Code:
    old = recipe in ("glm4", "glm4@c0a6d1e", "xtuner-last-turn", "xtuner-split")
    message = step.sample.messages[step.message] if step.message >= 0 else {}
    condition = 'if message["content"]:'
    if old:
        tools, content = ("if message.get(", "block = ", '"tools", block'), ('w.special(f"<|', 'Segment("metadata"', 'Segment("content"')
    else:
        tools, content = ('if "tools" in message', "block = ", '"tools", block'), ("header = ", 'w.special(f"<|', "w.text(*header")
    markers = (condition, *(content if message.get("content") else ()), *(tools if message.get("tools") else ()))
    return (glm4.old_builder if old else glm4.jinja_builder, markers)


def _chatglm3_code(step: Step) -> tuple[Code, ...]:
    layout = chatglm3.format_conversation
    if step.kind == "prefix":
        return ((layout, ("_prefix(w)",)), (chatglm3._prefix, PREFIX))
    if step.kind == "end":
        return ((layout, ('w.special("<|endoftext|>", "stop")',)),)
    if step.kind != "message":
        return ()
    message = step.sample.messages[step.message] if step.message >= 0 else {}
    called = message.get("metadata") or message.get("role") == "observation"
    line = "_write_call(messages, m, w)" if called else "_write(w, message"
    return (
        (layout, (line,)),
        (chatglm3._write, ("w.special(f", "w.text(Segment(", "w.text(text")),
        (chatglm3._with_loss, ("return False", "return bool(int(")),
    )


def _method_code(step: Step, recipe: str) -> tuple[Code, ...]:
    """Methods 1 and 2: GLM-4's layout, with one answer marked."""
    method: Code = (xtuner.last_turn, ("_glm4(",)) if recipe == "xtuner-last-turn" else (xtuner.split, ("for answer in", "_glm4("))
    match step.kind:
        case "prefix":
            return ((xtuner._glm4, PREFIX),)
        case "message":
            return (method, (xtuner._glm4, ("for m, message in enumerate", "old_builder(")), _builder_code(step))
        case "end":
            return ((xtuner._glm4, ('w.special("<|endoftext|>", "stop")',)),)
    return ()


def _xtuner_code(step: Step) -> tuple[Code, ...]:
    if step.kind == "prefix":
        return ((xtuner.chatglm3, PREFIX),)
    if step.kind != "message":
        return ()
    if step.message < 0:
        return ((xtuner.chatglm3, ("for turn in", *PREFIX)),)
    role = step.sample.messages[step.message]["role"]
    if step.start == step.stop:
        return ((xtuner.openai_map_fn, ("turns.append(",)),)
    if role == "assistant":
        lines = ("_with_loss(", "w.text(*_input(", "_content(messages, turn.answer)", 'w.special("<|endoftext|>"', '"separator"')
        return ((xtuner.chatglm3, lines), (xtuner._with_loss, ("loss = ", "return ")))
    return (
        (xtuner.chatglm3, ("w.text(*_input(",)),
        (xtuner._input, ("if turn.system >= 0" if role == "system" else '_header(tag, "user"', "return ")),
    )
