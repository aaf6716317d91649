"""A phase of a recipe as a row of a table, what the factsheet says beside what runs: ``64 → 8``."""

from collections.abc import Sequence
from pathlib import PurePosixPath

from esr.planning.phases import TrainingStage
from esr.recipes.rows import Distill, Finetune, Optimisation, Phase, Prune
from esr.recipes.step import NetworkSpec

HEADS = ("stage", "network", "starts from", "data", "patch\nHR px", "batch", "loss", "learning rate", "length")
ARROW = "\N{RIGHTWARDS ARROW}"


def recipe_cells(stage: TrainingStage) -> list[str]:
    """What stands below each of ``HEADS``; lines within a cell end in a line break."""
    row, runs = stage.row, stage.schedule
    return [
        _short(f"{stage.node.kind}/{stage.node.key}", row),
        _network(row, stage.network),
        _start(row),
        row.data,
        _arrow(row.patch, runs.patch),
        _arrow(row.batch, runs.batch),
        _loss(row, stage),
        _rate(row, stage),
        _length(row, stage),
    ]


def _arrow(says: object, runs: object) -> str:
    return f"{says}" if says == runs else f"{says} {ARROW} {runs}"


def _network(row: Optimisation, runs: NetworkSpec) -> str:
    says = getattr(row, "arguments", {})
    arguments = [f"{name} {_arrow(value, runs.arguments.get(name))}" for name, value in says.items()]
    return "\n".join([PurePosixPath(row.network).stem, *arguments])


def _start(row: Optimisation) -> str:
    if isinstance(row, Distill):
        return f"random weights,\nunder {_short(row.teacher, row)}"
    return _short(row.from_, row) if isinstance(row, Finetune | Prune) else "random weights"


def _short(reference: str, row: Optimisation) -> str:
    """A stage's name without the entry's, which all of them bear."""
    kind, key = reference.split("/")
    short = key.removeprefix(f"{row.entry}-")
    return kind if short == kind else f"{kind} {short}"


def _loss(row: Optimisation, stage: TrainingStage) -> str:
    loss = f"{row.loss}, eps {row.charbonnier_eps:g}" if row.loss == "charbonnier" else row.loss
    fourier = f" + {row.fourier_weight:g} x Fourier L1" if row.fourier_weight else ""
    teacher = ""
    if isinstance(row, Distill):
        weight = _arrow(f"{row.teacher_weight:g}", f"{stage.schedule.teacher_weight:g}")
        teacher = f"\nto HR,\n+ {weight} x to the teacher"
    return loss + fourier + teacher + _changes(row, "loss", stage.schedule.losses[1:])


def _rate(row: Optimisation, stage: TrainingStage) -> str:
    warmup = f", warm-up {stage.schedule.warmup} it" if stage.schedule.warmup else ""
    adam = f"Adam ({row.betas[0]:g}, {row.betas[1]:g})"
    average = f", EMA {row.ema_decay:g}" if isinstance(row, Phase) and row.ema_decay else ""
    rate = _arrow(f"{row.learning_rate:g}", f"{stage.schedule.learning_rate:g}")
    return f"{rate}{warmup},\n{_schedule(row, stage)}\n{adam}{average}"


def _schedule(row: Optimisation, stage: TrainingStage) -> str:
    if isinstance(row, Phase) and row.schedule == "cosine":
        return f"cosine to {row.lowest_learning_rate:g}"
    if isinstance(row, Phase) and row.schedule == "multistep":
        halved = "halved at " + ", ".join(f"{milestone // 1000:g}k" for milestone in row.milestones)
        return halved if stage.schedule.milestones else f"{halved}\n{ARROW} not halved"
    return "constant" + _changes(row, "learning_rate", stage.schedule.rates)


def _changes(row: Optimisation, key: str, runs: Sequence[tuple[int, object]]) -> str:
    """What becomes of a key in the middle of a phase: where the row says, and after which iteration that is here."""
    changed = [change for change in row.changes if getattr(change, key)] if isinstance(row, Phase) else []
    return "".join(
        f",\nthen {_plain(getattr(change, key))} after {'epoch' if change.after_epoch else 'iteration'} "
        f"{change.place:,}\n{ARROW} {_plain(value)} after iteration {begin:,}"
        for change, (begin, value) in zip(changed, runs, strict=True)
    )


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else f"{value}"


def _length(row: Optimisation, stage: TrainingStage) -> str:
    runs = f"{stage.schedule.iterations:,} it"
    if isinstance(row, Prune):
        rounds = f"{_arrow(row.most_rounds, stage.rounds)} rounds at most, each {row.channels_per_round} channels and"
        return f"{rounds} {_arrow(f'{row.iterations_per_round:,} it', runs)}"
    assert isinstance(row, Phase)
    says = f"{stage.paper_iterations:,} it" if stage.paper_iterations else "it by the set's size"
    epochs = f"{row.epochs} epochs, " if row.epochs else ""
    return epochs + says if says == runs else f"{epochs}{says}\n{ARROW} {runs}"
