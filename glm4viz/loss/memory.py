"""What is free, what a computation will take, and a refusal in words: Linux would sooner kill the process than raise MemoryError."""

import os
from pathlib import Path
from typing import Any

import torch

from glm4viz.errors import ModelError

GIB = 1 << 30
MARGIN = 1 << 28  # for Python and torch's own buffers
CGROUPS = (
    (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current"), Path("/sys/fs/cgroup/memory.stat")),
    (
        Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
        Path("/sys/fs/cgroup/memory/memory.usage_in_bytes"),
        Path("/sys/fs/cgroup/memory/memory.stat"),
    ),
)


def activation_bytes(config: Any, dtype: torch.dtype, tokens: int) -> int:
    """About what one layer holds at its peak for so many tokens: the most of its norms, attention, MLP and experts.

    Of transformers 5.23's GLM layers: a norm works in float32, attention holds the heads' queries, keys and values with their rotated copies, an MLP four
    tensors of its inner width, and grouped experts of half precision six of the hidden width for each expert that a token is sent to.
    """
    hidden, inner = config.hidden_size, config.intermediate_size
    width = getattr(config, "head_dim", None) or hidden // config.num_attention_heads
    heads, pairs = config.num_attention_heads * width, config.num_key_value_heads * width
    experts, narrow = (getattr(config, name, None) or 0 for name in ("num_experts_per_tok", "moe_intermediate_size"))
    most = max(
        13 * hidden, 3 * heads + 2 * pairs + 3 * hidden, 4 * inner + 4 * hidden, experts * max(6 * hidden, hidden + 4 * narrow) + 4 * hidden
    )
    return int(tokens * dtype.itemsize * (most + 2 * width))


def free_memory(device: torch.device) -> int | None:
    """Bytes that can be had on the device now; None if the system doesn't say."""
    if device.type == "cuda":
        free: int = torch.cuda.mem_get_info(device)[0]
        # What torch holds but doesn't use can be had as well.
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    known = [size for size in (_system_free(), *(_container_free(*paths) for paths in CGROUPS)) if size is not None]
    return min(known, default=None)


def _system_free() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError):
        pass
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None


def _container_free(limit: Path, used: Path, stat: Path) -> int | None:
    try:
        most, now = int(limit.read_text("ascii")), int(used.read_text("ascii"))  # "max": no limit, not a number
        cached = next((int(line.split()[1]) for line in stat.read_text("ascii").splitlines() if line.startswith("inactive_file ")), 0)
        return most - now + cached
    except (OSError, ValueError):
        return None


def is_out_of_memory(error: BaseException) -> bool:
    """Did an allocation fail? On a CPU torch says so with a plain RuntimeError."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        isinstance(error, RuntimeError) and ("can't allocate memory" in str(error) or "out of memory" in str(error).lower())
    )


def out_of_memory(en: str, zh: str, device: torch.device) -> ModelError:
    """The sentence for a computation that doesn't fit."""
    free = free_memory(device)
    size = "?" if free is None else f"{free / GIB:.1f}"
    return ModelError(
        f"Out of memory on {device} {en} ({size} GiB free). Use a shorter conversation, a smaller model or another device.",
        f"{device} 内存不足：{zh}（可用 {size} GiB）。请缩短对话，或换用更小的模型或其他设备。",
    )
