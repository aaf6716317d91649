"""Every entry, from its first phase to its line of the leaderboard, at a tiny scale."""

import csv
from pathlib import Path

import pytest

from tests.tiny_project import Project, keep_only

PUBLISHED = {
    "r2net": "26.9042",
    "slimrlfn": "26.914",
    "ifadnet": "26.9",
    "edrn": "28.98",
    "rlfn": "26.96",
    "span": "26.94",
    "spanv2": "26.92",
}

pytestmark = pytest.mark.slow
OTHERS = {"r2net", "ifadnet", "ripfdn", "edrn", "rfdn", "span", "spanv2"}


@pytest.fixture(scope="module")
def board(everything: Project, made: Project, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """The leaderboard by entry: the two that every test shares, and all others after one `snakemake --cores all`."""
    others = everything.copy(tmp_path_factory.mktemp("entries") / "esr")
    others.edit(lambda params: keep_only(params, OTHERS))
    others.well("snakemake", "--cores", "all")
    return {line["entry"]: line for project in (made, others) for line in leaderboard(project)}


def leaderboard(project: Project) -> list[dict[str, str]]:
    with Path(project.folder, "reports/demo/leaderboard.csv").open() as file:
        return list(csv.DictReader(file))


def test_every_entry_and_baseline_is_on_the_leaderboard(board: dict[str, dict[str, str]]) -> None:
    assert set(board) == OTHERS | {"slimrlfn", "slimrlfn-pruned", "rlfn"}
    assert all(float(line["psnr"]) > 0 and float(line["time_ms"]) > 0 for line in board.values())
    asked = {line["threshold"] for line in board.values()}
    assert asked == {"not measured"}  # stand-ins meet no threshold


def test_every_deploy_form_has_its_published_complexity(board: dict[str, dict[str, str]]) -> None:
    """Fused from training forms that are up to five times as large: the figures of the released networks."""
    expected = {
        "r2net": (214_800, 13_050_087_424),
        "slimrlfn": (207_774, 11_991_174_144),
        "ifadnet": (162_972, 9_840_256_512),
        "ripfdn": (261_868, 15_528_984_016),
        "edrn": (3_425_980, 224_189_743_104),  # as drawn
        "rlfn": (317_218, 19_674_859_520),
        "rfdn": (433_448, 27_046_231_296),
        "span": (150_688, 9_833_807_872),
        "spanv2": (139_104, 9_107_931_136),
    }
    found = {key: (int(board[key]["parameters"]), int(board[key]["flops"])) for key in expected}
    assert found == expected
    assert int(board["slimrlfn-pruned"]["parameters"]) < 207_774


def test_published_numbers_stand_apart(board: dict[str, dict[str, str]]) -> None:
    assert {key: board[key]["published_psnr_valid"] for key in PUBLISHED} == PUBLISHED
    assert board["ripfdn"]["published_psnr_valid"] == ""
