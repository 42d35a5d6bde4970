"""What is free, what a model will take, and a refusal in words: Linux would sooner kill the process than raise MemoryError."""

import os
from dataclasses import dataclass
from pathlib import Path

import torch

from glm4viz.errors import ModelError

GIB = 1 << 30
MARGIN = 1 << 28  # for Python, torch's own buffers and one chunk of logits
CGROUPS = (
    (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current"), Path("/sys/fs/cgroup/memory.stat")),
    (
        Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
        Path("/sys/fs/cgroup/memory/memory.usage_in_bytes"),
        Path("/sys/fs/cgroup/memory/memory.stat"),
    ),
)


@dataclass(frozen=True)
class Plan:
    """What loading a model will take. `free` is None where the system doesn't say."""

    name: str
    parameters: int
    dtype: torch.dtype
    device: torch.device
    free: int | None

    @property
    def needed(self) -> int:
        """Bytes for the parameters and a little to work with."""
        return self.parameters * self.dtype.itemsize + MARGIN

    @property
    def fits(self) -> bool:
        """Is there room, as far as known?"""
        return self.free is None or self.needed <= self.free

    def sentence(self, language: str = "en") -> str:
        """What it will need and what is free."""
        size = f"{self.parameters / 1e9:.2f}" if self.parameters >= 1e7 else f"{self.parameters / 1e9:.4f}"
        dtype = str(self.dtype).removeprefix("torch.")
        need, free = f"{self.needed / GIB:.1f}", "?" if self.free is None else f"{self.free / GIB:.1f}"
        if language == "zh":
            return f"{self.name} 有 {size} 十亿个参数，以 {dtype} 加载到 {self.device} 需要 {need} GiB；现有 {free} GiB 可用。"
        return f"{self.name} has {size} billion parameters; as {dtype} on {self.device} it needs {need} GiB, and {free} GiB are free."

    def check(self) -> None:
        """Raise ModelError unless it fits."""
        if not self.fits:
            raise ModelError(
                f"{self.sentence('en')} Free some memory, or use a smaller model or dtype='bfloat16'.",
                f"{self.sentence('zh')}请腾出内存，或换用更小的模型，或使用 dtype='bfloat16'。",
            )


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
