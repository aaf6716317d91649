"""A project of which every stage has run, without a stage that runs: outputs of a few bytes, receipts and journals."""

import shutil
from pathlib import Path
from typing import Any

from esr.common.files import write_json, write_text
from esr.recipes.graph import Graph, Node, read_graph
from esr.stages.evidence import Evidence
from esr.stages.premises import sources_of
from esr.stages.provenance import head_of
from esr.stages.receipts import identity_of, write_receipt
from esr.tracking.journal import PROJECT, Journal, journal_path
from tests.report.made_board import made_metrics
from tests.tiny_project import ROOT, keep_only, shorten

PSNR = {"slimrlfn": 28.25, "slimrlfn-pruned": 28.0, "rlfn": 28.5}


def lay_project(params: dict[str, Any]) -> None:
    """The files of a clone in the current folder, with these rows."""
    for name in ("dvc.yaml", "Snakefile", "LICENSE"):
        shutil.copy2(ROOT / name, name)
    shutil.copytree(ROOT / "esr", "esr", ignore=shutil.ignore_patterns("__pycache__"))
    Path("networks").mkdir()
    write_json(Path("params.yaml"), params)  # JSON is YAML


def two_entries(params: dict[str, Any]) -> dict[str, Any]:
    """The rows of SlimRLFN, with its pruning, and of RLFN, in few phases."""
    shorten(params)
    keep_only(params, {"slimrlfn", "rlfn"})
    return params


def finish(journals: bool = True) -> Graph:
    """Make every output and every record in the current folder; ``journals`` take a hundredth of a second each."""
    graph = read_graph()
    write_text(PROJECT, "0123456789abcdef")
    evidence = Evidence(graph)
    for node in graph.in_order():
        make(graph, node, evidence, journal=journals)
    return graph


def make(graph: Graph, node: Node, evidence: Evidence | None = None, word: str = "", journal: bool = True) -> None:
    """Make a stage's outputs, receipt and journal; another ``word`` makes other outputs."""
    evidence = evidence or Evidence(graph)
    for path in node.out_paths:
        if path.endswith("metrics.json"):
            write_json(Path(path), made_metrics(PSNR.get(node.key, 28.0), 100.0, 0.75, 200_000))
        elif path.endswith("curve.csv"):
            write_text(Path(path), "iteration,loss,learning_rate,psnr\n2,0.5,0.001,\n4,0.25,0.0005,28.125\n")
        else:
            write_text(Path(path), f"{path} {word}\n")
        evidence.digests.forget(path)
    note(graph, node, evidence, journal)


def note(graph: Graph, node: Node, evidence: Evidence, journal: bool = True) -> None:
    """Write the receipt and the journal of what lies there, as the stage does when it ends."""
    deps = {path: md5 for path, md5 in evidence.inputs(node).items() if md5}
    outs = {path: md5 for path, md5 in evidence.outputs(node).items() if md5}
    write_receipt(node, deps, outs, sources_of(deps))
    if journal:
        place = journal_path(node.scale, node.kind, node.key, identity_of(node.command, node.params, deps))
        Journal(place, head_of(graph, node, deps)).close("finished", {f"md5 {path}": outs[path] for path in outs})
