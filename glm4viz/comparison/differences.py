"""What tells recipes apart on one conversation, as sentences in English and Chinese: the first recipe is what the others are held against."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from glm4viz.comparison.slots import Slot
from glm4viz.layout import PARTS
from glm4viz.reading.stops import message_sizes
from glm4viz.reading.verdict import Turn
from glm4viz.texts import Text
from glm4viz.tokenizer import VOCABULARY_SIZE

if TYPE_CHECKING:
    from glm4viz.comparison.alignment import Comparison

# [one|several]: the verb as the number of recipes has it.
SENTENCES: dict[str, Text] = {
    "all_equal": {
        "en": "On this conversation all {total} recipes have equal masks: the same text and the same stop positions are trained.",
        "zh": "在这段对话上，这 {total} 个配方的掩码相同：训练同样的正文和同样的停止位置。",
    },
    "equal": {
        "en": "{names} have equal masks here: the same text and the same stop positions are trained.",
        "zh": "{names} 在这里的掩码相同：训练同样的正文和同样的停止位置。",
    },
    "no_answer": {"en": "{name} [trains|train] no answer, {first} {theirs}.", "zh": "{name} 不训练任何回答，{first} {theirs}。"},
    "last_answer": {
        "en": "{name} [trains|train] only the last answer, {first} {theirs}.",
        "zh": "{name} 只训练最后一个回答，{first} {theirs}。",
    },
    "answers": {"en": "{name} [trains|train] {ours}, {first} {theirs}.", "zh": "{name} {ours}，{first} {theirs}。"},
    "other_stop": {
        "en": "{name} [teaches|teach] {ours} where {first} teaches {theirs}.",
        "zh": "{name} 教的停止 token 是 {ours}，{first} 在同样的位置教的是 {theirs}。",
    },
    "no_stop": {
        "en": "{name} [doesn't|don't] teach {answers} to stop; {first} teaches {theirs} there.",
        "zh": "{name} 不教{answers}停下；{first} 在那里教的是 {theirs}。",
    },
    "more_stop": {
        "en": "{name} [teaches|teach] {answers} to stop with {ours}, {first} doesn't.",
        "zh": "{name} 教{answers}以 {ours} 停下，{first} 不教。",
    },
    "leaked_stop": {
        "en": "{name} [trains|train] the stop of {answers}, though not the text.",
        "zh": "{name} 训练了{answers}的停止 token，却不训练其正文。",
    },
    "foreign_stop": {
        "en": "{name} [teaches|teach] {ours} as a stop, but GLM-4 doesn't stop generating at it.",
        "zh": "{name} 把 {ours} 当作停止 token 来教，但 GLM-4 生成时不会停在它上面。",
    },
    "trains_text": {"en": "{name} [trains|train] {what}, {first} doesn't.", "zh": "{name} 训练{what}，{first} 不训练。"},
    "leaves_text": {"en": "{first} trains {what}, {name} [doesn't|don't].", "zh": "{first} 训练{what}，{name} 不训练。"},
    "own_tag": {
        "en": "{name} [trains|train] the answer's own tag {tag}, which the program supplies when the model is used; {first} doesn't.",
        "zh": "{name} 训练回答自己的标签 {tag}，而使用模型时它由程序给出；{first} 不训练。",
    },
    "no_header": {
        "en": "{name} [doesn't|don't] train the header between tag and answer (the newline, or a function's name); {first} does.",
        "zh": "{name} 不训练标签与回答之间的头部（换行或函数名）；{first} 训练。",
    },
    "part_header": {
        "en": "{name} [trains|train] only part of an answer's header: its first token is masked.",
        "zh": "{name} 只训练回答头部的一部分：第一个 token 被屏蔽。",
    },
    "strips": {
        "en": "{name} [strips|strip] {bytes} of white space from {where}.",
        "zh": "{name} 从 {where} 去掉 {bytes}的空白。",
    },
    "leaves_out": {"en": "{name} [leaves|leave] out {where}.", "zh": "{name} 不写出 {where}。"},
    "tools_instead": {
        "en": "{name} [writes|write] the tools in place of the text of {where}.",
        "zh": "{name} 用工具说明取代了 {where} 的文本。",
    },
    "rewrites_call": {"en": "{name} [rewrites|rewrite] the call's arguments in {where}.", "zh": "{name} 改写了 {where} 里的调用参数。"},
    "rewrites": {"en": "{name} [rewrites|rewrite] {where}.", "zh": "{name} 改写了 {where}。"},
    "drops": {"en": "{name} [drops|drop] {bytes} of {where}.", "zh": "{name} 丢掉了 {where} 的 {bytes}。"},
    "drops_tools": {"en": "{name} [drops|drop] the tools block of {where}.", "zh": "{name} 丢掉了 {where} 的工具说明。"},
    "drops_name": {"en": "{name} [drops|drop] the function's name of {where}.", "zh": "{name} 丢掉了 {where} 的函数名。"},
    "own_system": {
        "en": "{name} [begins|begin] with a system text of its own ({tokens} tokens).",
        "zh": "{name} 在开头加上自己的一段 system 文本（{tokens} 个 token）。",
    },
    "several": {"en": "{name} [makes|make] {samples} samples of this conversation.", "zh": "{name} 把这段对话变成 {samples} 条样本。"},
    "cut": {
        "en": "{name} [loses|lose] {lost} of {full} tokens to the length limit.",
        "zh": "{name} 因长度上限丢掉 {full} 个 token 中的 {lost} 个。",
    },
    "warns": {"en": "{name} [warns|warn]: {warning}", "zh": "{name} 会警告：{warning}"},
}
TERMS: dict[str, Text] = {
    "and": {"en": " and ", "zh": " 和 "},
    "comma": {"en": ", ", "zh": "、"},
    "all": {"en": "all {total} answers", "zh": "训练全部 {total} 个回答"},
    "none": {"en": "none", "zh": "一个也不训练"},
    "last": {"en": "only the last answer", "zh": "只训练最后一个回答"},
    "some": {"en": "answers {numbers} of {total}", "zh": "训练 {total} 个回答中的第 {numbers} 个"},
    "some_of": {"en": "{count} of {total} answers", "zh": "训练 {total} 个回答中的 {count} 个"},
    "every_answer": {"en": "any answer", "zh": "任何回答"},
    "the_answer": {"en": "the answer", "zh": "这个回答"},
    "one_answer": {"en": "answer {numbers}", "zh": "第 {numbers} 个回答"},
    "more_answers": {"en": "answers {numbers}", "zh": "第 {numbers} 个回答"},
    "many_answers": {"en": "{count} answers", "zh": "{count} 个回答"},
    "last_answer": {"en": "the last answer", "zh": "最后一个回答"},
    "observation": {"en": "the tool results (observation)", "zh": "工具结果（observation）"},
    "user": {"en": "the questions (user)", "zh": "提问（user）"},
    "system": {"en": "the system text", "zh": "system 文本"},
    "assistant": {"en": "answers", "zh": "回答"},
    "byte": {"en": "1 byte", "zh": "1 个字节"},
    "bytes": {"en": "{count} bytes", "zh": "{count} 个字节"},
    "and_more": {"en": "{count} more", "zh": "另外 {count} 条"},
}
SHOWN = 4  # numbers and messages named one by one


class Fact(NamedTuple):
    """A sentence to be: its key, the recipe it is about, and what goes into its places."""

    key: str
    id: str
    values: dict[str, object]


def describe(c: "Comparison") -> list[Text]:
    """All sentences, the weightiest differences first. What can be said of several recipes is said once."""
    if not c.ids:
        return []
    first, *others = c.ids
    facts: list[Fact] = []
    for topic in (_answers, _stops, _roles, _headers):
        for id in others:
            facts += topic(c, first, id)
    for of_one in (_foreign_stops, _edits, _samples_and_limits):
        for id in c.ids:
            facts += of_one(c, id)
    merged: list[tuple[Fact, list[str]]] = []
    for fact in facts:
        names = next((ids for other, ids in merged if (other.key, other.values) == (fact.key, fact.values)), None)
        if names is None:
            merged.append((fact, names := []))
        names.append(name_of(c, fact.id))
    about_first = {"first": name_of(c, first)}
    return [*_equal(c), *(_say(fact.key, len(names), name=_list(names), **about_first, **fact.values) for fact, names in merged)]


def code(text: str) -> str:
    """Text of a token between backticks, its control characters written as escapes."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    fence = "``" if "`" in shown else "`"
    pad = " " if "`" in shown else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


# Words ----------------------------------------------------------------------------------------------------------------


def _say(key: str, count: int = 1, **values: object) -> Text:
    """The sentence in both languages; a value that is itself a Text goes in in its own. `count`: how many it is about."""
    chosen = {language: re.sub(r"\[(.*?)\|(.*?)\]", r"\1" if count == 1 else r"\2", text) for language, text in SENTENCES[key].items()}
    return _fill(chosen, values)


def _term(key: str, **values: object) -> Text:
    return _fill(TERMS[key], values)


def _fill(text: Text, values: dict[str, object]) -> Text:
    def one(language: str) -> dict[str, object]:
        return {name: value[language] if isinstance(value, dict) else value for name, value in values.items()}

    return {language: template.format(**one(language)) for language, template in text.items()}


def _list(items: Sequence[Text | str]) -> Text:
    """a, b and c."""

    def joined(language: str) -> str:
        words = [item[language] if isinstance(item, dict) else item for item in items]
        comma, last = TERMS["comma"][language], TERMS["and"][language]
        return last.join([comma.join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)

    return {language: joined(language) for language in TERMS["and"]}


def name_of(c: "Comparison", id: str) -> str:
    """The system, where no other recipe here is of the same one; else the recipe's id."""
    system = c.recipes[id].system
    return system if sum(recipe.system == system for recipe in c.recipes.values()) == 1 else code(id)


def _where(messages: Sequence[int]) -> Text:
    named: list[Text | str] = [f"`messages[{m}]`" for m in messages[:SHOWN]]
    return _list([*named, _term("and_more", count=len(messages) - SHOWN)] if messages[SHOWN:] else named)


def _tokens(names: Iterable[str]) -> Text:
    return _list([code(name) for name in dict.fromkeys(names)])


def _bytes(count: int) -> Text:
    return _term("byte" if count == 1 else "bytes", count=count)


# What is taught -------------------------------------------------------------------------------------------------------


def _equal(c: "Comparison") -> Iterator[Text]:
    groups = [group for group in c.equal_masks() if len(group) > 1]
    if groups and len(groups[0]) == len(c.ids):
        yield _say("all_equal", total=len(c.ids))
    else:
        yield from (_say("equal", names=_list([name_of(c, id) for id in group])) for group in groups)


def is_learned(turn: Turn) -> bool:
    """Is something of the answer itself trained, and not only what ends it?"""
    return turn.trained > turn.stop_trained


def answer_numbers(c: "Comparison") -> dict[int, int]:
    """Messages that some recipe here writes as an answer, with their numbers from 1."""
    written = {turn.message for verdict in c.verdicts.values() for turn in verdict.turns if turn.state != "empty"}
    return {m: number for number, m in enumerate(sorted(written), 1)}


def _answers(c: "Comparison", first: str, id: str) -> Iterator[Fact]:
    numbers = answer_numbers(c)
    sets = [{turn.message for turn in c.verdicts[one].turns if is_learned(turn)} for one in (first, id)]
    if sets[0] == sets[1]:
        return
    theirs, ours = (_which(messages, numbers) for messages in sets)
    key = "no_answer" if not sets[1] else "last_answer" if sets[1] == {max(numbers)} and len(numbers) > 1 else "answers"
    yield Fact(key, id, {"ours": ours, "theirs": theirs})


def _which(messages: set[int], numbers: dict[int, int]) -> Text:
    if not messages:
        return _term("none")
    if messages == set(numbers):
        return _term("all", total=len(numbers))
    if messages == {max(numbers)}:
        return _term("last")
    if len(messages) > SHOWN:
        return _term("some_of", count=len(messages), total=len(numbers))
    return _term("some", numbers=_list([str(numbers[m]) for m in sorted(messages)]), total=len(numbers))


def _these(messages: Sequence[int], numbers: dict[int, int]) -> Text:
    if len(messages) == len(numbers):
        return _term("the_answer" if len(numbers) == 1 else "every_answer")
    if list(messages) == [max(numbers)]:
        return _term("last_answer")
    if len(messages) > SHOWN:
        return _term("many_answers", count=len(messages))
    return _term("one_answer" if len(messages) == 1 else "more_answers", numbers=_list([str(numbers[m]) for m in messages]))


def _stops(c: "Comparison", first: str, id: str) -> Iterator[Fact]:
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
        yield Fact("other_stop", id, {"ours": code(name), "theirs": _tokens(those)})
    if missing:
        answers, theirs_names = _these([turn.message for turn in missing], numbers), _tokens(turn.stop_name for turn in missing)
        yield Fact("no_stop", id, {"answers": answers, "theirs": theirs_names})
    if more:
        yield Fact(
            "more_stop", id, {"answers": _these([turn.message for turn in more], numbers), "ours": _tokens(t.stop_name for t in more)}
        )
    if leaked:
        yield Fact("leaked_stop", id, {"answers": _these(leaked, numbers)})


def _foreign_stops(c: "Comparison", id: str) -> Iterator[Fact]:
    names = [turn.stop_name for turn in c.verdicts[id].turns if turn.stop_trained and not turn.hands_over]
    foreign = [name for name in names if name not in c.recipes[id].stops]
    if foreign:
        yield Fact("foreign_stop", id, {"ours": _tokens(foreign)})


def _roles(c: "Comparison", first: str, id: str) -> Iterator[Fact]:
    trained = [{role for role, text in c.verdicts[one].text.items() if text.trained and role != "assistant"} for one in (first, id)]
    for key, roles in (("trains_text", trained[1] - trained[0]), ("leaves_text", trained[0] - trained[1])):
        if roles:
            yield Fact(key, id, {"what": _list([TERMS[role] for role in sorted(roles)])})


def _headers(c: "Comparison", first: str, id: str) -> Iterator[Fact]:
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


# What is edited, dropped, cut -----------------------------------------------------------------------------------------


def _edits(c: "Comparison", id: str) -> Iterator[Fact]:
    """Only of messages that the length limit leaves whole."""
    r, samples = c.ids.index(id), c.all_samples[id]
    slots = {(slot.slot, slot.message): slot.cells[id] for slot in c.slots if slot.cells[id].tokens}
    absent = _absent_texts(c, r)
    is_written = np.any([s.full_sizes[:-1] > 0 for s in samples], axis=0)
    is_whole = np.any([(s.full_sizes[:-1] > 0) & (message_sizes(s) == s.full_sizes[:-1]) for s in samples], axis=0)
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
        yield Fact(kind, id, {"where": _where(edits[kind]), "bytes": _bytes(lost.get(kind, 0))})


def _absent_texts(c: "Comparison", r: int) -> dict[int, bytes]:
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


def _samples_and_limits(c: "Comparison", id: str) -> Iterator[Fact]:
    samples, verdict = c.all_samples[id], c.verdicts[id]
    if len(samples) > 1:
        yield Fact("several", id, {"samples": len(samples)})
    words = (samples[0].part_codes == PARTS.index("prefix")) & (samples[0].input_ids < VOCABULARY_SIZE)
    if words.any():
        yield Fact("own_system", id, {"tokens": int(words.sum())})
    if verdict.full_length > verdict.tokens:
        yield Fact("cut", id, {"lost": verdict.full_length - verdict.tokens, "full": verdict.full_length})
    for warning in samples[0].warnings:
        yield Fact("warns", id, {"warning": code(warning)})
