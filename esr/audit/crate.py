"""A finished run as an RO-Crate: a ZIP with its files and, as JSON-LD, how each was made.

It follows the Provenance Run Crate profile 0.5, and with that the Workflow Run, Process Run and Workflow RO-Crate ones:
https://www.researchobject.org/workflow-run-crate/profiles/provenance_run_crate. Everything in it comes from receipts
and journals; the same run gives the same bytes.
"""

import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from esr.audit.crate_entities import (
    MAIN,
    METADATA,
    Entity,
    action,
    control,
    descriptor,
    engine,
    file_entity,
    left_out,
    moment,
    organiser,
    parameter,
    person,
    profiles,
    references,
    root,
    step,
    tool,
    whole_run,
    workflow,
)
from esr.audit.run_record import current_receipt
from esr.audit.whereabouts import circumstances, journal_of
from esr.common.files import whole_file
from esr.recipes.graph import Graph, Node, read_graph
from esr.recipes.read import check
from esr.report.trail import Circumstances
from esr.stages.receipts import Receipt, receipt_path
from esr.stages.refusing import refuse_unfinished

CONTEXT = ["https://w3id.org/ro/crate/1.1/context", "https://w3id.org/ro/terms/workflow-run/context"]
OF_THE_PROJECT = ("Snakefile", "dvc.yaml", "params.yaml", "README.md", "LICENSE", "constraints.txt", "CITATION.cff")
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a ZIP can hold


@dataclass(frozen=True)
class RunOfStage:
    """A stage as it ran."""

    node: Node
    receipt: Receipt
    ran: Circumstances


def write_crate(out: Path, agent: str = "") -> int:
    """Write the finished run in the current folder to ``out``; gives the number of its files.

    Args:
        out: the ZIP.
        agent: the name of whoever ran it; empty: nobody is named.

    Raises:
        EsrError: a stage is not up to date, or ``out`` cannot be written.
    """
    graph = read_graph()
    check(graph.params)
    refuse_unfinished(graph, "a crate")
    runs = [_run(node) for node in graph.in_order()]
    files = _files(runs)
    metadata = json.dumps({"@context": CONTEXT, "@graph": list(entities(graph, runs, files, agent))}, indent=1)
    with whole_file(out) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(METADATA, EPOCH), metadata + "\n", zipfile.ZIP_DEFLATED)
        for path in (path for path, goes_in in files.items() if goes_in):
            archive.writestr(zipfile.ZipInfo(path, EPOCH), Path(path).read_bytes(), zipfile.ZIP_DEFLATED)
    return sum(files.values())


def entities(graph: Graph, runs: Iterable[RunOfStage], files: Mapping[str, bool], agent: str) -> Iterator[Entity]:
    """The crate's metadata: what it is, its files, the workflow with its steps, and every step's run."""
    runs = list(runs)
    inside = [path for path, goes_in in files.items() if goes_in]
    md5s = {path: md5 for run in runs for path, md5 in {**run.receipt.deps, **run.receipt.outs}.items()}
    actions = [f"#run/{run.node.name}" for run in runs]
    results = [path for run in runs if run.node.kind in ("benchmark", "report") for path in run.receipt.outs]
    times = [time for run in runs for time in (run.ran.began, run.ran.ended) if time]
    span = (min(times), max(times)) if times else (None, None)
    yield descriptor()
    yield root(graph.scale, moment(span[1] or _recorded(runs)), inside, ["#run", "#organised", *actions], agent)
    yield from profiles()
    yield from engine()
    if agent:
        yield person(agent)
    yield from workflow(list(dict.fromkeys(run.node.kind for run in runs)), [run.node.name for run in runs], results)
    yield from (tool(kind) for kind in dict.fromkeys(run.node.kind for run in runs))
    for path, goes_in in files.items():
        if path != MAIN:
            about = path, md5s.get(path), _size(path)
            yield file_entity(*about, results[-1]) if goes_in else left_out(*about)
    yield from (parameter(name, value) for name, value in _parameters(runs).items())
    for place, run in enumerate(runs):
        yield step(run.node.name, run.node.kind, place)
        yield _action(run, files, agent)
        yield control(run.node.name)
    yield organiser([run.node.name for run in runs], span, agent)
    yield whole_run(results, span, agent)


def _action(run: RunOfStage, files: Mapping[str, bool], agent: str) -> Entity:
    parameters = [f"#parameter/{name}" for name in run.receipt.params]
    return action(
        run.node.name,
        run.node.kind,
        f"{run.receipt.command}{_where(run.ran)}",
        [*references(run.receipt.deps, files), *({"@id": name} for name in parameters)],
        references(run.receipt.outs, files),
        (run.ran.began, run.ran.ended),
        agent,
    )


def _recorded(runs: Iterable[RunOfStage]) -> int:
    """When the last receipt was written, Unix time in ms: where no journal tells when the run was."""
    return round(1000 * max(receipt_path(run.node).stat().st_mtime for run in runs))


def _where(ran: Circumstances) -> str:
    told = {
        "commit": ran.commit + (", with edits" if ran.dirty else ""),
        "processor": ran.processor,
        "GPU": "" if ran.device == "cpu" else ran.device,
        "threads": ran.threads,
        **ran.versions,
    }
    return "".join(f"; {name} {value}" for name, value in told.items() if value)


def _run(node: Node) -> RunOfStage:
    receipt = current_receipt(node)
    journal = journal_of(node, receipt)
    return RunOfStage(node, receipt, circumstances(journal) if journal else Circumstances())


def _files(runs: Sequence[RunOfStage]) -> dict[str, bool]:
    """The project's own files, and all that the stages read and made; whether each goes into the crate.

    Packed images do not: they are large, and not ours to hand on.
    """
    own = [name for name in OF_THE_PROJECT if Path(name).is_file()]
    used = [path for run in runs for path in (*run.receipt.deps, *run.receipt.outs)]
    packed = {out.path for run in runs for out in run.node.outs if not out.cached}
    return {path: path not in packed for path in dict.fromkeys([*own, *used])}


def _parameters(runs: Iterable[RunOfStage]) -> dict[str, Any]:
    return {name: value for run in runs for name, value in run.receipt.params.items()}


def _size(path: str) -> int:
    return Path(path).stat().st_size
