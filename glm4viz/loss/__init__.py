"""The real per-token loss of a GLM-4 model. Importing this package imports torch; `import glm4viz` alone never does."""

from importlib.util import find_spec

from glm4viz.errors import ModelError

if find_spec("torch") is None or find_spec("transformers") is None:
    raise ModelError(
        "Losses need torch and transformers: pip install 'glm4viz[loss]'.",
        "计算损失需要 torch 和 transformers：pip install 'glm4viz[loss]'。",
    )

from glm4viz.loss.generate import Generation, generate
from glm4viz.loss.loading import load_model, plan_load
from glm4viz.loss.losses import TokenLosses, token_losses, token_losses_batch, training_loss
from glm4viz.loss.memory import Plan
from glm4viz.loss.model import Cancelled, LossModel
from glm4viz.loss.stops import StopProbabilities, stop_probabilities
from glm4viz.loss.summary import GroupLoss, LossSummary, loss_summary

__all__ = [
    "Cancelled",
    "Generation",
    "GroupLoss",
    "LossModel",
    "LossSummary",
    "Plan",
    "StopProbabilities",
    "TokenLosses",
    "generate",
    "load_model",
    "loss_summary",
    "plan_load",
    "stop_probabilities",
    "token_losses",
    "token_losses_batch",
    "training_loss",
]
