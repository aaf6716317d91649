"""What the stages of a run are doing, by what they leave: receipts, journals, and how far they have come."""

import os
import time
from collections.abc import Collection, Iterator, Sequence

from esr.common.how_far import HowFar
from esr.driving.run_state import AtWork, ReachedPsnr, RunState, best_of
from esr.driving.validations import is_validated, psnr_made, psnr_so_far
from esr.planning.makespan import Job
from esr.planning.run_work import Counting
from esr.planning.time_left import Observed, Pending, time_left
from esr.recipes.graph import Graph, Node
from esr.recipes.kinds import ROLES
from esr.recipes.read import Params
from esr.stages.at_work import at_work
from esr.stages.devices import visible_gpus
from esr.stages.last_words import failed
from esr.stages.receipts import receipt_path


class Follower:
    """Follows a run of the stages ``wanted`` (by their names) from before it begins. It is a context."""

    def __init__(self, graph: Graph, params: Params, wanted: Collection[str]) -> None:
        self._graph, self._params = graph, params
        self._nodes = [node for node in graph.in_order() if node.name in wanted]
        self._receipts = {node.name: _stamp(node) for node in self._nodes}
        self._done: set[str] = set()
        self._running: dict[str, HowFar] = {}
        self._last: dict[str, tuple[float, HowFar]] = {}  # of each stage seen at work: when, and how far it had come
        others = [node for node in graph.nodes.values() if node.name not in wanted]
        self._validations = [each for node in others for each in self._made(node)]

    def __enter__(self) -> "Follower":
        self._counting = Counting()
        return self

    def __exit__(self, *error: object) -> None:
        self._counting.end()

    def look(self, stopping: bool = False) -> RunState:
        """What there is to show now."""
        now = time.time()
        for node in self._nodes:
            if node.name not in self._done and _stamp(node) != self._receipts[node.name]:
                self._done.add(node.name)
                self._validations += self._made(node)
        left = [node for node in self._nodes if node.name not in self._done]
        self._running = running = at_work(left)
        lost = failed(left)
        self._last |= {name: (now, how_far) for name, how_far in running.items()}
        shown = [
            AtWork(name, max(0.0, now - how_far.began), how_far, self._psnr(name, how_far.began))
            for name, how_far in running.items()
        ]
        reached = [ReachedPsnr(self._entry(each.name), each.psnr) for each in shown if each.psnr is not None]
        return RunState(
            done=len(self._done),
            stages=len(self._nodes),
            at_work=shown,
            failed=len(lost),
            left=None if stopping else self._left([node for node in left if not self._needs(node, lost)], now),
            best=best_of([*self._validations, *reached]),
            stopping=stopping,
        )

    def is_measuring(self) -> bool:
        """Whether a stage that ran at the last look wants the machine to itself."""
        return any(self._graph.nodes[name].resources.get("threads") == "all" for name in self._running)

    def _made(self, node: Node) -> Iterator[ReachedPsnr]:
        if is_validated(node) and (psnr := psnr_made(node)) is not None:
            yield ReachedPsnr(self._entry(node.name), psnr)

    def _psnr(self, name: str, began: float) -> float | None:
        node = self._graph.nodes[name]
        return psnr_so_far(node, began) if is_validated(node) else None

    def _entry(self, name: str) -> str:
        node = self._graph.nodes[name]
        return str(self._params.row(node.kind, node.key).entry)

    def _needs(self, node: Node, lost: set[str]) -> bool:
        """Whether a stage is one of those that have failed, or is made from one."""
        return bool(lost) and not lost.isdisjoint(each.name for each in (node, *self._graph.ancestors(node)))

    def _left(self, nodes: Sequence[Node], now: float) -> float | None:
        """Seconds until these stages have ended."""
        work = self._counting.work()
        if any(node.kind in ROLES and node.name not in work for node in nodes):
            return None
        cores = len(os.sched_getaffinity(0))
        pending = [self._pending(node, work, self._running.get(node.name), now, cores) for node in nodes]
        return time_left(pending, self._observed(work), cores, len(visible_gpus()))

    def _pending(
        self, node: Node, work: dict[str, tuple[int, float]], how_far: HowFar | None, now: float, cores: int
    ) -> Pending:
        job = Job(
            name=node.name,
            seconds=0.0,
            threads=node.threads(cores),
            gpus=int(node.resources.get("gpu", 0)),
            needs=[before.name for before in self._graph.upstream(node)],
        )
        measuring = self._params.rule.measuring
        return Pending(
            job=job,
            kind=node.kind,
            work=work[node.name][1] if node.name in work else None,
            least=measuring.seconds * len(measuring.sizes) if node.kind == "benchmark" else 0.0,
            elapsed=None if how_far is None else now - how_far.began,
            left=how_far.left if how_far and node.kind in ROLES and node.kind != "prune" else None,  # not of one round
        )

    def _observed(self, work: dict[str, tuple[int, float]]) -> Iterator[Observed]:
        """Trainings by the speed that they last told, and what else has ended by the time it took."""
        for name, (seen, how_far) in self._last.items():
            kind = self._graph.nodes[name].kind
            if name in work:
                iterations, whole = work[name]
                if how_far.unit and how_far.rate > 0:
                    yield Observed(kind, iterations / how_far.rate, whole)
            elif name in self._done:
                yield Observed(kind, seen - how_far.began)


def _stamp(node: Node) -> int | None:
    """When the stage's receipt was written; None: there is none."""
    try:
        return os.stat(receipt_path(node)).st_mtime_ns
    except OSError:
        return None
