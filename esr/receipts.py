"""Receipts: what each stage made, from which inputs, with which parameters.

A stage writes its receipt after its outputs, whoever ran it. A receipt that still matches the files and params.yaml
proves that a driver made these outputs from the present inputs; ``esr sync`` trusts nothing else but DVC's own record.
"""

from pathlib import Path
from typing import Any

from esr.files import md5_of, read_json, write_json
from esr.graph import Node


def receipt_path(node: Node) -> Path:
    """Where the stage's receipt lies."""
    return Path(".esr", "receipts", node.scale, node.kind, f"{node.key or node.kind}.json")


def write_receipt(node: Node, deps: dict[str, str]) -> dict[str, str]:
    """Record what the stage made from ``deps`` (path -> md5); gives path -> md5 of its outputs."""
    outs = {path: md5_of(Path(path)) for path in node.out_paths}
    write_json(receipt_path(node), {**_claim(node), "deps": deps, "outs": outs})
    return outs


def holds(node: Node, inputs: list[str]) -> bool:
    """Whether the outputs that are there were made from the present inputs and parameters."""
    path = receipt_path(node)
    if not path.is_file():
        return False
    receipt = read_json(path)
    return (
        all(receipt.get(name) == value for name, value in _claim(node).items())
        and receipt["deps"].keys() == set(inputs)
        and receipt["outs"].keys() == set(node.out_paths)
        and all(_is(Path(name), md5) for part in ("deps", "outs") for name, md5 in receipt[part].items())
    )


def same_but_code(node: Node, inputs: list[str]) -> bool:
    """Whether nothing but source files has changed since the stage ran: same parameters, data and outputs."""
    path = receipt_path(node)
    if not path.is_file():
        return False
    receipt = read_json(path)
    data = {name: md5 for name, md5 in receipt["deps"].items() if not _is_code(name)}
    return (
        all(receipt.get(name) == value for name, value in _claim(node).items())
        and data.keys() == {name for name in inputs if not _is_code(name)}
        and receipt["outs"].keys() == set(node.out_paths)
        and all(Path(name).is_file() for name in inputs)
        and all(_is(Path(name), md5) for part in (data, receipt["outs"]) for name, md5 in part.items())
    )


def _is_code(path: str) -> bool:
    return path.endswith((".py", ".jinja"))


def _claim(node: Node) -> dict[str, Any]:
    return {"command": node.command, "params": dict(node.params)}


def _is(path: Path, md5: str) -> bool:
    return path.is_file() and md5_of(path) == md5


def complaint_path(node: Node) -> Path:
    """Where the line lies that a failed stage ended with; absent after a good end."""
    return Path(".esr", "complaints", node.scale, f"{node.kind}-{node.key or node.kind}.txt")


def last_complaints() -> list[str]:
    """The lines that failed stages ended with, so that a driver can show them last."""
    return [path.read_text().strip() for path in sorted(Path(".esr", "complaints").glob("*/*.txt"))]
