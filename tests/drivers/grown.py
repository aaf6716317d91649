"""A params.yaml with as many stages as one likes: the entries again and again, each copy an entry of its own."""

import copy
from typing import Any

CHAINED = ("teacher", "distill", "train", "finetune", "prune", "fuse", "benchmark")
TABLES = ("download", "crop", "join", "import", *CHAINED)


def stages(params: dict[str, Any]) -> int:
    """How many stages the tables make, the report included."""
    return sum(len(params[table]) for table in TABLES) + 1


def grow(params: dict[str, Any], at_least: int) -> dict[str, Any]:
    """A copy of ``params`` with further copies of all entries, until there are so many stages."""
    grown = copy.deepcopy(params)
    copies = 1
    while stages(grown) < at_least:
        copies += 1
        for entry, row in params["entries"].items():
            grown["entries"][f"{entry}-{copies}"] = copy.deepcopy(row)
        for table in CHAINED:
            for key, row in params[table].items():
                grown[table][f"{key}-{copies}"] = _renamed(row, copies)
    return grown


def _renamed(row: dict[str, Any], copies: int) -> dict[str, Any]:
    own = {"entry": f"{row['entry']}-{copies}"}
    references: dict[str, str] = {column: f"{row[column]}-{copies}" for column in ("from", "teacher") if column in row}
    return {**copy.deepcopy(row), **own, **references}
