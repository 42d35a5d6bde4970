"""The real per-token loss of a GLM-4 model, in memory or on a server. torch is imported when a name that needs it is first asked for."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from glm4viz.loss.needs import need_torch

if TYPE_CHECKING:
    from glm4viz.loss.calls import AnyModel, load_model, token_losses, token_losses_batch
    from glm4viz.loss.file import RecordLosses, file_losses
    from glm4viz.loss.generation import Generation, generate
    from glm4viz.loss.loading import plan_load
    from glm4viz.loss.memory import Plan
    from glm4viz.loss.model import LossModel
    from glm4viz.loss.results import Cancelled, TokenLosses, training_loss
    from glm4viz.loss.served.model import ServedModel
    from glm4viz.loss.spikes import Spike
    from glm4viz.loss.stops import StopProbabilities, stop_probabilities
    from glm4viz.loss.summary import GroupLoss, LossSummary, loss_summary

__all__ = [
    "AnyModel",
    "Cancelled",
    "Generation",
    "GroupLoss",
    "LossModel",
    "LossSummary",
    "Plan",
    "RecordLosses",
    "ServedModel",
    "Spike",
    "StopProbabilities",
    "TokenLosses",
    "file_losses",
    "generate",
    "load_model",
    "loss_summary",
    "plan_load",
    "stop_probabilities",
    "token_losses",
    "token_losses_batch",
    "training_loss",
]

_WITHOUT_TORCH = {
    "AnyModel": "calls",
    "Cancelled": "results",
    "GroupLoss": "summary",
    "LossSummary": "summary",
    "RecordLosses": "file",
    "ServedModel": "served.model",
    "Spike": "spikes",
    "TokenLosses": "results",
    "file_losses": "file",
    "load_model": "calls",
    "loss_summary": "summary",
    "token_losses": "calls",
    "token_losses_batch": "calls",
    "training_loss": "results",
}
_WITH_TORCH = {
    "Generation": "generation",
    "LossModel": "model",
    "Plan": "memory",
    "StopProbabilities": "stops",
    "generate": "generation",
    "plan_load": "loading",
    "stop_probabilities": "stops",
}


def __getattr__(name: str) -> Any:
    if name in _WITH_TORCH:
        need_torch()
    elif name not in _WITHOUT_TORCH:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{(_WITH_TORCH | _WITHOUT_TORCH)[name]}"), name)
