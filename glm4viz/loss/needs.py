"""What a model in memory needs to be installed; a served model needs none of it."""

from importlib.util import find_spec

from glm4viz.errors import ModelError


def need_torch() -> None:
    """Raise ModelError where torch or transformers is missing."""
    if find_spec("torch") is None or find_spec("transformers") is None:
        raise ModelError(
            "Losses need torch and transformers: pip install 'glm4viz[loss]'.",
            "计算损失需要 torch 和 transformers：pip install 'glm4viz[loss]'。",
        )
