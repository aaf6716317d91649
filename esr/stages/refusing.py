"""What is refused before anything is made of it: damaged outputs, and what Snakemake would take for current."""

from pathlib import Path

from esr.common.errors import EsrError
from esr.common.lock import is_held
from esr.recipes.graph import Graph, Node
from esr.stages.evidence import Evidence
from esr.stages.last_words import lock_path
from esr.stages.receipts import read_receipt
from esr.stages.snakemake_record import from_the_future, knows

NAMED_AT_MOST = 3
MEND = "`make run` brings them back or makes them again, `esr sync` as far as nothing needs training"
SYNC_FIRST = "`esr sync` takes what is proven for current, and `make run` makes the rest again"


def refuse_spoilt(evidence: Evidence, nodes: list[Node], remedy: str) -> None:
    """Refuse to go on from outputs that have changed since their stages made them.

    Raises:
        EsrError: naming the files and their stages.
    """
    spoilt = [f"{path} (of {node.name})" for node in nodes for path in evidence.spoilt(node)]
    if spoilt:
        raise EsrError(f"changed since their stages made them: {_some(spoilt)}; {remedy}")


def refuse_unfinished(graph: Graph, what: str) -> None:
    """Refuse to make ``what`` of a run in which a stage is not up to date.

    Raises:
        EsrError: naming the stages.
    """
    refuse_stale(Evidence(graph), graph.in_order(), what)


def refuse_stale(evidence: Evidence, nodes: list[Node], what: str) -> None:
    """As ``refuse_unfinished``, of these stages."""
    if stale := [node.name for node in nodes if not evidence.is_current(node)]:
        raise EsrError(f"not up to date: {_some(stale)}; {what} is of a finished run: type `make run` first")


def refuse_to_drive(graph: Graph) -> None:
    """Before Snakemake plans: refuse where `esr sync` comes first, because Snakemake sees times of files alone.

    Raises:
        EsrError: outputs have changed since their stages made them, files are newer than now, or outputs were made by
            another driver or person, or pulled, after what Snakemake has a record of.
    """
    refuse_folders(graph)
    evidence = Evidence(graph)
    idle = [node for node in graph.nodes.values() if not is_held(lock_path(node))]
    refuse_spoilt(evidence, idle, MEND)
    if future := from_the_future(idle):
        raise EsrError(f"newer than now: {_some(future)}; was the clock set back? `esr sync` gives the present time")
    made = [node for node in idle if any(evidence.outputs(node).values())]
    foreign = [node.name for node in made if read_receipt(node) is None or not knows(node)]
    if foreign:
        raise EsrError(f"not made by this Snakemake: {_some(foreign)}; type `esr sync` first: {SYNC_FIRST}")


def refuse_gap(graph: Graph, target: str) -> None:
    """Refuse a target (a file, or a rule without a table) that Snakemake would call made while something is missing.

    It looks no further up than to a file that is there. The rules of entries and rows ask for all they are made from.

    Raises:
        EsrError: the target is there, and what it was made from is not.
    """
    node = graph.producers.get(target) or graph.nodes.get(target)
    if node is None or not all(Path(path).exists() for path in node.out_paths):
        return
    for earlier in graph.ancestors(node):
        for path in earlier.out_paths:
            if not Path(path).exists():
                raise EsrError(f"{target} was made from {path}, which is missing: ask for an entry or a row")


def refuse_folders(graph: Graph) -> None:
    """Refuse what lies in the place of an output and is no file; a link to nothing is removed.

    Raises:
        EsrError: naming the folder, pipe or device.
    """
    for path in map(Path, graph.producers):
        if path.is_symlink() and not path.exists():
            path.unlink()
        elif path.exists() and not path.is_file():
            raise EsrError(f"{path} is no file, and {graph.producers[str(path)].name} makes one there; remove it")


def _some(names: list[str]) -> str:
    more = f" and {len(names) - NAMED_AT_MOST} more" if len(names) > NAMED_AT_MOST else ""
    return ", ".join(names[:NAMED_AT_MOST]) + more
