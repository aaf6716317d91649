"""Run one stage, in the same way for Snakemake, DVC and a person.

A stage is a function of (row, input files) -> output files. Around it this module puts what every stage
has: the thread count, a lock, a place for checkpoints, a log, a journal of metrics, and a receipt.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

from safetensors import SafetensorError

from esr.common.duration import duration
from esr.common.errors import EsrError, Terminated
from esr.common.lock import only_one
from esr.recipes.graph import PARAMS_FILE, Graph, Node, read_graph
from esr.recipes.kinds import ROLES
from esr.recipes.read import Params, check
from esr.report.trace_place import forget_traces
from esr.stages.at_work import telling
from esr.stages.devices import own_gpus
from esr.stages.digests import remember
from esr.stages.dvc_record import tell_digests
from esr.stages.evidence import Evidence
from esr.stages.last_words import leaving_last_words, lock_path
from esr.stages.premises import sources_of
from esr.stages.provenance import head_of
from esr.stages.receipts import identity_of, write_receipt
from esr.stages.refusing import MEND, refuse_spoilt
from esr.stages.requeueing import ask_for_requeue
from esr.stages.watch import Watch
from esr.tracking.journal import Journal, journal_path
from esr.tracking.mirror import ensure_mirror

CHECKPOINTS = Path(".esr/checkpoints")
REPORTS = "leaderboard.csv", "leaderboard.md", "index.html", "leaderboard.svg", "curves.svg"


def run_stage(kind: str, key: str) -> None:
    """Run the stage of this kind and key in the current folder.

    Raises:
        EsrError: bad input, in one line; nothing is half-written.
        Terminated: the stage was asked to stop (SIGTERM, Ctrl-C); one that trains has saved its state.
    """
    begun = time.monotonic()
    graph = read_graph()
    params = check(graph.params)
    node = graph.find(kind, key)
    _limit_threads(params.rule.threads)
    _stop_when_asked(node)
    with (
        only_one(lock_path(node), f"runs {node.name} already") as waited,
        leaving_last_words(node),
        telling(node),
        _naming_the_stage(node),
    ):
        evidence = Evidence(graph)
        if waited and evidence.is_current(node):
            summary = " by the process that was waited for"
        else:
            deps = _inputs(evidence, node)
            _refuse_patches(evidence, params, node)
            with own_gpus(node.resources.get("gpu", 0)):
                summary = _run(graph, params, node, deps)
    print(f"{node.name}: done in {duration(time.monotonic() - begun)}{summary}", file=sys.stderr, flush=True)


def _refuse_patches(evidence: Evidence, params: Params, node: Node) -> None:
    """The import is here because it brings numpy, which reads the thread count once."""
    from esr.stages.patches import refuse_patches

    refuse_patches(evidence, params, node)


def _run(graph: Graph, params: Params, node: Node, deps: dict[str, str]) -> str:
    """The stage with its journal and receipt around it; gives what to say of it in the end."""
    identity = identity_of(node.command, node.params, deps)
    sources = sources_of(deps)  # now: they may be edited while the stage runs
    journal = Journal(journal_path(node.scale, node.kind, node.key, identity), head_of(graph, node, deps))
    ensure_mirror()
    with Watch(node.name, node.log, journal) as watch:
        try:
            _perform(graph, params, node, checkpoints_of(node, identity), watch)
            outs = _outputs(Evidence(graph), node)
            write_receipt(node, deps, outs, sources)
            forget_traces(graph.scale)
            tell_digests(outs)
        except Terminated as stop:
            watch.note(str(stop))
            journal.close("killed", {})
            if watch.terminated:  # the stage has saved its state and ended by itself
                ask_for_requeue()
            raise
        except BaseException as error:
            watch.note(str(error) or type(error).__name__)
            journal.close("failed", {})
            raise
        journal.close("finished", {f"md5 {path}": md5 for path, md5 in outs.items()})
        return watch.summary


def checkpoints_of(node: Node, identity: str) -> Path:
    """Where the stage keeps the state from which it goes on; ``esr sync`` frees it when DVC has the outputs."""
    return CHECKPOINTS / node.scale / node.kind / (node.key or node.kind) / identity


def _perform(graph: Graph, params: Params, node: Node, checkpoints: Path, watch: Watch) -> None:
    """Call the stage. Imports are here because a stage pays only for what it uses."""
    row: Any = params.row(node.kind, node.key) if node.key else None
    match node.kind:
        case "download":
            from esr.sources.download import download

            download(row, params.rule.data, node.key, node.output("manifest.json"))
        case "crop":
            from esr.packed.crop import crop
            from esr.sources.download import bring_back

            source = node.input(f"data/{node.scale}/sources/{row.source}/manifest.json")
            bring_back(params.download[row.source], params.rule.data, row.source, source)
            store = node.output("images.store")
            if hashed := crop(row, source, node.output("manifest.json"), store):
                remember(store, hashed)
        case "join":
            from esr.packed.join import join

            join(node.set(row.first), node.set(row.second), node.output("manifest.json"))
        case "import":
            from esr.weights.import_stage import import_row

            import_row(row, node.key, node.output("weights.safetensors"))
        case "teacher" | "distill" | "train" | "finetune":
            watch.catch_stops()
            from esr.planning.ahead import work_ahead
            from esr.training.stage import Task, run_phase

            watch.ahead = cache(lambda: work_ahead(graph, params, node))
            task = Task(row, ROLES[node.kind], params.rule.training, params.engine, node, checkpoints)
            run_phase(task, watch)
        case "prune":
            watch.catch_stops()
            from esr.compression.prune import prune

            prune(row, params.rule.training, params.engine, node, checkpoints, watch)
        case "fuse":
            from esr.compression.fusion import fuse_weights
            from esr.compression.fusion_file import write_fusion

            fusion = fuse_weights(node.weights(row.from_), node.output("weights.safetensors"))
            write_fusion(node.output("fusion.json"), fusion)
            watch.measured(0, fusion_error_float64=fusion.float64, fusion_error_float32=fusion.float32)
        case "benchmark":
            from esr.evaluation.benchmark import Outputs, benchmark

            outputs = Outputs(
                *(node.output(name) for name in ("metrics.json", "crops.png", "rounds.csv", "layers.json"))
            )
            weights, manifest = node.weights(row.from_), node.set(row.validation)
            benchmark(row, params.rule.measuring, weights, manifest, outputs, watch.journal)
            from esr.stages.final_figures import final_figures

            watch.journal.metrics(0, **final_figures(params, node.key, outputs.metrics))
        case "report":
            from esr.report.origins import origins
            from esr.report.report import Measurements, Reports, report
            from esr.report.story import stories

            benchmarks = {key: graph.find("benchmark", key) for key in params.benchmark}
            report(
                params.entries,
                params.benchmark,
                node.scale,
                {
                    key: Measurements(*(each.output(name) for name in ("metrics.json", "crops.png", "layers.json")))
                    for key, each in benchmarks.items()
                },
                stories(graph, params, PARAMS_FILE),
                origins(params),
                Reports(*(node.output(name) for name in REPORTS)),
            )
        case _:
            raise EsrError(f"dvc.yaml has a stage {node.kind}, which esr does not know")


def _limit_threads(threads: int) -> None:
    """Set the thread count before torch or numpy start their pools: the last bits of a sum depend on it."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(threads)


def _stop_when_asked(node: Node) -> None:
    """Ctrl-C and SIGTERM end the stage as Terminated does; one that trains saves its state first (``Watch``)."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise Terminated(f"{node.name} was asked to stop; the same command begins it again", number)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)


@contextmanager
def _naming_the_stage(node: Node) -> Iterator[None]:
    """What the file system refuses is bad input as well, and so is code of a network that ends the process."""
    try:
        yield
    except OSError as error:
        what = f"{error.filename or 'a file'}: {error.strerror or error}"
        raise EsrError(f"{node.name}: {what}; make room or mend it, then run again") from error
    except SafetensorError as error:  # of the library, around what the system says
        raise EsrError(f"{node.name}: its weights cannot be written ({error}); make room, then run again") from error
    except SystemExit as error:
        raise EsrError(f"{node.name}: a network's code called sys.exit; raise an error there instead") from error


def _inputs(evidence: Evidence, node: Node) -> dict[str, str]:
    """md5 of every input, as DVC records them.

    Raises:
        EsrError: one is missing, or something that the stage is made from has changed since it was made.
    """
    producers, inputs = evidence.graph.producers, evidence.inputs(node)
    for path in (path for path, md5 in inputs.items() if md5 is None):
        maker = producers.get(path)
        remedy = f"run `dvc repro {maker.name}`" if maker else "restore it, or mend dvc.yaml"
        raise EsrError(f"{node.name}: {path} is missing; {remedy}")
    refuse_spoilt(evidence, evidence.graph.ancestors(node), f"{node.name} is not run; {MEND}")
    return {path: md5 for path, md5 in inputs.items() if md5 is not None}


def _outputs(evidence: Evidence, node: Node) -> dict[str, str]:
    """md5 of every output; EsrError names one that was not made."""
    outs = evidence.outputs(node)
    for path in (path for path, md5 in outs.items() if md5 is None):
        raise EsrError(f"{node.name}: {path} was to be made and is not there; see {node.log}")
    return {path: md5 for path, md5 in outs.items() if md5 is not None}
