"""SlimRLFN's progressive recipe along its iterations: patch and learning rate of each phase, from params.yaml."""

from pathlib import Path

from colours import GREEN, LINE, MUTED, ORANGE, VIOLET
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from esr.planning.phases import TrainingStage, training_stage
from esr.recipes.graph import Graph, read_graph
from esr.recipes.read import check
from esr.recipes.rows import Phase
from esr.training.schedules import learning_rate

ROOT = Path(__file__).resolve().parents[2]
ENTRY = "slimrlfn"
COLOURS = {"distill": VIOLET, "l1": GREEN, "charbonnier": GREEN, "l2": ORANGE}
MEANINGS = {VIOLET: "Charbonnier, to HR and to the teacher", GREEN: "Charbonnier", ORANGE: "L2"}


def draw_recipe() -> Figure:
    """Patches above, rates below, over the same iterations at scale paper."""
    stages = trainings()
    figure = Figure(figsize=(9.4, 4.4), layout="constrained")
    patches, rates = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
    begin = 0
    for stage in stages:
        length = stage.schedule.iterations * stage.rounds
        _draw_patch(patches, stage, begin, length)
        _draw_rate(rates, stage, begin, length)
        begin += length
    patches.set(ylim=(0, 680), yticks=sorted({stage.schedule.patch for stage in stages}))
    patches.set_ylabel("patch (HR px)", color=MUTED)
    rates.set(yscale="log", xlim=(0, begin))
    rates.set_ylabel("learning rate", color=MUTED)
    rates.set_xlabel("iterations at scale paper, in thousands", color=MUTED)
    rates.xaxis.set_major_formatter(lambda x, _: f"{x / 1e3:,.0f}")
    for axes in (patches, rates):
        axes.tick_params(length=0, colors=MUTED, which="both")
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(LINE)
    handles = [Patch(color=colour, label=label) for colour, label in MEANINGS.items()]
    figure.legend(handles=handles, loc="outside upper left", ncols=3, frameon=False)
    return figure


def trainings() -> list[TrainingStage]:
    """The entry's phases after its teacher, in order, as scale paper runs them; then its pruning."""
    declared = read_graph(ROOT / "params.yaml", ROOT / "dvc.yaml")
    graph = Graph({**declared.params, "scale": "paper"}, declared.templates)
    params = check(graph.params)
    nodes = [node for node in graph.in_order() if node.kind in ("distill", "train", "finetune", "prune")]
    found = [training_stage(params, node, params.scales["paper"]) for node in nodes]
    return [stage for stage in found if stage and stage.row.entry == ENTRY]


def _draw_patch(axes: Axes, stage: TrainingStage, begin: int, length: int) -> None:
    colour = COLOURS.get(stage.node.kind, COLOURS[stage.row.loss])
    patch = stage.schedule.patch
    axes.add_patch(Rectangle((begin, 0), length, patch, facecolor=colour, edgecolor="#fff", linewidth=1.5, alpha=0.85))
    name = stage.node.key.removeprefix(f"{ENTRY}-")
    rounds = f", {stage.rounds} rounds at most" if stage.rounds > 1 else ""
    label = name + rounds
    axes.text(begin + length / 2, patch - 20, label, rotation=90, ha="center", va="top", color="#fff", size=9)


def _draw_rate(axes: Axes, stage: TrainingStage, begin: int, length: int) -> None:
    steps = range(0, stage.schedule.iterations, max(1, stage.schedule.iterations // 100))
    if isinstance(stage.row, Phase):
        xs = [begin + step for step in steps]
        ys = [learning_rate(stage.row, stage.schedule, step) for step in steps]
    else:  # a pruning's rate is constant
        xs, ys = [begin, begin + length], [stage.schedule.learning_rate] * 2
    axes.plot(xs, ys, color=COLOURS.get(stage.node.kind, COLOURS[stage.row.loss]), lw=1.6)
