"""A recipe of the user's own, as data: a few choices instead of a script.

own = CustomRecipe(turns="last", end="<|user|>")
glm4viz.label(messages, own.recipe())
known_equals(messages, own.recipe())      # the systems whose mask is the same on this conversation
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, Literal, get_args

import numpy as np

from glm4viz.conversation import ROLES
from glm4viz.errors import RecipeRejects
from glm4viz.layout import PARTS, Message, Writer
from glm4viz.recipe import IGNORE, LabelledSample, Recipe, Source
from glm4viz.systems.glm4_messages import jinja_builder, old_builder, process_message
from glm4viz.texts import Text

Turns = Literal["all", "last", "flags"]
Stop = Literal["next_tag", "own", "none"]
Builder = Literal["old", "jinja"]
ENDS = ("<|endoftext|>", "<|user|>", "<|observation|>", "<eop>", "")
SCHEME = "custom:"


@dataclass(frozen=True, kw_only=True, slots=True)
class CustomRecipe:
    """roles: whose messages may be trained. turns: all of them, the last one only, or those without `"loss": false`.

    role_tag, newline: are a trained message's own tag, and the newline of its header, trained with it?
    stop: what teaches a trained message to end. next_tag: the tag after it, or the end token where nothing follows; own: an end
    token written behind every message of these roles; none: nothing does.
    end: the end token, written once at the very end or, with stop "own", behind each message; "" writes none.
    prefix: begin with [gMASK] <sop>. builder: how a message becomes tokens, as GLM-4's old Python tokenizer or its jinja template does.
    """

    roles: tuple[str, ...] = ("assistant",)
    turns: Turns = "all"
    role_tag: bool = False
    newline: bool = True
    stop: Stop = "next_tag"
    end: str = "<|endoftext|>"
    prefix: bool = True
    builder: Builder = "old"

    def __post_init__(self) -> None:
        known = {"turns": get_args(Turns), "stop": get_args(Stop), "end": ENDS, "builder": get_args(Builder)}
        for name, values in known.items():
            if getattr(self, name) not in values:
                raise ValueError(f"{name} must be one of {', '.join(map(repr, values))}, not {getattr(self, name)!r}")
        if isinstance(self.roles, str) or not set(self.roles) <= set(ROLES):
            raise ValueError(f"roles must be some of {', '.join(ROLES)}, not {self.roles!r}")
        if self.stop == "own" and not self.end:
            raise ValueError('stop "own" needs an end token')
        # One order, so that equal recipes are equal.
        object.__setattr__(self, "roles", tuple(role for role in ROLES if role in self.roles))

    @property
    def code(self) -> str:
        """All choices in a short text that fits into an address, such as `a.all.np.next_tag.endoftext.old`."""
        roles = "".join(role[0] for role in self.roles)
        flags = "".join(letter for letter, name in _FLAGS.items() if getattr(self, name))
        return ".".join((roles, self.turns, flags, self.stop, self.end.strip("<|>"), self.builder))

    @classmethod
    def from_code(cls, code: str) -> "CustomRecipe":
        """The recipe with this code. Raises ValueError."""
        try:
            roles, turns, flags, stop, end, builder = code.removeprefix(SCHEME).split(".")
            by_letter, by_name = {role[0]: role for role in ROLES}, {name.strip("<|>"): name for name in ENDS}
            choices: dict[str, Any] = {"roles": tuple(by_letter[letter] for letter in roles), "turns": turns, "stop": stop}
            choices |= {"end": by_name[end], "builder": builder} | {name: letter in flags for letter, name in _FLAGS.items()}
            made = cls(**choices)
        except (KeyError, ValueError):
            raise ValueError(f"{code!r} is not the code of a recipe") from None
        if made.code != code.removeprefix(SCHEME):
            raise ValueError(f"{code!r} is not the code of a recipe")
        return made

    def recipe(self) -> Recipe:
        """The recipe that does this. Its id is `custom:` and the code."""
        return _recipe(self)

    # What the recipe writes -------------------------------------------------------------------------------------------

    def layout(self, messages: Sequence[Message], w: Writer) -> None:
        """Prefix, messages, end token; then every first tag and end token gets the mask and the owner that `stop` says."""
        build = old_builder if self.builder == "old" else jinja_builder
        trained, row = self.trained_messages(messages), w.rows[-1]
        if self.prefix:
            w.special("[gMASK]", "prefix")
            w.special("<sop>", "prefix")
        before: int | None = None  # the message that the next tag ends
        for m, message in enumerate(messages):
            tag = len(row)
            build(w, m, process_message(message), m in trained)
            if tag == len(row):  # an empty message is written as nothing
                continue
            ends = before if self.stop == "next_tag" and before in trained else None
            row[tag] = row[tag]._replace(mask=ends is not None or (self.role_tag and m in trained), owner=ends)
            if self.stop == "own" and message["role"] in self.roles:
                w.special(self.end, "stop", message=m, mask=m in trained)
            before = m
        if self.stop != "own" and self.end:
            ends = before if self.stop == "next_tag" and before in trained else None
            w.special(self.end, "stop", mask=ends is not None, owner=ends)
        if not row:
            raise RecipeRejects(
                "Your recipe writes nothing for this conversation: all its messages are empty. Add a text, or the prefix.",
                "你的配方对这段对话什么也不写：所有消息都是空的。请补上内容，或加上前缀。",
            )

    def trained_messages(self, messages: Sequence[Message]) -> frozenset[int]:
        """Which messages are trained. An absent or null `loss` counts as true, as in ms-swift."""
        chosen = [m for m, message in enumerate(messages) if message["role"] in self.roles]
        if self.turns == "last":
            chosen = chosen[-1:]
        if self.turns == "flags":
            chosen = [m for m in chosen if str(messages[m].get("loss")).lower() not in ("false", "0", "0.0")]
        return frozenset(chosen)

    def rule(self) -> Text:
        """The choices in words."""
        return {language: _words(self, language) for language in ("en", "zh")}


_FLAGS = {"t": "role_tag", "n": "newline", "p": "prefix"}
assert {field.name for field in fields(CustomRecipe)} >= set(_FLAGS.values())


def get_custom(recipe_id: str) -> Recipe:
    """The recipe with an id like `custom:a.all.np.next_tag.endoftext.old`. Raises ValueError."""
    return CustomRecipe.from_code(recipe_id).recipe()


@cache
def _recipe(custom: CustomRecipe) -> Recipe:
    return Recipe(
        id=SCHEME + custom.code,
        system="custom",
        source=Source("glm4viz", "glm4viz/systems/own.py", custom.code, ""),
        rule=custom.rule(),
        max_length=MAX_LENGTH,
        layout=custom.layout,
        fit=None if custom.newline else without_newlines,
    )


def without_newlines(sample: LabelledSample, max_length: int | None) -> LabelledSample:
    """Header newlines lose their labels. They may be encoded with a function's name or the content, so this is done on tokens."""
    sample.labels[sample.part_codes == PARTS.index("newline")] = IGNORE
    sample.owner[sample.labels == IGNORE] = -1
    return sample if max_length is None else sample.take(np.arange(min(max_length, len(sample))))


# In words -------------------------------------------------------------------------------------------------------------

MAX_LENGTH: Text = {
    "en": "max_length: ids and labels are cut to this many, the tail goes",
    "zh": "max_length：input_ids 和 labels 都只保留前这么多个，尾部丢弃",
}
_WORDS: dict[str, Text] = {
    "nobody": {"en": "No message is trained.", "zh": "任何消息都不训练。"},
    "all": {"en": "Every {roles} message is trained.", "zh": "训练每条 {roles} 消息。"},
    "last": {"en": "Only the last {roles} message is trained.", "zh": "只训练最后一条 {roles} 消息。"},
    "flags": {
        "en": 'Every {roles} message is trained, unless it has "loss": false.',
        "zh": '训练每条 {roles} 消息，带有 "loss": false 的除外。',
    },
    "tag+newline": {"en": "Its own tag and its header newline are trained too.", "zh": "它自己的角色标签和头部换行也参与训练。"},
    "tag": {"en": "Its own tag is trained too, its header newline isn't.", "zh": "它自己的角色标签也参与训练，头部换行不参与。"},
    "newline": {"en": "Its header newline is trained too, its own tag isn't.", "zh": "头部换行也参与训练，它自己的角色标签不参与。"},
    "": {"en": "Neither its own tag nor its header newline is.", "zh": "它自己的角色标签和头部换行都不参与。"},
    "next_tag": {
        "en": "It is taught to stop by the tag that follows it, or by the {end} at the end.",
        "zh": "停止信号是后面的角色标签；后面没有消息时是末尾的 {end}。",
    },
    "next_tag_only": {
        "en": "It is taught to stop by the tag that follows it; where none follows, nothing teaches it to stop.",
        "zh": "停止信号是后面的角色标签；后面没有消息时学不到停止。",
    },
    "own": {"en": "It is taught to stop by a {end} of its own, written behind it.", "zh": "停止信号是写在它后面的、它自己的 {end}。"},
    "none": {"en": "Nothing teaches it to stop.", "zh": "学不到停止。"},
}


def _words(custom: CustomRecipe, language: str) -> str:
    if not custom.roles:
        return _WORDS["nobody"][language]
    header = "+".join(name for name, on in (("tag", custom.role_tag), ("newline", custom.newline)) if on)
    stop = "next_tag_only" if custom.stop == "next_tag" and not custom.end else custom.stop
    roles = {"en": " or ", "zh": "、"}[language].join(custom.roles)
    sentences = (_WORDS[key][language].format(roles=roles, end=custom.end) for key in (custom.turns, header, stop))
    return {"en": " ", "zh": ""}[language].join(sentences)
