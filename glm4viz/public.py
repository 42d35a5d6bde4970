"""The public names, each from the room it is made in. `glm4viz` gives them on."""

from typing import TYPE_CHECKING, Any

from glm4viz import errors as errors
from glm4viz.comparison.compared import Comparison, compare
from glm4viz.comparison.equals import known_equals
from glm4viz.configs.notes import TrainingConfig
from glm4viz.configs.parsing import ConfigError
from glm4viz.configs.reader import read_training_config
from glm4viz.conversation import Conversation
from glm4viz.inference.parity import Parity, parity
from glm4viz.inference.prompts import Prompt, inference_prompts
from glm4viz.labelling.batch import Batch, label_batch
from glm4viz.labelling.evaluation import eval_pairs
from glm4viz.labelling.single import label, label_all
from glm4viz.linter import Finding, lint
from glm4viz.readers import read_conversations
from glm4viz.recipe import IGNORE, LabelledSample, Recipe
from glm4viz.rows.collator import collate
from glm4viz.rows.packing import pack
from glm4viz.rows.truncation import truncation_curve, what_dies
from glm4viz.rows.weights import loss_weights
from glm4viz.run.batch import from_batch
from glm4viz.run.file import read_capture, save_capture
from glm4viz.systems.own import CustomRecipe
from glm4viz.systems.registry import load_tokenizer, recipes
from glm4viz.tokenizer import Tokenizer
from glm4viz.watching.loop import watch

if TYPE_CHECKING:
    from glm4viz.loss import file_losses, load_model, loss_difference, token_losses
    from glm4viz.watching.callback import TrainerCallback

__all__ = [
    "IGNORE",
    "Batch",
    "Comparison",
    "ConfigError",
    "Conversation",
    "CustomRecipe",
    "Finding",
    "LabelledSample",
    "Parity",
    "Prompt",
    "Recipe",
    "Tokenizer",
    "TrainerCallback",
    "TrainingConfig",
    "collate",
    "compare",
    "eval_pairs",
    "file_losses",
    "from_batch",
    "inference_prompts",
    "known_equals",
    "label",
    "label_all",
    "label_batch",
    "lint",
    "load_model",
    "load_tokenizer",
    "loss_difference",
    "loss_weights",
    "pack",
    "parity",
    "read_capture",
    "read_conversations",
    "read_training_config",
    "recipes",
    "save_capture",
    "token_losses",
    "truncation_curve",
    "watch",
    "what_dies",
]


def __getattr__(name: str) -> Any:
    """What needs torch is imported when it is first asked for."""
    if name == "TrainerCallback":
        from glm4viz.watching.callback import TrainerCallback

        return TrainerCallback
    if name in ("file_losses", "load_model", "loss_difference", "token_losses"):
        from glm4viz import loss

        return getattr(loss, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
