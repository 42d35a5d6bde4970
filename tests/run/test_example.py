"""The captured batch among the samples: made by `tests.run.example`, and what it is there to show."""

import gzip
from pathlib import Path

import numpy as np

import glm4viz
from glm4viz.ui.run.source import EXAMPLE
from glm4viz.ui.samples import FOLDER
from tests.run.example import batch, samples


def test_the_sample_is_what_its_script_makes(tmp_path: Path) -> None:
    glm4viz.save_capture(samples(), tmp_path / EXAMPLE)
    assert gzip.decompress((tmp_path / EXAMPLE).read_bytes()) == gzip.decompress((FOLDER / EXAMPLE).read_bytes())


def test_the_sample_has_the_batch_s_very_arrays() -> None:
    fed, kept = batch(), glm4viz.read_capture(FOLDER / EXAMPLE)
    for row, sample in enumerate(kept):
        real = fed["attention_mask"][row] == 1
        np.testing.assert_array_equal(sample.input_ids, fed["input_ids"][row][real])
        np.testing.assert_array_equal(sample.labels, fed["labels"][row][real])
        assert sum(sample.padding) == (~real).sum()
