"""What would run at `paper` is what the factsheets print, and what they do not print is called a guess."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from esr.cli import app
from esr.common.yaml_file import read_yaml
from esr.planning.guesses import read_guesses
from esr.recipes.kinds import ROLES
from esr.recipes.read import check
from esr.recipes.rows import Optimisation, Phase, Prune
from esr.recipes.scale import shrink_phase
from tests.recipes.factsheets import PRINTED

ROOT = Path(__file__).resolve().parents[2]
PARAMS = check(read_yaml(ROOT / "params.yaml"))
PAPER = PARAMS.scales["paper"].training
GUESSES = read_guesses(ROOT / "params.yaml")

PHASES = [(reference, printed) for entry in PRINTED.values() for reference, printed in entry.items()]
WHERE_IT_STANDS = {"entry", "network", "from_", "teacher", "teacher_network", "validation", "gpus"}
"""Columns that say what a row is and where it stands in the graph, or how it runs, not how it trains."""


def row_of(reference: str) -> Any:
    return PARAMS.row(*reference.split("/"))


def values_of(row: Optimisation) -> dict[str, Any]:
    """Everything that a row says about its training, given or by default; without what does not apply to it."""
    values = {name: getattr(row, name) for name in type(row).model_fields if name not in WHERE_IT_STANDS}
    arguments = {f"arguments.{name}": value for name, value in values.pop("arguments", {}).items()}
    if isinstance(row, Phase):
        losses = {row.loss, *(change.loss for change in row.changes)}
        applies = {
            "charbonnier_eps": "charbonnier" in losses,
            "fourier_weight": row.fourier_weight > 0,
            "lowest_learning_rate": row.schedule == "cosine",
            "milestones": row.schedule == "multistep",
            "iterations": row.epochs is None,
            "epochs": row.epochs is not None,
            "images_per_epoch": row.epochs is not None,
            "changes": bool(row.changes),
        }
        values = {name: value for name, value in values.items() if applies.get(name, True)}
        if row.changes:
            values["changes"] = [
                (change.after_epoch, change.model_dump(exclude={"after_epoch"}, exclude_none=True))
                for change in row.changes
            ]
    return {**values, **arguments}


@pytest.mark.parametrize(("reference", "printed"), PHASES, ids=[reference for reference, _ in PHASES])
def test_every_printed_value_is_what_the_row_says(reference: str, printed: dict[str, Any]) -> None:
    values = values_of(row_of(reference))
    assert {name: values.get(name) for name in printed} == printed


@pytest.mark.parametrize(("reference", "printed"), PHASES, ids=[reference for reference, _ in PHASES])
def test_the_scale_paper_changes_none_of_them(reference: str, printed: dict[str, Any]) -> None:
    kind, _ = reference.split("/")
    row = row_of(reference)
    runs = shrink_phase(row, ROLES[kind], PAPER, images=1)
    patch, batch = printed.get("patch", row.patch), printed.get("batch", row.batch)
    assert (runs.patch, runs.batch, runs.learning_rate, runs.warmup) == (patch, batch, row.learning_rate, 0)
    assert runs.milestones == printed.get("milestones", [])
    if "iterations" in printed:
        assert runs.iterations == printed["iterations"]


@pytest.mark.parametrize(("reference", "printed"), PHASES, ids=[reference for reference, _ in PHASES])
def test_what_is_not_printed_is_a_guess_and_what_is_printed_is_none(reference: str, printed: dict[str, Any]) -> None:
    """A default that a row does not even show would be missing from the list of `esr recipe`."""
    guessed = {guess.key for guess in GUESSES if guess.row == reference}
    assert set(values_of(row_of(reference))) - set(printed) - guessed == set()
    assert guessed & set(printed) == set()


def test_every_phase_of_these_entries_is_in_the_table() -> None:
    rows = {
        f"{kind}/{key}"
        for kind in ROLES
        for key, row in PARAMS.table(kind).items()
        if row.entry in PRINTED and not isinstance(row, Prune)
    }
    assert rows == {reference for reference, _ in PHASES}


def test_pruning_is_all_guesses() -> None:
    """The sheet names the method alone, so every value of the row is this project's."""
    for key, row in PARAMS.prune.items():
        guessed = {guess.key for guess in GUESSES if guess.row == f"prune/{key}"}
        inapplicable = {"charbonnier_eps", "fourier_weight"} | {
            name for name, value in row if value in (None, {}) and name not in guessed
        }
        assert set(values_of(row)) - inapplicable - {"data"} == guessed


@pytest.mark.parametrize("entry", ["rlfn", "rfdn", "span", "spanv2"])
def test_rows_whose_sheet_was_not_at_hand_are_guesses_as_a_whole(entry: str) -> None:
    rows = {f"{kind}/{key}" for kind in ROLES for key, row in PARAMS.table(kind).items() if row.entry == entry}
    assert rows
    assert rows <= {guess.row for guess in GUESSES if guess.key == ""}


SENTENCES = {
    "r2net": ["strided 3x3 stays plain", "pair of 1x1, twice as wide", "begin anew in every phase"],
    "slimrlfn": ["the strided one stays plain", "fused first", "an average's decay is (1 + n) / (10 + n)"],
    "ifadnet": ["joined by one 1x1", "plain Sobel", "vertical_flips true", "of values in [0, 1]"],
    "ripfdn": ["vertical_flips true", "as HR it would leave the attention a map of 1 x 1", "second batch size"],
    "edrn": ["arguments.reading as_drawn", "Adam's state goes on"],
    "span": ["as RLFN's first", "activated first 3x3, as in the released code"],
    "spanv2": ["as SPAN's first", "that they were trained by SPAN's branches"],
}


@pytest.mark.parametrize("entry", SENTENCES)
def test_the_recipe_lists_what_no_key_says(entry: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    done = CliRunner().invoke(app, ["recipe", entry, "--scale", "paper"])
    told = " ".join(done.output.split("Not in the factsheet")[1].split())
    assert [sentence for sentence in SENTENCES[entry] if sentence not in told] == []


def test_every_mark_in_the_file_is_found_with_its_reason() -> None:
    lines = (ROOT / "params.yaml").read_text().splitlines()
    marked = [line.split("# [G]")[1].strip() for line in lines if "# [G]" in line]
    found = {guess.reason for guess in GUESSES}
    assert [reason for reason in marked if reason not in found] == []
    assert "" not in found
