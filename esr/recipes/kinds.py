"""The kinds of stage, each with what its rows are, which code runs it, and what it is to the stages that follow."""

from dataclasses import dataclass
from typing import Literal

from esr.recipes.rows import (
    Benchmark,
    Crop,
    Distill,
    Download,
    Finetune,
    FreshPhase,
    Fuse,
    Import,
    Join,
    Prune,
    Row,
    TeacherPhase,
)
from esr.recipes.scale import Role


@dataclass(frozen=True)
class Kind:
    """A kind of stage.

    Attributes:
        row: what a row of its table is; None: it has no table.
        code: the file with the function that runs it; with all that this imports, what its results depend on.
        role: what a scale's rule takes it for; None: it trains nothing.
        weights: "trained" or "deployed", the form of the weights that it hands on; None: it hands on none.
    """

    row: type[Row] | None
    code: str
    role: Role | None = None
    weights: Literal["trained", "deployed"] | None = None


KINDS: dict[str, Kind] = {
    "download": Kind(Download, "esr/sources/download.py"),
    "crop": Kind(Crop, "esr/packed/crop.py"),
    "join": Kind(Join, "esr/packed/join.py"),
    "import": Kind(Import, "esr/weights/import_stage.py", weights="deployed"),
    "teacher": Kind(TeacherPhase, "esr/training/stage.py", "teacher", "trained"),
    "distill": Kind(Distill, "esr/training/stage.py", "first", "trained"),
    "train": Kind(FreshPhase, "esr/training/stage.py", "first", "trained"),
    "finetune": Kind(Finetune, "esr/training/stage.py", "later", "trained"),
    "prune": Kind(Prune, "esr/compression/prune.py", "prune", "deployed"),
    "fuse": Kind(Fuse, "esr/compression/fusion.py", weights="deployed"),
    "benchmark": Kind(Benchmark, "esr/evaluation/benchmark.py"),
    "report": Kind(None, "esr/report/report.py"),
}
"""In the order in which they come in dvc.yaml."""

HAND_ON_WEIGHTS = tuple(name for name, kind in KINDS.items() if kind.weights)
DEPLOYED = tuple(name for name, kind in KINDS.items() if kind.weights == "deployed")
"""Whose weights are in deploy form: what is benchmarked."""
OF_ENTRIES = (*HAND_ON_WEIGHTS, "benchmark")
"""Whose rows belong to an entry."""
ROLES: dict[str, Role] = {name: kind.role for name, kind in KINDS.items() if kind.role}
"""The kinds that train, and what a scale's rule takes them for."""
