"""The graph of the kinds of stage, as dvc.yaml declares it."""

from colours import GREEN, INK, blank, box
from matplotlib.figure import Figure

PLACES = {
    "download": (0.15, 1.5),
    "crop": (1.5, 1.5),
    "join": (2.85, 1.5),
    "teacher": (4.2, 2.5),
    "train": (4.2, 0.5),
    "distill": (5.55, 2.5),
    "finetune": (5.55, 1.0),
    "prune": (6.9, 1.75),
    "import": (5.55, 0.0),
    "fuse": (6.9, 0.5),
    "benchmark": (8.25, 1.1),
    "report": (9.6, 1.1),
}
"""Left and bottom of each kind's box."""
ARROWS = [
    *[("download", "crop"), ("crop", "join"), ("join", "teacher"), ("join", "train"), ("teacher", "distill")],
    *[("distill", "finetune"), ("train", "finetune"), ("finetune", "prune"), ("finetune", "fuse"), ("prune", "fuse")],
    *[("import", "fuse"), ("fuse", "benchmark"), ("benchmark", "report")],
]
WIDE, HIGH = 1.05, 0.45


def draw_graph() -> Figure:
    """A box per kind, an arrow from each to those that follow."""
    figure, axes = blank(10.8, 3.2)
    for name, (left, bottom) in PLACES.items():
        box(axes, left, bottom + 0.12, WIDE, HIGH)
        axes.text(left + WIDE / 2, bottom + 0.12 + HIGH / 2, name, ha="center", va="center", color=INK)
    style = {"arrowstyle": "-|>", "color": GREEN, "shrinkA": 2, "shrinkB": 2}
    for start, end in ARROWS:
        axes.annotate("", *_ends(start, end), arrowprops=style)
    return figure


def _ends(start: str, end: str) -> tuple[tuple[float, float], tuple[float, float]]:
    """Where an arrow ends and where it starts: side to side, or upright within a column."""
    (x0, y0), (x1, y1) = PLACES[start], PLACES[end]
    middle = 0.12 + HIGH / 2
    if x0 == x1:
        down = y1 < y0
        return (x1 + WIDE / 2, y1 + 0.12 + HIGH * down), (x0 + WIDE / 2, y0 + 0.12 + HIGH * (not down))
    return (x1, y1 + middle), (x0 + WIDE, y0 + middle)
