"""ChatGLM3's script of 2023, written out list by list."""

import ast
import json
from collections.abc import Sequence
from typing import NamedTuple

from glm4viz.layout import Message
from glm4viz.recipe import IGNORE
from glm4viz.systems.chatglm3 import TOOLS_PREFIX
from glm4viz.tokenizer import Tokenizer
from glm4viz.walkthrough.plain.glm4 import Lists


class Entry(NamedTuple):
    """What is written under one role tag, and the mask of all its tokens. name: of the function that is called."""

    role: str
    name: str
    text: str
    mask: bool


def format_conversation(
    messages: Sequence[Message],
    tokenizer: Tokenizer,
    max_length: int | None = None,
) -> Lists:
    """Every entry alone, with one mask for all its tokens."""
    special, encode = tokenizer.special_ids, tokenizer.encode
    input_ids = [special["[gMASK]"], special["<sop>"]]  # step: prefix
    loss_masks = [False, False]  # step: prefix

    for entry in tool_entries(messages) + entries(messages):
        new_input_ids = [special[f"<|{entry.role}|>"]]  # step: message, outside
        new_input_ids += encode(f"{entry.name}\n")  # step: message, outside
        new_input_ids += encode(entry.text)  # step: message, outside
        input_ids += new_input_ids  # step: message, outside
        loss_masks += [entry.mask] * len(new_input_ids)  # step: message, outside

    input_ids += [special["<|endoftext|>"]]  # step: end
    loss_masks = [False, *loss_masks]  # step: shift

    labels: list[int] = []
    for id, mask in zip(input_ids, loss_masks, strict=True):  # step: labels
        labels += [id if mask else IGNORE]  # step: labels
    return input_ids[:max_length], labels[:max_length]  # step: cut


def tool_entries(messages: Sequence[Message]) -> list[Entry]:
    """The tools stand before all messages."""
    found: list[Entry] = []
    for message in messages:
        tools = message.get("tools")
        if message["role"] == "system" and tools is not None:
            if isinstance(tools, list):
                tools = [tool.get("function", tool) if isinstance(tool, dict) else tool for tool in tools]  # step: tools
            text = json.dumps(tools, indent=4, ensure_ascii=False)  # step: tools
            found += [Entry("system", "", TOOLS_PREFIX + text, False)]  # step: tools
    return found


def entries(messages: Sequence[Message]) -> list[Entry]:
    """A call becomes Python code, and has a result, if only null."""
    found: list[Entry] = []
    for before, message, after in zip([None, *messages], messages, [*messages[1:], None], strict=False):
        role, text = message["role"], message["content"]
        if is_call(message):
            given = [f"{name}={as_code(value)}" for name, value in json.loads(text).items()]  # step: call
            code = f"```python\ntool_call({', '.join(given)})\n```"  # step: call
            found += [Entry(role, message["metadata"], code, with_loss(message))]  # step: call
            if not after or after["role"] != "observation":  # step: outside
                found += [Entry("observation", "", "null", False)]  # step: outside
        elif role == "observation" and before and is_call(before):
            text = "null" if text is None else text  # step: result
            found += [Entry(role, "", text, False)]  # step: result
        elif text or role != "system" or message.get("tools") is None:
            found += [Entry(role, "", text, with_loss(message))]  # step: said
    return found


def as_code(value: object) -> str:
    """As Python's syntax trees are written: a number too large for a float is 1e309."""
    return ast.unparse(ast.Constant(value))  # type: ignore[arg-type]


def is_call(message: Message) -> bool:
    return message["role"] == "assistant" and bool(message.get("metadata"))


def with_loss(message: Message) -> bool:
    """System and user messages are never trained, all others unless they say so."""
    if message["role"] in ("system", "user"):  # step: said
        return False
    return bool(int(message.get("loss", True)))  # step: call, said
