"""The pictures of the documentation show what params.yaml, the records and the code say today."""

import re
from pathlib import Path

import draw_graph
import figures
import numpy as np
import pytest
from draw_photographs import draw_photographs
from draw_rooms import floors, uses
from PIL import Image

from esr.recipes.graph import read_graph
from tests.test_rooms import ROOMS
from tests.tiny_project import ROOT


def words(svg: str) -> list[str]:
    """What is written in a picture, wherever it stands."""
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


@pytest.mark.parametrize("name", figures.PICTURES)
def test_the_picture_says_what_one_drawn_anew_says(name: str) -> None:
    anew = words(figures.svg(figures.PICTURES[name]))
    assert anew
    assert words((figures.IMAGES / name).read_text()) == anew, "run python docs/tools/figures.py"


def test_the_contact_sheet_shows_what_one_drawn_anew_shows(tmp_path: Path) -> None:
    """Pixels may differ a little: another libjpeg decodes by other last bits."""
    draw_photographs(tmp_path / "anew.png")
    shown, anew = (np.asarray(Image.open(path), int) for path in (figures.PHOTOGRAPHS, tmp_path / "anew.png"))
    assert shown.shape == anew.shape
    assert abs(shown - anew).mean() < 2, "run python docs/tools/figures.py"
    assert figures.PHOTOGRAPHS.stat().st_size < 200_000


def test_every_room_is_drawn_once_and_lies_above_those_that_it_uses() -> None:
    house = floors(uses())
    level = {room: floor for floor, rooms in enumerate(house) for room in rooms}
    assert sorted(room for rooms in house for room in rooms) == sorted(ROOMS)
    assert all(level[room] > level[each] for room, used in uses().items() for each in used)


def test_arrows_are_those_of_the_graph() -> None:
    """Each arrow is an edge between stages (no row imports anything yet), and each edge is a path along arrows."""
    graph = read_graph(ROOT / "params.yaml", ROOT / "dvc.yaml")
    made = {path: node.kind for path, node in graph.producers.items()}
    edges = {(made[path], node.kind) for node in graph.in_order() for path in graph.inputs(node) if path in made}
    arrows = set(draw_graph.ARROWS)
    reached = set(arrows)
    while more := {(a, d) for a, b in reached for c, d in arrows if b == c} - reached:
        reached |= more
    assert {(before, after) for before, after in edges if before != after} <= reached
    assert arrows - edges == {("import", "fuse")}
