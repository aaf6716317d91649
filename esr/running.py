"""Run one stage: the same whoever starts it, Snakemake, DVC or a person.

A stage is a function of (row, input files) -> output files. Around it this module puts what every stage
has: the thread count, a lock, a place for checkpoints, a log, a journal of metrics, and a receipt.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from esr.devices import own_gpus
from esr.errors import EsrError, Terminated
from esr.files import hash_of, md5_of, read_json, write_json, write_text
from esr.graph import Graph, Node, read_graph
from esr.provenance import head_of
from esr.receipts import complaint_path, write_receipt
from esr.recipes.read import Params, check
from esr.tracking.journal import Journal, journal_path
from esr.tracking.mirror import ensure_mirror
from esr.watch import Watch, duration

STATE = Path(".esr")  # locks, checkpoints, journals, receipts: undeclared, so that no driver deletes them


def run_stage(kind: str, key: str) -> None:
    """Run the stage of this kind and key in the current folder.

    Raises:
        EsrError: bad input, told in one line; nothing is half-written.
        Terminated: the stage was asked to stop and has saved its state.
    """
    begun = time.monotonic()
    graph = read_graph()
    params = check(graph.params)
    node = graph.find(kind, key)
    _limit_threads(params.threads)
    with _alone(node), _complaining(node):
        deps = _hashes(graph, node)
        with own_gpus(node.resources.get("gpu", 0)):
            summary = _run(graph, params, node, deps)
    print(f"{node.name}: done in {duration(time.monotonic() - begun)}{summary}", file=sys.stderr, flush=True)


def _run(graph: Graph, params: Params, node: Node, deps: dict[str, str]) -> str:
    """The stage with its journal and receipt around it; gives what to say of it in the end."""
    identity = hash_of([node.command, dict(node.params), deps])
    journal = Journal(journal_path(node.scale, node.kind, node.key, identity), head_of(graph, node, deps))
    ensure_mirror()
    checkpoints = STATE / "checkpoints" / node.scale / node.kind / (node.key or node.kind) / identity
    with Watch(node.name, node.log, journal, bar=_has_terminal()) as watch:
        try:
            _perform(graph, params, node, checkpoints, watch)
            outs = write_receipt(node, deps)
        except Terminated as stop:
            watch.say(str(stop))
            journal.close("killed", {})
            raise
        except BaseException as error:
            watch.note(str(error) or type(error).__name__)
            journal.close("failed", {})
            raise
        journal.close("finished", {f"md5 {path}": md5 for path, md5 in outs.items()})
        return watch.summary


def _perform(graph: Graph, params: Params, node: Node, checkpoints: Path, watch: Watch) -> None:
    """Call the stage. Imports are here because a stage pays only for what it uses."""
    row: Any = params.row(node.kind, node.key) if node.key else None
    match node.kind:
        case "download":
            from esr.data.sources import download

            download(row, params.rule.data, node.key, node.output("manifest.json"))
        case "crop":
            from esr.data.crop import crop

            source = node.input(f"data/{node.scale}/sources/{row.source}/manifest.json")
            crop(row, source, node.output("manifest.json"), node.output("images.store"))
        case "join":
            from esr.data.join import join

            join(node.set(row.first), node.set(row.second), node.output("manifest.json"))
        case "import":
            from esr.release.stage import import_row

            import_row(row, node.input(row.checkpoint), node.output("weights.safetensors"), node.name)
        case "teacher" | "distill" | "train" | "finetune":
            watch.catch_sigterm()
            from esr.planning.ahead import work_ahead
            from esr.training.stage import run_phase

            watch.ahead = cache(lambda: work_ahead(graph, params, node))
            run_phase(row, params.rule.training, params.engine, node, checkpoints, watch)
        case "prune":
            watch.catch_sigterm()
            from esr.compression.prune import prune

            prune(row, params.rule.training, params.engine, node, checkpoints, watch)
        case "fuse":
            from esr.compression.fusion import fuse_weights

            fusion = fuse_weights(node.weights(row.from_), node.output("weights.safetensors"))
            watch.measured(0, fusion_error_float64=fusion.float64, fusion_error_float32=fusion.float32)
        case "benchmark":
            from esr.evaluation.benchmark import benchmark

            outputs = (node.output("metrics.json"), node.output("crops.png"))
            benchmark(row, node.weights(row.from_), node.set(row.validation), *outputs, watch.journal)
        case "report":
            from esr.report.report import report

            place = f"runs/{node.scale}/benchmark"
            report(
                params.entries,
                params.benchmark,
                node.scale,
                {key: Path(place, key, "metrics.json") for key in params.benchmark},
                {key: Path(place, key, "crops.png") for key in params.benchmark},
                *(node.output(name) for name in ("leaderboard.csv", "leaderboard.md", "index.html")),
            )
        case _:
            raise EsrError(f"dvc.yaml has a stage {node.kind}, which esr does not know")


def _limit_threads(threads: int) -> None:
    """Set the thread count before torch or numpy start their pools: the last bits of a sum depend on it."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(threads)


@contextmanager
def _complaining(node: Node) -> Iterator[None]:
    """Keep the line that a failed stage ends with, so that the driver can show it last."""
    complaint = complaint_path(node)
    complaint.unlink(missing_ok=True)
    try:
        with _told_by_name(node):
            yield
    except EsrError as error:
        with suppress(EsrError):
            write_text(complaint, f"esr: {error}\n")
        raise


@contextmanager
def _told_by_name(node: Node) -> Iterator[None]:
    """What the file system refuses is bad input as well."""
    try:
        yield
    except OSError as error:
        what = f"{error.filename or 'a file'}: {error.strerror or error}"
        raise EsrError(f"{node.name}: {what}; make room or mend it, then run again") from error


@contextmanager
def _alone(node: Node) -> Iterator[None]:
    """Hold the stage's lock; where another process holds it (an orphan of a killed driver), wait for it."""
    path = STATE / "locks" / node.scale / f"{node.kind}-{node.key or node.kind}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    owner = path.with_suffix(".json")
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        pid = read_json(owner)["pid"] if owner.exists() else "unknown"
        print(f"{node.name}: waits for process {pid}, which runs this stage already", file=sys.stderr, flush=True)
        lock.acquire()
    try:
        write_json(owner, {"pid": os.getpid()})
        yield
    finally:
        lock.release()


def _hashes(graph: Graph, node: Node) -> dict[str, str]:
    """md5 of every input, as DVC records them; EsrError names one that is missing and who makes it."""
    hashes = {}
    for path in graph.inputs(node):
        if not Path(path).is_file():
            maker = graph.producers.get(path)
            remedy = f"run `dvc repro {maker.name}`" if maker else "restore it, or mend dvc.yaml"
            raise EsrError(f"{node.name}: {path} is missing; {remedy}")
        hashes[path] = md5_of(Path(path))
    return hashes


def _has_terminal() -> bool:
    """Whether the stage may draw a bar: Snakemake runs several stages on one terminal."""
    return sys.stderr.isatty() and "ESR_UNDER_SNAKEMAKE" not in os.environ
