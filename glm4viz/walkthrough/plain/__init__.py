"""What the scripts do, written plainly: lists that grow, to be read on one screen. Nothing is computed with these, and the
tests hold them to the recipes' own ids and labels. A trailing `# step: …` says which steps of the walkthrough a line does.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from glm4viz.walkthrough.plain import chatglm3, glm4, xtuner


class Plain(NamedTuple):
    """run(messages, tokenizer, max_length): input_ids and labels, or a list of them. helpers: the functions to read beside it."""

    run: Callable[..., Any]
    helpers: tuple[Callable[..., Any], ...]


# By recipe. A recipe that stands here can be walked through.
PLAIN = {
    "glm4": Plain(glm4.process_batch, (glm4.old_message,)),
    "glm4-combine@dfe4601": Plain(glm4.process_combined, (glm4.jinja_message,)),
    "glm4v@dfe4601": Plain(glm4.process_vision, (glm4.jinja_message,)),
    "chatglm3": Plain(chatglm3.format_conversation, (chatglm3.tool_entries, chatglm3.entries, chatglm3.with_loss)),
    "xtuner": Plain(xtuner.all_answers, (xtuner.with_loss,)),
    "xtuner-last-turn": Plain(xtuner.last_answer, (xtuner.one_answer, glm4.old_message)),
    "xtuner-split": Plain(xtuner.each_answer, (xtuner.one_answer, glm4.old_message)),
    "glm4@c0a6d1e": Plain(partial(glm4.process_batch, trained=("assistant", "observation")), (glm4.old_message,)),
    "glm4@5722878": Plain(partial(glm4.process_batch, write=glm4.jinja_message), (glm4.jinja_message,)),
    "glm4@b9d6d38": Plain(partial(glm4.process_batch, end="<|user|>", write=glm4.jinja_message), (glm4.jinja_message,)),
    "glm4@dfe4601": Plain(partial(glm4.process_batch, end="<|user|>", write=glm4.jinja_message), (glm4.jinja_message,)),
}
