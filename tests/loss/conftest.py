"""Models and a sample that the tests of losses share."""

from pathlib import Path

import pytest

import glm4viz
from glm4viz.loss import (
    LossModel,
    load_model,
)
from glm4viz.recipe import LabelledSample
from tests.loss.models import CONVERSATION, ROWS, SMALL, save_random


@pytest.fixture(scope="session", params=["glm", "glm4"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> LossModel:
    return load_model(save_random(tmp_path_factory.mktemp(request.param), request.param, ROWS), device="cpu")


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> LossModel:
    """300 rows: not a whole number of blocks."""
    return load_model(save_random(tmp_path_factory.mktemp("small"), "glm", SMALL), device="cpu")


@pytest.fixture(scope="session")
def sample() -> LabelledSample:
    return glm4viz.label(CONVERSATION)


@pytest.fixture(scope="session")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_random(tmp_path_factory.mktemp("sound"), "glm", SMALL)


@pytest.fixture
def checkpoint(sound: Path, tmp_path: Path) -> Path:
    directory = tmp_path / "checkpoint"
    directory.mkdir()
    for path in sound.iterdir():
        (directory / path.name).write_bytes(path.read_bytes())
    return directory
