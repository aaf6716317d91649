"""Disks that are full, or may not be written, under a finished project; needs root, who alone may mount them."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from fault_pipeline import MAKE_RUN, Pipeline, results

from esr.recipes.graph import Node, read_graph
from esr.recipes.kinds import KINDS
from tests.tiny_project import Project

SAME = "the bytes of the undisturbed run"


def one_of_each_kind(project: Project) -> list[Node]:
    """A stage of each kind that the project has."""
    graph = read_graph(project.folder / "params.yaml", project.folder / "dvc.yaml")
    first = (next((node for node in graph.nodes.values() if node.kind == kind), None) for kind in KINDS)
    return [node for node in first if node is not None]


def full_disk(pipeline: Pipeline, node: Node) -> dict[str, Any]:
    """A finished project's stage whose output's folder becomes a full disk; then there is room again."""
    project = pipeline.finished_again("full")
    folder = (project.folder / node.out_paths[0]).parent
    with _full(folder):
        done = project.run(*node.command.split()[2:])
        left = sorted(path.name for path in folder.iterdir() if path.name != "filled")
    ended = project.run(*MAKE_RUN)
    same = results(project) == pipeline.made
    return {"code": done.returncode, **told(done), "left": left, "make run": ended.returncode, SAME: same}


@contextmanager
def _full(folder: Path) -> Iterator[None]:
    """A file system of a few pages over the folder, all of them taken."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(folder)], check=True)
    try:
        with suppress(OSError), (folder / "filled").open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def read_only_data(pipeline: Pipeline, gone: str | None) -> dict[str, Any]:
    """The data folder may only be read: no matter to a finished project; where a file is gone, one line.

    Args:
        gone: a file of a data set that is to be made again.
    """
    project = pipeline.finished_again("read-only")
    if gone:
        (project.folder / gone).unlink()
    with _read_only(project.folder / "data"):
        done = project.run(*MAKE_RUN)
    ended = project.run(*MAKE_RUN)
    same = results(project) == pipeline.made
    return {"code": done.returncode, **told(done), "make run, written again": ended.returncode, SAME: same}


@contextmanager
def _read_only(folder: Path) -> Iterator[None]:
    subprocess.run(["mount", "--bind", str(folder), str(folder)], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", str(folder)], check=True)
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def told(done: "subprocess.CompletedProcess[str]") -> dict[str, Any]:
    """What a command said of the fault, and whether it said it with a traceback."""
    said = [
        line for line in (done.stdout + done.stderr).splitlines() if line.startswith(("esr: ", "Nothing to be done"))
    ]
    return {"said": said[:6], "traceback": "Traceback" in done.stdout + done.stderr}
