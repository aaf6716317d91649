"""Bring Snakemake's and DVC's records up to date from each other, and damaged outputs back.

Each driver remembers by itself what it has run, and takes what the other made for stale. A stage is current for both
when its receipt holds, or when DVC's record does: then its outputs were made by a driver from the present inputs and
parameters. Nothing else is ever recorded.
"""

import shutil
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from esr.common.errors import EsrError
from esr.common.files import hash_of, read_json, write_json
from esr.driving.lacking import Lacking
from esr.driving.repairing import repair
from esr.recipes.graph import CODE_STAGE, GRAPH_FILE, PARAMS_FILE, Graph, Node, read_graph
from esr.recipes.read import check
from esr.stages import dvc_record
from esr.stages.evidence import DVC_LOCK, Evidence
from esr.stages.premises import sources_of
from esr.stages.receipts import read_receipt, receipt_path, write_receipt
from esr.stages.refusing import refuse_folders
from esr.stages.running import checkpoints_of
from esr.stages.snakemake_record import from_the_future, knows, tell_snakemake

if TYPE_CHECKING:
    from dvc.repo import Repo

LAST_SYNC = Path(".esr/last-sync.json")  # the records after the last sync that left nothing stale


def sync_records(only_dvc: bool = False) -> set[str]:
    """Record in DVC what receipts prove and in receipts what DVC holds as current; bring back what is damaged.

    Then Snakemake is told what is current. With ``only_dvc`` nothing is brought back and Snakemake is not told.

    Returns:
        the names of the stages that are not up to date.

    Raises:
        EsrError: either driver is at work, or refuses.
    """
    graph = read_graph()
    lacking = Lacking(graph, check(graph.params))
    refuse_folders(graph)
    lock_alone_changed = _lock_alone_changed(graph)
    with dvc_record.open_dvc() as repo:
        stale = _reconcile(graph, repo, lock_alone_changed)
        repaired = [] if only_dvc else repair(graph, lacking, partial(dvc_record.cached, repo))
    if repaired:
        with dvc_record.open_dvc() as repo:
            stale = _reconcile(graph, repo)
    if not only_dvc:
        tell_snakemake(current_upwards(graph, stale))
        dvc_record.tell_digests(graph.producers)  # Snakemake has given some of the files another time
        if not stale:
            write_json(LAST_SYNC, _state(graph))
    return stale


def is_up_to_date(graph: Graph) -> bool:
    """Whether nothing is to be done, known without asking DVC or Snakemake.

    The records are those that the last sync left with nothing stale, every receipt holds, Snakemake's records are
    there, and no file is newer than now.
    """
    try:
        known = read_json(LAST_SYNC) == _state(graph)
    except EsrError:
        return False
    evidence = Evidence(graph)
    nodes = graph.nodes.values()
    return known and not from_the_future(nodes) and all(evidence.is_current(node) and knows(node) for node in nodes)


def current_upwards(graph: Graph, stale: set[str]) -> list[Node]:
    """The stages that are current together with all that they are made from."""
    current: dict[str, Node] = {}
    for node in graph.in_order():
        if node.name not in stale and all(earlier.name in current for earlier in graph.upstream(node)):
            current[node.name] = node
    return list(current.values())


def _reconcile(graph: Graph, repo: "Repo", name_records: bool = False) -> set[str]:
    """Bring receipts and DVC's record together; gives the stages that neither proves to be current.

    With ``name_records`` each stage is named whose record in dvc.lock is not of what its receipt proves.
    """
    evidence = Evidence(graph)
    _hash_for_dvc(evidence, repo)
    changed = dvc_record.changed(repo)
    dvc_record.record(repo, sorted(changed & {CODE_STAGE}))  # written anew when the evidence was looked at
    stale = changed - {CODE_STAGE}
    proven = {name for name, node in graph.nodes.items() if evidence.is_current(node)}
    for name in sorted(proven & stale) if name_records else ():
        print(f"{name}: its record in {DVC_LOCK} does not fit, and is written anew from its receipt", file=sys.stderr)
    dvc_record.record(repo, sorted(proven & (stale | dvc_record.uncached(repo))))
    believed = {name for name in graph.nodes.keys() - stale - proven if not evidence.contradicts(graph.nodes[name])}
    dvc_record.forget(repo, sorted(graph.nodes.keys() - stale - proven - believed))
    for node in (graph.nodes[name] for name in believed):
        if evidence.proven_by_lock(node):
            if receipt_path(node).exists():
                print(f"{node.name}: its receipt does not fit, and is written anew from {DVC_LOCK}", file=sys.stderr)
            inputs = _known(evidence.inputs(node))
            write_receipt(node, inputs, _known(evidence.outputs(node)), sources_of(inputs))
            proven.add(node.name)
    for name in proven:
        if receipt := read_receipt(graph.nodes[name]):  # DVC has the outputs: no checkpoint is needed
            shutil.rmtree(checkpoints_of(graph.nodes[name], receipt.identity), ignore_errors=True)
    return graph.nodes.keys() - proven


def _hash_for_dvc(evidence: Evidence, repo: "Repo") -> None:
    """Hash what DVC is not left to hash by itself.

    The outputs that it does not keep, the stores, where they are not known: DVC would read them, too. And released
    files: one that was swapped under its old time is told by its bytes alone, and the record of the stage that looks
    at these files must not be of what was there before.
    """
    stores = [out.path for node in evidence.graph.nodes.values() for out in node.outs if not out.cached]
    for path in stores:
        evidence.digests.of(path)
    dvc_record.share_digests(repo, stores)
    released = [row.get("checkpoint") for row in evidence.graph.params["import"].values()]
    dvc_record.share_present_digests(repo, filter(None, released))


def _known(digests: dict[str, str | None]) -> dict[str, str]:
    return {path: md5 for path, md5 in digests.items() if md5 is not None}


def _lock_alone_changed(graph: Graph) -> bool:
    """Whether dvc.lock is another one than the last sync left, and nothing else is, so that no run has changed it."""
    try:
        former = read_json(LAST_SYNC)
    except EsrError:
        return False
    present = _state(graph)
    lock = present[str(DVC_LOCK)]
    if not isinstance(former, dict) or lock in (None, former.get(str(DVC_LOCK))):
        return False
    return former | {str(DVC_LOCK): lock} == present


def _state(graph: Graph) -> dict[str, str | None]:
    """All that decides what the drivers hold as current, but for the stages' own files, which receipts list."""
    digests = Evidence(graph).digests
    receipts = {node.name: digests.of(receipt_path(node)) for node in graph.nodes.values()}
    files = (PARAMS_FILE, GRAPH_FILE, DVC_LOCK)
    return {"receipts": hash_of(receipts), **{str(path): digests.of(path) for path in files}}
