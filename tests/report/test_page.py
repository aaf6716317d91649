import base64
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from esr.recipes.rows import Entry
from esr.report.figure import PlottedEntry, psnr_against_ratio
from esr.timing.interval import Interval
from tests.report.made_board import COLOURS, UNKNOWN, Board, made_metrics


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


def test_the_page_loads_nothing_from_anywhere(board: Board) -> None:
    _, _, html = board.write()
    assert all(address.startswith("data:image/png;base64,") for address in Page(html).loaded)
    assert "://" not in re.sub(r"base64,[A-Za-z0-9+/=]+", "", html)
    assert "@import" not in html
    assert not re.search(r"url\((?!#)", html)
    assert "default-src 'none'" in html


def test_two_renders_are_the_same_bytes(board: Board, tmp_path: Path) -> None:
    assert board.write(tmp_path / "one") == board.write(tmp_path / "two")


def test_nothing_of_this_machine_is_on_the_page(board: Board, tmp_path: Path) -> None:
    for text in board.write():
        assert str(tmp_path) not in text
        assert not re.search(r"20\d\d-\d\d-\d\d", text)


def test_rows_of_both_tables(board: Board) -> None:
    rows = {row[0]: row[1:] for row in reversed(Page(board.write()[2]).rows)}  # the first table wins
    assert rows["SlimRLFNslimrlfn"] == [
        *("2", "27.750", "27.500", "+0.250", "0.7812", "150", "0.500", "0.492", "0.508", "faster", "0.500", "RLFN"),
        *("2.967", "2024's formula"),
        *("207,774", "11.99", "74.06", "51", "64.2"),
    ]
    assert rows["SlimRLFN, prunedslimrlfn-pruned"][3] == "+0.125"
    published = {row[0]: row[1:] for row in Page(board.write()[2]).rows}  # the last one
    assert published["SlimRLFN"] == ["2024", "DIV2K_LSDIR_valid", "26.914", UNKNOWN, "27.026", *[UNKNOWN] * 7]
    assert published["SlimRLFN, pruned"] == ["2024", "not published"]
    assert published["RLFN (baseline)"] == ["2024", "RTX 3090", "13.54", *[UNKNOWN] * 10]  # of the run times


def test_tables_are_sorted_by_full_numbers_and_not_by_what_is_unknown(board: Board) -> None:
    sorted_by = Page(board.write()[2]).sorted_by
    assert "0.46875" in sorted_by
    assert "11991174144" in sorted_by
    assert not {UNKNOWN, "nan", "None", "<NA>"} & set(sorted_by)


def test_what_is_below_bicubic_is_marked_and_nothing_else(board: Board) -> None:
    rows = Page(board.write()[2]).rows
    assert [row[0] for row in rows if "below bicubic" in row[0]] == ["RLFN (baseline)below bicubicrlfn"]


def test_stand_in_data_are_told_of(board: Board) -> None:
    assert "Stand-in data: " in board.write()[2]
    for key, row in board.rows.items():
        board.add(key, row.entry, made_metrics(27.75, 150.25, 0.5, 207_774, stand_in=False))
    assert "tand-in data" not in board.write()[2]


def test_crops_are_cut_into_their_cells_with_the_entry_s_psnr(board: Board) -> None:
    html = board.write()[2]
    pictures = Page(html).pictures
    assert [alt for alt, _ in pictures[:4]] == [
        *("chelsea, LR", "chelsea, bicubic"),
        *("chelsea, SlimRLFN, pruned", "chelsea, HR"),
    ]
    for (_, address), colour in zip(pictures[:4], COLOURS, strict=True):
        png = base64.b64decode(address.removeprefix("data:image/png;base64,"))
        with Image.open(io.BytesIO(png)) as image:
            assert (np.asarray(image) == colour).all()
            assert image.size == (8, 8)
    assert len(pictures) == 3 * 4
    assert "27.50 dB" in html and "27.75 dB" in html and "27.62 dB" in html


def test_a_title_is_shown_as_text(board: Board) -> None:
    title = "<script>alert(1)</script> & $x^2$"
    board.entries["slimrlfn"] = Entry(title=title, year=2024, validation_set="<b>")
    html = board.write()[2]
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; $x^2$" in html


def test_run_time_conditions_are_told(board: Board) -> None:
    assert "one image of 320 by 180 LR px, of which 1280 by 720 px are made, on 2 CPU threads" in board.write()[2]


def circles(svg: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r'<use [^>]*x="([\d.]+)" y="([\d.]+)"[^>]*/>', svg)]


def plotted(label: str, ratio: float, psnr: float, above_bicubic: bool = True) -> PlottedEntry:
    return PlottedEntry(label, Interval(ratio, 0.9 * ratio, 1.2 * ratio), psnr, above_bicubic)


@pytest.mark.parametrize("slowest", [3.0, 30.0])  # a linear and a logarithmic axis
def test_the_plot_puts_faster_left_and_better_up(slowest: float) -> None:
    points = [plotted("fast", 1.0, 28.0), plotted("slow", slowest, 29.0)]
    (fast, slow) = circles(psnr_against_ratio(points, {"set": 27.5}, 9.0, 4.0))
    assert fast[0] < slow[0]
    assert fast[1] > slow[1]  # SVG counts downwards


def test_the_plot_takes_its_colours_from_the_page() -> None:
    svg = psnr_against_ratio([plotted("a", 1.0, 28.0), plotted("b", 2.0, 27.0, False)], {"set": 27.5}, 9.0, 4.0)
    assert {"var(--ink)", "var(--accent)", "var(--warn)"} <= set(re.findall(r"var\([a-z-]+\)", svg))
    assert not re.search(r"#[0-9a-f]{6}", svg)
    assert "bicubic 27.50 dB" in svg
