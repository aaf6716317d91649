"""How stages appear in MLflow: names that sort and tell, parameters, tags."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from esr.tracking.journal import Head

IN_UNITS = {"parameters": ("parameters_m", 1e6), "flops": ("flops_g", 1e9), "activations": ("activations_m", 1e6)}
"""Counts of a benchmark, each with its name and its unit on a row's run."""
DECIMALS = {
    "psnr": 3,
    "bicubic": 3,
    "above": 3,
    "ssim": 4,
    "time": 2,
    "runtime": 3,
    "baseline": 3,
    "ratio": 3,
    "control": 3,
    "score": 3,
    "parameters": 3,
    "flops": 2,
    "activations": 2,
    "convs": 0,
    "memory": 1,
}
"""Of the final figures, by the first word of their names."""
OF_THE_STAGE = ("baseline_ms", "flops_2023", "bicubic_y", "bicubic_ssim", "bicubic_ssim_y")
"""What nobody compares between rows: it stays with the run of the benchmark."""
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


def row_name(head: Head) -> str:
    """The name of the run with a row's final figures, such as ``slimrlfn-pruned · demo · 3f2a91``."""
    return f"{head['key']} · {head['scale']} · {head['recipe'][:6]}"


def final(values: Mapping[str, float]) -> dict[str, float]:
    """What people compare, of all that a benchmark told: rounded, and large counts in the units of the papers."""
    found = {}
    for name, value in values.items():
        first = name.removeprefix("published_").split("_")[0]
        if name in IN_UNITS:
            name, value = IN_UNITS[name][0], value / IN_UNITS[name][1]
        if (decimals := DECIMALS.get(name, DECIMALS.get(first))) is not None and name not in OF_THE_STAGE:
            found[name] = round(value, decimals)
    return found
