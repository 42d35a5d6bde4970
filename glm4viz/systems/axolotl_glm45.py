"""Axolotl's chat_template strategy on GLM-4.5 and 4.7: the model's own template, without the calls.

An answer's place is found by rendering the conversation again with a dummy in its stead: what differs, as text, is what is trained.
"""

from collections.abc import Callable, Sequence
from json import loads
from typing import Any

import numpy as np

from glm4viz.errors import RecipeRejects
from glm4viz.layout import Message, Writer
from glm4viz.recipe import LabelledSample, Recipe, Source
from glm4viz.systems.axolotl import DUMMIES, EOS, MAX_LENGTH, find_stop, find_turn_in_text, not_too_long
from glm4viz.systems.glm45 import GLM45, GLM47, Template, official
from glm4viz.systems.trl import keep_labels
from glm4viz.systems.trl_glm45 import ALIVE, SPLIT, STRIPPED
from glm4viz.texts import Text

KEYS = ("role", "content", "reasoning_content")


def passed_on(messages: Sequence[Message]) -> list[Message]:
    """The keys that reach the template: it calls a message `m`, Axolotl looks for a variable `message` and finds no others used."""
    return [{key: message[key] for key in KEYS if message.get(key) is not None} for message in messages]


def with_parameters(tools: Sequence[Any] | None) -> Sequence[Any] | None:
    """The tools; parameters that are a text of JSON are parsed."""
    return None if tools is None else [_parsed(tool) for tool in tools]


def _parsed(tool: Any) -> Any:
    function = tool.get("function") if isinstance(tool, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("parameters"), str):
        return tool
    try:
        return {**tool, "function": {**function, "parameters": loads(function["parameters"])}}
    except ValueError:
        raise RecipeRejects(
            "Axolotl can't read the parameters of a tool (JSONDecodeError). Write them as an object.",
            "Axolotl 读不了某个工具的 parameters（JSONDecodeError）。请写成对象。",
        ) from None


def rendered(messages: Sequence[Message], tools: Sequence[Any] | None, t: Template) -> str:
    return "".join(segment.text for block in official(messages, tools, t) for segment in block)


def layout(t: Template) -> Callable[[Sequence[Message], Writer], None]:
    def write(messages: Sequence[Message], w: Writer) -> None:
        for block in official(passed_on(messages), with_parameters(w.tools), t):
            w.text(*block, specials=True, mask=True)  # label_turns takes away what isn't trained

    return write


def label_turns(t: Template) -> Callable[[LabelledSample, Any], LabelledSample]:
    """roles_to_train: [assistant], train_on_eos: turn."""

    def fit(sample: LabelledSample, sequence_len: int | None) -> LabelledSample:
        messages, tools = passed_on(sample.messages), with_parameters(sample.tools)
        text, mask = rendered(messages, tools, t), np.zeros(len(sample), bool)
        for m, message in enumerate(messages):
            if message["role"] != "assistant":
                continue
            dummies = ([*messages[:m], {"role": "assistant", "content": dummy}, *messages[m + 1 :]] for dummy in DUMMIES)
            start, stop = find_turn_in_text(sample, text, [rendered(dummy, tools, t) for dummy in dummies])
            if stop >= 0:
                mask[start:stop] = True
            at = find_stop(sample.input_ids, sample.tokenizer.special_ids[EOS], stop)
            if at >= 0:
                mask[at] = True
        return keep_labels(not_too_long(sample, sequence_len), mask)

    return fit


def _axolotl(version: str, t: Template, rule: Text, *quirks: Text) -> Recipe:
    return Recipe(
        id=f"axolotl-glm{version}",
        system="Axolotl",
        source=Source("axolotl-ai-cloud/axolotl", "src/axolotl/prompt_strategies/chat_template.py", "v0.19.0", "2026-09-10"),
        rule=rule,
        max_length=MAX_LENGTH,
        layout=layout(t),
        fit=label_turns(t),
        form="openai",
        vocabulary="glm-4.5",
        quirks=(CALLS_LOST, NO_STOP, *quirks, HISTORY_DROPPED, SPLIT, STRIPPED, ALIVE),
    )


CALLS_LOST: Text = {
    "en": "Tool calls disappear: Axolotl passes on other keys only where the template reads them from a variable called message, and here it "
    "is called m. message_property_mappings with tool_calls: tool_calls is needed.",
    "zh": "工具调用会消失：只有模板从名为 message 的变量读取的键，Axolotl 才会传下去，而这里它叫 m。需要在 message_property_mappings 里写上 "
    "tool_calls: tool_calls。",
}
NO_STOP: Text = {
    "en": "No end tag is trained: <|endoftext|> doesn't occur in the template, which Axolotl only warns about (issue #2145 asks for a way to "
    "see the mask).",
    "zh": "结束标签从不训练：模板里没有 <|endoftext|>，Axolotl 对此只给出警告（issue #2145 希望能看到掩码）。",
}
HISTORY_DROPPED: Text = {
    "en": "Thoughts before the last user message are dropped, as the template does; an answer with neither a shown thought nor a text trains "
    "nothing.",
    "zh": "最后一条 user 消息之前的思考会被丢弃，与模板一致；既没有显示的思考也没有正文的回答什么也不训练。",
}

RECIPES = (
    _axolotl(
        "4.5",
        GLM45,
        {
            "en": "Trained is an answer's text and its shown thought with </think>, but not <think>, and no tag.",
            "zh": "训练回答的正文，以及显示出来的思考和 </think>；<think> 和任何标签都不训练。",
        },
    ),
    _axolotl(
        "4.7",
        GLM47,
        {
            "en": "Trained is an answer's text and its shown thought with <think> and </think>, and no tag.",
            "zh": "训练回答的正文，以及显示出来的思考和 <think>、</think>；任何标签都不训练。",
        },
        {
            "en": "<think> is trained, though GLM-4.7's generation prompt supplies it.",
            "zh": "<think> 参与训练，而 GLM-4.7 的生成提示会自带它。",
        },
    ),
)
