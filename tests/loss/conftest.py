"""Models and a sample that the tests of losses share."""

from pathlib import Path
from typing import Any

import pytest

import glm4viz
from glm4viz.loss import (
    LossModel,
    load_model,
)
from glm4viz.loss.served import transport
from glm4viz.recipe import LabelledSample
from tests.loss.models import CONVERSATION, ROWS, SMALL, save_random
from tests.served import KINDS, TALK, serving


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


# Served -----------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def demo() -> LossModel:
    return load_model("demo", device="cpu")


@pytest.fixture(scope="session")
def talk() -> LabelledSample:
    return glm4viz.label(TALK)


@pytest.fixture(params=KINDS)
def server(request: pytest.FixtureRequest, demo: LossModel, monkeypatch: pytest.MonkeyPatch) -> Any:
    with serving(request.param, demo) as server:
        monkeypatch.setattr(transport, "PAUSES", (0.01, 0.01))
        monkeypatch.setenv("GLM4VIZ_SERVERS", f"http://elsewhere:1, {server.url}/v1/")
        yield server


@pytest.fixture
def vllm(demo: LossModel, monkeypatch: pytest.MonkeyPatch) -> Any:
    with serving("vllm", demo) as server:
        monkeypatch.setattr(transport, "PAUSES", (0.01, 0.01))
        monkeypatch.setenv("GLM4VIZ_SERVERS", server.url)
        yield server
