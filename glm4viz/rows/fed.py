"""The rows in which a run fed its samples, padding and packing as they were."""

from collections.abc import Sequence

from glm4viz.rows.collator import PAD_ID, Collated, lay_rows
from glm4viz.run.sample import CapturedSample


def as_fed(samples: Sequence[CapturedSample]) -> Collated:
    """Each sample in its row of the batch, behind those of the same row, with the padding that stood around it.

    Rows of which no sample is given are left out. What the padding's own id was isn't kept: it is shown as GLM-4's.
    """
    rows = {row: r for r, row in enumerate(sorted({sample.row for sample in samples}))}
    ends = [0] * len(rows)
    starts = []
    for sample in samples:
        before, after = sample.padding
        starts.append(ends[rows[sample.row]] + before)
        ends[rows[sample.row]] = starts[-1] + len(sample) + after
    where = [rows[sample.row] for sample in samples]
    return Collated(tuple(samples), *lay_rows(samples, where, starts, (len(rows), max(ends, default=0)), PAD_ID))
