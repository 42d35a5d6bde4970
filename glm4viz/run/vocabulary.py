"""The tokenizer of a run, whatever a training script has at hand for one."""

from collections.abc import Sequence
from os import PathLike
from typing import Any

import numpy as np

from glm4viz.errors import TokenizerError
from glm4viz.systems.registry import load_tokenizer
from glm4viz.texts import Text, both
from glm4viz.tokenizer import Tokenizer, from_transformers


def as_tokenizer(given: Any) -> Tokenizer:
    """glm4viz's own Tokenizer for one of transformers or tokenizers, a processor that holds one, or a directory or hub id.

    Raises TokenizerError, for a slow Python tokenizer too: its tokens' bytes aren't known.
    """
    if given is None or isinstance(given, Tokenizer):
        return given or load_tokenizer()
    if isinstance(given, str | PathLike):
        return load_tokenizer(str(given))
    if hasattr(given, "backend_tokenizer") or hasattr(given, "to_str"):
        return from_transformers(given)
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


def with_unknown(tokenizer: Tokenizer, rows: Sequence[Any]) -> tuple[Tokenizer, list[Text]]:
    """The tokenizer with a name for every id of the rows that it lacks, and a note on them."""
    used = np.unique(np.concatenate(rows)).tolist() if rows else []
    unknown = [i for i in used if not tokenizer.has(i)]
    if not unknown:
        return tokenizer, []
    shown = ", ".join(map(str, unknown[:8])) + (", …" if len(unknown) > 8 else "")
    note = both(
        f"{tokenizer.name} has no tokens {shown}: they are shown by their numbers. Is it the tokenizer of this run?",
        f"{tokenizer.name} 里没有 token {shown}：它们按编号显示。这是该次训练所用的分词器吗？",
    )
    return tokenizer.with_stand_ins({f"<token {i}>": i for i in unknown}), [note]
