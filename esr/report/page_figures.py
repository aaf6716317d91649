"""The figures of the page. They are drawn by matplotlib, as SVG: the page needs no plotting code and no script to show
them, and switches the axis of the first one by CSS; a plotting library would take a fifth of the page's five megabytes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from markupsafe import Markup
from matplotlib.figure import Figure

from esr.evaluation.layers_file import LayerTimes
from esr.evaluation.metrics import Metrics
from esr.report.challenge_score import ChallengeScore
from esr.report.curves_figure import draw_curves, draw_pruning
from esr.report.layers_figure import draw_layers
from esr.report.scores_figure import draw_scores
from esr.report.story import Story
from esr.report.svg import svg_element
from esr.report.tradeoff_figure import PlottedEntry, draw_tradeoff
from esr.timing.interval import Interval

SIZES = {"wide": (12.0, 5.2), "narrow": (4.6, 4.6)}  # inches, for a desk and for a phone
ENTRY_WIDTH = 5.6  # inches of an entry's figures, which stand two side by side on a desk
MOST_LAYERS = 24
SECTIONS = 40
"""Rows of the leaderboard with figures of their own: twenty kilobytes of SVG each."""


@dataclass(frozen=True)
class CostAxis:
    """What the horizontal axis of PSNR against cost may show: its name on the page and on the axis."""

    key: str
    title: str
    label: str
    cost: Callable[[Metrics], Interval]


def _exact(value: float) -> Interval:
    """A number that was counted, not measured."""
    return Interval(value, value, value)


AXES = (
    CostAxis("ratio", "run time", "run time / baseline's", lambda metrics: metrics.to_baseline),
    CostAxis("flops", "FLOPs", "FLOPs (G)", lambda metrics: _exact(metrics.flops / 1e9)),
    CostAxis("parameters", "parameters", "parameters (k)", lambda metrics: _exact(metrics.parameters / 1e3)),
    CostAxis("activations", "activations", "activations (M)", lambda metrics: _exact(metrics.activations / 1e6)),
)


@dataclass(frozen=True)
class EntryFigures:
    """The figures of an entry's section; empty where there is nothing to draw."""

    curves: Markup
    pruning: Markup
    layers: Markup


def plotted(names: Mapping[str, str], metrics: Mapping[str, Metrics], axis: CostAxis) -> list[PlottedEntry]:
    """The points of the first figure, by the rows' names."""
    return [
        PlottedEntry(name, axis.cost(metrics[key]), metrics[key].psnr, metrics[key].above_bicubic >= 0)
        for key, name in names.items()
    ]


def bicubic_levels(metrics: Mapping[str, Metrics]) -> dict[str, float]:
    """The PSNR of bicubic upscaling, by the name of the first set."""
    return {each.sets[0].name: each.bicubic for each in metrics.values()}


def tradeoffs(names: Mapping[str, str], metrics: Mapping[str, Metrics]) -> dict[str, dict[str, Markup]]:
    """PSNR against each cost, in each size: by the axis's key, by the size's name."""
    levels = bicubic_levels(metrics)

    def drawn(axis: CostAxis, size: str) -> Markup:
        points = plotted(names, metrics, axis)
        return _element(f"{axis.key} {size}", lambda: draw_tradeoff(points, levels, axis.label, *SIZES[size]))

    return {axis.key: {size: drawn(axis, size) for size in SIZES} for axis in AXES}


def scores_by_year(
    names: Mapping[str, str], metrics: Mapping[str, Metrics], scores: Mapping[str, ChallengeScore]
) -> dict[str, Markup]:
    """The scores, in each size; nothing where no year has a rule here."""
    named = {names[key]: score for key, score in scores.items()}
    below = {names[key] for key in scores if metrics[key].above_bicubic < 0}

    def drawn(size: str) -> Markup:
        return _element(f"scores {size}", lambda: draw_scores(named, below, SIZES[size][0]))

    return {size: drawn(size) for size in SIZES} if named else {}


def entry_figures(key: str, story: Story, layers: LayerTimes) -> EntryFigures:
    """The figures of a row."""
    curves = _element(f"curves {key}", lambda: draw_curves(story.phases, ENTRY_WIDTH)) if story.phases else Markup()
    rounds = _element(f"rounds {key}", lambda: draw_pruning(story.pruning, ENTRY_WIDTH)) if story.pruning else Markup()
    bars = _element(f"layers {key}", lambda: draw_layers(layers, ENTRY_WIDTH, MOST_LAYERS))
    return EntryFigures(curves, rounds, bars)


def _element(salt: str, draw: Callable[[], Figure]) -> Markup:
    return Markup(svg_element(salt, draw))
