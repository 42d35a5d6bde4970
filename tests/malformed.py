"""Broken files, made from good records by rule and seed: what each is called, its text or bytes, and how many good records are in it."""

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

Break = Callable[[random.Random, Any], str | bytes]

_TEXTS = (
    "今天天气怎么样？",
    "It's 5 o'clock {really} [sure], \"quoted\" // not a comment",
    "C:\\temp\\new",
    "第一行\n第二行\ttab",
    "😀 emoji",
    '{"messages": [{"role": "user", "content": "JSON inside a text"}]}',
    "",
    "<|user|> None, True; NaN",
)


def good_record(rng: random.Random) -> dict[str, Any]:
    """A small conversation that is fine in every way."""
    messages: list[dict[str, Any]] = []
    if rng.random() < 0.3:
        messages.append({"role": "system", "content": rng.choice(_TEXTS)})
    for _ in range(rng.randint(1, 3)):
        messages.append({"role": "user", "content": rng.choice(_TEXTS)})
        if rng.random() < 0.3:
            messages.append({"role": "assistant", "metadata": "get_weather", "content": '{"city": "苏州"}'})
            messages.append({"role": "observation", "content": '[{"role": "fake"}]'})
        messages.append({"role": "assistant", "content": rng.choice(_TEXTS) or "好"})
    record: dict[str, Any] = {"messages": messages}
    return {"id": rng.randrange(1000), **record} if rng.random() < 0.2 else record


def _dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


# Broken text of one record. Each gets the record as a value: an object, or its bare list of messages.
def _cut(rng: random.Random, record: Any) -> str:
    text = _dumps(record)
    # Not where nobody can say which record a bracket belongs to: right after a colon, or after a message of a bare list.
    places = [at for at in range(3, len(text)) if text[at - 1] not in ": " and (text[at - 1] != "}" or isinstance(record, dict))]
    return text[: rng.choice(places)]


def _no_closing_bracket(rng: random.Random, record: Any) -> str:
    text = _dumps(record)
    # Not the last ] of a bare list: at the end of an array of lists, nobody can say whose ] is missing.
    at = rng.choice([at for at in range(len(text) - 3, len(text)) if text[at] == "}" or (text[at] == "]" and isinstance(record, dict))])
    return text[:at] + text[at + 1 :]


def _python(_: random.Random, record: Any) -> str:
    return repr(record)[:-1] + ", 'seen': {1}}"  # a set; what JSON has a place for is read


def _trailing_comma(_: random.Random, record: Any) -> str:
    return _dumps(record)[:-1] + ", " + _dumps(record)[-1]


def _comment(_: random.Random, record: Any) -> str:
    return _dumps(record).replace('"role"', '/* who */ "role"', 1)


def _unquoted_key(_: random.Random, record: Any) -> str:
    return _dumps(record).replace('"role"', "role", 1)


def _curly_quotes(_: random.Random, record: Any) -> str:
    return _dumps(record).replace('"role"', "“role”", 1)


def _no_colon(_: random.Random, record: Any) -> str:
    return _dumps(record).replace('"role":', '"role"', 1)


def _no_comma(_: random.Random, record: Any) -> str:
    return _dumps(record).replace(', "content"', ' "content"', 1)


def _bare_quote(_: random.Random, record: Any) -> str:
    return _dumps(record).replace('"content": "', '"content": "he said "so" ', 1)


def _line_break_in_text(_: random.Random, record: Any) -> str:
    return _dumps(record).replace('"content": "', '"content": "one\ntwo', 1)


def _bad_escape(_: random.Random, record: Any) -> str:
    return _dumps(record).replace('"content": "', '"content": "\\d+', 1)


def _control_character(_: random.Random, record: Any) -> str:
    return _dumps(record).replace('"content": "', '"content": "\x01', 1)


def _gbk(_: random.Random, record: Any) -> bytes:
    return _dumps(record).replace('"content": "', '"content": "中文', 1).replace("😀", "").encode("gbk")


def _half_utf8(_: random.Random, record: Any) -> bytes:
    return _dumps(record).encode().replace(b'"content": "', b'"content": "\xe4\xbd', 1)


def _too_deep(_: random.Random, __: Any) -> str:
    return '{"messages": ' + "[" * 5000 + "]" * 5000 + "}"


def _too_long_number(_: random.Random, __: Any) -> str:
    return '{"id": ' + "7" * 5000 + ', "messages": [{"role": "user", "content": "x"}]}'


# Fine as JSON, but no conversation.
def _changed(change: Callable[[dict[str, Any]], None]) -> Break:
    def breaks(_: random.Random, record: Any) -> str:
        copy = json.loads(json.dumps(record))
        change((copy if isinstance(copy, list) else copy["messages"])[-1])
        return _dumps(copy).replace("SURROGATE", "\\ud83d")

    return breaks


def _always(value: Any) -> Break:
    return lambda _rng, _record: _dumps(value)


BREAKS: dict[str, Break] = {
    "cut": _cut,
    "no closing bracket": _no_closing_bracket,
    "python": _python,
    "trailing comma": _trailing_comma,
    "comment": _comment,
    "unquoted key": _unquoted_key,
    "curly quotes": _curly_quotes,
    "no colon": _no_colon,
    "no comma": _no_comma,
    "bare quote": _bare_quote,
    "line break in text": _line_break_in_text,
    "bad escape": _bad_escape,
    "control character": _control_character,
    "gbk": _gbk,
    "half utf-8": _half_utf8,
    "too deep": _too_deep,
    "too long number": _too_long_number,
    "unknown role": _changed(lambda message: message.update(role="human")),
    "role is a list": _changed(lambda message: message.update(role=["user"])),
    "no role": _changed(lambda message: message.pop("role")),
    "no content": _changed(lambda message: message.pop("content")),
    "content is a number": _changed(lambda message: message.update(content=5)),
    "content is an object": _changed(lambda message: message.update(content={"text": "x"})),
    "surrogate": _changed(lambda message: message.update(content="SURROGATE")),
    "surrogate in tools": _changed(lambda message: message.update(tools=[{"name": "SURROGATE"}])),
    "message is a text": _always({"messages": ["hello"]}),
    "messages is a text": _always({"messages": "hello"}),
    "no messages": _always({"messages": []}),
    "lone message": _always({"role": "user", "content": "hi"}),
    "alpaca without an answer": _always({"instruction": "x", "input": ""}),
    "sharegpt with a number": _always({"conversations": [{"from": "human", "value": 5}]}),
    "a number": _always(5),
    "a text": _always("hello"),
    "null": _always(None),
}


# How records are laid out in a file. Each takes the encoded records.
def _indented(record: bytes) -> bytes:
    try:
        return json.dumps(json.loads(record), ensure_ascii=False, indent=2).encode()
    except (ValueError, RecursionError):
        return record


LAYOUTS: dict[str, Callable[[list[bytes]], bytes]] = {
    "jsonl": lambda records: b"\n".join(records) + b"\n",
    "jsonl crlf": lambda records: b"\r\n\r\n".join(records),
    "array": lambda records: b"[" + b", ".join(records) + b"]",
    "array by line": lambda records: b"[\n" + b",\n".join(records) + b"\n]\n",
    "array indented": lambda records: b"[\n  " + b",\n  ".join(map(_indented, records)) + b"\n]\n",
    "values indented": lambda records: b"\n".join(map(_indented, records)) + b"\n",
}


def malformed(seed: int = 0, rounds: int = 3) -> Iterator[tuple[str, str | bytes, int]]:
    """(name, text or bytes, number of good records): every break in every layout, `rounds` times, each time with other records."""
    rng = random.Random(seed)
    for turn in range(rounds):
        for layout, lay_out in LAYOUTS.items():
            for name, breaks in BREAKS.items():
                bare = rng.random() < 0.2  # records as bare lists of messages
                least = name == "lone message"  # alone in an array, it would be a conversation
                good = [good_record(rng) for _ in range(rng.randint(least, 4))]
                broken = [breaks(rng, as_given(good_record(rng), bare)) for _ in range(rng.choice((1, 1, 2)))]
                records = [_dumps(as_given(record, bare)).encode() for record in good]
                for piece in broken:
                    records.insert(rng.randint(0, len(records)), piece if isinstance(piece, bytes) else piece.encode())
                data = lay_out(records)
                is_text = rng.random() < 0.3 and not any(isinstance(piece, bytes) for piece in broken)
                yield f"{name} / {layout} / {turn}", data.decode() if is_text else data, len(good)


def as_given(record: dict[str, Any], bare: bool) -> Any:
    """The record, or only its list of messages."""
    return record["messages"] if bare else record
