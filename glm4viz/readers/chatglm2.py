"""ChatGLM-6B and ChatGLM2-6B: one question column, one answer column, and `history`, the earlier rounds as [[question, answer], …].

Their scripts take the names of the columns as options; known here are the usual one and that of their example, AdvertiseGen.
"""

from glm4viz.readers.fields import Message, Record, Said, needed_column, pairs, with_front
from glm4viz.texts import Text

COLUMNS = (("prompt", "response"), ("content", "summary"))


def is_chatglm2(record: Record) -> bool:
    return any(prompt in record and response in record for prompt, response in COLUMNS)


def columns_of(record: Record) -> tuple[str, str]:
    """Which of the known pairs of columns it has."""
    return next((pair for pair in COLUMNS if pair[0] in record or pair[1] in record), COLUMNS[0])


def map_chatglm2(record: Record, said: Said) -> list[Message]:
    prompt, response = columns_of(record)
    said["format"] = _note(prompt, response)
    messages = [
        *pairs(record),
        {"role": "user", "content": needed_column(record, prompt)},
        {"role": "assistant", "content": needed_column(record, response)},
    ]
    return with_front(record, messages, said)


def _note(prompt: str, response: str) -> Text:
    return {
        "en": f"Read as ChatGLM2's columns: history, {prompt} and {response} became the turns of user and assistant.",
        "zh": f"按 ChatGLM2 的列读取：history、{prompt} 和 {response} 变成了 user 与 assistant 的各轮消息。",
    }
