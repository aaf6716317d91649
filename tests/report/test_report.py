import json

import pytest

from esr.common.errors import EsrError
from tests.report.made_board import Board, made_strip


def test_missing_metrics_name_the_row_and_what_to_run(board: Board) -> None:
    board.metrics("slimrlfn-pruned").unlink()
    with pytest.raises(EsrError, match=r"benchmark\.slimrlfn-pruned: .*metrics.json.* run python -m esr benchmark"):
        board.write()
    assert not board.csv.exists()


def test_missing_crops_name_the_row(board: Board) -> None:
    board.crops("rlfn").unlink()
    with pytest.raises(EsrError, match=r"benchmark\.rlfn: .*crops\.png"):
        board.write()


def test_missing_layers_name_the_row(board: Board) -> None:
    board.layers("rlfn").unlink()
    with pytest.raises(EsrError, match=r"benchmark\.rlfn: .*layers\.json"):
        board.write()


def test_layers_of_another_version_are_refused(board: Board) -> None:
    board.layers("rlfn").write_text("{}")
    with pytest.raises(EsrError, match=r"rlfn/layers\.json .* run that stage again"):
        board.write()


def test_metrics_of_another_version_are_refused(board: Board) -> None:
    path = board.metrics("rlfn")
    values = json.loads(path.read_text())
    path.write_text(json.dumps({name: value for name, value in values.items() if name != "ssim"}))
    with pytest.raises(EsrError, match=r"rlfn/metrics\.json .*ssim.* run that stage again"):
        board.write()


def test_a_strip_of_another_size_is_refused(board: Board) -> None:
    made_strip().resize((40, 10)).save(board.crops("rlfn"))
    with pytest.raises(EsrError, match=r"rlfn/crops\.png is not the strip"):
        board.write()


def test_a_damaged_strip_is_refused(board: Board) -> None:
    path = board.crops("rlfn")
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(EsrError, match=r"rlfn/crops\.png is damaged"):
        board.write()
