"""What the trainings of a row of the leaderboard wrote down: the curve of each phase, and the rounds of a pruning."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from esr.common.errors import EsrError

CURVE, ROUNDS = "curve.csv", "rounds.csv"


@dataclass(frozen=True)
class CurvePoint:
    """A point of a training's curve; the PSNR in dB is None where it was not measured."""

    iteration: int
    loss: float
    learning_rate: float
    psnr: float | None


@dataclass(frozen=True)
class PhaseCurve:
    """A phase, by its stage's name without the entry's, and its curve."""

    name: str
    points: Sequence[CurvePoint]

    @property
    def iterations(self) -> int:
        """How many the phase ran."""
        return self.points[-1].iteration


@dataclass(frozen=True)
class PruneRound:
    """A round of a pruning; round 0 is the network before it. ``kept`` is False of one that was undone."""

    round: int
    parameters: int
    psnr: float
    kept: bool


def read_phase(name: str, path: Path) -> PhaseCurve:
    """Read the curve of a phase.

    Raises:
        EsrError: the file is missing, or holds something else.
    """
    try:
        points = [
            CurvePoint(
                int(row["iteration"]),
                float(row["loss"]),
                float(row["learning_rate"]),
                float(row["psnr"]) if row["psnr"] else None,
            )
            for row in _rows(path)
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise EsrError(f"{path} is no curve of a training ({error}); run its stage again") from error
    if not points:
        raise EsrError(f"{path} is no curve of a training (it is empty); run its stage again")
    return PhaseCurve(name, points)


def read_rounds_of_pruning(path: Path) -> list[PruneRound]:
    """Read the rounds of a pruning.

    Raises:
        EsrError: the file is missing, or holds something else.
    """
    try:
        return [
            PruneRound(int(row["round"]), int(row["parameters"]), float(row["psnr"]), row["kept"] == "True")
            for row in _rows(path)
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise EsrError(f"{path} holds no rounds of a pruning ({error}); run its stage again") from error


def _rows(path: Path) -> list[Mapping[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError) as error:
        raise EsrError(f"{path} cannot be read ({error}); run its stage again") from error
