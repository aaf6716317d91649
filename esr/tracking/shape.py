"""How stages appear in MLflow: names that sort and tell, parameters, tags."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from esr.tracking.journal import Head

LONGEST_NAME, LONGEST_VALUE = 250, 6000  # characters that MLflow takes of any name, and of a parameter


def parent_name(head: Head) -> str:
    """Such as ``slimrlfn · demo · 3f2a91``."""
    return f"{head['entry']} · {head['scale']} · {head['recipe'][:6]}"


def child_name(head: Head) -> str:
    """Such as ``03 finetune slimrlfn-384-1``: sorts in the order of the graph."""
    return f"{head['order'] + 1:02d} {head['kind']} {head['key']}".rstrip()


def legal(name: str) -> str:
    """The name with what MLflow refuses in a name replaced."""
    return re.sub(r"[^\w\-. :/]", "_", name, flags=re.ASCII)[:LONGEST_NAME]


def flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Nested mappings as names with dots; a list is one value."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield legal(f"{prefix}{name}"), str(value)[:LONGEST_VALUE]


def child_parameters(head: Head) -> dict[str, str]:
    """A stage's parameters: its own row's columns by their plain names, the scale's rule without the scale's name."""
    row, scale = f"{head['kind']}.{head['key']}", f"scales.{head['scale']}"
    named: dict[str, str] = {}
    for name, value in head["params"].items():
        short = "" if name == row else name.replace(scale, "scale", 1) + "."
        named.update(flat(value, short) if isinstance(value, Mapping) else flat({name: value}))
    return named


def parent_tags(head: Head) -> dict[str, str]:
    """What an entry's run says of itself: what was run, and on which machine and code the latest stage ran."""
    shared = {name: value for name, value in head["tags"].items() if not name.startswith("md5 ")}
    note = f"**{head['entry']}** at scale `{head['scale']}`, recipe `{head['recipe'][:6]}`."
    if head["rows"]["scale"]["data"]["stand_in"]:
        shared["stand_in"] = "yes"
        note += " Measured on stand-in photographs, not on the challenge's images: not the paper's PSNR."
    return {**shared, **_tags(head, "entry"), "mlflow.note.content": note}


def child_tags(head: Head) -> dict[str, str]:
    """What a stage's run says of itself, with the tags that the stage gave."""
    command = f"python -m esr {head['kind']} {head['key']}".rstrip()
    own = {"kind": head["kind"], "key": head["key"], "mlflow.source.name": command, "mlflow.source.type": "LOCAL"}
    return {**head["tags"], **_tags(head, "stage"), **own}


def _tags(head: Head, level: str) -> dict[str, str]:
    commit = head["tags"].get("git_commit")
    source = {"mlflow.source.git.commit": commit} if commit else {}
    return {"level": level, "entry": head["entry"], "scale": head["scale"], "recipe": head["recipe"], **source}


def of_entry(head: Head, name: str) -> str:
    """A final number's name on the entry's run: ``psnr`` of the entry's own row, ``pruned/psnr`` of NAME-pruned."""
    if head["key"] == head["entry"]:
        return name
    return f"{head['key'].removeprefix(head['entry'] + '-')}/{name}"
