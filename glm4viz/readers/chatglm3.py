"""ChatGLM3: `conversations` of messages {role, content}, in which one `tool` entry holds a call together with its result."""

from typing import Any

from glm4viz.conversation import missing, not_text, wrong
from glm4viz.readers.fields import Message, Record, Said, to_json, turns, with_front
from glm4viz.readers.openai import map_message
from glm4viz.texts import Text

NOTE: Text = {
    "en": "Read as ChatGLM3: conversations became messages.",
    "zh": "按 ChatGLM3 读取：conversations 变成了 messages。",
}
TOOL: Text = {
    "en": "A tool entry became a call (the name as metadata, the parameters as JSON in content) and an observation.",
    "zh": "tool 条目变成了一次调用（name 放在 metadata，parameters 以 JSON 放在 content）和一条 observation。",
}
RESULT_AS_JSON: Text = {
    "en": "A tool's observation that was not a text was written as JSON.",
    "zh": "不是文本的 observation 已写成 JSON。",
}
_TOOL_FIELDS = ("name", "parameters", "observation")  # a table has null in them for all other entries
_EXAMPLE = '{"role": "user", "content": "…"}'


def is_chatglm3(record: Record) -> bool:
    """Whether `conversations` has `role` where ShareGPT, which uses the same field, has `from`. The first turn that has either decides."""
    found = record.get("conversations")
    for turn in found if isinstance(found, list) else ():
        if isinstance(turn, dict) and (turn.get("from") is not None or turn.get("role") is not None):
            return turn.get("from") is None
    return False


def map_chatglm3(record: Record, said: Said) -> list[Message]:
    said["format"] = NOTE
    messages: list[Message] = []
    for index, (field, turn) in enumerate(turns(record, "conversations", _EXAMPLE)):
        if turn.get("role") == "tool" and (turn.get("content") is None or turn.get("observation") is not None):
            messages += _tool(turn, field, said)
        else:  # plain ones are GLM-4's already; what OpenAI says in its own way may stand here as well
            plain = {key: value for key, value in turn.items() if value is not None or key not in _TOOL_FIELDS}
            messages += map_message(index, plain, said, under="conversations")
    return with_front(record, messages, said)


def _tool(turn: dict[str, Any], field: str, said: Said) -> list[Message]:
    name, parameters = turn.get("name"), turn.get("parameters")
    if name is None:
        raise missing(f"{field}.name")
    if not isinstance(name, str):
        raise not_text(f"{field}.name", name)
    if not isinstance(parameters, str | dict):
        raise wrong(
            f"{field}.parameters",
            parameters,
            '. Write the call\'s parameters as an object, such as {"city": "…"}.',
            '。调用的参数请写成对象，如 {"city": "…"}。',
        )
    said["tool"] = TOOL
    loss = {"loss": turn["loss"]} if turn.get("loss") is not None else {}
    arguments = parameters if isinstance(parameters, str) else to_json(parameters)
    return [
        {"role": "assistant", "metadata": name, "content": arguments, **loss},
        {"role": "observation", "content": _observation(turn, f"{field}.observation", said)},
    ]


def _observation(turn: dict[str, Any], field: str, said: Said) -> str:
    result = turn.get("observation")
    if isinstance(result, str):
        return result
    if isinstance(result, dict | list):
        said["result as JSON"] = RESULT_AS_JSON
        return to_json(result)
    raise missing(field) if result is None else not_text(field, result)
