"""ms-swift: its preprocessor of messages and its template, in training mode.

It doesn't read reasoning_content, so that is put into the content first, as the official layout has it.
"""

from types import SimpleNamespace
from typing import Any

from swift.dataset.preprocessor import MessagesPreprocessor
from swift.template import get_template

from benchmarks.cross_check.drivers.serving import Dropped, Make, Rows, serve, tokenizer

SCALES = {"last-round": "last_round", "ignore-empty-think": "ignore_empty_think"}


def prepare(recipe: str) -> Make:
    version, _, scale = recipe.removeprefix("ms-swift-glm").partition("-")
    loaded = tokenizer(recipe)
    # What ms-swift otherwise reads from a model's directory and its list of models.
    loaded.model_info = SimpleNamespace(config=None, task_type="causal_lm", max_model_len=1 << 20, model_dir="")
    loaded.model_meta = SimpleNamespace(is_multimodal=False, template=None, candidate_templates=[])
    template = get_template(loaded, template_type=f"glm{version.replace('.', '_')}", loss_scale=SCALES.get(scale, "default"))
    template.set_mode("train")
    preprocessor = MessagesPreprocessor()
    separator = "\n" if version == "4.5" else ""

    def make(messages: list[dict[str, Any]], tools: list[dict[str, Any]] | None) -> Rows:
        row = {"messages": [[thought_in_content(message, separator) for message in messages]]}
        if tools is not None:
            row["tools"] = [tools]
        kept = preprocessor.batched_preprocess(row, strict=False, ignore_max_length_error=False)
        if not kept["messages"]:
            raise Dropped("the preprocessor deletes it")
        made = template.encode({key: values[0] for key, values in kept.items()})
        return made["input_ids"], made["labels"]

    return make


def thought_in_content(message: dict[str, Any], separator: str) -> dict[str, Any]:
    thought = message.get("reasoning_content")
    if not thought:
        return message
    content = message.get("content")
    return {**message, "content": f"<think>{thought}</think>{separator if content else ''}{content or ''}"}


if __name__ == "__main__":
    serve(prepare)
