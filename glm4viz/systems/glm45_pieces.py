"""What GLM-4.5's and 4.7's wire format has everywhere: the text about tools, the markup of a call, a thought in a content.

Official chat templates of zai-org/GLM-4.5-Air and GLM-4.7. 4.5 puts a newline between the tags, 4.7 nothing: that is `newline`.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from glm4viz.layout import Segment

TOOLS_HEAD = (
    "# Tools\n\nYou may call one or more functions to assist with the user query.\n\n"
    "You are provided with function signatures within <tools></tools> XML tags:\n<tools>\n"
)
TOOLS_FOOT = "</tools>\n\nFor each function call, output the function name and arguments within the following XML format:\n"
EXAMPLE = (
    "<tool_call>{function-name}",
    "<arg_key>{arg-key-1}</arg_key>",
    "<arg_value>{arg-value-1}</arg_value>",
    "<arg_key>{arg-key-2}</arg_key>",
    "<arg_value>{arg-value-2}</arg_value>",
    "...",
    "</tool_call>",
)


def tools_text(tools: Iterable[Any], newline: str) -> str:
    """The text about tools, each of which is written as JSON on a line."""
    lines = (json.dumps(tool, ensure_ascii=False) + "\n" for tool in tools)
    return TOOLS_HEAD + "".join(lines) + TOOLS_FOOT + newline.join(EXAMPLE)


def call_segments(name: str, arguments: Mapping[str, Any], newline: str, m: int) -> list[Segment]:
    """A call up to its closing tag. A value that is a text is written as it is, any other as JSON (which may raise TypeError)."""
    segments = [Segment("tool_call", "<tool_call>" + name, m)]
    for key, value in arguments.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        segments += [Segment("tool_call", f"{newline}<arg_key>", m), Segment("arguments", str(key), m)]
        segments += [Segment("tool_call", f"</arg_key>{newline}<arg_value>", m), Segment("arguments", text, m)]
        segments.append(Segment("tool_call", "</arg_value>", m))
    return segments


def content_segments(content: str, m: int) -> list[Segment]:
    """A content with its places; a thought that it begins with is a part of its own."""
    thought = re.match(r"\s*(<think>.*?</think>)", content, re.DOTALL)
    start, stop = thought.span(1) if thought else (0, 0)
    cuts = (("content", 0, start), ("think", start, stop), ("content", stop, len(content)))
    return [Segment(part, content[a:b], m, len(content[:a].encode())) for part, a, b in cuts]
