"""Rules on tools, calls and their results."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from glm4viz.layout import Message
from glm4viz.linter.case import Case, is_call
from glm4viz.linter.findings import Hit, rule

# Their calls carry code or a prompt, not JSON, and GLM-4 knows them without a declaration.
BUILT_IN = ("python", "interpreter", "simple_browser", "cogview")
_CALL_TAGS = ("<tool_call>", "<|tool_call|>", "<function_call>")


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


def _tools(message: Message) -> list[Any]:
    tools = message.get("tools")
    return list(tools) if isinstance(tools, list | tuple) else []


@rule(
    "tools-readme-form",
    "error",
    title=("Tools in the README's {name, args} form", "tools 用了 README 的 {name, args} 写法"),
    harm=(
        'GLM-4\'s README shows tools as {name, args}, but its script looks for "function" and stops with KeyError.',
        'GLM-4 的 README 把 tools 写成 {name, args}，而脚本要找 "function"，会以 KeyError 中止。',
    ),
    mend=(
        'Write {"type": "function", "function": {"name", "description", "parameters"}}; --fix does it.',
        '请写成 {"type": "function", "function": {"name", "description", "parameters"}}；--fix 可以代劳。',
    ),
    evidence=("GLM-4 #199",),
)
def tools_readme_form(case: Case) -> Iterator[Hit]:
    for m, message in enumerate(case.messages):
        names = [str(tool["name"])[:40] for tool in _tools(message) if _kind_of_tool(tool) == "readme"]
        if names:
            yield Hit(m, ", ".join(names[:4]))


@rule(
    "tools-malformed",
    "error",
    title=("Tools of the wrong shape", "tools 的格式不对"),
    harm=(
        "GLM-4's script stops at these tools, or writes them without what the model needs to call them.",
        "GLM-4 的脚本遇到这些 tools 会中止，或写出来后缺少调用所需的内容。",
    ),
    mend=(
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
        elif any(_kind_of_tool(tool) == "broken" for tool in _tools(message)):
            yield Hit(m)


@rule(
    "tools-not-on-system",
    "warning",
    title=("Tools on a message that isn't a system message", "tools 不在 system 消息上"),
    harm=(
        "GLM-4's script drops tools from all messages but system ones, so the model is taught calls of functions it is never shown.",
        "GLM-4 的脚本会丢掉非 system 消息上的 tools，模型于是学着调用从没给它看过的函数。",
    ),
    mend=(
        "Move them to a system message with empty content, at the start.",
        "请移到开头一条 content 为空的 system 消息上。",
    ),
    evidence=("GLM-4 #199",),
)
def tools_not_on_system(case: Case) -> Iterator[Hit]:
    for m, message in enumerate(case.messages):
        if message.get("tools") and message["role"] != "system":
            yield Hit(m, message["role"])


@rule(
    "call-in-content",
    "error",
    title=("A tool call written into the content", "工具调用写进了 content"),
    harm=(
        "The model is taught to print the call as text. GLM-4 writes <|assistant|>, the function's name, a newline and the arguments, and "
        "nothing else is recognised as a call.",
        "模型会学着把调用当成文本写出来。GLM-4 的写法是 <|assistant|>、函数名、换行、参数；别的写法都不会被认作调用。",
    ),
    mend=("Put the name into metadata and only the arguments into content.", "请把函数名放进 metadata，content 里只写参数。"),
    evidence=("GLM-4 PR #572", "ChatGLM3 #1176", "LLaMA-Factory #9107"),
)
def call_in_content(case: Case) -> Iterator[Hit]:
    for m in case.written:
        if case.messages[m]["role"] == "assistant" and (name := call_written_as_text(case.messages[m])):
            yield Hit(m, name, span=(0, len(case.messages[m]["content"].encode())))


def call_written_as_text(message: Message) -> str:
    """The name of the function that the content of an answer calls in words, "" if it doesn't."""
    text = message["content"].strip()
    if tag := next((tag for tag in _CALL_TAGS if text.startswith(tag)), ""):
        return tag
    if is_call(message) or text[:1] not in ("{", "["):
        return ""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return ""
    first = value[0] if isinstance(value, list) and value else value
    if isinstance(first, dict) and isinstance(first.get("function"), dict):
        first = first["function"]
    if not isinstance(first, dict) or not isinstance(first.get("name"), str):
        return ""
    arguments = first.get("arguments", first.get("parameters"))
    return first["name"][:40] if isinstance(arguments, dict) or _as_json(arguments) is not None else ""


@rule(
    "arguments-not-json",
    "error",
    title=("A call's arguments are not a JSON object", "调用的参数不是 JSON 对象"),
    harm=(
        "The model is taught arguments that no program can read back.",
        "模型会学到任何程序都无法解析的参数。",
    ),
    mend=(
        'Write the content of a call as one JSON object, such as {"city": "Suzhou"}, and use json.dumps.',
        '调用的 content 请写成一个 JSON 对象，例如 {"city": "苏州"}；请用 json.dumps 生成。',
    ),
    evidence=("LLaMA-Factory #9107",),
)
def arguments_not_json(case: Case) -> Iterator[Hit]:
    for m in case.written:
        message = case.messages[m]
        if is_call(message) and message["metadata"].strip() not in BUILT_IN and not isinstance(_as_json(message["content"]), dict):
            yield Hit(m, repr(message["content"][:40]), span=(0, len(message["content"].encode())))


def _as_json(text: object) -> Any:
    try:
        return json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return None


@rule(
    "undeclared-function",
    "error",
    title=("A call of a function that isn't declared", "调用了未声明的函数"),
    harm=(
        "The model is taught to call a function that it isn't shown, so it learns to make names up.",
        "模型学着调用没有给它看过的函数，也就学会了编造函数名。",
    ),
    mend=("Add the function to tools, or correct the name in metadata.", "请把函数加入 tools，或改正 metadata 里的名字。"),
)
def undeclared_function(case: Case) -> Iterator[Hit]:
    declared = {_name(tool) for message in case.messages for tool in _tools(message)}
    if not declared:
        return  # whoever declares none may describe them in words
    for m, message in enumerate(case.messages):
        if is_call(message) and message["metadata"] not in declared and message["metadata"].strip() not in BUILT_IN:
            yield Hit(m, message["metadata"][:40])


def _name(tool: object) -> object:
    if not isinstance(tool, Mapping):
        return None
    function = tool.get("function")
    name = function.get("name") if isinstance(function, Mapping) else tool.get("name", tool.get("type"))
    return name if isinstance(name, str) else None


@rule(
    "observation-without-call",
    "error",
    title=("A tool result without a call", "有工具结果，却没有调用"),
    harm=(
        "The answer before it is taught to end in <|observation|> though it calls nothing, so the model waits for results of calls it "
        "never made.",
        "它前面的回答没有调用任何工具，却会学着以 <|observation|> 结束，模型于是等待从未发起的调用的结果。",
    ),
    mend=(
        "Put the call before it: an assistant message with the function's name in metadata and the arguments in content.",
        "请在它前面补上调用：一条 assistant 消息，metadata 写函数名，content 写参数。",
    ),
    evidence=("LLaMA-Factory #9107",),
)
def observation_without_call(case: Case) -> Iterator[Hit]:
    for calls, results in _exchanges(case):
        if not calls:
            yield from (Hit(m) for m in results)
        elif len(calls) != len(results):
            yield from (Hit(m) for m in results[1:])


def _exchanges(case: Case) -> Iterator[tuple[list[int], list[int]]]:
    """Each run of calls with the run of observations right after it; either may be empty."""
    calls: list[int] = []
    results: list[int] = []
    for m, message in enumerate(case.messages):
        if message["role"] == "observation":
            results.append(m)
            continue
        calling = message["role"] == "assistant" and bool(message["content"]) and (is_call(message) or bool(call_written_as_text(message)))
        if results or not calling:
            yield calls, results
            calls, results = [], []
        if calling:
            calls.append(m)
    yield calls, results


def _called(case: Case, m: int) -> str:
    return str(case.messages[m].get("metadata"))[:40]


@rule(
    "call-without-observation",
    "error",
    title=("A call that isn't followed by its result", "调用之后没有结果"),
    harm=(
        "A call is taught to end in the tag that follows it. Only <|observation|> makes the program run the function; GLM-4 has no parallel "
        "calls.",
        "调用会学着以紧跟其后的标记结束。只有 <|observation|> 才会让程序去执行函数；GLM-4 没有并行调用。",
    ),
    mend=(
        "Put an observation after every call; write several calls one after the other, each with its result.",
        "请在每个调用之后放上 observation；多个调用请逐个写，各带结果。",
    ),
    evidence=("GLM-4 PR #572", "PrimeIntellect prime-rl PR #2644"),
)
def call_without_observation(case: Case) -> Iterator[Hit]:
    last = len(case.messages) - 1
    for calls, results in _exchanges(case):
        # All but the last have no result right behind them; the last has none if there is no result at all.
        alone = [] if len(calls) == len(results) else calls[:-1] if results else calls
        yield from (Hit(m, _called(case, m)) for m in alone if m != last and is_call(case.messages[m]))


@rule(
    "parallel-calls",
    "warning",
    title=("Several calls before their results", "多个调用之后才有结果"),
    harm=(
        "GLM-4 has no parallel calls: all but the last are taught to end in <|assistant|>, at which generation doesn't stop, so no function "
        "is run in between.",
        "GLM-4 没有并行调用：除最后一个之外，调用都会学着以 <|assistant|> 结束，而生成遇到它并不停止，函数也就不会在中间执行。",
    ),
    mend=("Write each call with its result right after it.", "请逐个写调用，每个后面紧跟它的结果。"),
    evidence=("PrimeIntellect prime-rl PR #2644", "PrimeIntellect renderers PR #66"),
)
def parallel_calls(case: Case) -> Iterator[Hit]:
    for calls, results in _exchanges(case):
        if len(calls) > 1 and len(calls) == len(results):
            yield Hit(calls[0], str(len(calls)))


@rule(
    "ends-with-call",
    "error",
    title=("The conversation ends with a tool call", "对话以工具调用结尾"),
    harm=(
        "The call is taught to end in the appended <|endoftext|> or <|user|>, where <|observation|> would be right: the model calls and "
        "then ends its turn, and the function is never run.",
        "这个调用会学着以追加的 <|endoftext|> 或 <|user|> 结束，而正确的是 <|observation|>：模型写完调用就结束这一轮，函数不会被执行。",
    ),
    mend=(
        "Add the observation and the final answer, or remove the call.",
        "请补上 observation 和最后的回答，或删去这个调用。",
    ),
    evidence=("GLM-4 PR #572",),
)
def ends_with_call(case: Case) -> Iterator[Hit]:
    if case.written and is_call(case.messages[case.written[-1]]):
        yield Hit(case.written[-1], _called(case, case.written[-1]))


RULES = (
    tools_readme_form,
    tools_malformed,
    tools_not_on_system,
    call_in_content,
    arguments_not_json,
    undeclared_function,
    observation_without_call,
    call_without_observation,
    parallel_calls,
    ends_with_call,
)
