"""Rules on how tools are declared."""

from collections.abc import Iterator, Mapping
from typing import Any

from glm4viz.layout import Message
from glm4viz.linter.case import Case
from glm4viz.linter.findings import Hit, rule
from glm4viz.texts import both

# Their calls carry code or a prompt, not JSON, and GLM-4 knows them without a declaration.
BUILT_IN = ("python", "interpreter", "simple_browser", "cogview")


def _kind_of_tool(tool: object) -> str:
    """ "fine", "readme" for the README's `{name, args}`, or "broken"."""
    if not isinstance(tool, Mapping):
        return "broken"
    function = tool.get("function")
    if isinstance(function, Mapping):
        parameters = function.get("parameters")
        whole = (
            isinstance(function.get("name"), str) and isinstance(parameters, Mapping) and isinstance(parameters.get("properties"), Mapping)
        )
        return "fine" if whole and tool.get("type") == "function" else "broken"
    if "name" in tool:
        return "readme"
    return "fine" if tool.get("type") in BUILT_IN else "broken"


def tools_of(message: Message) -> list[Any]:
    """The tools that a message declares, whatever they are; none if they are no list."""
    tools = message.get("tools")
    return list(tools) if isinstance(tools, list | tuple) else []


@rule(
    "tools-readme-form",
    "error",
    title=both("Tools in the README's {name, args} form", "tools 用了 README 的 {name, args} 写法"),
    harm=both(
        'GLM-4\'s README shows tools as {name, args}, but its script looks for "function" and stops with KeyError.',
        'GLM-4 的 README 把 tools 写成 {name, args}，而脚本要找 "function"，会以 KeyError 中止。',
    ),
    mend=both(
        'Write {"type": "function", "function": {"name", "description", "parameters"}}; --fix does it.',
        '请写成 {"type": "function", "function": {"name", "description", "parameters"}}；--fix 可以代劳。',
    ),
    evidence=("GLM-4 #199",),
    forms=("glm4",),
)
def tools_readme_form(case: Case) -> Iterator[Hit]:
    for m, message in enumerate(case.messages):
        names = [str(tool["name"])[:40] for tool in tools_of(message) if _kind_of_tool(tool) == "readme"]
        if names:
            yield Hit(m, ", ".join(names[:4]))


@rule(
    "tools-malformed",
    "error",
    title=both("Tools of the wrong shape", "tools 的格式不对"),
    harm=both(
        "GLM-4's script stops at these tools, or writes them without what the model needs to call them. GLM-4.5's template writes them as "
        "they are, in a shape that no server sends.",
        "GLM-4 的脚本遇到这些 tools 会中止，或写出来后缺少调用所需的内容。GLM-4.5 的模板会原样写出，而服务端不会发送这种格式。",
    ),
    mend=both(
        'Give a list of {"type": "function", "function": {"name", "description", "parameters": {"type", "properties"}}}, not a text.',
        '请给出列表，每项为 {"type": "function", "function": {"name", "description", "parameters": {"type", "properties"}}}，不要写成文本。',
    ),
    evidence=("GLM-4 #199",),
)
def tools_malformed(case: Case) -> Iterator[Hit]:
    for m, message in enumerate(case.messages):
        tools = message.get("tools")
        if tools is not None and not isinstance(tools, list | tuple):
            yield Hit(m, type(tools).__name__)
        elif any(_kind_of_tool(tool) == "broken" for tool in tools_of(message)):
            yield Hit(m)
    # GLM-4.5's template writes whatever it is given, so these are shown to the model as they are.
    if any(_kind_of_tool(tool) != "fine" for tool in case.tools or ()):
        yield Hit(severity="warning")


@rule(
    "tools-not-on-system",
    "warning",
    title=both("Tools on a message that isn't a system message", "tools 不在 system 消息上"),
    harm=both(
        "GLM-4's script drops tools from all messages but system ones, so the model is taught calls of functions it is never shown.",
        "GLM-4 的脚本会丢掉非 system 消息上的 tools，模型于是学着调用从没给它看过的函数。",
    ),
    mend=both(
        "Move them to a system message with empty content, at the start.",
        "请移到开头一条 content 为空的 system 消息上。",
    ),
    evidence=("GLM-4 #199",),
    forms=("glm4",),
)
def tools_not_on_system(case: Case) -> Iterator[Hit]:
    for m, message in enumerate(case.messages):
        if message.get("tools") and message["role"] != "system":
            yield Hit(m, message["role"])


RULES = (tools_readme_form, tools_malformed, tools_not_on_system)
