"""The PSNR that the networks of the entries have reached on their held-out images, as their trainings tell it."""

import json
from contextlib import suppress
from pathlib import Path

from esr.common.errors import EsrError
from esr.recipes.graph import Node
from esr.recipes.kinds import ROLES
from esr.report.history import CURVE, ROUNDS, read_phase, read_rounds_of_pruning
from esr.tracking.journal import JOURNALS

TAIL = 1 << 16  # bytes of a journal: some hundred points
CLOCK = 0.1  # seconds: a file's time is taken from a coarser clock


def is_validated(node: Node) -> bool:
    """Whether the stage trains what becomes an entry; a teacher does not."""
    return node.kind in ROLES and node.kind != "teacher"


def psnr_made(node: Node) -> float | None:
    """Of what a stage has handed on, in dB; None where nothing tells."""
    with suppress(EsrError):
        if node.kind == "prune":
            kept = [each.psnr for each in read_rounds_of_pruning(node.output(ROUNDS)) if each.kept]
            return kept[-1] if kept else None
        return read_phase(node.key, node.output(CURVE)).points[-1].psnr
    return None


def psnr_so_far(node: Node, began: float) -> float | None:
    """At the last validation of a stage that runs, in dB; None where its journal has none among its last lines.

    Args:
        node: the stage.
        began: when, in Unix seconds: a journal that was not touched since is of an earlier run.
    """
    journals = Path(JOURNALS, node.scale, node.kind, node.key or node.kind).glob("*/events.jsonl")
    with suppress(OSError, ValueError):
        newest = max(journals, key=lambda path: path.stat().st_mtime)
        if newest.stat().st_mtime < began - CLOCK:
            return None
        with newest.open("rb") as file:
            file.seek(max(0, newest.stat().st_size - TAIL))
            lines = file.read().splitlines()
        for line in reversed(lines):
            if b'"psnr":' in line:
                return _psnr_in(line)
    return None


def _psnr_in(line: bytes) -> float | None:
    """None for half a line."""
    try:
        return float(json.loads(line)["values"]["psnr"])
    except (ValueError, KeyError, TypeError):
        return None
