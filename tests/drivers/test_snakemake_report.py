"""``snakemake --report`` shows the leaderboard, crops and curves, with captions, and asks for no cores."""

import re

from tests.tiny_project import Project


def test_it_shows_the_leaderboard_crops_and_curves_with_their_captions(working: Project) -> None:
    working.well("snakemake", "--report", "report.html")
    page = (working.folder / "report.html").read_text()
    shown = {
        *("leaderboard.csv", "leaderboard.svg", "index.html", "curves.svg", "train/rlfn-1/curve.csv"),
        *(f"benchmark/{row}/crops.png" for row in ("rlfn", "slimrlfn")),
    }
    assert {name for name in shown if re.search(rf'"(reports|runs)/demo/{re.escape(name)}": {{', page)} == shown
    assert "What slimrlfn makes of the part" in page
    assert "The training of rlfn-1" in page
    assert "ran in turn with the entry" in page
    assert "photographs stand in for every" in page
