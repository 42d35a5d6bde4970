"""Where tokens stand: from the bytes that each holds to its message, its part, and what it holds of the message's content."""

from typing import Any

import numpy as np
import numpy.typing as npt

from glm4viz.tokenizer import Ids

Numbers = npt.NDArray[np.integer[Any]]


def place(
    starts: Numbers, stops: Numbers, segment_ends: Numbers, message: Numbers, part: Numbers, content_start: Numbers
) -> tuple[Ids, npt.NDArray[np.uint8], Ids]:
    """message_index, part_codes and spans of tokens that hold bytes starts … stops - 1 of segments which lie end to end.

    Of each segment: where it ends, its message, its part's code, and where it begins in the message's content, -1 if it isn't content.
    """
    at = np.minimum(np.searchsorted(segment_ends, starts, side="right"), len(segment_ends) - 1)
    segment_starts = np.concatenate([[0], segment_ends[:-1]])
    # A token may begin in a header, even in its metadata, and reach into the content: its span is what it holds of the content.
    numbers = np.arange(len(segment_ends))
    content = np.where(content_start >= 0, numbers, len(numbers))
    next_content = np.minimum.accumulate(content[::-1])[::-1]  # for each segment, the first from it on that is content
    starts_there = np.append(segment_starts, np.iinfo(np.int64).max)
    held = np.where((content_start[at] < 0) & (stops > starts_there[next_content[at]]), next_content[at], at)
    origin = content_start[held] - segment_starts[held]
    spans = np.stack([np.maximum(starts, segment_starts[held]) + origin, np.minimum(stops, segment_ends[held]) + origin], 1)
    spans[(content_start[held] < 0) | (message[held] != message[at])] = -1
    return message[at].astype(np.int32), part[at].astype(np.uint8), spans.astype(np.int32)
