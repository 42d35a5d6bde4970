"""A sample of GLM-4's form told in the messages of OpenAI's form, so that recipes of both can stand side by side."""

from dataclasses import replace

import numpy as np

from glm4viz.conversation import Chat
from glm4viz.recipe import LabelledSample


def on_chat(sample: LabelledSample, chat: Chat) -> LabelledSample:
    """The same tokens with message_index, owner and full_sizes counted in the chat's messages; its tools' own message becomes none.

    A span stays where the chat's message has the same content; the arguments of a call, which are no content there, lose theirs.
    """
    count = len(chat.messages)
    source = np.array([*chat.source, -1], np.int32)  # the last is for what stands outside messages
    same = [
        to >= 0 and message["content"] == chat.messages[to].get("content") for message, to in zip(sample.messages, chat.source, strict=True)
    ]
    kept = np.array([*same, False])[sample.message_index]
    sizes = np.zeros(count + 1, np.int32)
    np.add.at(sizes, source % (count + 1), sample.full_sizes)
    return replace(
        sample,
        messages=chat.messages,
        message_index=source[sample.message_index],
        owner=source[sample.owner],
        spans=np.where(kept[:, None], sample.spans, np.int32(-1)),
        full_sizes=sizes,
        tools=chat.tools,
    )
