"""The sequences of a capture file as conversations: their messages as they were found, and the sample that the run fed."""

from collections.abc import Iterator
from typing import BinaryIO

from glm4viz.conversation import Chat, Conversation, MessageError
from glm4viz.readers.openai import map_openai
from glm4viz.run.file import LIMIT, read_capture
from glm4viz.run.sample import CapturedSample


def captured_conversations(stream: BinaryIO) -> Iterator[Conversation]:
    """Each sequence of a capture. Raises ReadError."""
    yield from map(as_conversation, read_capture(stream.read(LIMIT + 1)))


def as_conversation(sample: CapturedSample) -> Conversation:
    """A captured sequence as a record like any other. Without role tags that are known, it has no messages."""
    messages = [dict(message) for message in sample.messages]
    if not messages or sample.recipe.form == "glm4":
        return Conversation(messages, "capture", sample.notes, captured=sample)
    try:
        mapped, chat = map_openai({"messages": messages, "tools": sample.tools}, {})
    except MessageError:  # nothing of GLM-4's form says this; recipes of OpenAI's form may
        return Conversation([], "capture", sample.notes, chat=Chat(sample.messages, sample.tools), captured=sample)
    return Conversation(mapped, "capture", sample.notes, chat=Chat(sample.messages, sample.tools, chat.source), captured=sample)
