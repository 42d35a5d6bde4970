"""Whether a captured sample is written in a model's vocabulary."""

import numpy as np

from glm4viz.errors import VocabularyMismatch
from glm4viz.recipe import IGNORE, LabelledSample
from glm4viz.tokenizer import Tokenizer


def check_vocabulary(sample: LabelledSample, tokenizer: Tokenizer, model: str) -> None:
    """Raise VocabularyMismatch where a token of the sample is another one in the tokenizer of the model that is called so."""
    own = sample.tokenizer
    for i in np.unique(np.concatenate([sample.input_ids, sample.labels[sample.labels != IGNORE]])).tolist():
        if not tokenizer.has(i) or tokenizer.token_bytes(i) != own.token_bytes(i):
            name = own.token_bytes(i).decode("utf-8", "backslashreplace")
            raise VocabularyMismatch(
                f"This was fed in the vocabulary of {own.name}, and {model} has another one: id {i} is {name!r} here and something else there. "
                "Choose the model of this run, or a recipe that writes the messages in its vocabulary.",
                f"这是用 {own.name} 的词表输入的，而 {model} 的词表不同：编号 {i} 在这里是 {name!r}，在那里是别的。"
                "请选择这次训练所用的模型，或选择按该模型词表写出消息的配方。",
            )
