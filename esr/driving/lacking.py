"""What cannot be made for lack of a file that no stage makes, such as the images of a source behind a form.

It is known from params.yaml and a first look, before anything runs: the drivers leave it out and make the rest.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from esr.common.errors import EsrError, printable
from esr.recipes.graph import Graph, Node
from esr.recipes.read import Params
from esr.sources.origin import refuse_missing
from esr.stages.evidence import Evidence


@dataclass(frozen=True)
class Lack:
    """Something that is not there.

    Attributes:
        reason: what, and the remedy, in one line.
        stages: the names of the stages that need it, at first hand or not.
    """

    reason: str
    stages: frozenset[str]


class Lacking:
    """What a graph lacks, and what cannot be made for it."""

    def __init__(self, graph: Graph, params: Params) -> None:
        self.graph = graph
        self.params = params

    @cached_property
    def lacks(self) -> list[Lack]:
        """All that is not there and that a stage needs which is not current."""
        evidence = Evidence(self.graph)
        by_reason: dict[str, set[str]] = {}
        for node, reason in self._needed():
            if not evidence.is_current(node):
                by_reason.setdefault(reason, set()).add(node.name)
        return [Lack(reason, frozenset(self._with_followers(names))) for reason, names in by_reason.items()]

    @cached_property
    def stages(self) -> set[str]:
        """The names of the stages that cannot run."""
        return {name for lack in self.lacks for name in lack.stages}

    @cached_property
    def left_out(self) -> set[str]:
        """The names of those stages, and of the ones that serve nothing but rows of `benchmark` that cannot be made."""
        if not self.lacks:
            return set()
        nodes, ancestors = self.graph.nodes, self.graph.ancestors
        rows = [nodes[f"benchmark@{key}"] for key in self.params.benchmark]
        serving = {node.name for node in ancestors(*rows)}
        ends = [node for name, node in nodes.items() if name not in serving and name not in self.stages]
        wanted = {node.name for node in [*ends, *ancestors(*ends)]}
        return nodes.keys() - wanted

    @cached_property
    def rows(self) -> list[str]:
        """The rows of `benchmark` that cannot be made."""
        return [key for key in self.params.benchmark if f"benchmark@{key}" in self.stages]

    def messages(self) -> list[str]:
        """One line per thing that is not there, with what cannot be made for it."""
        return [printable(f"esr: {self._made_with(lack)} cannot be made: {lack.reason}") for lack in self.lacks]

    def refuse(self, nodes: Iterable[Node], target: str) -> None:
        """Refuse a target of which one of ``nodes`` cannot be made.

        Raises:
            EsrError: it cannot be made, and why.
        """
        names = {node.name for node in nodes}
        for lack in self.lacks:
            if lack.stages & names:
                raise EsrError(f"{target} cannot be made: {lack.reason}")

    def _made_with(self, lack: Lack) -> str:
        """The rows that need it, and with them the report; or else the stages."""
        rows = [key for key in self.rows if f"benchmark@{key}" in lack.stages]
        first = next(node.name for node in self.graph.in_order() if node.name in lack.stages)
        return f"{', '.join(rows)} and the report" if rows else f"{first} and what follows it"

    def _needed(self) -> Iterator[tuple[Node, str]]:
        """The stages that need at first hand what is not there, each with what it is."""
        for key, source in self.params.download.items():
            try:
                refuse_missing(source, self.params.rule.data, key)
            except EsrError as error:
                crops = [name for name, crop in self.params.crop.items() if crop.source == key]
                for node in [self.graph.find("download", key), *(self.graph.find("crop", name) for name in crops)]:
                    yield node, str(error)
        for key, row in self.params.import_.items():
            if row.checkpoint is not None and not Path(row.checkpoint).exists():
                yield (
                    self.graph.find("import", key),
                    f"import.{key}.checkpoint: {row.checkpoint} is missing; put it there",
                )

    def _with_followers(self, names: set[str]) -> set[str]:
        found = set(names)
        for node in self.graph.in_order():
            if any(earlier.name in found for earlier in self.graph.upstream(node)):
                found.add(node.name)
        return found
