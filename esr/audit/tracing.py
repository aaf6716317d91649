"""From a cell of the leaderboard back to every stage behind it."""

import json
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from esr.audit.differences import differences
from esr.audit.figures import figures_of
from esr.audit.whereabouts import circumstances, journal_of, run_of
from esr.common.errors import EsrError
from esr.common.files import read_json
from esr.evaluation.metrics import Metrics
from esr.recipes.graph import Graph, Node, read_graph
from esr.recipes.read import Params, check
from esr.recipes.telling import short, some
from esr.report.columns import MEASURED
from esr.report.leaderboard import CSV_COLUMNS, ON_EACH_SET
from esr.report.trail import Fault, TracedFile, TracedStage, Trail
from esr.stages.accepting import RECORD
from esr.stages.evidence import Evidence
from esr.stages.premises import sources_of
from esr.stages.receipts import Receipt, read_receipt

OWN_COLUMNS = ("entry", "scale")
ON_SETS = tuple(f"{score}_" for score in ON_EACH_SET)


def trace(name: str, column: str = "") -> Trail:
    """The way back from a cell, or from a whole row where no column is named; in the current folder.

    Args:
        name: a row of ``benchmark``, a row of ``fuse`` that one measures, or an entry with one row.
        column: of the leaderboard's CSV.

    Raises:
        EsrError: there is no such row, or no such column of measured numbers.
    """
    graph = read_graph()
    return Tracer(graph, check(graph.params)).trail(name, column)


class Tracer:
    """One look at the files and records of a graph. Every stage is looked at once, whatever number of rows ask."""

    def __init__(self, graph: Graph, params: Params) -> None:
        self._graph, self._params = graph, params
        self._evidence = Evidence(graph)
        self._stages: dict[str, TracedStage] = {}

    def trail(self, name: str, column: str = "") -> Trail:
        """As ``trace``."""
        row = self._row(name)
        node = self._graph.find("benchmark", row)
        if column:
            self._refuse_column(row, column)
        stages = [self.stage(each) for each in self._behind(node, column)]
        return Trail(row=row, column=column, value=self._value(node, column), stages=tuple(stages))

    def _behind(self, benchmark: Node, column: str) -> list[Node]:
        """The leaderboard where there is one, the row's benchmark, and all that this is made from.

        A column that follows from other rows as well, such as the rank, has all that the leaderboard is made from.
        """
        own = [benchmark, *self._graph.ancestors(benchmark)]
        report = self._graph.find("report")
        if column and not _is_measured(column):
            return list(dict.fromkeys([report, *own, *self._graph.ancestors(report)]))
        is_there = read_receipt(report) is not None or any(self._evidence.outputs(report).values())
        return [report, *own] if is_there else own

    def stage(self, node: Node) -> TracedStage:
        """One stage: how it ran, and whether its files still are what they were then."""
        if node.name not in self._stages:
            self._stages[node.name] = self._look(node)
        return self._stages[node.name]

    def _look(self, node: Node) -> TracedStage:
        evidence = self._evidence
        own = read_receipt(node)
        receipt = own or evidence.locked(node)
        now = self._present(node, in_folders=own is not None)
        journal = journal_of(node, receipt) if receipt else None
        changed = tuple(differences(receipt, now)) if receipt else ()
        inputs, outputs = evidence.inputs(node), evidence.outputs(node)
        return TracedStage(
            name=node.name,
            command=receipt.command if receipt else node.command,
            parameters=receipt.params if receipt else dict(node.params),
            inputs=_files(receipt.deps if receipt else {}, inputs),
            outputs=_files(receipt.outs if receipt else {}, outputs),
            circumstances=circumstances(journal) if journal else None,
            faults=tuple(self._faults(node, receipt, bool(changed))),
            differences=changed,
            accepted=tuple(self._accepted.get(node.name, ())),
            run=run_of(journal) if journal else "",
        )

    def _present(self, node: Node, in_folders: bool) -> Receipt:
        """What a receipt would say if the stage ran now and made what is there; dvc.lock lists no files in folders."""
        deps, outs = _known(self._evidence.inputs(node)), _known(self._evidence.outputs(node))
        deps = deps if in_folders else {path: md5 for path, md5 in deps.items() if path in node.deps}
        return Receipt(command=node.command, params=dict(node.params), deps=deps, outs=outs, sources=sources_of(deps))

    def _faults(self, node: Node, receipt: Receipt | None, changed: bool) -> list[Fault]:
        outputs = self._evidence.outputs(node)
        faults: dict[Fault, bool] = {
            "unrecorded": receipt is None,
            "missing": None in outputs.values(),
            "damaged": bool(self._evidence.spoilt(node)),
            "stale": changed,
        }
        if receipt is not None and not any(faults.values()):
            faults["stale"] = receipt.outs != outputs  # what DVC has brought back of another run
        return [fault for fault, holds in faults.items() if holds]

    def _row(self, name: str) -> str:
        rows = self._params.benchmark
        if name in rows:
            return name
        found = [key for key, row in rows.items() if row.from_ == f"fuse/{name}"]
        found = found or [key for key, row in rows.items() if row.entry == name]
        if len(found) != 1:
            raise EsrError(f"{short(name)} is no row of benchmark; give one of: {some(found or rows, name)}")
        return found[0]

    def _refuse_column(self, row: str, column: str) -> None:
        measured = [each.name for each in MEASURED]
        if column in measured or column == "threshold" or column.startswith(ON_SETS):
            return
        if column in CSV_COLUMNS and column not in OWN_COLUMNS:
            place = f"entries.{self._params.benchmark[row].entry} in params.yaml"
            raise EsrError(f"{column} was not measured: it stands as it was printed under {place}")
        raise EsrError(f"the leaderboard has no column {short(column)}; there are: {some(measured, column)}")

    def _value(self, node: Node, column: str) -> float | str | None:
        if not column:
            return None
        figures = figures_of(node)
        if column.startswith(ON_SETS) and figures and column not in figures:
            there = some([name for name in figures if name.startswith(ON_SETS)], column)
            raise EsrError(f"{node.key} is not scored on that set: no {short(column)}; there are: {there}")
        with suppress(EsrError):
            told = read_json(node.output("metrics.json"))
            measured = {**(told if isinstance(told, dict) else {}), **figures}
            if column in measured:
                value: float | str | None = measured[column]
                return value
        return self._on_the_leaderboard(node.key, column)

    def _on_the_leaderboard(self, row: str, column: str) -> float | str | None:
        value = self._board.get(row, {}).get(column)
        return None if value is None or pd.isna(value) else value if isinstance(value, str) else float(value)

    @cached_property
    def _board(self) -> dict[str, dict[str, Any]]:
        """The leaderboard's cells by row and column; empty where there is none that can be read."""
        with suppress(OSError, ValueError, KeyError):
            frame = pd.read_csv(Path("reports", self._graph.scale, "leaderboard.csv")).set_index("entry")
            return {
                str(row): dict(zip(map(str, frame.columns), cells, strict=True)) for row, *cells in frame.itertuples()
            }
        return {}

    @cached_property
    def _accepted(self) -> dict[str, list[str]]:
        """Why stages were taken for current after an edit of code, by their names; the oldest reason first."""
        found: dict[str, list[str]] = {}
        lines = RECORD.read_text(encoding="utf-8").splitlines() if RECORD.is_file() else []
        for line in lines:
            with suppress(ValueError, KeyError, TypeError):
                told = json.loads(line)
                if told["scale"] == self._graph.scale:
                    found.setdefault(told["stage"], []).append(str(told["reason"]))
        return found


def _is_measured(column: str) -> bool:
    """Whether the row's own benchmark tells it."""
    return column in Metrics.model_fields or column.startswith(ON_SETS)


def _files(recorded: dict[str, str], present: dict[str, str | None]) -> tuple[TracedFile, ...]:
    return tuple(
        TracedFile(path=path, recorded=recorded.get(path), present=present.get(path))
        for path in sorted({*recorded, *present})
    )


def _known(digests: dict[str, str | None]) -> dict[str, str]:
    return {path: md5 for path, md5 in digests.items() if md5 is not None}
