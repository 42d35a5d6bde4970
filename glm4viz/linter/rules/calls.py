"""Rules on calls of functions and their results."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from glm4viz.layout import Message
from glm4viz.linter.case import Case, calls_of, is_call, is_result
from glm4viz.linter.findings import Hit, rule
from glm4viz.linter.rules.tools import BUILT_IN, tools_of
from glm4viz.texts import both

_CALL_TAGS = ("<tool_call>", "<|tool_call|>", "<function_call>")


@rule(
    "call-in-content",
    "error",
    title=both("A tool call written into the content", "工具调用写进了 content"),
    harm=both(
        "The model is taught to print the call as text. GLM-4 writes <|assistant|>, the function's name, a newline and the arguments, and "
        "nothing else is recognised as a call. For GLM-4.5 only tool_calls end in <|observation|>.",
        "模型会学着把调用当成文本写出来。GLM-4 的写法是 <|assistant|>、函数名、换行、参数；别的写法都不会被认作调用。对 GLM-4.5，只有 "
        "tool_calls 才以 <|observation|> 结束。",
    ),
    mend=both(
        "Put the name into metadata and only the arguments into content; for GLM-4.5, both into tool_calls.",
        "请把函数名放进 metadata，content 里只写参数；对 GLM-4.5，请都放进 tool_calls。",
    ),
    evidence=("GLM-4 PR #572", "ChatGLM3 #1176", "LLaMA-Factory #9107"),
)
def call_in_content(case: Case) -> Iterator[Hit]:
    for m, content in case.texts:
        if case.messages[m]["role"] == "assistant" and (name := call_written_as_text(case.messages[m])):
            yield Hit(m, name, span=(0, len(content.encode())))


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
    title=both("A call's arguments are not a JSON object", "调用的参数不是 JSON 对象"),
    harm=both(
        "The model is taught arguments that no program can read back.",
        "模型会学到任何程序都无法解析的参数。",
    ),
    mend=both(
        'Write them as one JSON object, such as {"city": "Suzhou"}: for GLM-4 in the content, made with json.dumps.',
        '请写成一个 JSON 对象，例如 {"city": "苏州"}；对 GLM-4 写在 content 里，用 json.dumps 生成。',
    ),
    evidence=("LLaMA-Factory #9107",),
)
def arguments_not_json(case: Case) -> Iterator[Hit]:
    for m in case.written:
        for name, arguments in calls_of(case.messages[m]):
            if isinstance(arguments, str) and name.strip() not in BUILT_IN and not isinstance(_as_json(arguments), dict):
                # In GLM-4's form they are the content.
                yield Hit(m, repr(arguments[:40]), span=(0, len(arguments.encode())) if case.form == "glm4" else None)


def _as_json(text: object) -> Any:
    try:
        return json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return None


@rule(
    "undeclared-function",
    "error",
    title=both("A call of a function that isn't declared", "调用了未声明的函数"),
    harm=both(
        "The model is taught to call a function that it isn't shown, so it learns to make names up.",
        "模型学着调用没有给它看过的函数，也就学会了编造函数名。",
    ),
    mend=both("Add the function to tools, or correct the name of the call.", "请把函数加入 tools，或改正调用里的名字。"),
)
def undeclared_function(case: Case) -> Iterator[Hit]:
    declared = declared_functions(case)
    if not declared:
        return  # whoever declares none may describe them in words
    for m, message in enumerate(case.messages):
        yield from (Hit(m, name[:40]) for name, _ in calls_of(message) if name not in declared and name.strip() not in BUILT_IN)


def declared_functions(case: Case) -> set[object]:
    """The names of the functions that the conversation or a message of it declares; None stands for one without a name."""
    return {_name(tool) for tools in (*map(tools_of, case.messages), case.tools or ()) for tool in tools}


def _name(tool: object) -> object:
    if not isinstance(tool, Mapping):
        return None
    function = tool.get("function")
    name = function.get("name") if isinstance(function, Mapping) else tool.get("name", tool.get("type"))
    return name if isinstance(name, str) else None


@rule(
    "observation-without-call",
    "error",
    title=both("A tool result without a call", "有工具结果，却没有调用"),
    harm=both(
        "The answer before it is taught to end in <|observation|> though it calls nothing, so the model waits for results of calls it "
        "never made.",
        "它前面的回答没有调用任何工具，却会学着以 <|observation|> 结束，模型于是等待从未发起的调用的结果。",
    ),
    mend=both(
        "Put the call before it: an assistant message with the function's name in metadata and the arguments in content, or with "
        "tool_calls for GLM-4.5.",
        "请在它前面补上调用：一条 assistant 消息，metadata 写函数名，content 写参数；对 GLM-4.5 则写 tool_calls。",
    ),
    evidence=("LLaMA-Factory #9107",),
)
def observation_without_call(case: Case) -> Iterator[Hit]:
    for calls, results in _exchanges(case):
        if not calls:
            yield from (Hit(m) for m in results)
        elif len(calls) != len(results):
            # GLM-4.5 may make several calls at once, each with a result.
            yield from (Hit(m) for m in results[1 if case.form == "glm4" else len(calls) :])


def _exchanges(case: Case) -> Iterator[tuple[list[int], list[int]]]:
    """Each run of calls with the run of results right after it; either may be empty. A message that makes two calls counts twice."""
    calls: list[int] = []
    results: list[int] = []
    for m, message in enumerate(case.messages):
        if is_result(message):
            results.append(m)
            continue
        made = _calls_made(case, m)
        if results or not made:
            yield calls, results
            calls, results = [], []
        calls += [m] * made
    yield calls, results


def _calls_made(case: Case, m: int) -> int:
    message = case.messages[m]
    if message["role"] != "assistant" or m not in case.written:
        return 0
    return len(calls_of(message)) or bool(message["content"] and call_written_as_text(message))


def _called(case: Case, m: int) -> str:
    return ", ".join(name for name, _ in calls_of(case.messages[m]))[:40]


@rule(
    "call-without-observation",
    "error",
    title=both("A call that isn't followed by its result", "调用之后没有结果"),
    harm=both(
        "A call is taught to end in the tag that follows it. Only <|observation|> makes the program run the function; GLM-4 has no parallel "
        "calls, and GLM-4.5 waits for a result of each.",
        "调用会学着以紧跟其后的标记结束。只有 <|observation|> 才会让程序去执行函数；GLM-4 没有并行调用，GLM-4.5 则等待每个调用的结果。",
    ),
    mend=both(
        "Put a result after every call; for GLM-4 write several calls one after the other, each with its result.",
        "请在每个调用之后放上结果；对 GLM-4，多个调用请逐个写，各带结果。",
    ),
    evidence=("GLM-4 PR #572", "PrimeIntellect prime-rl PR #2644"),
)
def call_without_observation(case: Case) -> Iterator[Hit]:
    last = len(case.messages) - 1
    for calls, results in _exchanges(case):
        # All but the last have no result right behind them; the last has none if there is no result at all.
        alone = [] if len(calls) == len(results) else calls[:-1] if results else calls
        if case.form == "openai":
            alone = list(dict.fromkeys(calls[len(results) :]))
        yield from (Hit(m, _called(case, m)) for m in alone if m != last and is_call(case.messages[m]))


@rule(
    "parallel-calls",
    "warning",
    title=both("Several calls before their results", "多个调用之后才有结果"),
    harm=both(
        "GLM-4 has no parallel calls: all but the last are taught to end in <|assistant|>, at which generation doesn't stop, so no function "
        "is run in between.",
        "GLM-4 没有并行调用：除最后一个之外，调用都会学着以 <|assistant|> 结束，而生成遇到它并不停止，函数也就不会在中间执行。",
    ),
    mend=both("Write each call with its result right after it.", "请逐个写调用，每个后面紧跟它的结果。"),
    evidence=("PrimeIntellect prime-rl PR #2644", "PrimeIntellect renderers PR #66"),
    forms=("glm4",),
)
def parallel_calls(case: Case) -> Iterator[Hit]:
    for calls, results in _exchanges(case):
        if len(calls) > 1 and len(calls) == len(results):
            yield Hit(calls[0], str(len(calls)))


@rule(
    "ends-with-call",
    "error",
    title=both("The conversation ends with a tool call", "对话以工具调用结尾"),
    harm=both(
        "The call is taught to end in the appended <|endoftext|> or <|user|>, where <|observation|> would be right: the model calls and "
        "then ends its turn, and the function is never run.",
        "这个调用会学着以追加的 <|endoftext|> 或 <|user|> 结束，而正确的是 <|observation|>：模型写完调用就结束这一轮，函数不会被执行。",
    ),
    mend=both(
        "Add the observation and the final answer, or remove the call.",
        "请补上 observation 和最后的回答，或删去这个调用。",
    ),
    evidence=("GLM-4 PR #572",),
)
def ends_with_call(case: Case) -> Iterator[Hit]:
    if not case.written or not is_call(case.messages[last := case.written[-1]]):
        return
    # Systems of GLM-4.5 may append the right tag, or train none, which is another rule's.
    wrong = [turn for _, turn in case.turns if turn.message == last and turn.stop_trained and turn.stop_name != "<|observation|>"]
    if case.form == "glm4" or wrong:
        yield Hit(last, _called(case, last))


RULES = (
    call_in_content,
    arguments_not_json,
    undeclared_function,
    observation_without_call,
    call_without_observation,
    parallel_calls,
    ends_with_call,
)
