import base64
import io
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from esr.compression.fusion_file import FusionCheck
from esr.evaluation.metrics import Metrics
from esr.recipes.rows import Entry
from esr.report.history import CurvePoint, PhaseCurve, PruneRound
from esr.report.layers_figure import draw_layers
from esr.report.pictures import cut_scenes
from esr.report.story import MadeBy, MadeFile, Story
from esr.report.svg import svg_element
from esr.report.tradeoff_figure import PlottedEntry, draw_tradeoff, pareto_front
from esr.timing.interval import Interval
from tests.report.made_board import COLOURS, UNKNOWN, Board, made_layers, made_metrics, made_strip


class Page(HTMLParser):
    """Rows of tables as texts, pictures, captions, and everything that a browser would load."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.pictures: list[tuple[str, str]] = []
        self.loaded: list[str] = []
        self.sorted_by: list[str] = []
        self._cell = False
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attributes}
        self.loaded += [
            values[name] for name in ("src", "href", "srcset", "data", "action", "poster") if name in values
        ]
        if tag == "link":
            self.loaded.append("a link")
        if tag == "img":
            self.pictures.append((values["alt"], values["src"]))
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self._cell = True
            self.rows[-1].append("")
            self.sorted_by.append(values.get("data-value", ""))

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._cell = False

    def handle_data(self, text: str) -> None:
        if self._cell:
            self.rows[-1][-1] += text


def test_the_page_loads_nothing_from_anywhere(html: str) -> None:
    inside = ("data:image/webp;base64,", "#")
    assert all(address.startswith(inside) for address in Page(html).loaded)
    assert "://" not in re.sub(r"base64,[A-Za-z0-9+/=]+", "", html)
    assert "@import" not in html
    assert not re.search(r"url\((?!#)", html)
    assert "default-src 'none'" in html


def test_another_render_is_the_same_bytes_and_nothing_of_this_machine_is_on_it(
    html: str, board: Board, tmp_path: Path
) -> None:
    texts = board.write()
    assert texts[2] == html
    for text in texts:
        assert str(tmp_path) not in text
        assert not re.search(r"20\d\d-\d\d-\d\d", text)


def test_rows_of_both_tables(html: str) -> None:
    rows = {row[0]: row[1:] for row in reversed(Page(html).rows)}  # the first table wins
    assert rows["SlimRLFNslimrlfn"] == [
        *("2", "27.750", "27.500", "+0.250", "0.7812", "150", "0.500", "0.492", "0.508", "faster", "0.500", "RLFN"),
        *("2.967", "2024's formula"),
        *("207,774", "11.99", "74.06", "51", "64.2"),
    ]
    assert rows["SlimRLFN, prunedslimrlfn-pruned"][3] == "+0.125"
    published = {row[0]: row[1:] for row in Page(html).rows}  # the last one
    assert published["SlimRLFN"] == ["2024", "DIV2K_LSDIR_valid", "26.914", UNKNOWN, "27.026", *[UNKNOWN] * 7]
    assert published["SlimRLFN, pruned"] == ["2024", "not published"]
    assert published["RLFN (baseline)"] == ["2024", "RTX 3090", "13.54", *[UNKNOWN] * 10]  # of the run times


def test_tables_are_sorted_by_full_numbers_and_not_by_what_is_unknown(html: str) -> None:
    sorted_by = Page(html).sorted_by
    assert "0.46875" in sorted_by
    assert "11991174144" in sorted_by
    assert not {UNKNOWN, "nan", "None", "<NA>"} & set(sorted_by)


def test_what_is_below_bicubic_is_marked_and_nothing_else(html: str) -> None:
    rows = Page(html).rows
    assert [row[0] for row in rows if "below bicubic" in row[0]] == ["RLFN (baseline)below bicubicrlfn"]


def test_stand_in_data_are_told_of(html: str, board: Board) -> None:
    assert "Stand-in data: " in html
    for key, row in board.rows.items():
        board.add(key, row.entry, made_metrics(27.75, 150.25, 0.5, 207_774, stand_in=False))
    assert "tand-in data" not in board.write_undrawn()[2]


def test_each_picture_is_there_once_without_loss_and_with_its_psnr(html: str) -> None:
    pictures = Page(html).pictures
    lr, bicubic, network, hr = COLOURS
    shown = {
        "chelsea, LR": (lr, (2, 2)),
        "chelsea, bicubic": (bicubic, (8, 8)),
        **{f"chelsea, {name}": (network, (8, 8)) for name in ("SlimRLFN, pruned", "SlimRLFN", "RLFN (baseline)")},
        "chelsea, HR": (hr, (8, 8)),
    }
    assert [alt for alt, _ in pictures] == list(shown)  # what all networks share is there once
    for alt, address in pictures:
        webp = base64.b64decode(address.removeprefix("data:image/webp;base64,"))
        with Image.open(io.BytesIO(webp)) as image:
            assert (np.asarray(image.convert("RGB")) == shown[alt][0]).all()
            assert image.size == shown[alt][1]
    assert "27.50 dB" in html and "27.75 dB" in html and "27.62 dB" in html


def test_a_title_is_shown_as_text(board: Board) -> None:
    title = "<script>alert(1)</script> & $x^2$"
    board.entries["slimrlfn"] = Entry(title=title, year=2024, validation_set="<b>")
    html = board.write()[2]
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; $x^2$" in html


def test_run_time_conditions_are_told(html: str) -> None:
    assert "one image of 320 by 180 LR px, of which 1280 by 720 px are made, on 2 CPU threads" in html


def many_scores(count: int) -> dict[str, Any]:
    """Metrics of ``count`` images, of which bicubic restores the last one worst."""
    metrics = made_metrics(27.75, 150.25, 0.5, 207_774)
    (image,) = metrics["sets"][0]["images"]
    (region,) = metrics["crops"]
    names = [f"image {number}" for number in range(count)]
    metrics["sets"][0]["images"] = [{**image, "name": name, "bicubic": 27.0 - at} for at, name in enumerate(names)]
    metrics["crops"] = [{**region, "name": name} for name in names]
    return metrics


@pytest.mark.parametrize(("rows", "rows_shown", "images_shown"), [(3, 3, 4), (9, 9, 2), (30, 24, 1)])
def test_many_rows_do_not_make_a_large_page(tmp_path: Path, rows: int, rows_shown: int, images_shown: int) -> None:
    metrics = Metrics.model_validate(many_scores(4))
    made_strip(4).save(strip := tmp_path / "crops.png", compress_level=1)
    keys = [f"row {number}" for number in range(rows)]
    scenes = cut_scenes(dict.fromkeys(keys, strip), dict.fromkeys(keys, metrics), keys)
    assert [scene.name for scene in scenes] == [f"image {3 - at}" for at in range(images_shown)]  # the hardest first
    for scene in scenes:
        assert [picture.key for picture in scene.networks] == keys[:rows_shown]


class TestAnEntrySSection:
    STORY = Story(
        recipe=[["train 1", "rlfn", "random weights", "df2k", "256 → 64", "64 → 8", "l1", "0.0005 → 0.002", "1k it"]],
        guesses=["ema_decay 0.999 (everywhere): not said"],
        phases=[
            PhaseCurve("1", [CurvePoint(10, 0.5, 2e-3, None), CurvePoint(20, 0.25, 2e-3, 27.5)]),
            PhaseCurve("2", [CurvePoint(5, 0.25, 1e-3, 27.75)]),
        ],
        pruning=[PruneRound(0, 207_774, 27.5, True), PruneRound(1, 197_125, 27.25, False)],
        fusion=FusionCheck(float64=2.5e-15, float32=1.25e-7, sizes=((32, 48), (15, 15))),
        stages=[MadeBy("train@rlfn-1", "python -m esr train rlfn-1", [MadeFile("curve.csv", "0123456789abcdef")])],
    )

    def test_it_tells_the_recipe_the_guesses_the_fusion_and_the_files(self, board: Board) -> None:
        board.stories["rlfn"] = self.STORY
        html = board.write()[2]
        assert html.count("Training, phase after phase") == 1  # the others have no curves
        assert '<details class="entry card" id="entry-rlfn">' in html
        assert ["train 1", *self.STORY.recipe[0][1:]] in Page(html).rows
        assert "<li>ema_decay 0.999 (everywhere): not said</li>" in html
        assert "2.5e-15 of the range in float64 and 1.2e-07 in float32, which is 3.2e-05 of 255 levels" in html
        assert "on random images of 32x48, 15x15 LR pixels" in html
        assert ["train@rlfn-1", "curve.csv 0123456789"] in Page(html).rows

    def test_complexity_stands_beside_what_was_published_of_that_row_alone(self, html: str) -> None:
        rows = Page(html).rows
        assert [row for row in rows if row[0] == "parameters"] == [
            ["parameters", "207,774", UNKNOWN, ""],  # of SlimRLFN; the pruned one has no factsheet
            ["parameters", "317,218", "0.317 M", "1.001"],
        ]
        assert ["memory (MiB)", "64.2", UNKNOWN, ""] in rows

    def test_the_layers_that_take_longest_are_drawn_in_their_order(self) -> None:
        times = {f"layer{number}": float(number) for number in range(1, 30)}
        svg = svg_element("layers", lambda: draw_layers(made_layers(times), 5.6, most=24))
        assert re.findall(r">(layer\d+)  conv", svg) == [f"layer{number}" for number in range(6, 30)]


def circles(svg: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r'<use [^>]*x="([\d.]+)" y="([\d.]+)"[^>]*/>', svg)]


def plotted(label: str, cost: float, psnr: float, above_bicubic: bool = True) -> PlottedEntry:
    return PlottedEntry(label, Interval(cost, 0.9 * cost, 1.2 * cost), psnr, above_bicubic)


def drawn(points: list[PlottedEntry]) -> str:
    return svg_element("plot", lambda: draw_tradeoff(points, {"set": 27.5}, "FLOPs (G)", 9.0, 4.0))


@pytest.mark.parametrize("slowest", [3.0, 30.0])  # a linear and a logarithmic axis
def test_the_plot_puts_faster_left_and_better_up(slowest: float) -> None:
    fast, slow = circles(drawn([plotted("fast", 1.0, 28.0), plotted("slow", slowest, 29.0)]))
    assert fast[0] < slow[0]
    assert fast[1] > slow[1]  # SVG counts downwards


def test_the_plot_takes_its_colours_from_the_page() -> None:
    svg = drawn([plotted("a", 1.0, 28.0), plotted("b", 2.0, 27.0, False)])
    assert {"var(--ink)", "var(--accent)", "var(--warn)"} <= set(re.findall(r"var\([a-z-]+\)", svg))
    assert not re.search(r"#[0-9a-f]{6}\b", svg)
    assert "bicubic 27.50 dB" in svg
    assert "FLOPs (G)" in svg


def test_the_front_is_of_what_nothing_beats_in_both() -> None:
    points = [
        *(plotted("dear and good", 4.0, 29.0), plotted("beaten", 3.0, 28.0), plotted("cheap", 1.0, 28.5)),
        *(plotted("as dear and worse", 4.0, 28.75), plotted("cheapest, below bicubic", 0.5, 27.0, False)),
    ]
    assert [point.label for point in pareto_front(points)] == ["cheap", "dear and good"]


def test_every_cost_can_be_looked_at_without_scripts(html: str) -> None:
    for axis in ("ratio", "flops", "parameters", "activations"):
        assert html.count(f'id="axis-{axis}"') == 1
        assert html.count(f'data-axis="{axis}"') == 2  # for a desk and for a phone
