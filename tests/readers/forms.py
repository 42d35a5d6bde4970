"""What the readers' tests share: messages, records of other formats, and how a source is read and its errors looked at."""

import json
import re
from typing import Any

from glm4viz.conversation import Conversation
from glm4viz.errors import ConversationError, ReadError
from glm4viz.readers import read_conversations

SYSTEM = {"role": "system", "content": "你是导游。"}
USER = {"role": "user", "content": "苏州有什么好玩的？"}
BOT = {"role": "assistant", "content": "可以去拙政园。"}
USER2 = {"role": "user", "content": "How long does it take?"}
BOT2 = {"role": "assistant", "content": "About two hours. 😀"}
CALL = {"role": "assistant", "metadata": "get_weather", "content": '{"city": "苏州", "days": 2}'}
RESULT = {"role": "observation", "content": '{"temp": 21}'}
FUNCTION = {"name": "get_weather", "description": "天气", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}}
TOOL = {"type": "function", "function": FUNCTION}
CALL_TEXT = '{"name": "get_weather", "arguments": {"city": "苏州", "days": 2}}'


def sharegpt(*turns: tuple[str, Any], **more: Any) -> dict[str, Any]:
    return {"conversations": [{"from": who, "value": value} for who, value in turns], **more}


TURNS = [("human", USER["content"]), ("gpt", BOT["content"]), ("human", USER2["content"]), ("gpt", BOT2["content"])]
FOUR = [USER, BOT, USER2, BOT2]
ROUND = [USER["content"], BOT["content"]]


DETECTED: dict[str, list[Any]] = {
    "glm4": [
        {"messages": [USER]},
        [USER],
        {"messages": [USER], "conversations": [], "instruction": "x"},
        {"messages": [USER], "tools": []},
    ],
    "openai": [{"messages": [USER], "tools": [TOOL]}, [{"role": "tool", "content": "x"}]],
    "sharegpt": [sharegpt(*TURNS), sharegpt(*TURNS, instruction="x"), {"conversations": [{"from": "human", "value": "", "role": "user"}]}],
    "chatglm3": [{"conversations": [USER]}, {"conversations": [{**USER, "from": None, "value": None}]}],
    "firefly": [{"conversation": [{"human": "x", "assistant": "y"}]}, {"conversation": [{"human": "x", "assistant": "y", "input": None}]}],
    "xtuner": [{"conversation": [{"input": "x", "output": "y"}]}],
    "alpaca": [{"instruction": "x", "output": "y"}, {"instruction": "x", "output": "y", "prompt": "p", "response": "r"}],
    "chatglm2": [{"prompt": "x", "response": "y"}, {"content": "x", "summary": "y"}],
}


SHAREGPT_LINES = b"".join(json.dumps(sharegpt(("human", f"问{n}"), ("gpt", f"答{n}"))).encode() + b"\n" for n in range(1000))


RECORD_FORMATS = ("glm4", "sharegpt", "alpaca", "xtuner", "firefly", "chatglm2", "chatglm3")


def as_format(name: str, rounds: list[tuple[str, str]], system: str) -> dict[str, Any]:
    """A conversation of rounds in each format, each holding a system text in its own way."""
    *history, (question, answer) = rounds
    with_system = {"system": system} if system else {}
    if name == "sharegpt":
        return sharegpt(*(turn for u, b in rounds for turn in (("human", u), ("gpt", b))), **with_system)
    if name == "firefly":
        return {**with_system, "conversation": [{"human": u, "assistant": b} for u, b in rounds]}
    if name == "xtuner":
        return {"conversation": [{"system": "" if at else system, "input": u, "output": b} for at, (u, b) in enumerate(rounds)]}
    if name == "alpaca":
        return {"instruction": question, "input": "", "output": answer, "history": [list(pair) for pair in history], **with_system}
    if name == "chatglm2":
        return {"prompt": question, "response": answer, "history": [list(pair) for pair in history], **with_system}
    field = "conversations" if name == "chatglm3" else "messages"
    return {field: as_messages(rounds, system)}


def as_messages(rounds: list[tuple[str, str]], system: str) -> list[dict[str, Any]]:
    head = [{"role": "system", "content": system}] if system else []
    return head + [message for u, b in rounds for message in ({"role": "user", "content": u}, {"role": "assistant", "content": b})]


def read(source: Any, format: str = "auto") -> tuple[list[Conversation], list[ReadError]]:
    found = list(read_conversations(source, format))
    return [one for one in found if isinstance(one, Conversation)], [one for one in found if isinstance(one, ReadError)]


def read_one(source: Any) -> Conversation:
    """The one conversation of a source that holds no other record."""
    (found,), bad = read(source)
    assert not bad
    return found


def check_sentences(error: ReadError | ConversationError) -> None:
    en, zh = error.sentence("en"), error.sentence("zh")
    assert str(error) == en
    assert en != zh
    assert re.search("[一-鿿]", zh)
    assert not re.search("[一-鿿]", en.replace("你好", ""))
    assert "\ud83d" not in en + zh


def read_all(source: Any) -> list[list[dict[str, Any]]]:
    good, bad = read(source)
    assert not bad
    assert [one.index for one in good] == list(range(len(good)))
    return [one.messages for one in good]
