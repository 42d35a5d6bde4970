"""load_model and token_losses: the same for a model in memory and for one on a server, which needs no torch."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, overload

from glm4viz.errors import ModelError
from glm4viz.loss.needs import need_torch
from glm4viz.loss.results import Sample, TokenLosses
from glm4viz.loss.served.address import is_address
from glm4viz.loss.served.model import ServedModel, connect
from glm4viz.loss.served.scoring import served_losses

if TYPE_CHECKING:
    from glm4viz.loss.loading import Loading
    from glm4viz.loss.model import LossModel

AnyModel: TypeAlias = "LossModel | ServedModel"


@overload
def load_model(
    source: Path | Literal["demo", "demo-no-stop"] = "demo",
    device: str = "auto",
    dtype: Any = "auto",
    adapter: str | Path | None = None,
    *,
    quantize: str | None = None,
    progress: "Callable[[Loading], None] | None" = None,
    cancelled: Callable[[], bool] | None = None,
) -> "LossModel": ...


@overload
def load_model(
    source: str,
    device: str = "auto",
    dtype: Any = "auto",
    adapter: str | Path | None = None,
    *,
    quantize: str | None = None,
    progress: "Callable[[Loading], None] | None" = None,
    cancelled: Callable[[], bool] | None = None,
) -> AnyModel: ...


def load_model(
    source: str | Path = "demo",
    device: str = "auto",
    dtype: Any = "auto",
    adapter: str | Path | None = None,
    *,
    quantize: str | None = None,
    progress: "Callable[[Loading], None] | None" = None,
    cancelled: Callable[[], bool] | None = None,
) -> AnyModel:
    """A model whose losses can be asked for.

    source: "demo", its twin "demo-no-stop", a directory, or a hub id; safetensors only, and never with remote code. Or the
    address of a vLLM or SGLang server (`http://…`) that GLM4VIZ_SERVERS lists; the token ids of samples are sent there.
    device: "auto" is the GPU if there is one. dtype: "auto" is bfloat16 on a GPU and float32 on a CPU, or a torch.dtype.
    adapter: a LoRA directory as peft saves it; of a server, the name under which it serves the LoRA.
    quantize: "4bit" (NF4) or "8bit", by bitsandbytes on a GPU; the losses are then approximate, and say so in their notes.
    progress: told how far downloading and loading are. cancelled: asked between steps; yes raises Cancelled.
    Raises ModelError, also for a model that would not fit in memory; `plan_load` says beforehand what it takes.
    """
    if is_address(source):
        if quantize is not None:
            raise ModelError(
                "A served model is quantized by its server; leave quantize out.", "服务器上的模型由服务器决定是否量化；请去掉 quantize。"
            )
        return connect(str(source), None if adapter is None else str(adapter))
    need_torch()
    from glm4viz.loss.loading import load_into_memory

    return load_into_memory(source, device, dtype, adapter, quantize, progress, cancelled)


def token_losses(
    model: AnyModel,
    sample: Sample,
    top_k: int = 5,
    *,
    chunk: int | None = None,
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> TokenLosses:
    """The losses of a labelled sample, or of bare ids (whose label_nll is nan throughout).

    chunk: positions whose logits are in memory at once; by default what is fast and fits, and fewer after an out-of-memory.
    progress: told the share done, 0 to 1. cancelled: asked between steps; yes raises Cancelled.
    Raises VocabularyMismatch for an id that the model lacks, ModelError when even one position doesn't fit, or for what a server
    refuses or fails to give.
    """
    return token_losses_batch(model, [sample], top_k, chunk=chunk, progress=progress, cancelled=cancelled)[0]


def token_losses_batch(
    model: AnyModel,
    samples: Sequence[Sample],
    top_k: int = 5,
    *,
    chunk: int | None = None,
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> list[TokenLosses]:
    """The same for several samples; in memory, those of like length side by side."""
    if top_k < 0 or (chunk is not None and chunk < 1):
        raise ValueError(f"top_k must not be negative and chunk must be positive, not {top_k} and {chunk}")
    if isinstance(model, ServedModel):
        return served_losses(model, samples, top_k, progress, cancelled)
    from glm4viz.loss.losses import losses_in_memory

    return losses_in_memory(model, samples, top_k, chunk, progress, cancelled)
