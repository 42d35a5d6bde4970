"""The demo model and its twin, in the package: see train.py for how they were made."""

from pathlib import Path
from typing import Any

DEMO, TWIN = "demo", "demo-no-stop"
NAMES = (DEMO, TWIN)
HERE = Path(__file__).parent
CONFIG = HERE / "config.json"


def build(name: str, config: Any) -> Any:
    """The model in full: the stored rows in their places, and zeros in all others."""
    import torch
    from safetensors.torch import load_file
    from transformers import GlmForCausalLM

    weights = {
        key: tensor.float() if tensor.is_floating_point() else tensor for key, tensor in load_file(HERE / f"{name}.safetensors").items()
    }
    rows, trained = weights.pop("rows"), weights["model.embed_tokens.weight"]
    every = torch.zeros(config.vocab_size, trained.shape[1])
    every[rows.long()] = trained
    weights["model.embed_tokens.weight"] = weights["lm_head.weight"] = every
    model = GlmForCausalLM(config)
    model.load_state_dict(weights)
    return model
