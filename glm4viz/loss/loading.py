"""The demo model, a GLM-4 directory or a hub id, in memory and ready."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from glm4viz.errors import ModelError
from glm4viz.loss import demo
from glm4viz.loss.chatglm_checkpoint import translate_config, translate_weights
from glm4viz.loss.checkpoint import CHATGLM, cannot_load, check_model_type, read_json, weight_files
from glm4viz.loss.hub import download, fetch_config
from glm4viz.loss.memory import Plan, free_memory, is_out_of_memory, out_of_memory
from glm4viz.loss.model import LossModel

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def load_into_memory(source: str | Path, device: str, dtype: str | torch.dtype, adapter: str | Path | None) -> LossModel:
    """`load_model` for a model that isn't on a server. Raises ModelError, also for a model that would not fit in memory."""
    plan = plan_load(source, device, dtype)
    plan.check()
    try:
        module = _demo_module(str(source)) if str(source) in demo.NAMES else _checkpoint_module(str(source), plan)
        module = module.to(device=plan.device, dtype=plan.dtype).eval().requires_grad_(False)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise out_of_memory(f"while loading {plan.name}", f"加载 {plan.name} 时放不下", plan.device) from None
    if module.config.vocab_size != module.get_output_embeddings().weight.shape[0]:
        raise cannot_load(plan.name, "vocab_size differs from the rows of the output layer")
    model = LossModel(plan.name, module, plan.device, plan.dtype, plan.parameters)
    if adapter is None:
        return model
    from glm4viz.loss.adapter import put_on

    return put_on(model, Path(adapter))


def plan_load(source: str | Path = demo.DEMO, device: str = "auto", dtype: str | torch.dtype = "auto") -> Plan:
    """What loading will take, found out of the config alone; a hub id costs one small download. Raises ModelError."""
    target, name = _device(device), str(source)
    with _quiet():
        _, config = _config(name)
        count = _count_parameters(config, name)
    return Plan(name, count, _dtype(dtype, target), target, free_memory(target))


# ---------------------------------------------------------------------------------------------------------------------


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ModelError(f"{name!r} is no device; use auto, cpu or cuda.", f"{name!r} 不是设备名；请使用 auto、cpu 或 cuda。") from None
    if device.type not in ("cpu", "cuda"):
        raise ModelError(f"Losses are computed on cpu or cuda, not on {name}.", f"只能在 cpu 或 cuda 上计算损失，不能用 {name}。")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ModelError(f"There is no {name} here; use device='cpu'.", f"这里没有 {name}；请使用 device='cpu'。")
    return device


def _dtype(name: str | torch.dtype, device: torch.device) -> torch.dtype:
    if name == "auto":
        return torch.bfloat16 if device.type == "cuda" else torch.float32
    dtype = name if isinstance(name, torch.dtype) else DTYPES.get(name)
    if dtype not in DTYPES.values():
        raise ModelError(
            f"{name!r} is no dtype; use auto or one of {', '.join(DTYPES)}.",
            f"{name!r} 不是可用的 dtype；请使用 auto 或 {'、'.join(DTYPES)}。",
        )
    return dtype  # type: ignore[return-value]  # None is no value of DTYPES


def _config(name: str) -> tuple[dict[str, Any], Any]:
    """config.json as written, and as the transformers config that the module is built of."""
    from transformers import AutoConfig

    if name in demo.NAMES:
        written = read_json(demo.CONFIG, "a model")
    elif Path(name).is_dir():
        written = read_json(Path(name) / "config.json", "a model")
    else:
        written = read_json(fetch_config(name), "a model")
    model_type = check_model_type(written, name)
    if model_type == CHATGLM:
        return written, translate_config(written, name)
    try:
        return written, AutoConfig.for_model(**written)
    except Exception as error:  # a damaged config raises many kinds
        raise cannot_load(name, error) from None


def _count_parameters(config: Any, name: str) -> int:
    from transformers import AutoModelForCausalLM

    try:
        with torch.device("meta"):
            skeleton = AutoModelForCausalLM.from_config(config)
    except Exception as error:
        raise cannot_load(name, error) from None
    return sum(parameter.numel() for parameter in skeleton.parameters())


def _demo_module(name: str) -> Any:
    _, config = _config(name)
    return demo.build(name, config)


def _checkpoint_module(name: str, plan: Plan) -> Any:
    from transformers import AutoModelForCausalLM, GlmForCausalLM

    directory = Path(name) if Path(name).is_dir() else download(name)
    written, config = _config(name)
    files = weight_files(directory, name)
    options: dict[str, Any] = {"config": config, "dtype": plan.dtype, "output_loading_info": True}
    if plan.device.type == "cuda" and _has_accelerate():
        options["device_map"] = {"": plan.device}  # straight to the GPU; without accelerate, by way of the CPU
    try:
        with _quiet():
            if written["model_type"] == CHATGLM:
                weights = translate_weights(files, config, by_head=not written.get("multi_query_attention"))
                module, info = GlmForCausalLM.from_pretrained(None, state_dict=weights, **options)
            else:
                module, info = AutoModelForCausalLM.from_pretrained(
                    directory, use_safetensors=True, local_files_only=True, trust_remote_code=False, **options
                )
    except Exception as error:  # transformers raises many kinds for weights that don't fit the config
        if is_out_of_memory(error):
            raise
        raise cannot_load(name, error) from None
    missing = sorted(info["missing_keys"])
    if missing:
        # transformers would fill them with random numbers and go on.
        raise ModelError(
            f"{name} lacks {len(missing)} of its weights, such as {missing[0]}: the checkpoint is incomplete or of another model.",
            f"{name} 缺少 {len(missing)} 个权重，例如 {missing[0]}：检查点不完整，或属于别的模型。",
        )
    return module


def _has_accelerate() -> bool:
    from transformers.utils import is_accelerate_available

    return bool(is_accelerate_available())


@contextmanager
def _quiet() -> Iterator[None]:
    """Without transformers' progress bars and warnings: what matters of them is raised."""
    from transformers.utils import logging as hf_logging

    verbosity, bars = hf_logging.get_verbosity(), hf_logging.is_progress_bar_enabled()
    hf_logging.set_verbosity(logging.CRITICAL)
    hf_logging.disable_progress_bar()
    try:
        yield
    finally:
        hf_logging.set_verbosity(verbosity)
        if bars:
            hf_logging.enable_progress_bar()
