"""The page in Chromium, driven as a reader would: sorting, the pictures, the axis; nothing complains."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.browser import CHROMIUM, Browser, browsing
from tests.report.made_board import Board, made_board

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="NO CHROMIUM IS INSTALLED: the page is not tested in a browser"),
]

NUMBER = "Number(document.querySelector('.divider').getAttribute('aria-valuenow'))"
ZOOM = "document.querySelector('.viewer output').textContent"
STAGE = "(({x, y, width, height}) => [x, y, width, height])(document.querySelector('.stage').getBoundingClientRect())"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    board: Board = made_board(tmp_path_factory.mktemp("page"))
    board.write()
    return board.folder / "index.html"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with browsing() as opened:
        yield opened


@pytest.fixture
def desk(browser: Browser, page: Path) -> Iterator[Browser]:
    """The page at 1400 px, which must not complain of anything."""
    browser.complaints.clear()
    browser.open(page, 1400, 900)
    yield browser
    assert browser.complaints == []


def centre(browser: Browser) -> tuple[float, float]:
    browser.ask("document.querySelector('.stage').scrollIntoView({block: 'center'})")
    x, y, width, height = browser.ask(STAGE)
    return x + width / 2, y + height / 2


def test_a_click_on_a_head_sorts_and_a_second_one_turns_the_order(desk: Browser) -> None:
    names = "[...document.querySelectorAll('#measured ~ .scroll tbody')[0].rows].map(row => row.cells[0].dataset.value)"
    head = "#measured ~ .scroll th:nth-child(3) button"  # PSNR
    desk.click(head)
    rising = ["RLFN (baseline)", "SlimRLFN, pruned", "SlimRLFN"]
    assert desk.ask(names) == rising
    desk.click(head)
    assert desk.ask(names) == rising[::-1]


def test_the_divider_follows_the_pointer_and_the_arrows(desk: Browser) -> None:
    x, y = centre(desk)
    assert desk.ask(NUMBER) == 50
    width = desk.ask(STAGE)[2]
    desk.drag((x, y), (x + width / 4, y))
    assert desk.ask(NUMBER) == 75
    assert desk.ask("document.querySelector('.layer[data-side=left]').style.clipPath").startswith("inset(0px 25%")
    desk.ask("document.querySelector('.divider').focus()")
    desk.press("ArrowLeft")
    assert desk.ask(NUMBER) == 73
    desk.press("Home")
    assert desk.ask(NUMBER) == 0


def test_both_sides_share_zoom_and_pan(desk: Browser) -> None:
    x, y = centre(desk)
    desk.ask("document.querySelector('.stage').focus()")
    desk.press("+")
    assert desk.ask(ZOOM) == "2\u00d7"
    desk.drag((x + 60, y), (x + 10, y - 20))
    shown = desk.ask("[...document.querySelectorAll('.layer > *')].map(each => each.style.transform)")
    width, height = desk.ask(STAGE)[2:]
    expected = f"translate({-width / 2 - 50:g}px, {-height / 2 - 20:g}px) scale(2)"
    assert shown == [expected, expected]
    desk.press("0")
    assert desk.ask(ZOOM) == "1\u00d7"


def test_two_fingers_zoom(desk: Browser) -> None:
    desk.call("Emulation.setTouchEmulationEnabled", enabled=True, maxTouchPoints=2)
    desk.ask("document.querySelector('.stage').style.touchAction = 'none'")
    desk.pinch(*centre(desk), 40, 120)
    desk.call("Emulation.setTouchEmulationEnabled", enabled=False)
    assert desk.ask(ZOOM) == "3\u00d7"


def test_any_two_can_be_held_side_by_side(desk: Browser) -> None:
    names = "[...document.querySelectorAll('.side')].map(each => each.textContent)"
    assert desk.ask(names) == ["bicubic", "SlimRLFN, pruned"]
    desk.ask("document.querySelector('.stage').focus()")
    desk.press("n")
    desk.press("s")
    assert desk.ask(names) == ["SlimRLFN", "bicubic"]
    choice = "[...document.querySelector('select[data-side=left]').options].map(each => each.text)"
    assert desk.ask(choice) == ["LR", "bicubic", "SlimRLFN, pruned", "SlimRLFN", "RLFN (baseline)", "HR"]


def test_the_map_of_errors_is_black_where_nothing_differs_and_bright_where_much_does(desk: Browser) -> None:
    """The made network is 30 levels from HR everywhere, of 48 that are white."""
    level = """(side => [...document.querySelector(`.layer[data-side=${side}] canvas`)
                 .getContext("2d").getImageData(3, 3, 1, 1).data])"""
    for side, kind in (("left", "hr"), ("right", "network slimrlfn")):
        select = f"document.querySelector('select[data-side={side}]')"
        desk.ask(f"{select}.value = '{kind}', {select}.dispatchEvent(new Event('change', {{bubbles: true}}))")
    desk.ask("document.querySelector('.stage').focus()")
    desk.press("e")
    assert desk.ask(f"{level}('left')") == [0, 0, 0, 255]
    red, _, blue, _ = desk.ask(f"{level}('right')")
    assert red > 200 and blue < 100
    desk.press("e")
    assert desk.ask("document.querySelector('.layer canvas')") is None


def shown_axes(browser: Browser) -> list[str]:
    charts = "[...document.querySelectorAll('[data-axis]')].filter(each => each.offsetHeight)"
    shown: list[str] = browser.ask(f"{charts}.map(each => each.dataset.axis + ' ' + each.classList[1])")
    return shown


@pytest.mark.parametrize(("width", "size"), [(400, "narrow"), (1400, "wide")])
def test_the_axis_is_switched(browser: Browser, page: Path, width: int, size: str) -> None:
    browser.open(page, width, 900)
    assert shown_axes(browser) == [f"ratio {size}"]
    browser.click("label[for=axis-flops]")
    assert shown_axes(browser) == [f"flops {size}"]


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [400, 1400])
def test_nothing_runs_out_of_the_window_in_either_theme(
    browser: Browser, page: Path, tmp_path: Path, width: int, dark: bool
) -> None:
    browser.open(page, width, 900, dark)
    assert browser.ask("document.documentElement.scrollWidth") == width
    browser.screenshot(tmp_path / "page.png", 900)
    with Image.open(tmp_path / "page.png") as picture:
        ground = np.asarray(picture.convert("L"))[2, 2]
    assert (ground < 60) == dark


def test_a_link_of_the_table_opens_the_entry_s_section(desk: Browser) -> None:
    desk.click("tbody a[href='#entry-rlfn']")
    desk.ask("new Promise(done => setTimeout(done, 100))")
    assert desk.ask("document.getElementById('entry-rlfn').open") is True
    assert desk.ask("document.getElementById('entry-slimrlfn').open") is False


def test_without_scripts_all_pictures_are_there(browser: Browser, page: Path) -> None:
    browser.open(page, 1400, 900, scripts=False)
    document = browser.call("DOM.getDocument")["root"]["nodeId"]
    viewer = browser.call("DOM.querySelector", nodeId=document, selector=".viewer[hidden]")["nodeId"]
    pictures = browser.call("DOM.querySelectorAll", nodeId=document, selector=".gallery:not([hidden]) img")["nodeIds"]
    assert viewer and len(pictures) == 6
