"""A trained model as the file that the package carries: whole numbers of eight bits, a scale for each row."""

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

SCALE = ".scale"


def quantised(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """int8 [R, C] and float32 [R], whose product is the weight but for half a step of its row."""
    scale = weight.abs().amax(1).clamp_min(1e-12) / 127
    return (weight / scale[:, None]).round().to(torch.int8), scale


def save(model: Any, slots: torch.Tensor, path: Path, *, seed: int) -> None:
    """Matrices as int8, vectors in half precision, and which row of the embedding each id has."""
    stored: dict[str, torch.Tensor] = {"slots": slots.to(torch.int16)}
    for name, weight in model.state_dict().items():
        if name == "lm_head.weight":
            continue
        if weight.ndim == 2:
            stored[name], stored[name + SCALE] = quantised(weight.float())
        else:
            stored[name] = weight.half()
    save_file({name: tensor.contiguous() for name, tensor in stored.items()}, path, metadata={"format": "pt", "seed": str(seed)})
