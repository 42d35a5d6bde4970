"""Conversations made acceptable, where one thing is known to be wrong and its meaning is plain."""

from collections.abc import Sequence
from typing import Any

from glm4viz.layout import Message


def openai_tools(messages: Sequence[Message]) -> list[dict[str, Any]]:
    """Tools of the README's form `{name, args}` written in OpenAI's, which the scripts can read. All else stays as it is."""
    return [
        {**message, "tools": [_openai_tool(tool) for tool in message["tools"]]} if isinstance(message.get("tools"), list) else dict(message)
        for message in messages
    ]


def _openai_tool(tool: Any) -> Any:
    if not isinstance(tool, dict) or "function" in tool or "name" not in tool:
        return tool
    properties = tool.get("args", tool.get("parameters", {}))
    if not isinstance(properties, dict):
        properties = {}
    described = {name: value if isinstance(value, dict) else {"description": str(value)} for name, value in properties.items()}
    function = {"name": tool["name"], "description": str(tool.get("description", ""))}
    return {"type": "function", "function": function | {"parameters": {"type": "object", "properties": described}}}
