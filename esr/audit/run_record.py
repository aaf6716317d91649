"""The record of a finished run that is committed, for runs on other machines to be held against.

dvc.lock is none: a run writes it anew. This one holds what dvc.lock holds, and what says why bytes may differ: the
source files, the machine, and the numbers themselves.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from esr.audit.figures import figures_of
from esr.audit.whereabouts import circumstances, journal_of
from esr.common.errors import EsrError
from esr.common.files import read_json, write_json
from esr.recipes.graph import Graph, Node
from esr.report.trail import Circumstances
from esr.stages.receipts import Receipt, read_receipt

RECORDS = Path("workflow/records")


class RecordedStage(BaseModel):
    """A stage by the names of what the record holds once: parameters, and the files that it read and made.

    ``machine`` is the index of the machine that it ran on; None where no journal told. ``figures`` are what it
    measured: PSNR in dB, counts, and SSIM.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    command: str
    params: tuple[str, ...]
    deps: tuple[str, ...]
    outs: tuple[str, ...]
    figures: Mapping[str, float]
    machine: int | None


class RunRecord(BaseModel):
    """A finished run: every parameter with its value, every file with its md5, and each stage in the graph's order."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    scale: str
    commit: str
    params: Mapping[str, Any]
    files: Mapping[str, str]
    sources: Mapping[str, Mapping[str, str]]
    machines: tuple[Circumstances, ...]
    stages: Mapping[str, RecordedStage]

    def receipt(self, name: str) -> Receipt:
        """What the stage's receipt said."""
        stage = self.stages[name]
        return Receipt(
            command=stage.command,
            params={name: self.params[name] for name in stage.params},
            deps={path: self.files[path] for path in stage.deps},
            outs={path: self.files[path] for path in stage.outs},
            sources={file: md5 for path in stage.deps for file, md5 in self.sources.get(path, {}).items()},
        )

    def circumstances(self, name: str) -> Circumstances:
        """Of the stage's run, as far as the record tells."""
        machine = self.stages[name].machine
        return Circumstances() if machine is None else self.machines[machine]


def record_path(scale: str) -> Path:
    """Where the record of a scale's run lies."""
    return RECORDS / f"{scale}.json"


def read_record(path: Path) -> RunRecord:
    """Read a record.

    Raises:
        EsrError: it is missing, or is none.
    """
    if not path.is_file():
        raise EsrError(f"{path} is missing: no run at this scale was recorded; `esr verify --write` records this one")
    try:
        record = RunRecord.model_validate(read_json(path))
        for name in record.stages:
            record.receipt(name)
    except (ValidationError, KeyError, IndexError) as error:
        raise EsrError(f"{path} is no record of a run; take it from the repository again") from error
    return record


def write_record(graph: Graph, receipts: Mapping[str, Receipt]) -> Path:
    """Write the record of a run of which every stage is current, by its receipts; gives its path."""
    machines: list[Circumstances] = []
    stages: dict[str, RecordedStage] = {}
    sources: dict[str, Mapping[str, str]] = {}
    commits: list[str] = []
    for node in graph.in_order():
        receipt = receipts[node.name]
        ran = _ran(node, receipt)
        commits += [ran.commit] if ran else []
        stages[node.name] = RecordedStage(
            command=receipt.command,
            params=tuple(receipt.params),
            deps=tuple(receipt.deps),
            outs=tuple(receipt.outs),
            figures=figures_of(node),
            machine=_index(machines, ran) if ran else None,
        )
        sources |= {path: read_json(Path(path)) for path in receipt.deps if path.startswith("runs/.code/")}
    record = RunRecord(
        scale=graph.scale,
        commit=next(reversed(commits), ""),
        params={name: value for each in receipts.values() for name, value in each.params.items()},
        files={path: md5 for each in receipts.values() for path, md5 in {**each.deps, **each.outs}.items()},
        sources=sources,
        machines=tuple(machines),
        stages=stages,
    )
    path = record_path(graph.scale)
    write_json(path, record.model_dump())
    return path


def current_receipt(node: Node) -> Receipt:
    """The receipt of a stage that is known to be current."""
    receipt = read_receipt(node)
    if receipt is None:
        raise EsrError(f"{node.name} has no receipt any more; type `esr sync`")
    return receipt


def _ran(node: Node, receipt: Receipt) -> Circumstances | None:
    journal = journal_of(node, receipt)
    return circumstances(journal) if journal else None


def _index(machines: list[Circumstances], ran: Circumstances) -> int:
    """The place of the machine that a stage ran on: without its name, and without what differs from stage to stage."""
    machine = ran.model_copy(update={"host": "", "commit": "", "dirty": None, "began": None, "ended": None})
    if machine not in machines:
        machines.append(machine)
    return machines.index(machine)
