"""The examples in docstrings, run."""

import doctest
import importlib

import pytest


@pytest.mark.parametrize("name", ["glm4viz.labelling.single", "glm4viz.labelling.batch", "glm4viz.recipe", "glm4viz.run.batch"])
def test_examples_in_docstrings(name: str) -> None:
    failed, tried = doctest.testmod(importlib.import_module(name))
    assert tried > 0
    assert failed == 0
