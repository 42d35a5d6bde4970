"""renderers: GLM-4.5's renderer with its defaults."""

from typing import Any

from renderers import build_training_sample
from renderers.glm45 import GLM45Renderer

from benchmarks.cross_check.drivers.serving import Make, Rows, masked, serve, tokenizer


def prepare(recipe: str) -> Make:
    renderer = GLM45Renderer(tokenizer(recipe))

    def make(messages: list[dict[str, Any]], tools: list[dict[str, Any]] | None) -> Rows:
        sample = build_training_sample(renderer, messages, tools=tools)
        return masked(list(sample.token_ids), [int(one) for one in sample.loss_mask])

    return make


if __name__ == "__main__":
    serve(prepare)
