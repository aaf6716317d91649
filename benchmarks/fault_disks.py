"""Disks that are full, or may not be written, under a finished project; needs root, who alone may mount them."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch
from fault_pipeline import MAKE_RUN, Pipeline, results

from esr.recipes.graph import Graph, read_graph
from tests.release.made_checkpoints import made_checkpoint
from tests.tiny_project import Project

SAME = "the bytes of the undisturbed run"
RELEASED = "team00_rlfn.pth"


def one_of_each_kind(project: Project) -> list[str]:
    """The name of a stage of each kind that the project has."""
    first: dict[str, str] = {}
    for node in _graph(project).nodes.values():
        first.setdefault(node.kind, node.name)
    return list(first.values())


def full_disk(pipeline: Pipeline, name: str) -> dict[str, Any]:
    """A finished project's stage whose output's folder becomes a full disk; then there is room again."""
    return _full_disk(pipeline, pipeline.finished_again("full"), name)


def full_disk_for_an_import(pipeline: Pipeline) -> dict[str, Any]:
    """The same of a stage that the project has not: a released checkpoint becomes its first row of `import`."""
    project = pipeline.finished_again("full")
    torch.save(made_checkpoint(RELEASED), project.folder / "checkpoints" / RELEASED)
    row = {"entry": "rlfn", "network": "esr/networks/rlfn.py", "checkpoint": f"checkpoints/{RELEASED}"}
    project.edit(lambda params: params["import"].update(rlfn=row))
    return _full_disk(pipeline, project, "import@rlfn")


def _full_disk(pipeline: Pipeline, project: Project, name: str) -> dict[str, Any]:
    node = _graph(project).nodes[name]
    folder = (project.folder / node.out_paths[0]).parent
    folder.mkdir(parents=True, exist_ok=True)
    with _full(folder):
        done = project.run(*node.command.split()[2:])
        left = sorted(path.name for path in folder.iterdir() if path.name != "filled")
    ended = project.run(*MAKE_RUN)
    made = results(project)
    same = {path: made.get(path) for path in pipeline.made} == pipeline.made
    return {"code": done.returncode, **told(done), "left": left, "make run": ended.returncode, SAME: same}


def _graph(project: Project) -> Graph:
    return read_graph(project.folder / "params.yaml", project.folder / "dvc.yaml")


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
