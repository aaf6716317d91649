"""What was counted and measured of an entry beside what was published of it, each in a column of its own."""

from collections.abc import Callable
from dataclasses import dataclass

from esr.evaluation.metrics import Metrics
from esr.recipes.rows import Entry
from esr.report.columns import MEASURED, PUBLISHED, Column

PAIRS = {
    "parameters": ("published_parameters_m", 1e6),
    "flops": ("published_flops_g", 1e9),
    "activations": ("published_activations_m", 1e6),
    "convs": ("published_convs", 1.0),
    "memory_mb": ("published_memory_mb", 1.0),
}
"""The name of a column, that of what was published of it, and by how much the latter's unit is larger."""


@dataclass(frozen=True)
class Beside:
    """A line: what it is of, as it was found here, as it was published, and the one over the other."""

    name: str
    here: str
    published: str
    ratio: str


def beside_published(metrics: Metrics, entry: Entry) -> list[Beside]:
    """The complexity of an entry; memory bears comparison only on a GPU, and has no ratio elsewhere."""
    measured, printed = _named(MEASURED), _named(PUBLISHED)
    lines = []
    for name, (published_name, unit) in PAIRS.items():
        here, there = getattr(metrics, name), getattr(entry.published, published_name.removeprefix("published_"))
        comparable = here is not None and there is not None and (name != "memory_mb" or metrics.device != "CPU")
        lines.append(
            Beside(
                measured[name].head,
                measured[name].text(here),
                _with_unit(printed[published_name])(there),
                f"{here / (there * unit):.3f}" if comparable else "",
            )
        )
    return lines


def _named(columns: tuple[Column, ...]) -> dict[str, Column]:
    return {column.name: column for column in columns}


def _with_unit(column: Column) -> Callable[[float | None], str]:
    return lambda value: column.text(value) + (f" {column.unit}" if column.unit and value is not None else "")
