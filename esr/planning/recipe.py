"""``esr recipe``: an entry's phases as a table, what the factsheet says beside what will run."""

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from esr.common.errors import EsrError
from esr.planning.guesses import Guess, read_guesses
from esr.planning.phases import TrainingStage, entry_stages, training_stage
from esr.planning.work import stage_work, training_work
from esr.recipes.graph import Graph, Node
from esr.recipes.read import Params
from esr.recipes.rows import Distill, Entry, Finetune, Optimisation, Phase, Prune, TrainingWork
from esr.recipes.step import NetworkSpec

RECIPE_WIDTH = 160  # of the table where no terminal says
ARROW = "\N{RIGHTWARDS ARROW}"
NEAR = 0.03  # by so much of a role's counted work may the number in params.yaml differ from it


def print_recipe(graph: Graph, params: Params, params_file: Path, entry: str) -> None:
    """Print the phases of ``entry`` at the scale of ``params``.

    Raises:
        EsrError: there is no such entry.
    """
    nodes = entry_stages(graph, params, entry)
    stages = [stage for node in nodes if (stage := training_stage(params, node, params.rule))]
    console = Console(highlight=False, width=None if Console().is_terminal else RECIPE_WIDTH)
    about = params.entries[entry]
    title = Text.assemble(
        (about.title, "bold"), f", {about.year}: the recipe {ARROW} what runs at scale {params.scale}\n"
    )
    console.print(title)
    console.print(_table(stages) if stages else "No row of this entry trains anything.\n")
    work = _work(graph, params, entry, stages) if stages else []
    for line in [*work, *_rounded_targets(stages, params), *_imports(params, entry), _data(params), *_asked(about)]:
        console.print(Text(line))
    _print_guesses(console, about, _named_guesses(entry, nodes, read_guesses(params_file)), len(stages))


def _table(stages: Sequence[TrainingStage]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for head in ("stage", "network", "starts from", "data"):
        table.add_column(head, no_wrap=head in ("network", "data"))
    table.add_column("patch\nHR px", justify="right")
    table.add_column("batch", justify="right")
    table.add_column("loss")
    table.add_column("learning rate", no_wrap=True)
    table.add_column("length")
    for stage in stages:
        table.add_row(*(Text(cell) for cell in _cells(stage)))
    return table


def _cells(stage: TrainingStage) -> list[str]:
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


def _work(graph: Graph, params: Params, entry: str, stages: Sequence[TrainingStage]) -> list[str]:
    """What the entry's training costs, and whether params.yaml knows that."""
    try:
        by_role = training_work(graph, params, entry)
        here = sum(map(stage_work, stages))
    except EsrError as error:
        return [f"Training work at paper: not known. {error}"]
    counted = sum(by_role.values())
    less = "" if here == counted else f"; at {params.scale}: {here:.2e}"
    lines = [f"Training work at paper: {counted:.2e} multiply-accumulates, forward and backward{less}."]
    written = params.entries[entry].training_work
    known = written.by_role if written else {}
    shared_out = any(rule.training.length.work for rule in params.scales.values())
    if shared_out and not _near(known, by_role):
        says = _to_paste(known) if known else "null"
        lines.append(f"entries.{entry}.training_work in params.yaml is {says}: write {_to_paste(by_role)}")
    return lines


def _near(known: Mapping[str, float], counted: Mapping[str, float]) -> bool:
    return known.keys() == counted.keys() and all(abs(known[role] / work - 1) <= NEAR for role, work in counted.items())


def _to_paste(by_role: Mapping[str, float]) -> str:
    numbers = [f"{role}: {by_role[role]:.2e}" for role in TrainingWork.model_fields if role in by_role]
    return f"{{{', '.join(numbers)}}}"


def _rounded_targets(stages: Sequence[TrainingStage], params: Params) -> list[str]:
    """What the table ``engine`` changes of a distillation's target, which is no matter of speed."""
    if not any(isinstance(stage.row, Distill) for stage in stages):
        return []
    engine = params.engine
    own = [("a CPU", "cpu", engine.cpu.teacher_precision), ("a GPU", "cuda", engine.cuda.teacher_precision)]
    return [
        f"On {device} the teacher's output, a target, is rounded to bf16 (engine.{name}.teacher_precision), "
        "by up to half a level of 255, and so is every layer before it."
        for device, name, precision in own
        if precision == "bf16"
    ]


def _imports(params: Params, entry: str) -> list[str]:
    imports = [f"  import/{key}: {row.place}" for key, row in params.import_.items() if row.entry == entry]
    return ["Released checkpoints, imported and not trained:", *imports] if imports else []


def _data(params: Params) -> str:
    rule = params.rule.data
    if rule.stand_in:
        return "Data at this scale: photographs that come with scikit-image and scikit-learn stand in for every set."
    only = [f"of the training sources, {rule.only_source} alone"] if rule.only_source else []
    other = [f"in the place of {key}, {row.title or 'other photographs'}" for key, row in rule.in_place_of.items()]
    return f"Data at this scale: {'; '.join(only + other) or 'as the table says'}."


def _asked(entry: Entry) -> list[str]:
    """The PSNR that the year asked for."""
    asked = ", ".join(f"{psnr:.2f} dB on {name}" for name, psnr in entry.thresholds.items())
    assumed = f", an assumption: {entry.thresholds_assumed}" if entry.thresholds_assumed else ""
    return [f"Asked for in {entry.year}: {asked}{assumed}."] if asked else []


def _named_guesses(entry: str, nodes: Sequence[Node], guesses: Sequence[Guess]) -> dict[tuple[str, str], list[str]]:
    """What no factsheet says: each value and its reason once, with the rows that it stands in.

    A row without a mark may be a factsheet's to the letter, or of an entry that has no factsheet.
    """
    rows = {f"{node.kind}/{node.key}" for node in nodes}
    places: dict[tuple[str, str], list[str]] = {}
    for guess in guesses:
        if guess.row in rows:
            what = f"{guess.key} {_as_written(guess.value)}" if guess.key else "the whole row"
            places.setdefault((what, guess.reason), []).append(guess.row.split("/")[1].removeprefix(f"{entry}-"))
    return places


def _as_written(value: object) -> str:
    """A value as params.yaml has it."""
    if value is None or isinstance(value, bool):
        return str(value).lower().replace("none", "null")
    return f"{value:g}" if isinstance(value, float) else f"{value}"


def _print_guesses(console: Console, entry: Entry, guesses: dict[tuple[str, str], list[str]], trained: int) -> None:
    if not guesses and not entry.guesses:
        console.print(Text("\nNo value in these rows is marked [G], as one that is not in the factsheet."))
        return
    console.print("\nNot in the factsheet, this project's defaults:")
    for (what, reason), found in guesses.items():
        where = "everywhere" if len(found) == trained > 1 else ", ".join(found)
        console.print(Text(f"  {what} ({where}): {reason}"))
    for sentence in entry.guesses.values():
        console.print(Text(f"  {sentence}"))
