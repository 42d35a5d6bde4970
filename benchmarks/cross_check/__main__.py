"""Recipes against the peers' own packages.

    python -m benchmarks.cross_check                    every peer, at the version its recipes are pinned to
    python -m benchmarks.cross_check trl==1.17.0        one peer, at another version
    python -m benchmarks.cross_check slime --source slime=path/to/checkout

Prints a table in Markdown, and what differs first. Needs the package index, some minutes and some gigabytes the first time; what was
installed is kept under --envs. Exit status 1 if any recipe differs, or if a
peer that is in the package index couldn't be asked.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import glm4viz
from benchmarks.cross_check.comparison import Answer, Outcome, answer, compared
from benchmarks.cross_check.conversations import Given, conversations
from benchmarks.cross_check.environments import NotInstallable, default_directory, python_of, tokenizers_directory
from benchmarks.cross_check.peers import PEERS, Peer

ROOT = Path(__file__).resolve().parents[2]
HEAD = "| recipe | peer | equal | different | refused by both | by the peer only | by glm4viz only |\n|--|--|--:|--:|--:|--:|--:|"


def main(arguments: Sequence[str] | None = None) -> int:
    options = parsed(arguments)
    given = conversations(options.count, options.seed)
    sources = {name: Path(path).resolve() for name, path in (pair.split("=", 1) for pair in options.source)}
    print(f"{len(given)} conversations, seed {options.seed}, {date.today()}\n\n{HEAD}")
    notes, refusals, good = [], [], True
    for peer, version in options.peers or [(peer, peer.version) for peer in PEERS]:
        source = sources.get(peer.name)
        title = f"{peer.name} {revision(source) if source else version}".strip()
        try:
            answers = asked(peer, version, given, options.envs, source)
        except NotInstallable as reason:
            print(f"| {', '.join(peer.recipes)} | {title} | {reason} |  |  |  |  |", flush=True)
            good &= not peer.package and source is None  # that one can't be had is known; that one fails is not
            continue
        for recipe, theirs in answers.items():
            outcome = compared([answer(one, recipe) for one in given], theirs)
            print(row(recipe, title, outcome), flush=True)
            notes += [f"- {recipe}, {kind.replace('_', ' ')}: {text}" for kind, text in outcome.first.items()]
            refusals += [f"- {recipe}: " + ", ".join(f"{kind} {n}" for kind, n in outcome.errors.most_common())] * bool(outcome.errors)
            good &= outcome.agrees
    if notes:
        print("\nThe first of each kind:\n\n" + "\n".join(notes))
    print("\nWhat the peers raised where both refuse (Dropped: left out without an error):\n\n" + "\n".join(refusals))
    return 0 if good else 1


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("peers", nargs="*", type=chosen, help="name or name==version; all by default")
    parser.add_argument("--envs", type=Path, default=default_directory(), help="where environments are kept")
    parser.add_argument("--source", action="append", default=[], metavar="NAME=PATH", help="a checkout to take instead of the package")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(arguments)


def chosen(text: str) -> tuple[Peer, str]:
    """A peer and the version to install."""
    name, _, version = text.partition("==")
    for peer in PEERS:
        if peer.name == name:
            return peer, version or peer.version
    raise argparse.ArgumentTypeError(f"no peer {name!r}; there are {', '.join(peer.name for peer in PEERS)}")


def asked(peer: Peer, version: str, given: Sequence[Given], envs: Path, source: Path | None) -> dict[str, list[Answer]]:
    """The peer's answers, by recipe; only recipes that glm4viz has. Raises NotInstallable."""
    python, directory = python_of(peer, version, envs, source), tokenizers_directory(envs)
    known = set(glm4viz.recipes())
    recipes = [recipe for recipe in peer.recipes if recipe in known]
    requests = [json.dumps({"recipe": recipe, "messages": one.messages, "tools": one.tools}) + "\n" for recipe in recipes for one in given]
    paths = [ROOT, *([source / peer.root] if source else [])]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "PYTHONPATH": os.pathsep.join(map(str, paths))}
    log, replies = (envs.resolve() / f"{peer.name}{suffix}" for suffix in (".log", ".jsonl"))
    with log.open("w") as printed:
        command = [str(python.absolute()), "-m", peer.driver, str(directory.resolve()), str(replies)]
        done = subprocess.run(command, input="".join(requests), stdout=printed, stderr=printed, encoding="utf-8", env=environment, cwd=envs)
    if done.returncode:
        raise NotInstallable(f"the driver stopped: {log.read_text('utf-8', 'replace').strip().splitlines()[-1]}")
    answers = [json.loads(line) for line in replies.read_text("utf-8").splitlines()]
    return {recipe: answers[i * len(given) : (i + 1) * len(given)] for i, recipe in enumerate(recipes)}


def revision(source: Path) -> str:
    """The commit of a checkout, or the word source."""
    done = subprocess.run(["git", "-C", str(source), "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    return done.stdout.strip() or "source"


def row(recipe: str, title: str, o: Outcome) -> str:
    return f"| {recipe} | {title} | {o.equal} | {o.different} | {o.refused_by_both} | {o.refused_by_peer} | {o.refused_by_glm4viz} |"


if __name__ == "__main__":
    sys.exit(main())
