"""docs/adding-a-system.md, followed to the letter: its files are saved where it says, and its tests pass."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
GUIDE = ROOT / "docs/adding-a-system.md"
# The new files lie in a folder of their own, which joins the two packages before anything has looked for their modules.
FOLLOW = """
import sys
import pytest
from glm4viz import configs, systems
configs.__path__.append("glm4viz/configs")
systems.__path__.append("glm4viz/systems")
sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", "tests"]))
"""


@pytest.mark.slow
def test_the_guide_s_files_work(tmp_path: Path) -> None:
    files = re.findall(r"Save this as `([\w./]+)`.*?```python\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    assert {path.split("/")[-2] for path, _ in files} >= {"systems", "configs"}
    for path, code in files:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(code, "utf-8")
    there = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", FOLLOW], cwd=tmp_path, env=there, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed" in done.stdout
