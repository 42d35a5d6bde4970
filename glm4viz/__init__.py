"""glm4viz: see, token by token, what a GLM-4 fine-tune will and won't be taught."""

from glm4viz.batch import Batch, label_batch
from glm4viz.conversation import Conversation
from glm4viz.evaluation import eval_pairs
from glm4viz.readers import read_conversations
from glm4viz.recipe import IGNORE, Recipe
from glm4viz.recipes import recipes
from glm4viz.sample import LabelledSample, label, label_all
from glm4viz.tokenizer import Tokenizer, load_tokenizer

__version__ = "0.1.0"
__all__ = [
    "IGNORE",
    "Batch",
    "Conversation",
    "LabelledSample",
    "Recipe",
    "Tokenizer",
    "eval_pairs",
    "label",
    "label_all",
    "label_batch",
    "load_tokenizer",
    "read_conversations",
    "recipes",
]
