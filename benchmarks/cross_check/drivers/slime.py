"""slime: the mask generator of its supervised training, called as its rollout calls it. From a checkout; it is in no package index."""

from typing import Any

from slime.utils.mask_utils import MultiTurnLossMaskGenerator

from benchmarks.cross_check.drivers.serving import Make, Rows, masked, serve, tokenizer


def prepare(recipe: str) -> Make:
    generator = MultiTurnLossMaskGenerator(tokenizer(recipe), tokenizer_type="qwen")

    def make(messages: list[dict[str, Any]], tools: list[dict[str, Any]] | None) -> Rows:
        return masked(*generator.get_loss_mask(messages, tools=tools))

    return make


if __name__ == "__main__":
    serve(prepare)
