"""LossModel: a loaded GLM-4 and how its hidden states are had."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from glm4viz.errors import ModelError, VocabularyMismatch
from glm4viz.loss.memory import activation_bytes, free_memory, is_out_of_memory, out_of_memory
from glm4viz.loss.quantized import note
from glm4viz.loss.results import IdArray
from glm4viz.texts import Text

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
Step = Callable[[float], None]  # told a share of the work just done; may raise results.Cancelled


@dataclass(frozen=True, eq=False)
class LossModel:
    """One model in memory. Computations take turns: its lock is held while one runs.

    `name` is what it was loaded from, `adapter` the LoRA directory on top of it or None, `rows` the size of its vocabulary.
    `quantized`: "4bit" or "8bit" where it was loaded so, or how its checkpoint is quantized; else None. Its losses are approximate.
    """

    name: str
    module: Any  # a transformers …ForCausalLM; under an adapter, with its layers changed in place
    device: torch.device
    dtype: torch.dtype
    parameters: int
    adapter: str | None = None
    peft: Any = None  # the PeftModel around the module
    adapter_on: bool = True
    quantized: str | None = None
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    @property
    def short_name(self) -> str:
        """The last part of its name, or of its adapter's."""
        return (self.adapter or self.name).rstrip("/").rpartition("/")[2]

    @property
    def described(self) -> str:
        """Where the numbers come from, in a few words."""
        how = f" · ≈ {self.quantized}" if self.quantized else ""
        return f"{self.device} · {str(self.dtype).removeprefix('torch.')}{how}"

    @property
    def notes(self) -> tuple[Text, ...]:
        """What is to be said of its losses."""
        return note(self.quantized)

    @property
    def rows(self) -> int:
        """Token ids are 0 … rows - 1."""
        return int(self.module.config.vocab_size)

    def without_adapter(self) -> "LossModel":
        """The base model alone, sharing the memory: base and fine-tuned losses side by side."""
        return replace(self, adapter_on=False)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Take the model for one computation."""
        with self.lock, torch.inference_mode(), ExitStack() as stack:
            if self.peft is not None and not self.adapter_on:
                stack.enter_context(self.peft.disable_adapter())
            yield

    def check_ids(self, ids: IdArray) -> None:
        """Raise VocabularyMismatch for an id that the model has no row for."""
        foreign = (ids < 0) | (ids >= self.rows)
        if foreign.any():
            token = int(ids[foreign][0])
            raise VocabularyMismatch(
                f"Token {token} is not on this vocabulary: {self.name} has the ids 0 to {self.rows - 1}. "
                "Recipes of other model families use stand-in ids; choose a recipe that writes GLM-4's own tokens.",
                f"编号 {token} 不在这个词表里：{self.name} 的编号为 0 到 {self.rows - 1}。"
                "其他模型系列的配方使用替代编号；请选择只写 GLM-4 自己的 token 的配方。",
            )

    def hidden_states(self, rows: Sequence[IdArray], step: Step = lambda _: None) -> list[torch.Tensor]:
        """The last hidden state of every token, [T, hidden] a row. Call it inside `running`.

        Rows are padded on the right, where no token of a causal model sees it, so that no attention mask is needed and
        attention never holds a T by T matrix.
        """
        padded = np.zeros((len(rows), max(map(len, rows))), np.int64)
        for r, ids in enumerate(rows):
            padded[r, : len(ids)] = ids
        self._check_room(padded.size)
        backbone = self.module.get_decoder()
        layers = list(getattr(backbone, "layers", []))
        hooks = [layer.register_forward_hook(lambda *_: step(1 / len(layers))) for layer in layers]
        try:
            last = backbone(input_ids=torch.from_numpy(padded).to(self.device), use_cache=False).last_hidden_state
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            raise self._too_long(padded.size) from None
        finally:
            for hook in hooks:
                hook.remove()
        return [last[r, : len(ids)] for r, ids in enumerate(rows)]

    def activation_bytes(self, tokens: int) -> int:
        """About what a layer holds at its peak for so many tokens."""
        return activation_bytes(self.module.config, self.dtype, tokens)

    def _check_room(self, tokens: int) -> None:
        free = free_memory(self.device)
        if free is not None and self.activation_bytes(tokens) > free:
            raise self._too_long(tokens)

    def _too_long(self, tokens: int) -> ModelError:
        return out_of_memory(f"for {tokens} tokens", f"{tokens} 个 token 放不下", self.device)


def in_memory(model: object) -> LossModel:
    """The model, if it is one in memory. Raises ModelError for one on a server, which answers about given tokens only."""
    if isinstance(model, LossModel):
        return model
    raise ModelError(
        "This needs a model in memory; a served one is asked for losses only. Load its directory or hub id instead.",
        "这一步需要内存中的模型；服务器上的模型只能用来求损失。请改为加载它的目录或 hub 名称。",
    )


def not_finite(name: str) -> ModelError:
    """The sentence for a model whose outputs are no numbers."""
    return ModelError(
        f"{name} gives outputs that are not finite numbers: its weights are damaged, or too large for this dtype. Try dtype='float32'.",
        f"{name} 的输出不是有限的数：权重已损坏，或超出了当前 dtype 的范围。请试试 dtype='float32'。",
    )
