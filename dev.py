"""Set everything up and run it, from a bare clone and with nothing but Python 3.11 or newer.

    python3 dev.py app     open the app in the browser
    python3 dev.py test    lint, types and all tests, those in a real browser included; --fast: without these and the slow ones

The environment lives in .venv here. The package index is needed once for each command; afterwards both run offline.
"""

import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
VENV = HERE / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def ensure(requirements: str) -> None:
    """Create .venv and install `requirements`, unless exactly these are installed already."""
    texts = [path.read_bytes() for path in sorted(HERE.glob("requirements*.txt"))]
    mark, wanted = VENV / f"{requirements}.done", hashlib.sha256(b"".join(texts)).hexdigest()
    if mark.exists() and mark.read_text() == wanted:
        return
    if not PYTHON.exists():
        venv.create(VENV, with_pip=True)
    run("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", requirements)
    mark.write_text(wanted)


def run(*arguments: str) -> None:
    """Run the environment's Python here; end this process with its exit status if it fails."""
    status = subprocess.run([str(PYTHON), *arguments], cwd=HERE).returncode
    if status:
        sys.exit(status)


def app(*arguments: str) -> None:
    ensure("requirements.txt")
    run("-m", "streamlit", "run", "app.py", *arguments)


def test(*arguments: str) -> None:
    ensure("requirements-dev.txt")
    run("-m", "ruff", "check")
    run("-m", "ruff", "format", "--check")
    run("-m", "mypy")
    rest = [argument for argument in arguments if argument != "--fast"]
    # Merely collecting tests/loss imports torch and transformers, in every process.
    fast = ["-m", "not browser and not slow", "--ignore", "tests/loss"] if "--fast" in arguments else []
    run("-m", "pytest", "-n", "auto", "--dist", "loadgroup", *fast, *rest)


def main() -> None:
    if sys.version_info < (3, 11):  # noqa: UP036  a clear sentence for those who run it with an older one
        sys.exit("glm4viz needs Python 3.11 or newer.")
    commands = {"app": app, "test": test}
    if len(sys.argv) < 2 or sys.argv[1] not in commands:
        sys.exit(__doc__)
    commands[sys.argv[1]](*sys.argv[2:])


if __name__ == "__main__":
    main()
