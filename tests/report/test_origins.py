"""What the leaderboard says of where weights come from, where some were released and some trained here."""

import copy
from pathlib import Path

import pytest

from esr.common.yaml_file import read_yaml
from esr.recipes.read import Params, check
from esr.report.origins import origins
from tests.report.made_board import made_board
from tests.tiny_project import ROOT


def params_of(folder: Path) -> Params:
    return check(copy.deepcopy(read_yaml(folder / "params.yaml")))


@pytest.fixture(autouse=True)
def _in_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def test_recipes_from_random_weights_need_no_word() -> None:
    assert origins(params_of(ROOT)) == {}


def test_a_release_is_told_from_what_was_trained_on_it() -> None:
    told = origins(params_of(ROOT / "released"))
    assert told["fmen"] == "test_weights.pt, as it was released"
    assert told["slimrlfn-finetuned"] == (
        "team21_slimrlfn.pth, released; then trained here: finetune/slimrlfn-finetuned"
    )
    assert told["slimrlfn-pruned-here"] == (
        "team21_slimrlfn.pth, released; then trained here: prune/slimrlfn-pruned-here, finetune/slimrlfn-pruned-here"
    )


def test_beside_a_release_a_recipe_is_said_to_begin_at_random() -> None:
    raw = copy.deepcopy(read_yaml(ROOT / "params.yaml"))
    raw["import"] = {"theirs": {"entry": "rfdn", "network": "esr/networks/rfdn.py", "url": "https://a.org/x.pth"}}
    raw["benchmark"]["rfdn"]["from"] = "import/theirs"
    told = origins(check(raw))
    assert told["rfdn"] == "x.pth, as it was released"
    assert told["edrn"] == "trained here from random weights: train/edrn-1"


def test_the_board_shows_it_only_where_there_is_something_to_say(tmp_path: Path) -> None:
    board = made_board(tmp_path)
    assert not any("trained here</h2>" in text or "## Released" in text for text in board.write_undrawn())
    board.origins = dict.fromkeys(board.rows, "a <file>.pth, as it was released")
    _, markdown, page = board.write_undrawn()
    assert "* slimrlfn: a <file>.pth, as it was released" in markdown
    assert "<dd>a &lt;file&gt;.pth, as it was released</dd>" in page
