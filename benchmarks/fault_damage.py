"""Damage to a finished project: each is noticed and named, or mended by itself, and nothing is made of it."""

import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fault_kills import MAKE_RUN, Pipeline, results

from esr.recipes.graph import Graph, Node
from esr.recipes.kinds import KINDS
from tests.tiny_project import Project

Damage = Callable[[Project], None]
RLFN_2 = "runs/demo/finetune/rlfn-2/weights.safetensors"
FLIPPED = {
    "a packed store": "data/demo/sets/div2k/images.store",
    "a manifest": "data/demo/sets/div2k/manifest.json",
    "a weights file": RLFN_2,
    "a number of a benchmark": "runs/demo/benchmark/rlfn/metrics.json",
    "dvc.lock": "dvc.lock",
    "a receipt": ".esr/receipts/demo/finetune/rlfn-2.json",
    "a journal": ".esr/journal/demo/finetune/rlfn-2/*/events.jsonl",
}
HOUR = 3600


def damages(pipeline: Pipeline) -> list[dict[str, Any]]:
    """Do each damage to a copy of the finished project; gives what was seen, a line for each."""
    chance = random.Random(0)
    cases: dict[str, Damage] = {
        f"a byte flipped in {name}": _flipping(pattern, chance) for name, pattern in FLIPPED.items()
    }
    cases |= {"the clock set back by an hour": _from_the_future, "receipts deleted": _without(".esr/receipts")}
    cases |= {".esr deleted": _without(".esr"), ".snakemake deleted": _without(".snakemake")}
    found = []
    for number, (name, damage) in enumerate(cases.items()):
        project = pipeline.finished.copy(pipeline.place / f"damaged-{number}")
        damage(project)
        found.append({"damage": name} | _gone_on_with(project, pipeline))
        print(found[-1], flush=True)
    found.append({"damage": "two `make run` at once"} | _two_people(pipeline))
    found += _full_disks(pipeline)
    return found


def _gone_on_with(project: Project, pipeline: Pipeline) -> dict[str, Any]:
    """What `make run` says, and whether all is as it was in the end."""
    done = project.run(*MAKE_RUN)
    said = [line for line in (done.stdout + done.stderr).splitlines() if _is_told(line)]
    ended = project.run("snakemake", "-n")
    return {
        "make run": done.returncode,
        "said": said[:6],
        "the bytes of the undisturbed run": results(project) == pipeline.made,
        "nothing left to do": "Nothing to be done" in ended.stdout + ended.stderr,
    }


def _is_told(line: str) -> bool:
    return any(
        word in line for word in ("brought back", "made again", "Made again", "esr: ", "up to date", ": done in")
    )


def _flipping(pattern: str, chance: random.Random) -> Damage:
    def flip(project: Project) -> None:
        path = next(iter(sorted(project.folder.glob(pattern))))
        content = bytearray(path.read_bytes())
        content[chance.randrange(len(content))] ^= 1
        path.write_bytes(content)

    return flip


def _without(name: str) -> Damage:
    return lambda project: shutil.rmtree(project.folder / name)


def _from_the_future(project: Project) -> None:
    later = time.time() + HOUR
    for folder in ("runs", "data", "reports"):
        for path in (project.folder / folder).rglob("*"):
            if path.is_file():
                os.utime(path, (later, later))


def _two_people(pipeline: Pipeline) -> dict[str, Any]:
    """One output is gone, and two people type the command at once."""
    project = pipeline.finished.copy(pipeline.place / "two")
    (project.folder / RLFN_2).unlink()
    both = [
        subprocess.Popen(
            [sys.executable, "-m", *MAKE_RUN],
            cwd=project.folder,
            env=project.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(2)
    ]
    said = [process.communicate()[0].strip().splitlines()[-1:] for process in both]
    return {"codes": sorted(process.returncode for process in both), "last lines": said} | _gone_on_with(
        project, pipeline
    )


def _full_disks(pipeline: Pipeline) -> Iterator[dict[str, Any]]:
    """A stage of each kind whose output's folder is a full disk; its output below is as it was afterwards."""
    project = pipeline.finished.copy(pipeline.place / "full")
    graph = _graph_of(project)
    for kind in KINDS:
        node = next((node for node in graph.nodes.values() if node.kind == kind), None)
        if node is not None:
            yield {"damage": f"the disk is full for {node.name}"} | _on_a_full_disk(project, node)
    yield {"damage": "after all full disks"} | _gone_on_with(project, pipeline)


def _graph_of(project: Project) -> Graph:
    from esr.recipes.graph import read_graph

    return read_graph(project.folder / "params.yaml", project.folder / "dvc.yaml")


def _on_a_full_disk(project: Project, node: Node) -> dict[str, Any]:
    folder = (project.folder / node.out_paths[0]).parent
    with _full(folder):
        done = project.run(*node.command.split()[2:])
        left = sorted(path.name for path in folder.iterdir() if path.name != "filled")
    lines = [line for line in done.stderr.splitlines() if line.startswith("esr: ")]
    return {"code": done.returncode, "said": lines, "traceback": "Traceback" in done.stderr, "left": left}


@contextmanager
def _full(folder: Path) -> Iterator[None]:
    """A file system of a few pages over the folder, all of them taken; needs root."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(folder)], check=True)
    try:
        with (folder / "filled").open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)
