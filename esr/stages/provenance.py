"""What a journal says of a stage before it begins: where its numbers will come from."""

import importlib.metadata
import platform
import subprocess
from pathlib import Path
from typing import Any

from esr.common.files import hash_of
from esr.recipes.graph import Graph, Node
from esr.recipes.kinds import OF_ENTRIES
from esr.tracking.journal import Head

PACKAGES = ("torch", "numpy", "scipy", "pillow", "scikit-image")  # whose versions decide bytes
WIDEST_FIRST = ("avx512f", "avx2", "avx", "asimd")  # by which a library chooses how to sum; /proc/cpuinfo's words


def head_of(graph: Graph, node: Node, deps: dict[str, str]) -> Head:
    """The journal's head of a stage whose inputs are ``deps`` (path -> md5)."""
    row = graph.params[node.kind][node.key] if node.key else {}
    entry = "leaderboard" if node.kind == "report" else row.get("entry", "data")
    rows = {"scale": graph.params["scales"][node.scale], **_rows_of(graph, entry)}
    return {
        "entry": entry,
        "recipe": hash_of(rows),
        "rows": rows,
        "scale": node.scale,
        "kind": node.kind,
        "key": node.key,
        "order": [other.name for other in graph.in_order()].index(node.name),
        "exclusive": node.resources.get("threads") == "all",
        "params": dict(node.params),
        "tags": {
            "git_commit": _git("rev-parse", "HEAD"),
            "git_dirty": str(bool(_git("status", "--porcelain", "--untracked-files=no"))),
            "scale": node.scale,
            "device": _device(),
            "processor": _processor(),
            "threads": str(graph.params["scales"][node.scale]["threads"]),
            "python": platform.python_version(),
            **{name: importlib.metadata.version(name) for name in PACKAGES},
            **{f"manifest_of_{name}": deps[path] for name, path in _sets_of(node, row) if path in deps},
            **{f"md5 {path}": md5 for path, md5 in deps.items()},
        },
    }


def _rows_of(graph: Graph, entry: str) -> dict[str, Any]:
    """The rows that belong to an entry; for "data" the tables of the sources and sets."""
    if entry == "data":
        return {table: graph.params[table] for table in ("download", "crop", "join") if table in graph.params}
    tables = {table: graph.params.get(table, {}) for table in OF_ENTRIES}
    return {
        table: own
        for table, all_rows in tables.items()
        if (own := {key: row for key, row in all_rows.items() if row["entry"] == entry})
    }


def _sets_of(node: Node, row: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        (column, f"data/{node.scale}/sets/{row[column]}/manifest.json")
        for column in ("data", "validation")
        if column in row
    ]


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    except OSError:
        return "unknown"
    return done.stdout.strip() if done.returncode == 0 else "unknown"


def _device() -> str:
    """The machine's GPU, else "cpu", without importing torch."""
    for information in sorted(Path("/proc/driver/nvidia/gpus").glob("*/information")):
        for line in information.read_text().splitlines():
            if line.startswith("Model:"):
                return line.removeprefix("Model:").strip()
    return "cpu"


def _processor() -> str:
    """The CPU's model and its widest vectors, such as "AMD EPYC, avx512f": two machines may bear one name."""
    try:
        said = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        said = []
    told = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in reversed(said))}
    flags = told.get("flags", told.get("Features", "")).split()
    model = told.get("model name") or platform.processor() or platform.machine()
    return ", ".join([model, *[name for name in WIDEST_FIRST if name in flags][:1]])
