"""The tokenizer of a run, whatever a training script has at hand for one."""

from os import PathLike
from typing import Any

from glm4viz.errors import TokenizerError
from glm4viz.systems.registry import load_tokenizer
from glm4viz.tokenizer import Tokenizer, from_tokenizers_json


def as_tokenizer(given: Any) -> Tokenizer:
    """glm4viz's own Tokenizer for one of transformers or tokenizers, a processor that holds one, or a directory or hub id.

    Raises TokenizerError, for a slow Python tokenizer too: its tokens' bytes aren't known.
    """
    if given is None or isinstance(given, Tokenizer):
        return given or load_tokenizer()
    if isinstance(given, str | PathLike):
        return load_tokenizer(str(given))
    if hasattr(given, "backend_tokenizer") or hasattr(given, "to_str"):
        name, template = getattr(given, "name_or_path", ""), getattr(given, "chat_template", None)
        text = (given.backend_tokenizer if hasattr(given, "backend_tokenizer") else given).to_str()
        return from_tokenizers_json(
            text,
            name=name if isinstance(name, str) and name else "tokenizer",
            chat_template=template if isinstance(template, str) else None,
        )
    if hasattr(given, "tokenizer"):
        return as_tokenizer(given.tokenizer)
    kind = type(given).__name__
    if hasattr(given, "convert_ids_to_tokens"):
        raise TokenizerError(
            f"{kind} is a slow Python tokenizer, whose tokens' bytes aren't known. Give the fast one (AutoTokenizer with use_fast=True).",
            f"{kind} 是慢速的 Python 分词器，无法得知 token 的字节。请给出快速版本（AutoTokenizer，use_fast=True）。",
        )
    raise TokenizerError(
        f"A {kind} is no tokenizer. Give load_tokenizer(…), a fast transformers tokenizer, or the path of one.",
        f"{kind} 不是分词器。请给出 load_tokenizer(…)、transformers 的快速分词器，或它的路径。",
    )
