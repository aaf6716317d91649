"""Bring Snakemake's and DVC's records up to date from each other.

Each driver remembers by itself what it has run, and takes what the other made for stale. A stage is current for both
when its receipt holds, or when DVC's record does: then its outputs were made by a driver from the present inputs and
parameters. Nothing else is ever recorded.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from esr.errors import EsrError
from esr.graph import Graph, Node, read_graph
from esr.receipts import holds
from esr.recipes.read import check

if TYPE_CHECKING:
    from dvc.repo import Repo

SNAKEMAKE_LOCKS = Path(".snakemake/locks")
LONGEST_WAIT = 60.0  # seconds that another DVC may take
SYNCING = "ESR_SYNCING"  # set for the Snakemake that only touches, so that its handlers stay quiet


def sync_records(only_dvc: bool = False) -> set[str]:
    """Record in DVC what receipts prove, then, unless ``only_dvc``, let Snakemake know what DVC holds as current.

    Returns:
        the names of the stages that are not up to date.

    Raises:
        EsrError: either driver is at work, or refuses.
    """
    graph = read_graph()
    check(graph.params)
    with _dvc() as repo:
        stale = _changed(repo)
        proven = [name for name, node in graph.nodes.items() if name in stale and holds(node, graph.inputs(node))]
        _record(repo, proven)
    stale -= set(proven)
    if not only_dvc:
        _tell_snakemake(current_upwards(graph, stale))
    return stale


def current_upwards(graph: Graph, stale: set[str]) -> list[Node]:
    """The stages that are current together with all that they are made from."""
    current: dict[str, Node] = {}
    for node in graph.in_order():
        if node.name not in stale and all(earlier.name in current for earlier in graph.upstream(node)):
            current[node.name] = node
    return list(current.values())


def clear_stale_lock() -> None:
    """Unlock the folder after a Snakemake that was killed; one that lives is told of, not unlocked.

    Raises:
        EsrError: a living Snakemake works in this folder.
    """
    if not SNAKEMAKE_LOCKS.is_dir() or not any(SNAKEMAKE_LOCKS.iterdir()):
        return
    living = _living_snakemake()
    if living is not None:
        raise EsrError(f"Snakemake is at work in this folder (process {living}); wait for it, or stop it first")
    _call(["snakemake", "--unlock", "--quiet", "all"])


def _living_snakemake() -> int | None:
    """The process id of a Snakemake, other than an ancestor of this process, that works in this folder."""
    ours = {process.pid for process in [psutil.Process(), *psutil.Process().parents()]}
    for process in psutil.process_iter(["pid", "cmdline", "cwd"]):
        command = process.info["cmdline"] or []
        is_snakemake = any(Path(word).name == "snakemake" for word in command[:4])
        if is_snakemake and process.info["cwd"] == os.getcwd() and process.pid not in ours:
            return int(process.pid)
    return None


@contextmanager
def _dvc() -> Iterator["Repo"]:
    """DVC's own library on this folder; waits for a DVC that is at work, as an orphan may be."""
    from dvc.exceptions import DvcException
    from dvc.lock import LockError
    from dvc.repo import Repo

    end = time.monotonic() + LONGEST_WAIT
    try:
        with Repo() as repo:
            while True:
                try:
                    repo.lock.lock()
                    break
                except LockError:
                    if time.monotonic() > end:
                        raise
                    time.sleep(0.5)
            try:
                yield repo
            finally:
                repo.lock.unlock()
    except LockError as error:
        raise EsrError("another DVC is at work in this folder; wait for it, or stop it first") from error
    except DvcException as error:
        raise EsrError(f"DVC refuses: {' '.join(str(error).split())}") from error


def _changed(repo: "Repo") -> set[str]:
    """What `dvc status` says: the names of the stages that DVC holds for changed."""
    return {stage.addressing for stage in repo.index.stages if stage.status()}


def _record(repo: "Repo", names: list[str]) -> None:
    """What `dvc commit --force NAME ...` does, but for all at once: that one rewrites dvc.lock for each name."""
    from dvc.dvcfile import LOCK_FILE, Lockfile

    stages = {stage.addressing: stage for stage in repo.index.stages}
    for name in names:
        stages[name].save()
        stages[name].commit()
    Lockfile(repo, LOCK_FILE).dump_stages([stages[name] for name in names])


def _tell_snakemake(nodes: list[Node]) -> None:
    targets = [path for node in nodes for path in node.out_paths]
    if not targets:
        return
    clear_stale_lock()
    _call(["snakemake", "--touch", "--rerun-incomplete", "--cores", "1", "--quiet", "all", "--", *targets])


def _call(command: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *command], capture_output=True, text=True, check=False, env={**os.environ, SYNCING: "1"}
    )
    if done.returncode != 0:
        lines = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()] or ["no message"]
        raise EsrError(f"`{' '.join(command[:4])} ...` fails: {lines[-1].strip()}")
