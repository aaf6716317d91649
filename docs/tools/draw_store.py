"""The layout of a packed set's file, images.store, as docs/data.md says it in a table."""

from colours import GREEN, INK, LINE, MUTED, ORANGE, PALE, VIOLET, blank
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

STRIP = [
    *[("header", GREEN, 1.0), ("image 1, HR", PALE, 1.8), ("LR", LINE, 0.5), ("image 2, HR", PALE, 1.5)],
    *[("LR", LINE, 0.5), ("…", "#fff", 0.6), ("image n, HR", PALE, 1.8), ("LR", LINE, 0.5), ("hash", GREEN, 0.8)],
]
"""The parts of the file, not to scale."""
HEADER = [
    ("ESRSTORE", "0\N{EN DASH}7"),
    ("version 2", "8\N{EN DASH}11"),
    ("scale 4", "12\N{EN DASH}15"),
    ("file size", "16\N{EN DASH}23"),
    ("zeros", "to 4095"),
    ("sha256 of the index", "the last 32 bytes"),
]


def draw_store() -> Figure:
    """The file as a strip, its ends enlarged below, and the manifest that tells where images lie."""
    figure, axes = blank(9.4, 3.3)
    x = 0.2
    axes.text(x, 3.05, "images.store, one file, read through a memory map", color=INK, weight="bold")
    axes.text(9.2, 3.05, "from byte 4096: uint8, rows of RGB, nothing between", color=MUTED, ha="right", size=9)
    for label, colour, width in STRIP:
        axes.add_patch(Rectangle((x, 2.2), width, 0.6, facecolor=colour, edgecolor=MUTED))
        ink = "#fff" if colour == GREEN else INK
        axes.text(x + width / 2, 2.5, label, ha="center", va="center", color=ink, size=9)
        x += width
    axes.plot([0.2, 0.2], [2.2, 1.75], color=GREEN, lw=0.8)
    axes.plot([1.2, 7.0], [2.2, 1.75], color=GREEN, lw=0.8)
    axes.plot([8.4, 7.0], [2.2, 1.75], color=GREEN, lw=0.8)
    axes.plot([9.2, 9.2], [2.2, 1.75], color=GREEN, lw=0.8)
    left = 0.2
    for label, place in HEADER:
        width = 2.2 if label.startswith("sha") else 1.36
        axes.add_patch(Rectangle((left, 1.15), width, 0.6, facecolor=PALE, edgecolor=GREEN))
        axes.text(left + width / 2, 1.52, label, ha="center", va="center", color=INK, size=9)
        axes.text(left + width / 2, 1.29, place, ha="center", va="center", color=MUTED, size=7.5)
        left += width
    axes.annotate("", (8.1, 1.15), (8.1, 0.72), arrowprops={"arrowstyle": "->", "color": ORANGE})
    axes.add_patch(Rectangle((0.2, 0.12), 9.0, 0.6, facecolor="#fff", edgecolor=VIOLET))
    axes.text(0.35, 0.42, "manifest.json", va="center", color=VIOLET, weight="bold")
    words = "for each image: its name, its size, the sha256 of its samples; the sizes say where it lies"
    axes.text(1.65, 0.42, words, va="center", color=INK, size=9)
    return figure
