"""The pictures of the documentation, drawn from what they show: params.yaml, the records, the code's imports.

    python docs/tools/figures.py     # writes docs/images/*.svg and contact-sheet.png

A test compares the words and numbers in them with those of pictures drawn anew, and the photographs' pixels.
"""

import io
import sys
from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

sys.path.insert(0, str(Path(__file__).parent))

from draw_graph import draw_graph
from draw_loops import draw_loops
from draw_photographs import draw_photographs
from draw_ratios import draw_ratios
from draw_recipe import draw_recipe
from draw_rooms import draw_rooms
from draw_store import draw_store

IMAGES = Path(__file__).resolve().parents[1] / "images"
PHOTOGRAPHS = IMAGES / "contact-sheet.png"
PICTURES: dict[str, Callable[[], Figure]] = {
    "graph.svg": draw_graph,
    "progressive-recipe.svg": draw_recipe,
    "ratios.svg": draw_ratios,
    "rooms.svg": draw_rooms,
    "store.svg": draw_store,
    "training-loops.svg": draw_loops,
}
STYLE = {"svg.fonttype": "none", "svg.hashsalt": "esr", "font.size": 10}


def svg(draw: Callable[[], Figure]) -> str:
    """A picture as SVG; its words are text."""
    with mpl.rc_context(STYLE):
        figure = draw()
        FigureCanvasSVG(figure)
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None})
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines()) + "\n"


if __name__ == "__main__":
    for name, draw in PICTURES.items():
        (IMAGES / name).write_text(svg(draw))
    draw_photographs(PHOTOGRAPHS)
