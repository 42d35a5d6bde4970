"""Axolotl: its chat_template strategy with the tokenizer's own template, as for `type: chat_template` in a config."""

from typing import Any

from axolotl.prompt_strategies.chat_template import load
from axolotl.utils.dict import DictDefault

from benchmarks.cross_check.drivers.serving import Make, Rows, serve, tokenizer


def prepare(recipe: str) -> Make:
    config = DictDefault({"chat_template": "tokenizer_default", "sequence_len": 1 << 20, "train_on_inputs": False})
    strategy = load(tokenizer(recipe), config, {"type": "chat_template", "roles_to_train": ["assistant"], "train_on_eos": "turn"})

    def make(messages: list[dict[str, Any]], tools: list[dict[str, Any]] | None) -> Rows:
        made = strategy.tokenize_prompt({"messages": messages, **({} if tools is None else {"tools": tools})})
        return made["input_ids"], made["labels"]

    return make


if __name__ == "__main__":
    serve(prepare)
