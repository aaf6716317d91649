"""The rooms of the package, the ground floor at the bottom: a room imports only from those below."""

import ast
from pathlib import Path

from colours import INK, MUTED, blank, box
from matplotlib.figure import Figure

ESR = Path(__file__).resolve().parents[2] / "esr"
WHAT = {
    "cli": "the command line",
    "commands": "what each command takes",
    "delivery": "submissions,\nexports",
    "driving": "a whole run, its view,\nboth drivers in step",
    "audit": "trace, verify,\nRO-Crate",
    "stages": "run a stage, receipts,\nboth drivers' records",
    "planning": "what a recipe says,\nwhat it would take",
    "challenge": "official scores,\norganisers' tables",
    "report": "leaderboard, page",
    "compression": "pruning, fusing",
    "training": "the loop, losses,\ncheckpoints, ranks",
    "evaluation": "scores, complexity,\nbenchmarks",
    "timing": "run time,\nand how sure one is of it",
    "sources": "downloads, stand-ins",
    "batches": "crops, flips, to the device",
    "inference": "whole images, tiles",
    "packed": "packed sets",
    "weights": "weights files,\nreleased checkpoints",
    "recipes": "params.yaml, scales,\nthe graph",
    "images": "read, write, bicubic,\nPSNR and SSIM",
    "tracking": "journals, MLflow",
    "common": "errors, files, locks",
    "networks": "one file per network",
}
WIDTH, FLOOR, ROOM = 10.4, 0.95, 2.3


def uses() -> dict[str, set[str]]:
    """The rooms that each room imports from, types included; cli.py is a room."""
    found: dict[str, set[str]] = {}
    for file in [*sorted(ESR.glob("*/*.py")), ESR / "cli.py"]:
        own = "cli" if file.parent == ESR else file.parent.name
        nodes = ast.walk(ast.parse(file.read_text()))
        names = [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
        rooms = {name.split(".")[1] for name in names if name.startswith("esr.")}
        found.setdefault(own, set()).update(rooms - {own})
    if nameless := found.keys() - WHAT.keys():
        raise SystemExit(f"draw_rooms.py does not say what is in {', '.join(sorted(nameless))}")
    return found


def floors(used: dict[str, set[str]]) -> list[list[str]]:
    """The rooms of each floor: a room lies one above the highest that it uses."""

    def level(room: str) -> int:
        return 1 + max((level(each) for each in used[room]), default=-1)

    levels = {room: level(room) for room in used}
    return [[room for room in WHAT if levels[room] == floor] for floor in range(max(levels.values()) + 1)]


def draw_rooms() -> Figure:
    """A floor per row, a box per room with what is in it."""
    house = floors(uses())
    figure, axes = blank(WIDTH, FLOOR * len(house) + 0.1)
    for floor, rooms in enumerate(house):
        gap = 0.2
        left = (WIDTH - len(rooms) * ROOM - (len(rooms) - 1) * gap) / 2
        for place, room in enumerate(rooms):
            x, y = left + place * (ROOM + gap), floor * FLOOR + 0.12
            box(axes, x, y, ROOM, FLOOR - 0.2)
            lines = WHAT[room].count("\n")
            name = "esr/cli.py" if room == "cli" else f"esr/{room}"
            axes.text(x + ROOM / 2, y + 0.58, name, ha="center", va="center", color=INK, weight="bold", size=10)
            axes.text(x + ROOM / 2, y + 0.26 + 0.02 * lines, WHAT[room], ha="center", va="center", color=MUTED, size=8)
    return figure
