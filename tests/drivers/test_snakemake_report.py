"""``snakemake --report`` shows the leaderboard, crops and curves, with captions, and asks for no cores."""

import re

from tests.tiny_project import Project


def test_it_shows_the_leaderboard_crops_and_curves_with_their_captions(working_rlfn: Project) -> None:
    working_rlfn.well("snakemake", "--report", "report.html")
    page = (working_rlfn.folder / "report.html").read_text()
    shown = {
        *("leaderboard.csv", "leaderboard.svg", "index.html", "curves.svg", "train/rlfn-1/curve.csv"),
        "benchmark/rlfn/crops.png",
    }
    assert {name for name in shown if re.search(rf'"(reports|runs)/demo/{re.escape(name)}": {{', page)} == shown
    assert "What rlfn makes of the part" in page
    assert "The training of rlfn-1" in page
    assert "ran in turn with the entry" in page
    assert "photographs stand in for every" in page


def test_it_is_refused_where_a_stage_is_not_up_to_date(working_rlfn: Project) -> None:
    """Snakemake itself would show the former numbers without a word."""
    working_rlfn.edit(lambda params: params["finetune"]["rlfn-3"].update(seed=1))
    done = working_rlfn.run("snakemake", "--report", "report.html")
    assert done.returncode != 0
    assert "esr: not up to date: " in done.stderr and "a report is of a finished run" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (working_rlfn.folder / "report.html").exists()
