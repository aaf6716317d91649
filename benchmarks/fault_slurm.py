"""A pipeline whose stages are jobs of a Slurm that is started on this machine, and kills of a job."""

import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from fault_pipeline import Pipeline

from tests.slurm.two_nodes import Cluster, missing, own_profile, two_nodes

PLUGIN = "snakemake_executor_plugin_slurm"


def refuse_without_slurm() -> None:
    """End here where Slurm or its plugin is not installed."""
    lacking = missing() + ([] if find_spec(PLUGIN) else [f"{PLUGIN} (pip install '.[slurm]')"])
    if lacking:
        raise SystemExit(f"not installed: {', '.join(lacking)}; Debian: slurm-wlm and munge")


@dataclass(frozen=True)
class Jobs:
    """The jobs of a cluster, whose nodes are all for the pipeline."""

    cluster: Cluster

    def kill(self, chance: random.Random) -> bool:
        """Kill all processes of a running job at once, as the failure of a node does; False: no job runs."""
        try:
            running = sorted(job for job, state, _, _ in self.cluster.jobs() if state == "RUNNING")
            if not running:
                return False
            self.cluster.ask("scancel", "--full", "--signal=KILL", chance.choice(running))
        except subprocess.SubprocessError:  # it has just ended, or Slurm is busy
            return False
        return True

    def left(self) -> list[str]:
        """Those that wait or run, in words."""
        try:
            return [f"job {job}, {state}, {comment}" for job, state, _, comment in self.cluster.jobs()]
        except subprocess.SubprocessError as error:
            return [f"jobs unknown: {error}"]


@contextmanager
def on_slurm(pipeline: Pipeline) -> Iterator[tuple[Pipeline, Jobs]]:
    """The pipeline as jobs of two nodes, which end with the block."""
    with tempfile.TemporaryDirectory(prefix="esr-slurm-") as folder, two_nodes(Path(folder)) as cluster:
        config = Path(folder) / "config"
        path = os.pathsep.join([str(Path(sys.executable).parent), cluster.environment["PATH"]])
        driven = replace(
            pipeline,
            command=("esr", "run", "--profile", "slurm", "--profile", own_profile(config)),
            environment={**cluster.environment, "PATH": path, "XDG_CONFIG_HOME": str(config)},
        )
        yield driven, Jobs(cluster)
