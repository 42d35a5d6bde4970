"""TRL: what SFTTrainer with assistant_only_loss does to one conversation, its template included."""

from typing import Any

from trl.chat_template_utils import get_training_chat_template

from benchmarks.cross_check.drivers.serving import Dropped, Make, Rows, masked, serve, tokenizer


def prepare(recipe: str) -> Make:
    loaded = tokenizer(recipe)
    template = get_training_chat_template(loaded)  # refuses a template that isn't one of those it knows

    def make(messages: list[dict[str, Any]], tools: list[dict[str, Any]] | None) -> Rows:
        made = loaded.apply_chat_template(
            messages, tools=tools, chat_template=template, tokenize=True, return_dict=True, return_assistant_tokens_mask=True
        )
        if 1 not in made["assistant_masks"]:
            raise Dropped("the trainer raises RuntimeError: at least one example has no assistant tokens")
        return masked(made["input_ids"], made["assistant_masks"])

    return make


if __name__ == "__main__":
    serve(prepare)
