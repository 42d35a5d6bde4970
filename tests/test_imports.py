"""What importing costs, and who may import what."""

import ast
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "glm4viz"
HEAVY = ("torch", "transformers", "streamlit", "plotly", "pandas", "tokenizers")


def test_label_loads_nothing_heavy() -> None:
    code = f"import sys, glm4viz; glm4viz.label([{{'role': 'user', 'content': '你好'}}]); print([m for m in {HEAVY!r} if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_only_the_ui_knows_streamlit() -> None:
    for path in PACKAGE.rglob("*.py"):
        if PACKAGE / "ui" in path.parents:
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not any(name.split(".")[0] == "streamlit" for name in names), path


def test_the_errors_are_there_before_anything_was_used() -> None:
    code = "import glm4viz; print(issubclass(glm4viz.errors.RecipeRejects, Exception))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "True"
