"""The phases of a training as a table: what ran, and which of it no factsheet says."""

from collections.abc import Collection, Sequence
from pathlib import PurePosixPath

from esr.delivery.row_results import RowResults
from esr.delivery.sheet import Cells
from esr.planning.phases import TrainingStage
from esr.planning.sets import images_of
from esr.recipes.rows import Distill, Finetune, Phase, Prune

GUESSED = "[G]"
KEYS_OF: dict[str, tuple[str, ...]] = {
    "network": ("network", "arguments"),
    "starts from": ("from", "teacher", "teacher_network"),
    "data": ("data", "horizontal_flips", "vertical_flips", "rotations"),
    "patch": ("patch",),
    "batch": ("batch",),
    "loss": ("loss", "charbonnier_eps", "fourier_weight", "teacher_weight"),
    "learning rate": ("learning_rate", "schedule", "lowest_learning_rate", "milestones", "betas", "ema_decay"),
    "iterations": (
        "iterations",
        "epochs",
        "images_per_epoch",
        "changes",
        "iterations_per_round",
        "most_rounds",
        "channels_per_round",
    ),
}
"""The columns, and the keys of a row that each tells of."""


def phases_table(results: RowResults) -> Cells:
    """A line for each phase, in the order in which they ran; a guessed cell is marked."""
    return Cells(["phase", *KEYS_OF], [_line(results, stage) for stage in results.phases])


def _line(results: RowResults, stage: TrainingStage) -> list[str]:
    name = f"{stage.node.kind}/{stage.node.key}"
    guessed = {guess.key.split(".")[0] for guess in results.guesses if guess.row == name}
    cells = [
        _network(stage),
        _start(stage),
        _data(results, stage),
        f"{stage.schedule.patch} px HR",
        f"{stage.schedule.batch}",
        _loss(stage),
        _rate(stage),
        _length(stage),
    ]
    marked = [_marked(cell, keys, guessed) for cell, keys in zip(cells, KEYS_OF.values(), strict=True)]
    return [name, *marked]


def _marked(cell: str, keys: Sequence[str], guessed: Collection[str]) -> str:
    """The whole row is guessed where the mark is beside its name, which is an empty key."""
    told = [key for key in keys if key != "charbonnier_eps" or "charbonnier" in cell]
    return f"{cell} {GUESSED}" if "" in guessed or not set(told).isdisjoint(guessed) else cell


def _network(stage: TrainingStage) -> str:
    arguments = ", ".join(f"{name} {value}" for name, value in stage.network.arguments.items())
    stem = PurePosixPath(stage.network.file).stem
    return f"{stem} ({arguments})" if arguments else stem


def _start(stage: TrainingStage) -> str:
    match stage.row:
        case Distill():
            return f"random weights, under {stage.row.teacher}"
        case Finetune() | Prune():
            return stage.row.from_
    return "random weights"


def _data(results: RowResults, stage: TrainingStage) -> str:
    images = images_of(results.params, stage.row.data, results.params.rule)
    return f"{stage.row.data} ({images:,} images)" if images else stage.row.data


def _loss(stage: TrainingStage) -> str:
    losses = [
        f"{loss}, eps {stage.row.charbonnier_eps:g}" if loss == "charbonnier" else loss
        for _, loss in stage.schedule.losses or [(0, stage.row.loss)]
    ]
    told = [
        losses[0],
        *(
            f"then {loss} after {begin:,}"
            for loss, (begin, _) in zip(losses[1:], stage.schedule.losses[1:], strict=True)
        ),
    ]
    if stage.row.fourier_weight:
        told.append(f"+ {stage.row.fourier_weight:g} x Fourier L1")
    if stage.teacher:
        told.append(f"+ {stage.schedule.teacher_weight:g} x to the teacher's output")
    return ", ".join(told)


def _rate(stage: TrainingStage) -> str:
    row, runs = stage.row, stage.schedule
    told = [f"Adam {row.betas[0]:g}/{row.betas[1]:g}, {runs.learning_rate:g}"]
    if isinstance(row, Phase):
        if row.schedule == "cosine":
            told.append(f"cosine to {row.lowest_learning_rate:g}")
        elif runs.milestones:
            told.append(f"halved after {', '.join(f'{each:,}' for each in runs.milestones)}")
        else:
            told.append("constant")
        told += [f"then {rate:g} after {begin:,}" for begin, rate in runs.rates]
        told += [f"EMA {row.ema_decay:g}"] if row.ema_decay else []
    if runs.warmup:
        told.append(f"warm-up {runs.warmup}")
    return ", ".join(told)


def _length(stage: TrainingStage) -> str:
    length = f"{stage.schedule.iterations:,}"
    if not isinstance(stage.row, Prune):
        return length
    return f"at most {stage.rounds} rounds of {stage.row.channels_per_round} channels and {length}"
