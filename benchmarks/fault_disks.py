"""Disks that are full, or may not be written, under a finished project; needs root, who alone may mount them."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from fault_pipeline import MAKE_RUN, Pipeline

from esr.recipes.graph import Graph, Node
from esr.recipes.kinds import KINDS
from tests.tiny_project import Project

SET = "data/demo/sets/div2k"


def full_disks(project: Project) -> Iterator[dict[str, Any]]:
    """A stage of each kind whose output's folder is a full disk; its output below is as it was afterwards."""
    graph = _graph_of(project)
    for kind in KINDS:
        node = next((node for node in graph.nodes.values() if node.kind == kind), None)
        if node is not None:
            yield {"damage": f"the disk is full for {node.name}"} | _on_a_full_disk(project, node)


def _graph_of(project: Project) -> Graph:
    from esr.recipes.graph import read_graph

    return read_graph(project.folder / "params.yaml", project.folder / "dvc.yaml")


def _on_a_full_disk(project: Project, node: Node) -> dict[str, Any]:
    folder = (project.folder / node.out_paths[0]).parent
    with _full(folder):
        done = project.run(*node.command.split()[2:])
        left = sorted(path.name for path in folder.iterdir() if path.name != "filled")
    return {"code": done.returncode, **told(done), "left": left}


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
        subprocess.run(["umount", str(folder)], check=True)


def read_only_data(pipeline: Pipeline) -> Iterator[dict[str, Any]]:
    """The data folder may only be read: no matter to a finished project; what must be packed again is one line."""
    project = pipeline.finished_again("read-only")
    with _read_only(project.folder / "data"):
        done = project.run(*MAKE_RUN)
    yield {"damage": "the data folder is read-only, nothing is to be done", "code": done.returncode, **told(done)}
    store = project.folder / SET / "images.store"
    store.unlink()
    with _read_only(project.folder / "data"):
        done = project.run(*MAKE_RUN)
        left = sorted(path.name for path in store.parent.iterdir())
    yield {
        "damage": "the data folder is read-only, and a store is gone",
        "code": done.returncode,
        **told(done),
        "left": left,
    }


@contextmanager
def _read_only(folder: Path) -> Iterator[None]:
    subprocess.run(["mount", "--bind", str(folder), str(folder)], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", str(folder)], check=True)
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def told(done: "subprocess.CompletedProcess[str]") -> dict[str, Any]:
    """What a command said of the fault, and whether it said it with a traceback."""
    said = [
        line for line in (done.stdout + done.stderr).splitlines() if line.startswith(("esr: ", "Nothing to be done"))
    ]
    return {"said": said[:6], "traceback": "Traceback" in done.stdout + done.stderr}
