"""A checkpoint directory, looked at before anything is loaded: safetensors only, whole, and of a model that glm4viz knows."""

import json
from pathlib import Path
from typing import Any

from glm4viz.errors import ModelError

CHATGLM = "chatglm"  # glm-4-9b-chat's own checkpoint, see chatglm_checkpoint.py
PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")


def read_json(path: Path, what: str) -> dict[str, Any]:
    """A JSON object; ModelError if it is missing or isn't one."""
    try:
        value = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        if what == "a model" and (path.parent / "adapter_config.json").exists():
            raise ModelError(
                f"{path.parent} is an adapter, not a model: name the model it was trained on, and this as its adapter.",
                f"{path.parent} 是适配器，不是模型：请指定它所基于的模型，并把它作为适配器。",
            ) from None
        raise ModelError(
            f"{path} is missing: this is not {what} directory as transformers saves it.",
            f"缺少 {path}：这不是 transformers 保存的{ZH_NAMES[what]}目录。",
        ) from None
    except (OSError, ValueError):
        raise ModelError(f"{path} can't be read as JSON: the file is damaged.", f"{path} 无法按 JSON 读取：文件已损坏。") from None
    if not isinstance(value, dict):
        raise ModelError(f"{path} holds no JSON object: the file is damaged.", f"{path} 的内容不是 JSON 对象：文件已损坏。")
    return value


ZH_NAMES = {"a model": "模型", "a LoRA adapter": " LoRA 适配器"}


def check_model_type(config: dict[str, Any], name: str) -> str:
    """The model type, if it is a text model of the GLM family that can be loaded without remote code."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    model_type = config.get("model_type")
    if "vision_config" in config or "audio_config" in config:
        raise ModelError(
            f"{name} is a vision or audio model ({model_type}); glm4viz computes the losses of text models only.",
            f"{name} 是视觉或音频模型（{model_type}）；glm4viz 只计算文本模型的损失。",
        )
    known = sorted(t for t in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES if t.startswith("glm"))
    if not isinstance(model_type, str) or model_type not in [*known, CHATGLM]:
        raise ModelError(
            f"{name} is no GLM-4 model: its config.json says model_type {model_type!r}. Known types: {', '.join([*known, CHATGLM])}.",
            f"{name} 不是 GLM-4 模型：config.json 里的 model_type 是 {model_type!r}。支持的类型：{'、'.join([*known, CHATGLM])}。",
        )
    return model_type


def weight_files(directory: Path, name: str) -> list[Path]:
    """The safetensors files that the checkpoint is made of, each one present and whole."""
    index = directory / "model.safetensors.index.json"
    if index.exists():
        places = read_json(index, "a model").get("weight_map")
        if not isinstance(places, dict) or not places or not all(isinstance(place, str) for place in places.values()):
            raise ModelError(f"{index} has no weight_map: the file is damaged.", f"{index} 里没有 weight_map：文件已损坏。")
        files = [directory / place for place in sorted(set(places.values()))]
        # The index is part of the checkpoint; it may not point anywhere else.
        if any(Path(place).name != place for place in places.values()):
            raise ModelError(f"{index} points outside its directory.", f"{index} 指向了目录之外的文件。")
    else:
        files = [directory / "model.safetensors"]
    missing = [path.name for path in files if not path.is_file()]
    if missing and not index.exists():
        pickled = sorted(path.name for pattern in PICKLES for path in directory.glob(pattern))
        if pickled:
            raise only_pickles(name, pickled[0])
        raise ModelError(
            f"{name} has no weights: neither model.safetensors nor model.safetensors.index.json is there.",
            f"{name} 里没有权重：model.safetensors 和 model.safetensors.index.json 都不存在。",
        )
    if missing:
        raise ModelError(
            f"{name} is incomplete: {missing[0]} is missing ({len(missing)} of {len(files)} files). Download it again.",
            f"{name} 不完整：缺少 {missing[0]}（{len(files)} 个文件中缺 {len(missing)} 个）。请重新下载。",
        )
    for path in files:
        check_whole(path)
    return files


def only_pickles(name: str, file: str) -> ModelError:
    """The sentence for a checkpoint that isn't safetensors."""
    return ModelError(
        f"{name} has its weights as pickles only ({file}), and opening a pickle can run code. Convert them to safetensors.",
        f"{name} 的权重只有 pickle 格式（{file}），打开它可能会执行代码。请先转换成 safetensors。",
    )


def stored(files: list[Path]) -> dict[str, int]:
    """Bytes of the tensors in safetensors files by their dtype, as the headers name it (BF16, F32, I32 …)."""
    found: dict[str, int] = {}
    for path in files:
        with path.open("rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        for key, tensor in header.items():
            if key != "__metadata__":
                first, last = tensor["data_offsets"]
                found[tensor["dtype"]] = found.get(tensor["dtype"], 0) + last - first
    return found


def check_whole(path: Path) -> None:
    """Raise ModelError unless the header can be read and every tensor it names lies within the file."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            file.keys()
    except (SafetensorError, OSError) as error:
        raise ModelError(
            f"{path} is no whole safetensors file ({_first_line(error)}). Download it again.",
            f"{path} 不是完整的 safetensors 文件（{_first_line(error)}）。请重新下载。",
        ) from None


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def cannot_load(name: str, error: BaseException | str) -> ModelError:
    """The sentence for what transformers says while loading."""
    reason = error if isinstance(error, str) else _first_line(error)
    return ModelError(f"{name} can't be loaded: {reason}", f"无法加载 {name}：{reason}")
