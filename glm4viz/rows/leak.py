"""Does an evaluation pair give the answer away?"""

from collections.abc import Sequence

import numpy as np

from glm4viz.recipe import Mask
from glm4viz.systems.registry import load_tokenizer
from glm4viz.tokenizer import Tokenizer


def answer_in_input(input_ids: Sequence[int], output_ids: Sequence[int], tokenizer: Tokenizer | None = None) -> Mask:
    """bool [len(input_ids)]: the tokens of an evaluation input that are the answer the model is asked for.

    `combine` gives the whole conversation as input, and asks for the part from the last <|assistant|> on. Other pairs end in that tag,
    and ask for what follows it: nothing is given away.
    """
    tag = (tokenizer or load_tokenizer()).named_id("<|assistant|>")
    given, wanted = np.asarray(input_ids), np.asarray(output_ids)
    leaked = np.zeros(len(given), bool)
    places = np.flatnonzero(given[:-1] == tag)
    if not len(places) or not len(wanted) or wanted[0] != tag or given[-1] == tag:
        return leaked
    start = int(places[-1])
    size = min(len(given) - 1 - start, len(wanted))
    leaked[start : start + size] = bool((given[start : start + size] == wanted[:size]).all())
    return leaked
