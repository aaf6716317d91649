"""What the records prove of the files that are there.

Two records tell what a stage made: its receipt, and DVC's lock file. A stage is current when a receipt fits the
present parameters, inputs and outputs. An output that neither record knows has been changed by somebody else: nothing
may be made from it.
"""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from esr.digests import Digests
from esr.errors import EsrError
from esr.graph import Graph, Node
from esr.last_words import is_held, lock_path
from esr.receipts import Receipt, read_receipt
from esr.snakemake_record import from_the_future
from esr.yaml_file import read_yaml

LOCK_FILE = Path("dvc.lock")
NAMED_AT_MOST = 3
MEND = "`make run` brings them back or makes them again, `esr sync` as far as nothing needs training"


class Evidence:
    """One look at the files of a graph and at what is recorded of them; every file is read once."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.digests = Digests()

    def holds(self, node: Node) -> bool:
        """Whether the receipt proves that the outputs were made from the present parameters and inputs."""
        receipt = read_receipt(node)
        return receipt is not None and self._proves(node, receipt)

    def same_but_code(self, node: Node) -> bool:
        """Whether nothing but source files has changed since the stage ran: same parameters, data and outputs."""
        receipt = read_receipt(node)
        if receipt is None or not _same_claim(node, receipt):
            return False
        recorded = {path: md5 for path, md5 in receipt.deps.items() if not _is_code(path)}
        present = {path: md5 for path, md5 in self.inputs(node).items() if not _is_code(path)}
        return recorded == present and receipt.outs == self.outputs(node)

    def spoilt(self, node: Node) -> list[str]:
        """The outputs that are there and are not what the stage made, by either record."""
        receipt = read_receipt(node)
        if receipt is None:
            return []
        changed = [path for path, md5 in self.outputs(node).items() if md5 not in (None, receipt.outs.get(path))]
        if changed and (locked := self.locked(node)):  # DVC has brought back what it made earlier
            changed = [path for path in changed if locked.outs.get(path) != self.digests.of(path)]
        return changed

    def repairable(self, node: Node) -> Receipt | None:
        """The record that fits all but the outputs: made again, they would be what they were.

        None where the stage is current, is to be run for another reason, or has no output left at all.
        """
        outputs = self.outputs(node)
        if not any(outputs.values()):
            return None
        record = self._fitting(node)
        return None if record is None or record.outs == outputs else record

    def made_elsewhere(self, node: Node) -> bool:
        """Whether `dvc pull` has brought what the lock file says, and no receipt tells of it yet."""
        if read_receipt(node) is not None or not any(self.outputs(node).values()):
            return False
        locked = self.locked(node)
        return locked is not None and self._same_task(node, locked)

    def inputs(self, node: Node) -> dict[str, str | None]:
        """The md5 of every input; None for one that is missing."""
        return {path: self.digests.of(path) for path in self.graph.inputs(node)}

    def outputs(self, node: Node) -> dict[str, str | None]:
        """The md5 of every output; None for one that is missing."""
        return {path: self.digests.of(path) for path in node.out_paths}

    def locked(self, node: Node) -> Receipt | None:
        """What dvc.lock says of the stage, in the form of a receipt; None if it says nothing, or of folders."""
        return _from_lock(self._lock.get(node.name))

    @cached_property
    def _lock(self) -> Mapping[str, Any]:
        """The stages of dvc.lock; none where it is missing or, in the middle of a merge, cannot be read."""
        try:
            stages = read_yaml(LOCK_FILE).get("stages")
        except EsrError:
            return {}
        return stages if isinstance(stages, dict) else {}

    def _fitting(self, node: Node) -> Receipt | None:
        """The record of the present parameters and inputs; the lock file, which takes seconds to read, comes last."""
        receipt = read_receipt(node)
        if receipt and self._same_task(node, receipt):
            return receipt
        locked = self.locked(node)
        return (
            locked if locked and self._same_task(node, locked) and locked.outs.keys() == set(node.out_paths) else None
        )

    def _proves(self, node: Node, record: Receipt) -> bool:
        return self._same_task(node, record) and record.outs == self.outputs(node)

    def _same_task(self, node: Node, record: Receipt) -> bool:
        return _same_claim(node, record) and record.deps == self.inputs(node)


def refuse_spoilt(evidence: Evidence, nodes: list[Node], remedy: str) -> None:
    """Refuse to go on from outputs that have changed since their stages made them.

    Raises:
        EsrError: naming the files and their stages.
    """
    spoilt = [f"{path} (of {node.name})" for node in nodes for path in evidence.spoilt(node)]
    if spoilt:
        more = f" and {len(spoilt) - NAMED_AT_MOST} more" if len(spoilt) > NAMED_AT_MOST else ""
        raise EsrError(f"changed since their stages made them: {', '.join(spoilt[:NAMED_AT_MOST])}{more}; {remedy}")


def refuse_to_drive(graph: Graph) -> None:
    """Before Snakemake plans: refuse where `esr sync` comes first, because Snakemake sees times of files alone.

    Raises:
        EsrError: outputs have changed since their stages made them, files are newer than now, or `dvc pull` has brought
            what would be made again.
    """
    evidence = Evidence(graph)
    idle = [node for node in graph.nodes.values() if not is_held(lock_path(node))]
    refuse_spoilt(evidence, idle, MEND)
    if future := from_the_future(idle):
        what = f"{future[0]}{f' and {len(future) - 1} more' if future[1:] else ''} are newer than now"
        raise EsrError(f"{what}: was the clock set back? `esr sync` gives them the present time")
    pulled = [node.name for node in idle if evidence.made_elsewhere(node)]
    if pulled:
        what = f"{len(pulled)} stages, such as {pulled[0]}, are what dvc.lock says and were not made here"
        raise EsrError(f"{what}; type `esr sync` first, which takes them for current")


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


def _same_claim(node: Node, record: Receipt) -> bool:
    return record.command == node.command and record.params == dict(node.params)


def _is_code(path: str) -> bool:
    return path.endswith((".py", ".jinja"))


def _from_lock(stage: Any) -> Receipt | None:
    try:
        return Receipt(
            command=stage["cmd"],
            params={name: value for values in stage.get("params", {}).values() for name, value in values.items()},
            deps=_md5s(stage.get("deps", [])),
            outs=_md5s(stage["outs"]),
        )
    except (AttributeError, KeyError, TypeError, ValueError):  # damaged, or a folder's
        return None


def _md5s(files: Any) -> dict[str, str]:
    md5s = {file["path"]: file["md5"] for file in files}
    if any(md5.endswith(".dir") for md5 in md5s.values()):
        raise ValueError("a folder's hash is not its files'")
    return md5s
