"""The checkpoints that unfinished or abandoned trainings have left: listed, and deleted."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from esr.common.lock import is_held
from esr.recipes.graph import Graph, read_graph
from esr.recipes.read import check
from esr.stages.evidence import Evidence
from esr.stages.last_words import lock_path
from esr.stages.receipts import identity_of
from esr.stages.running import CHECKPOINTS, checkpoints_of


@dataclass(frozen=True)
class Saved:
    """What one training has saved.

    Attributes:
        folder: where it lies.
        size: bytes.
        wanted: whether the stage, as params.yaml and its inputs now are, would go on from it, or may do so.
        about: why, for people.
    """

    folder: Path
    size: int
    wanted: bool
    about: str


def print_checkpoints(free: bool) -> None:
    """List what trainings have saved; with ``free`` delete what nothing would go on from."""
    graph = read_graph()
    check(graph.params)
    saved = list(_saved(graph))
    for each in saved:
        print(f"{each.folder.relative_to(CHECKPOINTS)}  {_megabytes(each.size)}  {each.about}")
    left = [each for each in saved if not each.wanted]
    size = _megabytes(sum(each.size for each in left))
    if not saved:
        print(f"{CHECKPOINTS} is empty: finished stages' checkpoints go as soon as DVC has their outputs")
    elif free:
        for each in left:
            shutil.rmtree(each.folder)
        print(f"freed {size}")
    else:
        print(f"`esr checkpoints --free` frees {size}: what nothing would go on from")


def _saved(graph: Graph) -> Iterator[Saved]:
    wanted, unknown = _wanted(graph)
    for folder in sorted(path for path in CHECKPOINTS.glob("*/*/*/*") if path.is_dir()):
        size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        if folder in wanted:
            yield Saved(folder, size, True, "its stage goes on from here")
        elif folder.parent in unknown:
            yield Saved(folder, size, True, f"may be gone on from: {unknown[folder.parent]}")
        elif folder.relative_to(CHECKPOINTS).parts[0] != graph.scale:
            yield Saved(folder, size, True, "of another scale")
        else:
            yield Saved(folder, size, False, "of other parameters or inputs")


def _wanted(graph: Graph) -> tuple[set[Path], dict[Path, str]]:
    """The folders that stages would go on from, and the stages of which that cannot be known, with the reason."""
    evidence = Evidence(graph)
    wanted: set[Path] = set()
    unknown: dict[Path, str] = {}
    for node in graph.nodes.values():
        deps = {path: md5 for path, md5 in evidence.inputs(node).items() if md5}
        folder = checkpoints_of(node, identity_of(node.command, node.params, deps))
        wanted.add(folder)
        if is_held(lock_path(node)):
            unknown[folder.parent] = f"{node.name} runs"
        elif len(deps) < len(graph.inputs(node)):
            unknown[folder.parent] = f"inputs of {node.name} are not made yet"
    return wanted, unknown


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
