"""docs/architecture.md says what may import what; this holds the code to it."""

import ast
import importlib
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import glm4viz

ROOT = Path(__file__).parents[1]
FILES = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in (ROOT / "glm4viz").rglob("*.py")}
MODULES = {name.removesuffix(".__init__"): path for name, path in FILES.items()}
ALLOWED = {
    room: set(imports.split())
    for room, imports in re.findall(
        r"^\| (?!room)(\w+) \| ?([\w ]*) ?\|$", (ROOT / "docs/architecture.md").read_text("utf-8"), re.MULTILINE
    )
}
BORN_AT_THE_ENTRY = {"glm4viz", "glm4viz.__main__", "glm4viz.public"}


def imported(name: str) -> Iterator[str]:
    """The glm4viz modules that this one imports, wherever in its code, but for what only type checkers read."""
    todo: list[ast.AST] = [ast.parse(MODULES[name].read_text("utf-8"))]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "glm4viz":
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in MODULES else node.module
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "glm4viz")
        todo += ast.iter_child_nodes(node)


def room(name: str) -> str:
    return [*name.split("."), ""][1]


def test_no_import_circle() -> None:
    TopologicalSorter({name: {*imported(name)} - {name} for name in MODULES}).prepare()  # raises CycleError, which names the circle


@pytest.mark.parametrize("name", sorted(MODULES.keys() - BORN_AT_THE_ENTRY))
def test_imports_follow_the_table(name: str) -> None:
    used = {room(other) for other in imported(name)} - {room(name)}
    assert used <= ALLOWED[room(name)]


def test_every_room_is_in_the_table_and_the_drawing() -> None:
    rooms = {room(name) for name in MODULES} - {"", "__main__", "public"}
    assert rooms == ALLOWED.keys()
    drawing = (ROOT / "docs/architecture.md").read_text("utf-8").split("```")[1]
    assert all(re.search(rf"\b{name}\b", drawing) for name in rooms)


def test_no_module_has_the_name_of_a_public_function() -> None:
    functions = [name for name in glm4viz.__all__ if name[0].islower()]
    assert functions
    for name in functions:
        with pytest.raises(ImportError):
            importlib.import_module(f"glm4viz.{name}")
