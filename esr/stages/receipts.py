"""Receipts: what each stage made, from which inputs, with which parameters.

A stage writes its receipt after its outputs, under either driver and by hand; ``esr sync`` writes one of what DVC holds
as current. What receipts prove of the files that are there is said in :mod:`esr.stages.evidence`.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from esr.common.errors import EsrError
from esr.common.files import hash_of, read_json, write_json
from esr.recipes.graph import Node

DIGEST = "digest"  # the key of a receipt's file under which the hash of all else in it stands


class Receipt(BaseModel):
    """What a stage made: its command and parameters, and the md5 of every input and output by path.

    ``sources`` are the source files that the inputs below runs/.code stand for, each with its digest.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    command: str
    params: dict[str, Any]
    deps: dict[str, str]
    outs: dict[str, str]
    sources: dict[str, str] = {}

    @property
    def identity(self) -> str:
        """Names what was done with which inputs."""
        return identity_of(self.command, self.params, self.deps)


def identity_of(command: str, params: Mapping[str, Any], deps: Mapping[str, str]) -> str:
    """A short hash of a command, its parameters and its inputs (path -> md5)."""
    return hash_of([command, dict(params), dict(deps)])


def receipt_path(node: Node) -> Path:
    """Where the stage's receipt lies."""
    return Path(".esr", "receipts", node.scale, node.kind, f"{node.key or node.kind}.json")


def read_receipt(node: Node) -> Receipt | None:
    """The stage's receipt; None where there is none, or it is not as it was written, which proves nothing.

    Receipts of earlier versions have no digest.
    """
    try:
        content = read_json(receipt_path(node))
        digest = content.pop(DIGEST, None)
        receipt = Receipt.model_validate(content)
    except (EsrError, ValidationError, AttributeError, TypeError):
        return None
    return receipt if digest in (None, _digest(receipt)) else None


def write_receipt(node: Node, deps: Mapping[str, str], outs: Mapping[str, str], sources: Mapping[str, str]) -> None:
    """Record what the stage made of ``deps``; both map a path to its md5, and ``sources`` to its digest."""
    receipt = Receipt(
        command=node.command, params=dict(node.params), deps=dict(deps), outs=dict(outs), sources=dict(sources)
    )
    write_json(receipt_path(node), receipt.model_dump() | {DIGEST: _digest(receipt)})


def _digest(receipt: Receipt) -> str:
    return hash_of(receipt.model_dump())
