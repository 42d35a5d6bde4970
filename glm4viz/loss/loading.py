"""The demo model, a GLM-4 directory or a hub id, in memory and ready."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from glm4viz.errors import ModelError
from glm4viz.loss import demo
from glm4viz.loss.chatglm_checkpoint import translate_config, translate_weights
from glm4viz.loss.checkpoint import CHATGLM, cannot_load, check_model_type, read_json, stored, weight_files
from glm4viz.loss.hub import download, fetch_config, look_up, looks_like_a_path, no_such_directory
from glm4viz.loss.memory import free_memory, is_out_of_memory, out_of_memory
from glm4viz.loss.model import DTYPES, LossModel
from glm4viz.loss.plan import Plan, shape_of
from glm4viz.loss.quantized import bits_and_bytes, check_quantize, method_of
from glm4viz.loss.results import Cancelled


@dataclass(frozen=True)
class Loading:
    """How far a model is: bytes that have come from the hub, or of weights that are in memory."""

    step: Literal["download", "load"]
    done: int
    total: int


Told = Callable[[Loading], None]


def load_into_memory(
    source: str | Path,
    device: str,
    dtype: str | torch.dtype,
    adapter: str | Path | None,
    quantize: str | None = None,
    progress: Told | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> LossModel:
    """`load_model` for a model that isn't on a server. Raises ModelError, also for a model that would not fit in memory."""
    plan = plan_load(source, device, dtype, quantize=quantize)
    plan.check()

    def told(step: Literal["download", "load"], done: int, total: int) -> None:
        if cancelled is not None and cancelled():
            raise Cancelled
        if progress is not None:
            progress(Loading(step, done, total))

    try:
        module = _demo_module(str(source), plan) if str(source) in demo.NAMES else _checkpoint_module(str(source), plan, told)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise out_of_memory(f"while loading {plan.name}", f"加载 {plan.name} 时放不下", plan.device) from None
    rows = getattr(module.get_output_embeddings(), "weight", torch.empty(0)).shape
    if plan.method is None and rows[0] != module.config.vocab_size:  # a packed output layer has another shape
        raise cannot_load(plan.name, "vocab_size differs from the rows of the output layer")
    module.eval().requires_grad_(False)
    model = LossModel(plan.name, module, plan.device, plan.dtype, plan.parameters, quantized=plan.quantize or plan.method)
    if adapter is None:
        return model
    from glm4viz.loss.adapter import put_on

    return put_on(model, Path(adapter))


def plan_load(
    source: str | Path = demo.DEMO, device: str = "auto", dtype: str | torch.dtype = "auto", *, quantize: str | None = None, tokens: int = 0
) -> Plan:
    """What loading a model, and then reading so many tokens, will take. Nothing is loaded; a hub id costs small downloads.

    Raises ModelError for a model that can't be loaded at all; whether there is room, `Plan.fits` says, and `Plan.check` raises.
    """
    target, name = _device(device), str(source)
    kind, remote = _dtype(dtype, target), None
    with _quiet():
        written, config = _config(name)
        method = method_of(written, name)
        check_quantize(quantize, target, method)
        shape = shape_of(_skeleton(config, name))
        if name in demo.NAMES:
            held = {}
        elif Path(name).is_dir():
            held = stored(weight_files(Path(name), name))
        else:
            remote = look_up(name)
            held = {_written_dtype(written): remote.weights}
    if quantize is not None and kind == torch.float32:
        kind = torch.bfloat16
    return Plan(
        name,
        kind,
        target,
        free_memory(target),
        shape,
        config,
        held,
        remote=remote,
        quantize=quantize,
        method=method,
        tokens=tokens,
    )


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


def _written_dtype(written: dict[str, Any]) -> str:
    return str(written.get("dtype") or written.get("torch_dtype") or "?")


def _config(name: str) -> tuple[dict[str, Any], Any]:
    """config.json as written, and as the transformers config that the module is built of."""
    from transformers import AutoConfig

    if name in demo.NAMES:
        written = read_json(demo.CONFIG, "a model")
    elif Path(name).is_dir():
        written = read_json(Path(name) / "config.json", "a model")
    elif looks_like_a_path(name):
        raise no_such_directory(name)
    else:
        written = read_json(fetch_config(name), "a model")
    model_type = check_model_type(written, name)
    if model_type == CHATGLM:
        return written, translate_config(written, name)
    try:
        return written, AutoConfig.for_model(**written)
    except Exception as error:  # a damaged config raises many kinds
        raise cannot_load(name, error) from None


def _skeleton(config: Any, name: str) -> Any:
    """The model on the meta device: shapes without memory."""
    from transformers import AutoModelForCausalLM

    try:
        with torch.device("meta"):
            return AutoModelForCausalLM.from_config(config)
    except Exception as error:
        raise cannot_load(name, error) from None


def _demo_module(name: str, plan: Plan) -> Any:
    return demo.build(name, plan.config).to(device=plan.device, dtype=plan.dtype)


def _checkpoint_module(name: str, plan: Plan, told: Callable[[Literal["download", "load"], int, int], None]) -> Any:
    from transformers import AutoModelForCausalLM, GlmForCausalLM

    directory = Path(name)
    if plan.remote is not None:
        with _quiet():
            directory = download(name, plan.remote, lambda done, total: told("download", done, total))
    written, config = _config(str(directory))
    files = weight_files(directory, name)
    told("load", 0, plan.weights)
    options: dict[str, Any] = {"config": config, "dtype": plan.dtype, "output_loading_info": True}
    if plan.device.type == "cuda" and _has_accelerate():
        options["device_map"] = {"": plan.device}  # straight to the GPU; without accelerate, by way of the CPU
    if plan.quantize is not None:
        options["quantization_config"] = bits_and_bytes(plan.quantize, plan.dtype)
    try:
        with _quiet(), _watched(lambda share: told("load", int(share * plan.weights), plan.weights)):
            if written["model_type"] == CHATGLM:
                weights = translate_weights(files, config, by_head=not written.get("multi_query_attention"))
                module, info = GlmForCausalLM.from_pretrained(None, state_dict=weights, **options)
            else:
                module, info = AutoModelForCausalLM.from_pretrained(
                    directory, use_safetensors=True, local_files_only=True, trust_remote_code=False, **options
                )
    except Cancelled:
        raise
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
    if plan.method is not None:
        _unpack(name, module, plan)
    # Only moved: a cast would round the rotary frequencies and the experts' biases too, which stay float32 in every dtype.
    return module if plan.quantize is not None or plan.method is not None else module.to(plan.device)


def _unpack(name: str, module: Any, plan: Plan) -> None:
    """Some quantized checkpoints are unpacked when the whole model is first called, and only then: here its parts are called."""
    try:
        with torch.inference_mode():
            module(input_ids=torch.zeros(1, 1, dtype=torch.long, device=plan.device), use_cache=False)
    except Exception as error:
        if is_out_of_memory(error):
            raise
        raise cannot_load(name, error) from None


def _has_accelerate() -> bool:
    from transformers.utils import is_accelerate_available

    return bool(is_accelerate_available())


@contextmanager
def _watched(told: Callable[[float], None]) -> Iterator[None]:
    """Told the share of the weights that transformers has put in place. Before it had a hook for its bars, nothing is told."""
    from transformers.utils import logging as hf_logging

    if not hasattr(hf_logging, "set_tqdm_hook"):
        yield
        return
    here = threading.get_ident()

    def bar(factory: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        if threading.get_ident() != here or options.get("desc") != "Loading weights":  # somebody else's
            return factory(*args, **options)
        return _counted(list(args[0]), told)

    before = hf_logging.set_tqdm_hook(bar)
    try:
        yield
    finally:
        hf_logging.set_tqdm_hook(before)


def _counted(items: list[Any], told: Callable[[float], None]) -> Iterator[Any]:
    for number, item in enumerate(items):
        told(number / len(items))
        yield item


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
