"""The work of every training of a scale, counted by a process of its own: it imports torch, which its caller need not.

``python -m esr.planning.run_work`` prints it as JSON, for the project in the current folder.
"""

import json
import os
import sys
from subprocess import DEVNULL, PIPE, Popen

from esr.common.errors import EsrError
from esr.planning.phases import at_scale, training_stage
from esr.recipes.graph import Graph
from esr.recipes.kinds import ROLES
from esr.recipes.read import Params


def run_work(graph: Graph, params: Params) -> dict[str, tuple[int, float]]:
    """By the name of each stage that trains: its iterations, all rounds of a pruning together, and its work.

    Raises:
        EsrError: a network cannot be built or run.
    """
    from esr.planning.work import stage_work  # here, because it brings torch, which who calls Counting need not have

    found = {}
    for node in graph.nodes.values():
        if node.kind in ROLES and (stage := training_stage(params, node, params.rule)):
            found[node.name] = stage.rounds * stage.schedule.iterations, stage_work(stage)
    return found


class Counting:
    """A process that counts the work, at the lowest priority; to be ended."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "esr.planning.run_work"]
        self._process = Popen(command, stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL, process_group=0)
        self._work: dict[str, tuple[int, float]] | None = None

    def work(self) -> dict[str, tuple[int, float]]:
        """As ``run_work``; nothing until it is counted, or where it cannot be."""
        if self._work is None and self._process.poll() is not None:
            assert self._process.stdout is not None
            said = self._process.stdout.read() if self._process.returncode == 0 else b"{}"
            self._work = {name: (int(iterations), float(work)) for name, (iterations, work) in json.loads(said).items()}
        return self._work or {}

    def end(self) -> None:
        """End the process, if it still counts."""
        assert self._process.stdout is not None
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()


def main() -> int:
    """Print the work; 1 where it cannot be counted, which those that need it tell better."""
    os.nice(19)
    try:
        print(json.dumps(run_work(*at_scale(None))))
    except EsrError:
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
