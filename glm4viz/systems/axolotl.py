"""Axolotl's chat_template strategy: finds each answer by rendering the conversation twice and comparing.

The second rendering has a dummy in the answer's place, and what differs is the answer; tag and header newline are the same in both and so
never trained. The pinned commit compares ids, so what the answer has in common with the dummy's own ends is lost; 0.19.0 compares texts,
with two dummies that have no end in common. A stop token is trained if one follows within three tokens.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from glm4viz.errors import RecipeRejects
from glm4viz.layout import Message, Writer
from glm4viz.recipe import LabelledSample, Recipe, Source
from glm4viz.systems.trl import TEMPLATE_QUIRKS, keep_labels, render
from glm4viz.texts import Text
from glm4viz.tokenizer import Ids

DUMMIES = ("[[dummy_message]]", "zzdummymessagezz")  # the second since 0.19.0: what begins or ends like one doesn't do so like the other
EOS = "<|endoftext|>"
NEAR = 3  # how far behind the answer a stop token may stand
Turn = tuple[int, int]  # start and stop of an answer's text, in tokens; (-1, -1) if it isn't found


def only(*keys: str) -> Callable[[Sequence[Message], Writer], None]:
    """Renders the messages with these keys. The others are dropped before, and so is every null, however deep it lies."""

    def layout(messages: Sequence[Message], w: Writer) -> None:
        render([{key: remove_none_values(m[key]) for key in keys if key == "content" or m.get(key) is not None} for m in messages], w)

    return layout


def remove_none_values(value: Any) -> Any:
    """The value without the keys that are null. Nulls in lists stay."""
    if isinstance(value, dict):
        return {key: remove_none_values(item) for key, item in value.items() if item is not None}
    return [remove_none_values(item) for item in value] if isinstance(value, list) else value


# Where an answer is ---------------------------------------------------------------------------------------------------


def turns_by_ids(sample: LabelledSample, answers: Sequence[int]) -> list[Turn]:
    """Each answer with the dummy in its place, compared id by id with what was rendered up to it."""
    dummy = np.array(sample.tokenizer.encode(f"<|assistant|>\n{DUMMIES[0]}", specials=True), np.int32)
    ids = sample.input_ids
    return [find_turn(ids[:end], np.append(ids[:begin], dummy)) for begin, end in _places(sample, answers)]


def _places(sample: LabelledSample, messages: Sequence[int]) -> list[Turn]:
    """Where these messages begin and end, in tokens; both the same where nothing is written."""
    begins, ends = (np.searchsorted(sample.message_index, messages, side).tolist() for side in ("left", "right"))
    return list(zip(begins, ends, strict=True))


def find_turn(full: Ids, dummy: Ids) -> Turn:
    """Where `full` differs from `dummy`, looked for from both ends."""
    shorter = min(len(full), len(dummy))
    front = np.flatnonzero(full[:shorter] != dummy[:shorter])
    back = np.flatnonzero(full[::-1][:shorter] != dummy[::-1][:shorter])
    if not len(front) or not len(back):
        return -1, -1
    start, stop = int(front[0]), len(full) - int(back[0])
    return (start, stop) if start < stop else (-1, -1)


def turns_by_text(sample: LabelledSample, answers: Sequence[int]) -> list[Turn]:
    """Each answer with either dummy in its place, compared as text with the whole rendering."""
    pieces = sample.token_bytes
    whole, at = b"".join(pieces), np.cumsum([0, *map(len, pieces)]).tolist()
    places = ((at[begin], at[end]) for begin, end in _places(sample, answers))
    dummies = ([(whole[:begin] + dummy + whole[end:]).decode() for dummy in _DUMMY_TURNS] for begin, end in places)
    return [find_turn_in_text(sample, whole.decode(), texts) for texts in dummies]


_DUMMY_TURNS = tuple(f"<|assistant|>\n{dummy}".encode() for dummy in DUMMIES)


def find_turn_in_text(sample: LabelledSample, text: str, dummies: Sequence[str]) -> Turn:
    """The tokens that hold any of what differs between the rendered text and its renderings with a dummy in the turn's place."""
    spans = [differs(text, dummy) for dummy in dummies]
    first, last = min(start for start, _ in spans), max(stop for _, stop in spans)
    if first >= last:
        return -1, -1
    sizes = sample.tokenizer.token_sizes(sample.input_ids)
    ends = np.cumsum(sizes, dtype=np.int64)
    start = int(np.searchsorted(ends, len(text[:first].encode()), "right"))
    stop = int(np.searchsorted(ends - sizes, len(text[:last].encode()), "left"))
    return (start, stop) if start < stop else (-1, -1)


def differs(text: str, other: str) -> tuple[int, int]:
    """The characters of `text` that aren't in `other`: what is between their common beginning and their common end."""
    a, b = (np.frombuffer(one.encode("utf-32-le"), np.uint32) for one in (text, other))
    limit = min(len(a), len(b))
    start = _alike(a[:limit], b[:limit])
    return start, len(a) - _alike(a[::-1][: limit - start], b[::-1][: limit - start])


def _alike(a: Any, b: Any) -> int:
    unequal = a != b
    return int(np.argmax(unequal)) if unequal.any() else len(a)


# What is trained ------------------------------------------------------------------------------------------------------


def find_stop(ids: Ids, stop: int, after: int) -> int:
    """The first `stop` token from `after` on that is near enough, or -1.

    `after` is -1 when the answer was not found; the search then looks at the last token first, where a hit counts as none.
    """
    return next((i for i in range(after, min(after + NEAR + 1, len(ids))) if ids[i] == stop), -1)


def label_turns(
    *stops: str, turns: Callable[[LabelledSample, Sequence[int]], list[Turn]] = turns_by_ids
) -> Callable[[LabelledSample, Any], LabelledSample]:
    """roles_to_train: [assistant], train_on_eos: turn. `stops` are the tokens taken for the end of a turn."""

    def fit(sample: LabelledSample, sequence_len: int | None) -> LabelledSample:
        mask = np.zeros(len(sample), bool)
        answers = [m for m, message in enumerate(sample.messages) if message["role"] == "assistant"]
        for start, stop in turns(sample, answers):
            if stop >= 0:
                mask[start:stop] = True
            for name in stops:
                at = find_stop(sample.input_ids, sample.tokenizer.special_ids[name], stop)
                if at >= 0:
                    mask[at] = True
        return keep_labels(not_too_long(sample, sequence_len), mask)

    return fit


def not_too_long(sample: LabelledSample, sequence_len: int | None) -> LabelledSample:
    if sequence_len is not None and len(sample) > sequence_len:
        raise RecipeRejects(
            f"Axolotl drops this sample: it has {len(sample)} tokens and sequence_len is {sequence_len}. Raise sequence_len, or set "
            "excess_length_strategy: truncate.",
            f"Axolotl 会丢弃这条样本：它有 {len(sample)} 个 token，而 sequence_len 是 {sequence_len}。请调大 sequence_len，"
            "或设置 excess_length_strategy: truncate。",
        )
    return sample


# The recipes ----------------------------------------------------------------------------------------------------------

MAX_LENGTH: Text = {
    "en": "sequence_len: a longer sample is dropped (excess_length_strategy: drop)",
    "zh": "sequence_len：更长的样本会被丢弃（excess_length_strategy: drop）",
}
RULE: Text = {
    "en": "The text of every answer is trained; tags and header newlines are not. A stop token would be trained too, but GLM-4's template "
    "has no <|endoftext|> in it, so no answer is taught to stop.",
    "zh": "训练每个回答的正文；标签和头部换行不训练。停止 token 本应一起训练，但 GLM-4 的模板里没有 <|endoftext|>，所以任何回答都学不到停止。",
}
RULE_EOT: Text = {
    "en": "The text of every answer is trained, and the <|user|> right after it, which ends it. The last answer has no <|user|> after it "
    "and a call is followed by <|observation|>: these learn no stop.",
    "zh": "训练每个回答的正文，以及紧跟其后、结束它的 <|user|>。最后一个回答之后没有 <|user|>，调用之后是 <|observation|>：它们学不到停止。",
}
DROPS_KEYS: Text = {
    "en": "metadata and tools of a message are dropped: Axolotl keeps the keys that the template reads from a variable called message, and "
    "in GLM-4's it is called item. Function names and the tools text vanish.",
    "zh": "消息里的 metadata 和 tools 会被丢弃：Axolotl 只保留模板从名为 message 的变量读取的键，而 GLM-4 的模板里它叫 item。函数名和工具说明因此消失。",
}
MAPPED: Text = {
    "en": "message_property_mappings also lists metadata and tools, which repairs the loss of function names and tools text. A call's "
    "function name and newline are trained with it. A function whose name is null has an empty heading.",
    "zh": "message_property_mappings 还列出了 metadata 和 tools，避免丢失函数名和工具说明。调用的函数名和换行随之参与训练。"
    "name 为 null 的函数，标题处是空的。",
}
BY_TEXT: Text = {
    "en": "0.19.0 compares texts, with two dummies, where 067b021 compares ids: an answer that begins with [[ or ends with ]] is trained as a "
    "whole. With a tokenizer that is not a fast one it falls back to ids.",
    "zh": "0.19.0 用两个占位文本比较文字，067b021 比较的是 id：以 [[ 开头或以 ]] 结尾的回答现在完整训练。分词器不是 fast 版本时会退回比较 id。",
}
PACKING_DROPS: Text = {
    "en": "With sample_packing, samples without a trained token are removed; at 067b021 that step let all of them through.",
    "zh": "开启 sample_packing 时，没有可训练 token 的样本会被移除；在 067b021 这一步什么也拦不住。",
}
COMMON: tuple[Text, ...] = (
    {
        "en": "A content that begins with a newline merges with the header newline, and the merged token is trained.",
        "zh": "以换行开头的内容会与头部换行合并，合并后的 token 参与训练。",
    },
    {
        "en": "A stop token is looked for near the answer's end, even if it stands in the next message's text.",
        "zh": "停止 token 在回答结尾附近查找，即使它出现在下一条消息的文本里。",
    },
    {
        "en": "Null keys are dropped by Axolotl itself, those inside tools too, whatever transformers does with them.",
        "zh": "值为 null 的键由 Axolotl 自己丢弃，tools 内部的也是，与 transformers 的版本无关。",
    },
    *TEMPLATE_QUIRKS,
)
DUMMY_BRACKETS: Text = {
    "en": "An answer that begins with [[ or ends with ]] loses the labels there: the dummy [[dummy_message]] has the same tokens, so they don't "
    "differ. 0.19.0 mends it.",
    "zh": "以 [[ 开头或以 ]] 结尾的回答会丢失那里的标签：占位文本 [[dummy_message]] 有同样的 token，比较不出差别。0.19.0 已修复。",
}
DISCARDED: Text = {
    "en": "The template builds the tag from the role and never spells <|user|>, so the option is discarded; the result equals axolotl. "
    "Gemma's template fails the same way (#3754).",
    "zh": "模板由角色名拼出标签，从不直接写出 <|user|>，所以这个选项被丢弃，结果与 axolotl 相同。Gemma 的模板也有同样的问题（#3754）。",
}
LITERAL: Text = {
    "en": "This takes a template that spells <|user|>, if only in a comment.",
    "zh": "前提是模板里直接写出了 <|user|>，哪怕只是在注释里。",
}
EMPTY_TURN: Text = {
    "en": "For an empty answer the search starts before the text, and a <|user|> among the first three tokens is trained.",
    "zh": "回答为空时会从文本之前开始查找，于是前三个 token 里的 <|user|> 也会参与训练。",
}
NO_EOS = (
    "EOS token '<|endoftext|>' not found in chat_template; the turn terminator won't be trained. Set `eot_tokens` to your template's "
    "turn-ending token."
)


def _axolotl(id: str, rule: Text, commit: str = "067b021", date: str = "2026-07-24", **options: Any) -> Recipe:
    common: dict[str, Any] = {
        "layout": only("role", "content"),
        "fit": label_turns(EOS),
        "quirks": (DROPS_KEYS, DUMMY_BRACKETS, *COMMON),
        "warnings": (NO_EOS,),
    }
    source = Source("axolotl-ai-cloud/axolotl", "src/axolotl/prompt_strategies/chat_template.py", commit, date)
    return Recipe(id=id, system="Axolotl", source=source, rule=rule, max_length=MAX_LENGTH, **common | options)


RECIPES = (
    _axolotl("axolotl", RULE),
    _axolotl(
        "axolotl@0.19.0",
        RULE,
        commit="v0.19.0",
        date="2026-09-10",
        fit=label_turns(EOS, turns=turns_by_text),
        quirks=(BY_TEXT, PACKING_DROPS, DROPS_KEYS, *COMMON),
    ),
    _axolotl(
        "axolotl-eot",
        RULE,
        quirks=(DISCARDED, DROPS_KEYS, DUMMY_BRACKETS, *COMMON),
        warnings=("EOT token '<|user|>' not found in chat_template.",),
    ),
    _axolotl(
        "axolotl-eot-literal",
        RULE_EOT,
        fit=label_turns("<|user|>", EOS),
        quirks=(LITERAL, EMPTY_TURN, DROPS_KEYS, DUMMY_BRACKETS, *COMMON),
        warnings=(),
    ),
    _axolotl(
        "axolotl-mapped",
        RULE,
        layout=only("role", "content", "metadata", "tools"),
        quirks=(MAPPED, DUMMY_BRACKETS, *COMMON),
    ),
)
