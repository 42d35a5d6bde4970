"""How GLM-4's tokenizers write one message: the Python one of June 2024, and the jinja template that took its place.

They differ in what is encoded together. The old one encodes tag, header and content apart and never makes a special token out of text;
the template's text is one string, in which a content that begins with a newline merges with the header's, and special tokens come alive.
"""

import json
from collections.abc import Callable, Mapping
from operator import getitem
from typing import Any

from glm4viz.errors import RecipeRejects
from glm4viz.layout import Message, Segment, Writer
from glm4viz.systems import chat_template

PERSONA = "你是一个名为 {name} 的人工智能助手。你是基于智谱AI训练的语言模型 GLM-4 模型开发的，你的任务是针对用户的问题和要求提供适当的答复和支持。"
TOOLS_HEADING = "\n\n# 可用工具"
TOOL_FOOTER = "\n在调用上述函数时，请使用 Json 格式表示调用的参数。"
BUILT_IN_TOOLS = ("python", "simple_browser", "cogview")


def old_builder(w: Writer, m: int, message: Message, mask: bool) -> None:
    """The Python tokenizer of June 2024: tag, header and content encoded apart, special tokens never made out of text."""
    if message.get("tools"):
        block = _tools_block(message["tools"], w, old=True)
        w.special("<|system|>", "role_tag", message=m, mask=mask)
        w.text(Segment("newline", "\n", m), mask=mask)
        w.text(Segment("tools", block, m), mask=mask)
    if message["content"]:
        w.special(f"<|{message['role']}|>", "role_tag", message=m, mask=mask)
        w.text(Segment("metadata", str(message.get("metadata", "")), m), Segment("newline", "\n", m), mask=mask)
        w.text(Segment("content", message["content"], m, 0), mask=mask)


def jinja_builder(w: Writer, m: int, message: Message, mask: bool) -> None:
    """glm-4-9b-chat's chat template, from June 19: header and content are one string, and special tokens in it come alive.

    A null metadata prints as None, and null tools stop it, as long as transformers hands nulls over: up to 5.22, not from 5.23.0 on.
    """
    if "tools" in message:
        block = _tools_block(message["tools"], w, old=False)
        w.special("<|system|>", "role_tag", message=m, mask=mask)
        w.text(Segment("newline", "\n", m), Segment("tools", block, m), mask=mask, specials=True)
    if message["content"]:
        header = Segment("metadata", str(message.get("metadata", "")), m), Segment("newline", "\n", m)
        w.special(f"<|{message['role']}|>", "role_tag", message=m, mask=mask)
        w.text(*header, Segment("content", message["content"], m, 0), mask=mask, specials=True)


# Tools ----------------------------------------------------------------------------------------------------------------


def process_message(message: Message) -> Message:
    """finetune.py's clean-up: tools stay on system messages only, without the parameters that are null."""
    if "tools" not in message:
        return message
    if message["role"] != "system":
        return {key: value for key, value in message.items() if key != "tools"}
    try:
        return {**message, "tools": [_without_null_parameters(tool) for tool in message["tools"]]}
    except (KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise _crash("process_message", error) from None


def _without_null_parameters(tool: Any) -> Any:
    parameters = tool["function"]["parameters"]
    kept = {name: value for name, value in parameters["properties"].items() if value is not None}
    return {**tool, "function": {**tool["function"], "parameters": {**parameters, "properties": kept}}}


def _tools_block(tools: Any, w: Writer, *, old: bool) -> str:
    """The text under the extra <|system|> tag.

    The old builder stops at what it doesn't know; jinja passes over it, and eats one newline before each heading.
    """
    text = PERSONA.format(name="GhatGLM" if old else "ChatGLM") + TOOLS_HEADING
    get: Callable[[Any, str], Any] = getitem if old else _jinja_get
    gap = "\n\n" if old else "\n"
    try:
        for tool in tools:
            kind = get(tool, "type")
            if kind == "function":
                function = tool["function"]
                text += f"{gap}## {get(function, 'name')}\n\n"
                text += json.dumps(function, ensure_ascii=False, indent=4) + TOOL_FOOTER
            elif kind in BUILT_IN_TOOLS:
                return _from_template(tools, w)
            elif old:
                raise NotImplementedError(f"unknown tool type {kind}")
    except (KeyError, TypeError, AttributeError, IndexError, NotImplementedError, RecursionError) as error:
        raise _crash("the tokenizer", error) from None
    return text


def _jinja_get(value: Any, key: str) -> Any:
    """Jinja's item access: what isn't there prints as nothing."""
    return value.get(key, "") if isinstance(value, Mapping) else ""


def _from_template(tools: Any, w: Writer) -> str:
    """The tools block by the model's own template, which holds the long texts of the built-in tools."""
    if w.tokenizer.chat_template is None:
        raise RecipeRejects(
            "The built-in tools (python, simple_browser, cogview) have texts that only a model's own template holds. "
            "Load the tokenizer of a glm-4-9b-chat directory.",
            "内置工具（python、simple_browser、cogview）的说明文字只在模型自带的模板里。请加载 glm-4-9b-chat 目录的分词器。",
        )
    rendered = chat_template.render(w.tokenizer.chat_template, [{"role": "system", "content": "", "tools": tools}]).text
    return rendered.removeprefix("[gMASK]").removeprefix("<sop>").removeprefix("<|system|>").removeprefix("\n")


def _crash(where: str, error: Exception) -> RecipeRejects:
    name = f"{type(error).__name__}: {error}"
    return RecipeRejects(
        f"The training script crashes on these tools in {where} ({name}). "
        'It needs a list of {"type": "function", "function": {"name", "description", "parameters": {"type", "properties"}}}.',
        f"训练脚本在 {where} 处理这些 tools 时会崩溃（{name}）。"
        '需要的形式是由 {"type": "function", "function": {"name", "description", "parameters": {"type", "properties"}}} 组成的列表。',
    )
