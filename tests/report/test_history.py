"""The curves and rounds that trainings wrote, as the page reads them."""

from pathlib import Path

import pytest

from esr.common.errors import EsrError
from esr.report.history import CurvePoint, PruneRound, read_phase, read_rounds_of_pruning


def test_a_curve_is_read_with_the_psnr_where_it_was_measured(tmp_path: Path) -> None:
    path = tmp_path / "curve.csv"
    path.write_text("iteration,loss,learning_rate,psnr\n80,0.5,0.002,\n160,0.25,0.001,27.5\n")
    phase = read_phase("1", path)
    assert phase.points == [CurvePoint(80, 0.5, 0.002, None), CurvePoint(160, 0.25, 0.001, 27.5)]
    assert phase.iterations == 160


def test_rounds_are_read_with_whether_they_were_kept(tmp_path: Path) -> None:
    path = tmp_path / "rounds.csv"
    path.write_text(
        "round,channels,parameters,psnr,psnr_loss,kept,stopped_by\n0,9,80,28.5,0,True,\n1,8,70,28,.5,False,x\n"
    )
    assert read_rounds_of_pruning(path) == [PruneRound(0, 80, 28.5, True), PruneRound(1, 70, 28.0, False)]


@pytest.mark.parametrize("content", ["", "iteration,loss\n1,2\n", "iteration,loss,learning_rate,psnr\n1,x,1,\n"])
def test_what_is_no_curve_is_refused_by_its_name(tmp_path: Path, content: str) -> None:
    path = tmp_path / "curve.csv"
    path.write_text(content)
    with pytest.raises(EsrError, match=r"curve\.csv is no curve of a training .* run its stage again"):
        read_phase("1", path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(EsrError, match=r"rounds\.csv cannot be read .* run its stage again"):
        read_rounds_of_pruning(tmp_path / "rounds.csv")
