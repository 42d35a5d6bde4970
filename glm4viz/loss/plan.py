"""What a model will take, found out before anything is loaded: of its config, and of the headers of its files."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from glm4viz.errors import ModelError
from glm4viz.loss.head import logit_bytes
from glm4viz.loss.hub import Remote
from glm4viz.loss.memory import GIB, MARGIN, activation_bytes
from glm4viz.loss.quantized import BLOCK, NAMES, STAY_SMALL, cannot_quantize
from glm4viz.texts import Text, both, fill, listed

MAP = 16 * 4  # bytes of the table of NF4's 16 values, one a layer

NEEDS = both(
    "{name}: {billions} billion parameters{on_disk}. As {kind} on {device} the weights take {weights}, and {working} more {work}: {needed} in "
    "all, and {free} are free.",
    "{name}：{hundred_millions} 亿个参数{on_disk}。以 {kind} 加载到 {device}，权重占 {weights}，{work}还需 {working}；共需 {needed}，可用 {free}。",
)
TO_READ = both("to read {tokens:,} tokens", "读 {tokens:,} 个 token ")
TO_WORK = both("to work with", "运行")
ON_DISK = both(", {bytes} on disk ({kinds})", "，磁盘上 {bytes}（{kinds}）")
AS_BFLOAT16 = both("as bfloat16 ({needed})", "以 bfloat16 加载（{needed}）")
IN_BITS = both("in {bits} ({needed})", "以 {bits} 量化加载（{needed}）")
SHORTER = both("with at most {tokens:,} tokens", "最多 {tokens:,} 个 token")
WAYS = both("There isn't room for that, but there is: {ways}.", "放不下；可行的办法：{ways}。")
NO_WAY = both(
    "There isn't room for that. Free some memory, use a smaller model, or one on a vLLM or SGLang server (GLM4VIZ_SERVERS).",
    "放不下。请腾出内存，换用更小的模型，或使用 vLLM、SGLang 服务器上的模型（GLM4VIZ_SERVERS）。",
)
TO_FETCH = both("; {bytes} of it have yet to be downloaded", "，其中 {bytes} 尚未下载")


@dataclass(frozen=True)
class Shape:
    """What a model's skeleton says. linear: parameters of the layers that bitsandbytes packs, in `layers` of `rows` rows altogether."""

    parameters: int
    buffers: int  # bytes, of those that keep their own dtype
    linear: int
    layers: int
    rows: int

    def bytes_as(self, dtype: torch.dtype, quantize: str | None = None) -> int:
        """Of all parameters and buffers in memory."""
        if quantize is None:
            return self.parameters * dtype.itemsize + self.buffers
        others = (self.parameters - self.linear) * dtype.itemsize + self.buffers
        if quantize == "8bit":
            return others + self.linear + 4 * self.rows  # a float32 scale a row
        return others + self.linear // 2 + 4 * -(-self.linear // BLOCK) + MAP * self.layers


@dataclass(frozen=True)
class Plan:
    """What loading a model, and reading `tokens` tokens with it, will take. Sizes are in bytes.

    stored: the tensors in its files by dtype; empty for the demo model. remote: of a model on the hub, what has yet to come.
    quantize: "4bit", "8bit" or None; method: how the checkpoint itself is quantized. free: None where the system doesn't say.
    """

    name: str
    dtype: torch.dtype
    device: torch.device
    free: int | None
    shape: Shape
    config: Any = field(repr=False)
    stored: Mapping[str, int]
    remote: Remote | None = None
    quantize: str | None = None
    method: str | None = None
    tokens: int = 0

    @property
    def parameters(self) -> int:
        """How many there are."""
        return self.shape.parameters

    @property
    def on_disk(self) -> int:
        """Of the files' tensors; a checkpoint may hold some that aren't loaded, such as the layers that predict further tokens."""
        return sum(self.stored.values())

    @property
    def weights(self) -> int:
        """Of the weights in memory."""
        dense = self.shape.bytes_as(self.dtype, self.quantize)
        if self.method is None:
            return dense
        return self.on_disk if self.method in STAY_SMALL and self.stored else max(dense, self.on_disk)

    @property
    def working(self) -> int:
        """For reading the tokens: hidden states, one layer's activations and one chunk of logits; and a little for Python."""
        logits = logit_bytes(self.config, self.dtype, self.device, self.tokens)
        return MARGIN + activation_bytes(self.config, self.dtype, self.tokens) + logits

    @property
    def needed(self) -> int:
        """In memory, all in all."""
        return self.weights + self.working

    @property
    def fits(self) -> bool:
        """Is there room, as far as known?"""
        return self.free is None or self.needed <= self.free

    def sentence(self, language: str = "en") -> str:
        """What it will need and what is free."""
        disk = both("", "")
        if self.stored:
            disk = fill(ON_DISK, bytes=gib(self.on_disk), kinds=", ".join(self.stored))
            fetch = fill(TO_FETCH, bytes=gib(self.remote.missing)) if self.remote and self.remote.missing else both("", "")
            disk = {key: text + fetch[key] for key, text in disk.items()}
        return fill(
            NEEDS,
            name=self.name,
            billions=f"{self.parameters / 1e9:.2f}" if self.parameters >= 1e7 else f"{self.parameters / 1e9:.4f}",
            hundred_millions=f"{self.parameters / 1e8:.2f}" if self.parameters >= 1e6 else f"{self.parameters / 1e8:.4f}",
            on_disk=disk,
            kind=self.kind,
            device=self.device,
            weights=gib(self.weights),
            working=gib(self.working),
            work=fill(TO_READ, tokens=self.tokens) if self.tokens else TO_WORK,
            needed=gib(self.needed),
            free="? GiB" if self.free is None else gib(self.free),
        )[language]

    @property
    def kind(self) -> str:
        """What the weights will be in memory: a dtype, and how they are quantized."""
        dtype, how = str(self.dtype).removeprefix("torch."), self.quantize or self.method
        return dtype if how is None else f"{NAMES.get(how, how)} + {dtype}"

    def check(self) -> None:
        """Raise ModelError unless it fits."""
        if self.fits:
            return
        raise ModelError(self.refusal)

    @property
    def refusal(self) -> Text:
        """What it would need, and what to do instead: ways that would fit, with their sizes; else what helps."""
        ways, half = list[Text](), torch.bfloat16 if self.dtype == torch.float32 else self.dtype
        packs = self.method is None and cannot_quantize(self.device) is None
        for text, plan in (
            (AS_BFLOAT16, replace(self, dtype=half)),
            *((IN_BITS, replace(self, quantize=bits, dtype=half)) for bits in ("8bit", "4bit") if packs and self.quantize is None),
        ):
            if plan.fits:
                ways.append(fill(text, bits=plan.quantize or "", needed=gib(plan.needed)))
        if self.tokens and (longest := self._longest()):
            ways.append(fill(SHORTER, tokens=longest))
        end = fill(WAYS, ways=listed(ways)) if ways else NO_WAY
        return {language: f"{self.sentence(language)} {end[language]}" for language in end}

    def _longest(self) -> int:
        """The most tokens that fit, 0 if none do."""
        low, high = 0, self.tokens
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if replace(self, tokens=middle).fits else (low, middle)
        return low


def gib(size: int) -> str:
    """A size for reading; of small ones something is left."""
    return f"{size / GIB:.1f} GiB" if size >= GIB // 10 else f"{size / (1 << 20):.1f} MiB"


def shape_of(skeleton: Any) -> Shape:
    """Of a model on the meta device, whose tensors have sizes but no memory. Tied weights count once."""
    parameters, head = list(skeleton.parameters()), skeleton.get_output_embeddings()
    # transformers packs what is exactly a Linear and not the output layer; experts are one tensor for all, and stay.
    packed = [module for module in skeleton.modules() if type(module) is torch.nn.Linear and module is not head]
    return Shape(
        parameters=sum(p.numel() for p in parameters),
        buffers=sum(b.numel() * b.dtype.itemsize for b in skeleton.buffers()),
        linear=sum(module.weight.numel() for module in packed),
        layers=len(packed),
        rows=sum(module.out_features for module in packed),
    )
