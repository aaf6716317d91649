"""The stages at work: where a driver asks for it, each tells in a small file how far it has come."""

import os
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from esr.common.how_far import HowFar, read_how_far, telling_in
from esr.common.lock import is_held
from esr.recipes.graph import Node
from esr.stages.last_words import lock_path

ASKED = "ESR_SHOWN"  # environment: set for stages that a driver shows
FOLDER = Path(".esr/progress")


def telling(node: Node) -> AbstractContextManager[None]:
    """While the stage runs, tell how far it has come, where that is asked for; to be used by the holder of its lock."""
    return telling_in(_place(node)) if ASKED in os.environ else nullcontext()


def at_work(nodes: Iterable[Node]) -> dict[str, HowFar]:
    """How far those of these stages have come that run now, by their names; one that was killed does not run."""
    told = {node.name: (node, how_far) for node in nodes if (how_far := read_how_far(_place(node)))}
    return {name: how_far for name, (node, how_far) in told.items() if is_held(lock_path(node))}


def _place(node: Node) -> Path:
    return FOLDER / node.scale / f"{node.kind}-{node.key or node.kind}.json"
