"""A pipeline whose stages are jobs of a Slurm that is started on this machine, and kills of a job."""

import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from fault_pipeline import Pipeline

from tests.slurm.two_nodes import Cluster, missing, own_profile, two_nodes


@contextmanager
def on_slurm(pipeline: Pipeline) -> Iterator[tuple[Pipeline, Cluster]]:
    """The pipeline as jobs of two nodes, which end with the block."""
    if lacking := missing():
        raise SystemExit(f"not installed: {', '.join(lacking)}; Debian: slurm-wlm and munge")
    with tempfile.TemporaryDirectory(prefix="esr-slurm-") as folder, two_nodes(Path(folder)) as cluster:
        config = Path(folder) / "config"
        path = os.pathsep.join([str(Path(sys.executable).parent), cluster.environment["PATH"]])
        driven = replace(
            pipeline,
            command=("esr", "run", "--profile", "slurm", "--profile", own_profile(config)),
            environment={**cluster.environment, "PATH": path, "XDG_CONFIG_HOME": str(config)},
        )
        yield driven, cluster


def a_job_killed(cluster: Cluster) -> Callable[[random.Random], bool]:
    """What kills all processes of a running job at once, as the failure of a node does; False: no job runs."""

    def kill(chance: random.Random) -> bool:
        running = sorted(job for job, state, _, _ in cluster.jobs() if state == "RUNNING")
        if not running:
            return False
        try:
            cluster.ask("scancel", "--full", "--signal=KILL", chance.choice(running))
        except subprocess.CalledProcessError:  # it has just ended
            return False
        return True

    return kill
