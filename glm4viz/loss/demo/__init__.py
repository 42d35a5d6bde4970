"""The demo model and its twin, in the package. benchmarks/demo_model trains them.

Both are small GlmForCausalLM over GLM-4's 151,552 rows. They have read some books, talk and manuals in English and Chinese, all
tokens; then conversations, labelled by the recipe `glm4`. The twin differs in one thing: its labels lack the stop tokens.
"""

from pathlib import Path
from typing import Any

DEMO, TWIN = "demo", "demo-no-stop"
NAMES = (DEMO, TWIN)
HERE = Path(__file__).parent
CONFIG = HERE / "config.json"


def build(name: str, config: Any) -> Any:
    """The model in full, float32. Stored are int8 matrices with a scale for each row, and of the embedding the rows of the tokens
    that were read often; `slots` [V] says which row is whose. Rare tokens of one kind share one, which was fitted to all of them.
    """
    import torch
    from safetensors.torch import load_file
    from transformers import GlmForCausalLM

    stored = load_file(HERE / f"{name}.safetensors")
    slots = stored.pop("slots").long()
    scales = {key.removesuffix(".scale"): stored.pop(key) for key in list(stored) if key.endswith(".scale")}
    weights = {key: tensor.float() * scales[key][:, None] if key in scales else tensor.float() for key, tensor in stored.items()}
    weights["model.embed_tokens.weight"] = weights["lm_head.weight"] = weights["model.embed_tokens.weight"][slots]
    with torch.device("meta"):
        model = GlmForCausalLM(config)
    model.load_state_dict(weights, assign=True)
    model.tie_weights()
    model.model.rotary_emb = type(model.model.rotary_emb)(config)  # computed, not stored
    return model
