"""What the records prove of the files that are there.

Two records tell what a stage made: its receipt, and DVC's lock file. A stage is current when a receipt fits the
present parameters, inputs and outputs. An output that neither record knows has been changed by somebody else: nothing
may be made from it.
"""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from esr.common.errors import EsrError
from esr.common.yaml_file import read_yaml
from esr.recipes.graph import Graph, Node
from esr.stages.digests import Digests
from esr.stages.premises import is_code, write_premises
from esr.stages.receipts import Receipt, read_receipt

DVC_LOCK = Path("dvc.lock")


class Evidence:
    """One look at the files of a graph and at what is recorded of them; every file is read once."""

    def __init__(self, graph: Graph) -> None:
        write_premises(graph)
        self.graph = graph
        self.digests = Digests()

    def is_current(self, node: Node) -> bool:
        """Whether the receipt proves that the outputs were made from the present parameters and inputs."""
        receipt = read_receipt(node)
        return receipt is not None and self._proves(node, receipt)

    def same_but_code(self, node: Node) -> bool:
        """Whether nothing but code has changed since the stage ran: same parameters, data and outputs."""
        receipt = read_receipt(node)
        if receipt is None or not _same_claim(node, receipt):
            return False
        recorded = {path: md5 for path, md5 in receipt.deps.items() if not is_code(path)}
        present = {path: md5 for path, md5 in self.inputs(node).items() if not is_code(path)}
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

    def proven_by_lock(self, node: Node) -> bool:
        """Whether dvc.lock says that the outputs were made from the present parameters and inputs.

        DVC itself is no proof: it believes sizes and times, and reads parameters and inputs when a stage has ended.
        """
        locked = self.locked(node)
        return locked is not None and self._fits_lock(node, locked) and locked.outs == self.outputs(node)

    def contradicts(self, node: Node) -> bool:
        """Whether the receipt says that what is there was made from other parameters or inputs."""
        receipt = read_receipt(node)
        return receipt is not None and receipt.outs == self.outputs(node) and not self._same_task(node, receipt)

    def inputs(self, node: Node) -> dict[str, str | None]:
        """The md5 of every input; None for one that is missing."""
        return {path: self.digests.of(path) for path in self.graph.inputs(node)}

    def outputs(self, node: Node) -> dict[str, str | None]:
        """The md5 of every output; None for one that is missing."""
        return {path: self.digests.of(path) for path in node.out_paths}

    def locked(self, node: Node) -> Receipt | None:
        """What dvc.lock says of the stage, in the form of a receipt, without folders; None if it says nothing."""
        return _from_lock(self._lock.get(node.name))

    @cached_property
    def _lock(self) -> Mapping[str, Any]:
        """The stages of dvc.lock; none where it is missing or, in the middle of a merge, cannot be read."""
        try:
            stages = read_yaml(DVC_LOCK).get("stages")
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
            locked if locked and self._fits_lock(node, locked) and locked.outs.keys() == set(node.out_paths) else None
        )

    def _proves(self, node: Node, record: Receipt) -> bool:
        return self._same_task(node, record) and record.outs == self.outputs(node)

    def _same_task(self, node: Node, record: Receipt) -> bool:
        return _same_claim(node, record) and record.deps == self.inputs(node)

    def _fits_lock(self, node: Node, locked: Receipt) -> bool:
        """As ``_same_task``; what lies in a folder that the stage depends on is proven by the stages that made it."""
        inputs = self.inputs(node)
        return _same_claim(node, locked) and locked.deps == {path: inputs[path] for path in node.deps if path in inputs}


def _same_claim(node: Node, record: Receipt) -> bool:
    return record.command == node.command and record.params == dict(node.params)


def _from_lock(stage: Any) -> Receipt | None:
    try:
        return Receipt(
            command=stage["cmd"],
            params={name: value for values in stage.get("params", {}).values() for name, value in values.items()},
            deps=_md5s(stage.get("deps", [])),
            outs=_md5s(stage["outs"]),
        )
    except (AttributeError, KeyError, TypeError, ValueError):  # damaged
        return None


def _md5s(files: Any) -> dict[str, str]:
    return {file["path"]: file["md5"] for file in files if not file["md5"].endswith(".dir")}
