"""The rooms of the house: a module imports from its own room and from those below, and has a name of its own."""

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ROOMS = [
    *("common", "networks", "recipes", "images", "packed", "sources", "batches", "weights", "inference"),
    "timing",
    *("training", "compression", "evaluation", "challenge", "planning", "report", "tracking", "stages", "audit"),
    *("driving", "delivery", "commands", "cli"),
]
"""From the ground up, as docs/architecture.md draws them."""


def room_of(module: str) -> str:
    """The room of ``esr.ROOM.MODULE``; cli.py and what starts it are the roof."""
    name = module.split(".")[1] if "." in module else "cli"
    return name if name in ROOMS else "cli"


def imports_of(file: Path) -> set[str]:
    """The modules of esr that a file imports anywhere, for types, too."""
    tree = ast.walk(ast.parse(file.read_text()))
    named = [node.module for node in tree if isinstance(node, ast.ImportFrom) and node.module]
    return {name for name in named if name.split(".")[0] == "esr"}


def test_nothing_imports_from_above() -> None:
    upwards = []
    for file in sorted((ROOT / "esr").rglob("*.py")):
        own = room_of(".".join(file.relative_to(ROOT).with_suffix("").parts))
        upwards += [
            f"{file.relative_to(ROOT)} imports {name}"
            for name in imports_of(file)
            if name != "esr" and ROOMS.index(room_of(name)) > ROOMS.index(own)
        ]
    assert upwards == []


def test_every_folder_is_a_room_and_networks_need_no_other() -> None:
    folders = {path.parent.name for path in (ROOT / "esr").glob("*/*.py")}
    assert folders == set(ROOMS) - {"cli"}
    for file in (ROOT / "esr" / "networks").glob("*.py"):
        assert {room_of(name) for name in imports_of(file)} <= {"networks"}


def test_a_module_or_class_has_a_name_of_its_own() -> None:
    """A name that is said in two rooms sends a reader, or a search, to the wrong one."""
    places = defaultdict(list)
    for file in sorted((ROOT / "esr").rglob("*.py")):
        if not file.stem.startswith("__"):
            places[file.name].append(file)
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.ClassDef):
                places[node.name].append(file)
    assert {name: found for name, found in places.items() if len(found) > 1} == {}
