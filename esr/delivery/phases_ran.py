"""The phases of a training as a table: what the sheet says and what ran, and which of it no factsheet says."""

from collections.abc import Collection, Sequence

from esr.delivery.row_results import RowResults
from esr.delivery.sheet import Cells
from esr.planning.phases import TrainingStage
from esr.planning.recipe_cells import HEADS, recipe_cells
from esr.planning.sets import images_of

GUESSED = "[G]"
KEYS: tuple[tuple[str, ...], ...] = (
    ("network", "arguments"),
    ("from", "teacher", "teacher_network"),
    ("data", "horizontal_flips", "vertical_flips", "rotations"),
    ("patch",),
    ("batch",),
    ("loss", "charbonnier_eps", "fourier_weight", "teacher_weight"),
    ("learning_rate", "schedule", "lowest_learning_rate", "milestones", "betas", "ema_decay"),
    (
        "iterations",
        "epochs",
        "images_per_epoch",
        "changes",
        "iterations_per_round",
        "most_rounds",
        "channels_per_round",
    ),
)
"""The keys of a row that each column after the phase's name tells of."""


def phases_table(results: RowResults) -> Cells:
    """A line for each phase, in the order in which they ran; a guessed cell is marked."""
    return Cells([_on_one_line(head) for head in HEADS], [_line(results, stage) for stage in results.phases])


def _line(results: RowResults, stage: TrainingStage) -> list[str]:
    name = f"{stage.node.kind}/{stage.node.key}"
    guessed = {guess.key.split(".")[0] for guess in results.guesses if guess.row == name}
    _, network, start, data, *others = map(_on_one_line, recipe_cells(stage))
    if images := images_of(results.params, stage.row.data, results.params.rule):
        data += f" ({images:,} images)"
    cells = network, start, data, *others
    return [name, *(_marked(cell, keys, guessed) for cell, keys in zip(cells, KEYS, strict=True))]


def _on_one_line(cell: str) -> str:
    return " ".join(cell.split())


def _marked(cell: str, keys: Sequence[str], guessed: Collection[str]) -> str:
    """The whole row is guessed where the mark is beside its name, which is an empty key."""
    told = [key for key in keys if key != "charbonnier_eps" or "charbonnier" in cell]
    return f"{cell} {GUESSED}" if "" in guessed or not set(told).isdisjoint(guessed) else cell
