"""Checkpoints from the Hugging Face hub: the config first, then JSON and safetensors only, so that no pickle is ever fetched."""

from pathlib import Path

from glm4viz.errors import ModelError


def fetch_config(name: str) -> Path:
    """The path of a hub model's config.json."""
    from huggingface_hub import hf_hub_download

    try:
        return Path(hf_hub_download(name, "config.json"))
    except Exception as error:  # not found, gated, offline, no valid id
        raise _not_found(name, error) from None


def download(name: str) -> Path:
    """The directory of a hub model's JSON and safetensors files."""
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, allow_patterns=["*.json", "*.safetensors"]))
    except Exception as error:
        raise _not_found(name, error) from None


def _not_found(name: str, error: Exception) -> ModelError:
    reason = type(error).__name__
    return ModelError(
        f"{name} is neither a directory here nor a model that the hub gives out ({reason}). Check the spelling, the network, and your access to it.",
        f"{name} 既不是本机目录，也无法从 hub 取得（{reason}）。请检查拼写、网络以及访问权限。",
    )
