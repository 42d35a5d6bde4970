"""Random conversations to try recipes on: the same seed always makes the same ones, in every environment.

Most are of the kind that training data have: a system text, thoughts, calls and their results, in Chinese and English. Among them stand
what breaks recipes: special tokens typed in a text, white space, empty texts, odd orders of roles, arguments nested or given as text.
"""

import json
from dataclasses import dataclass
from random import Random
from typing import Any

WORDS = (
    *("The tide", "returns", "at noon.", "Lantern", "hums", "over snow,", "maybe;", "why?", "3.14", "x = 2", "e\u0301tude", "naïve"),
    *(
        "山上的",
        "灯塔",
        "很亮。",
        "你好，",
        "龘",
        "𠮷野",
        "今天",
        "三点",
        "吗？",
        "１２",
        "🏳️‍🌈",
        "👩‍🔬",
        "مرحبا",
        "\u200b",
        "```py\n",
        "{}",
        "</b>",
    ),
)
SPACES = (" ", " ", " ", "", "", "\n", "\n\n", "  ", "\t", "\r\n")
TYPED = (
    *("<think>", "</think>", "<think></think>", "<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>", "<arg_key>"),
    *("<|user|>", "<|assistant|>", "<|observation|>", "<|system|>", "<|endoftext|>", "[gMASK]", "<sop>", "/nothink", "[MASK]"),
)
NAMES = ("clock", "weather.now", "库存查询", "shelf_stock", "send")
KEYS = ("city", "数量", "when", "options", "note")
ODD_ORDERS = (
    ("assistant", "user", "assistant"),
    ("user", "user", "assistant"),
    ("user", "assistant", "assistant"),
    ("user", "assistant", "user"),
    ("user", "assistant", "system", "user", "assistant"),
    ("user", "tool", "assistant"),
    ("user", "assistant", "tool"),
    ("system", "assistant"),
    ("user",),
    ("system", "system", "user", "assistant"),
)

Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Given:
    """What a recipe is given: messages in OpenAI's form, and the tools of the conversation, or None."""

    messages: list[Message]
    tools: list[dict[str, Any]] | None


def conversations(count: int, seed: int = 0) -> list[Given]:
    """The first `count` conversations of `seed`."""
    rng = Random(seed)
    return [conversation(rng) for _ in range(count)]


def conversation(rng: Random) -> Given:
    roles = list(rng.choice(ODD_ORDERS)) if rng.random() < 0.15 else usual_order(rng)
    messages = [message(rng, role, following) for role, following in zip(roles, [*roles[1:], ""], strict=True)]
    called = any("tool_calls" in m for m in messages)
    tools = [tool(rng, name) for name in rng.sample(NAMES, rng.randint(1, 3))] if called or rng.random() < 0.1 else None
    return Given(messages, tools)


def usual_order(rng: Random) -> list[str]:
    """One to three rounds, each with up to two rounds of calls before its answer."""
    roles = ["system"] * (rng.random() < 0.5)
    for _ in range(rng.randint(1, 3)):
        roles.append("user")
        for _ in range(rng.choice((0, 0, 1, 2))):
            roles += ["assistant"] + ["tool"] * rng.choice((1, 1, 2, 3))
        roles.append("assistant")
    return roles


def message(rng: Random, role: str, following: str) -> Message:
    made: Message = {"role": role, "content": text(rng, empty=0.02 if role in ("system", "user") else 0.1)}
    if role != "assistant":
        return made
    if rng.random() < 0.5:
        made["reasoning_content"] = text(rng, empty=0.1)
    if following == "tool" or rng.random() < 0.05:
        made["tool_calls"] = [call(rng) for _ in range(rng.choice((1, 1, 2, 3)))]
        if rng.random() < 0.5:
            made["content"] = rng.choice(("", "", None))
    return made


def text(rng: Random, empty: float = 0.0) -> str:
    """A few words with all kinds of space between them; now and then a typed special token, or space around."""
    if rng.random() < empty:
        return rng.choice(("", "", "\n", " "))
    parts = [rng.choice(WORDS) + rng.choice(SPACES) for _ in range(rng.randint(1, 12))]
    if rng.random() < 0.1:
        parts.insert(rng.randrange(len(parts) + 1), rng.choice(TYPED))
    if rng.random() < 0.1:
        parts.insert(0, rng.choice(SPACES))
    return "".join(parts) if rng.random() < 0.15 else "".join(parts).strip()


def call(rng: Random) -> dict[str, Any]:
    arguments: Any = {key: value(rng) for key in rng.sample(KEYS, rng.choice((0, 1, 1, 2, 3)))}
    if rng.random() < 0.03:
        arguments = json.dumps(arguments, ensure_ascii=False)
    return {"type": "function", "function": {"name": rng.choice(NAMES), "arguments": arguments}}


def value(rng: Random, depth: int = 0) -> Any:
    kind = rng.randrange(8 if depth < 2 else 6)
    if kind < 2:
        return text(rng, empty=0.1)
    if kind < 6:
        return rng.choice((True, False, None, 0, -7, 9.90, -3e-07, 1e16, 2**40, "12", "true"))
    if kind == 6:
        return [value(rng, depth + 1) for _ in range(rng.randint(0, 3))]
    return {key: value(rng, depth + 1) for key in rng.sample(KEYS, rng.randint(0, 3))}


def tool(rng: Random, name: str) -> dict[str, Any]:
    properties = {key: {"type": rng.choice(("string", "number", "object")), "description": text(rng)} for key in rng.sample(KEYS, 2)}
    parameters = {"type": "object", "properties": properties, "required": rng.sample(list(properties), 1)}
    return {"type": "function", "function": {"name": name, "description": text(rng), "parameters": parameters}}
