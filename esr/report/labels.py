"""Where the names of points go on a plot: beside their points, off one another and off other points."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

POINT_RADIUS = 9.0  # px that are kept free around a point
DISTANCES = (12.0, 30.0, 48.0)  # px from a point to its name: the nearest that is free is taken
DIRECTIONS = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1))  # right first, then left, ...


@dataclass(frozen=True)
class Box:
    """A rectangle in px, y upwards."""

    left: float
    bottom: float
    right: float
    top: float

    def overlap(self, other: "Box") -> float:
        """The area in common, in px^2."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.top, other.top) - max(self.bottom, other.bottom)
        return max(width, 0.0) * max(height, 0.0)

    @property
    def area(self) -> float:
        return (self.right - self.left) * (self.top - self.bottom)


def place_labels(
    points: Sequence[tuple[float, float]], sizes: Sequence[tuple[float, float]], inside: Box, taken: Sequence[Box] = ()
) -> list[Box]:
    """A box for the name of each point, of its (width, height) in ``sizes``.

    The names choose one after another, each the nearest place within ``inside`` that covers no point, no earlier name
    and nothing of ``taken``; where none is free, the one that covers least.
    """
    full = [*taken, *(_around(point) for point in points)]
    labels: list[Box] = []
    for point, size in zip(points, sizes, strict=True):
        label = min(_candidates(point, size), key=lambda box: _cost(box, full, inside))
        full.append(label)
        labels.append(label)
    return labels


def _around(point: tuple[float, float]) -> Box:
    x, y = point
    return Box(x - POINT_RADIUS, y - POINT_RADIUS, x + POINT_RADIUS, y + POINT_RADIUS)


def _candidates(point: tuple[float, float], size: tuple[float, float]) -> Iterator[Box]:
    """The places around a point, the preferred ones first (``min`` keeps the first of equals)."""
    (x, y), (width, height) = point, size
    for distance in DISTANCES:
        for across, up in DIRECTIONS:
            left = x - width / 2 + across * (width / 2 + distance)
            bottom = y - height / 2 + up * (height / 2 + distance)
            yield Box(left, bottom, left + width, bottom + height)


def _cost(box: Box, full: Sequence[Box], inside: Box) -> float:
    return box.area - box.overlap(inside) + sum(box.overlap(other) for other in full)
