"""Records of measurements, as the pages show them: the newest of a benchmark, and its numbers."""

import json
import sys
from pathlib import Path
from typing import Any

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
RECORDS = BENCHMARKS / "records"
TEST_SETS = {"set5": "Set5", "set14": "Set14", "bsd100": "BSD100", "urban100": "Urban100"}
"""How the literature writes the names of the four sets."""

sys.path.append(str(BENCHMARKS))  # whose modules say how its records are read


def newest_record(benchmark: str) -> Path:
    """The last record of a benchmark by its date, which its name begins with."""
    return max(RECORDS.glob(f"*-{benchmark}.json"))


def read_record(record: Path) -> Any:
    """What was measured where and how, with its ``results``."""
    return json.loads(record.read_text())


def newest_results(benchmark: str) -> Any:
    """What the last record of a benchmark found."""
    return read_record(newest_record(benchmark))["results"]


def short(value: float, decimals: int) -> str:
    """A number as the pages' running text has it: .58, 1.27."""
    return f"{value:.{decimals}f}".removeprefix("0")
