"""ShareGPT: `conversations` of turns {from, value}, with `system` and `tools` beside them, as FastChat and LLaMA-Factory read it."""

from typing import Any

from glm4viz.conversation import MessageError, missing, wrong
from glm4viz.readers.fields import Message, Record, Said, from_json, left_out, say_left_out, text, turns, with_front
from glm4viz.readers.openai import CALL, SEVERAL_CALLS, read_call
from glm4viz.texts import Text

ROLES = {
    **dict.fromkeys(("human", "user"), "user"),
    **dict.fromkeys(("gpt", "assistant", "chatgpt", "bing", "bard", "model"), "assistant"),
    **dict.fromkeys(("observation", "tool", "tool_response", "function_response"), "observation"),
    "system": "system",
}
CALLS = ("function_call", "tool_call")
NOTE: Text = {
    "en": "Read as ShareGPT: from became role (human → user, gpt → assistant, tool → observation), value became content.",
    "zh": "按 ShareGPT 读取：from 变成 role（human → user，gpt → assistant，tool → observation），value 变成 content。",
}
_EXAMPLE = '{"from": "human", "value": "…"}'
_KNOWN = frozenset(("from", "value", "loss"))


def map_sharegpt(record: Record, said: Said) -> list[Message]:
    said["format"] = NOTE
    messages: list[Message] = []
    extra: dict[str, None] = {}
    for field, turn in turns(record, "conversations", _EXAMPLE):
        who = turn.get("from")
        loss = {"loss": turn["loss"]} if turn.get("loss") is not None else {}
        if isinstance(who, str) and who in ROLES:
            messages.append({"role": ROLES[who], "content": text(turn, "value", f"{field}.value"), **loss})
        elif who in CALLS:
            messages += [{**call, **loss} for call in _calls(turn, f"{field}.value", said)]
        else:
            raise _bad_role(f"{field}.from", turn)
        left_out(turn, _KNOWN, extra)
    say_left_out(extra, said)
    return with_front(record, messages, said)


def _calls(turn: dict[str, Any], field: str, said: Said) -> list[Message]:
    """A call, or several, as LLaMA-Factory writes them: {"name": …, "arguments": {…}}, usually as a text that holds this JSON."""
    value = turn.get("value")
    if isinstance(value, str):
        value = from_json(value, field)
    calls = value if isinstance(value, list) and value else [value]
    said["call"] = CALL
    if len(calls) > 1:
        said["several"] = SEVERAL_CALLS
    try:
        read = [read_call(field, call) for call in calls]
    except MessageError as error:
        raise MessageError(error.said["en"], error.said["zh"], field=field) from None  # the call is inside the text of that field
    return [{"role": "assistant", "metadata": name, "content": arguments} for name, arguments in read]


def _bad_role(field: str, turn: dict[str, Any]) -> MessageError:
    if "from" not in turn:
        return missing(field)
    known = "human, gpt, system, function_call, observation"
    en, zh = f"; ShareGPT's speakers are {known}. Use one of these.", f"；ShareGPT 的角色有 {known}。请改用其中之一。"
    return wrong(field, turn["from"], en, zh)
