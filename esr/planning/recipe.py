"""``esr recipe``: an entry's phases as a table, what the factsheet says beside what will run."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from esr.common.errors import EsrError
from esr.planning.guesses import read_guesses, told_guesses
from esr.planning.phases import TrainingStage, entry_stages, training_stage
from esr.planning.recipe_cells import ARROW, HEADS, recipe_cells
from esr.planning.work import stage_work, training_work
from esr.recipes.graph import Graph
from esr.recipes.read import Params
from esr.recipes.rows import Distill, Entry, TrainingWork

RECIPE_WIDTH = 160  # of the table where no terminal says
NUMBERS, WHOLE = HEADS[4:6], ("network", "data", "learning rate")  # columns to the right; and never folded
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
    rows = [f"{node.kind}/{node.key}" for node in nodes]
    _print_guesses(console, told_guesses(entry, about, rows, read_guesses(params_file), len(stages)))


def _table(stages: Sequence[TrainingStage]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for head in HEADS:
        justify: Literal["right", "left"] = "right" if head in NUMBERS else "left"
        table.add_column(head, justify=justify, no_wrap=head in WHOLE)
    for stage in stages:
        table.add_row(*(Text(cell) for cell in recipe_cells(stage)))
    return table


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


def _print_guesses(console: Console, told: Sequence[str]) -> None:
    if not told:
        console.print(Text("\nNo value in these rows is marked [G], as one that is not in the factsheet."))
        return
    console.print("\nNot in the factsheet, this project's defaults:")
    for line in told:
        console.print(Text(f"  {line}"))
