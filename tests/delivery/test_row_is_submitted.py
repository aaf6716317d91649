"""A row as a submission: the factsheet is of what ran, and what is missing or stale is refused."""

import json
import re

import pytest

from tests.tiny_project import Project

OPTIONS = ("--team", "21", "--name", "SlimRLFN", "--year", "2024")


def refused(project: Project, entry: str, folder: str) -> str:
    done = project.run("esr", "submission", entry, folder, *OPTIONS)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert not (project.folder / folder).exists()
    return done.stderr


@pytest.mark.slow
def test_a_row_s_factsheet_is_of_what_ran_and_stale_results_are_refused(working: Project) -> None:
    working.well("esr", "submission", "slimrlfn-pruned", "sent", *OPTIONS)
    sent = working.folder / "sent"
    sheet, latex = (sent / "factsheet.md").read_text(), (sent / "factsheet.tex").read_text()
    head, body = sheet.split("## Team")
    assert "STAND-IN DATA" in head and "SHORTENED TRAINING" in head  # before anything else
    assert "STAND-IN DATA" in latex.split(r"\section{Team}")[0]

    metrics = json.loads((working.folder / "runs/demo/benchmark/slimrlfn-pruned/metrics.json").read_text())
    numbers = [
        f"{metrics['parameters'] / 1e6:.3f}",
        f"{metrics['flops'] / 1e9:.2f}",
        f"{metrics['psnr']:.3f}",
        f"{metrics['time_ms']:.2f}",
        f"{metrics['ratio_to_baseline_low']:.3f} to {metrics['ratio_to_baseline_high']:.3f}",
    ]
    for number in [*numbers, "0.317", "19.67"]:  # and the year's baseline, as it is printed
        assert number in body and number in latex

    rows = [line for line in body.splitlines() if re.match(r"\| (teacher|distill|fine|prune)", line)]
    assert [row.split("|")[1].strip() for row in rows] == [
        "teacher/slimrlfn-teacher",
        "distill/slimrlfn-distill",
        "finetune/slimrlfn-repeat-1",
        "finetune/slimrlfn-384-1",
        "finetune/slimrlfn-640",
        "prune/slimrlfn-pruned",
    ]
    assert rows[1].rstrip("| ").endswith("→ 4 it")  # what the sheet says, and what ran
    assert "the kernels are fused first" in body  # what the entry says it guessed
    assert "Trained on" in body

    (widths,) = re.findall(r"SlimRLFN\((widths=\[[^]]*\])\)", (sent / "select_model.txt").read_text())
    assert widths.count(",") == 11

    working.edit(lambda params: params["finetune"]["slimrlfn-640"].update(learning_rate=2.0e-4))
    said = refused(working, "slimrlfn-pruned", "stale")
    assert "finetune@slimrlfn-640" in said and "snakemake --cores all slimrlfn-pruned" in said
    assert "rlfn" in refused(working, "nobody", "unknown")


def test_results_that_were_never_made_are_named(untouched: Project) -> None:
    said = refused(untouched, "slimrlfn", "early")
    assert "has not run; run: snakemake --cores all slimrlfn" in said
