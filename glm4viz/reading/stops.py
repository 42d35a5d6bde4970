"""Where each message ends: the one rule for the token that teaches a turn to stop."""

import numpy as np
import numpy.typing as npt

from glm4viz.layout import PARTS
from glm4viz.recipe import LabelledSample

Positions = npt.NDArray[np.int64]


def message_sizes(sample: LabelledSample) -> Positions:
    """int64 [messages]: how many tokens of each message max_length left."""
    return np.bincount(sample.message_index[sample.message_index >= 0], minlength=len(sample.messages))


def stop_positions(sample: LabelledSample) -> Positions:
    """int64 [messages]: the position of the token that ends each message; -1 where the message isn't there as a whole, or ends the sample.

    That is the message's own end token, the last if it has several; else the token right after it, which for GLM-4 is the next role tag.
    """
    count, position = len(sample.messages), np.arange(len(sample))
    inside, sizes = sample.message_index >= 0, message_sizes(sample)
    last, own = np.full(count, -1), np.full(count, -1)
    last[sample.message_index[inside]] = position[inside]  # of repeated indexes, the last one stays
    is_end = inside & (sample.part_codes == PARTS.index("stop"))
    own[sample.message_index[is_end]] = position[is_end]
    after = np.where(last + 1 < len(sample), last + 1, -1)
    whole = (sizes > 0) & (sizes == sample.full_sizes[:-1])
    return np.where(whole, np.where(own >= 0, own, after), -1)
