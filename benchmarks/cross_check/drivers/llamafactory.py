"""LLaMA-Factory: its converter and its processor for supervised training.

Its sharegpt form is what a conversation has to be put into first; `-openai` hands the messages over as they are.
"""

import json
import os
from itertools import groupby
from typing import Any

from benchmarks.cross_check.drivers.serving import Dropped, Make, Rows, serve, stand_in, tokenizer

os.environ["DISABLE_VERSION_CHECK"] = "1"  # of transformers, which the chat template needs newer
stand_in("torchaudio")  # imported for sound, which no conversation here has

from llamafactory.data.converter import OpenAIDatasetConverter, SharegptDatasetConverter  # noqa: E402
from llamafactory.data.parser import DatasetAttr  # noqa: E402
from llamafactory.data.processor.supervised import SupervisedDatasetProcessor  # noqa: E402
from llamafactory.data.template import get_template_and_fix_tokenizer  # noqa: E402
from llamafactory.hparams.data_args import DataArguments  # noqa: E402

TEMPLATES = {"glm4.5": "glm4_moe", "glm4.7": "glm4_7", "glmz1": "glmz1"}
RESULTS_JOINT = "\n</tool_response>\n<tool_response>\n"  # as LLaMA-Factory's own openai converter joins them


def prepare(recipe: str) -> Make:
    name, _, openai = recipe.removeprefix("llamafactory-").partition("-")
    loaded = tokenizer(recipe)
    arguments = DataArguments(template=TEMPLATES[name], cutoff_len=1 << 20)
    template = get_template_and_fix_tokenizer(loaded, arguments)
    columns = {
        "messages": "messages",
        "tools": "tools",
        "role_tag": "role",
        "content_tag": "content",
        "user_tag": "user",
        "assistant_tag": "assistant",
        "observation_tag": "tool" if openai else "observation",
        "function_tag": "function_call",
        "system_tag": "system",
    }
    attributes = DatasetAttr("script", "given", formatting="openai" if openai else "sharegpt", **columns)
    converter = (OpenAIDatasetConverter if openai else SharegptDatasetConverter)(attributes, arguments)
    processor = SupervisedDatasetProcessor(template, loaded, None, arguments)

    def make(messages: list[dict[str, Any]], tools: list[dict[str, Any]] | None) -> Rows:
        given = messages if openai else sharegpt(messages, template.thought_words)
        converted = converter({"messages": given, "tools": "" if tools is None else json.dumps(tools, ensure_ascii=False)})
        made = processor.preprocess_dataset({key: [value] for key, value in converted.items()})
        if not made.get("input_ids"):
            raise Dropped("Skipping this abnormal example.")
        return made["input_ids"][0], made["labels"][0]

    return make


def sharegpt(messages: list[dict[str, Any]], words: tuple[str, str]) -> list[dict[str, Any]]:
    """Thoughts and calls go into the content; results in a row are one observation."""
    made: list[dict[str, Any]] = []
    for role, run in groupby(messages, key=lambda message: message["role"]):
        if role == "tool":
            made.append({"role": "observation", "content": RESULTS_JOINT.join(message["content"] for message in run)})
        elif role == "assistant":
            made += [answer(message, words) for message in run]
        else:
            made += [{"role": role, "content": message["content"]} for message in run]
    return made


def answer(message: dict[str, Any], words: tuple[str, str]) -> dict[str, Any]:
    thought, content = message.get("reasoning_content"), message.get("content")
    written = thought.join(words) if thought else ""
    if not message.get("tool_calls"):
        return {"role": "assistant", "content": written + (content or "") if written else content}
    functions = [{"name": call["function"]["name"], "arguments": call["function"]["arguments"]} for call in message["tool_calls"]]
    text = json.dumps(functions, ensure_ascii=False)
    return {"role": "function_call", "content": written + (f"{content}<tool_call>{text}</tool_call>" if content else text)}


if __name__ == "__main__":
    serve(prepare)
