"""The organisers' own tables of 2024 and 2026, recomputed: expected values are what they printed."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.challenge.printed_tables import (
    HEAD,
    MEANS_2024,
    MEANS_2026,
    PRINTED_2024,
    PRINTED_2026,
    SCORES_2026,
    results,
    write,
)
from tests.conftest import Call


def read(call: Call, checkout: Path) -> dict[str, Any]:
    code, out, told = call("challenge", checkout, "--json")
    assert (code, told) == (0, "")
    found: dict[str, Any] = json.loads(out)
    return found


def by_team(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {team["team"]: team for team in found["teams"]}


@pytest.mark.parametrize(
    ("year", "means", "printed"), [(2024, MEANS_2024, PRINTED_2024), (2026, MEANS_2026, PRINTED_2026)]
)
def test_every_printed_cell_is_recomputed_to_its_last_digit(
    call: Call, tmp_path: Path, year: int, means: dict[str, tuple[float, ...]], printed: dict[str, str]
) -> None:
    found = read(call, write(tmp_path, year, results(means), printed))
    assert found["year"] == year
    assert {name: team["official"] for name, team in by_team(found).items()} == {
        name: dict(zip(HEAD[1:], cells.split(), strict=True)) for name, cells in printed.items()
    }
    assert "files" not in [remark["why"] for remark in found["remarks"]]


def test_the_published_scores_and_places_of_2026(call: Call, tmp_path: Path) -> None:
    teams = by_team(read(call, write(tmp_path, 2026, results(MEANS_2026))))
    assert {name: f"{teams[name]['score']:.3f}" for name in SCORES_2026} == SCORES_2026
    ranked = [name for name in SCORES_2026 if name != "00_SPAN"]
    assert [teams[name]["rank"] for name in ranked] == [1, 2, 3, 4, 5, 6]
    assert teams["00_SPAN"]["rank"] is None  # the baseline takes no place


def test_who_passed_in_2026_because_of_rounding_and_who_did_not_pass(call: Call, tmp_path: Path) -> None:
    """Printed 26.90 and 26.99 pass; 26.98 and 26.80 do not. What is behind them is in results.json."""
    found = read(call, write(tmp_path, 2026, results(MEANS_2026)))
    asked = {name: set(team["asked"].values()) for name, team in by_team(found).items()}
    rounded = {"01_PDS", "04_ZenoSR", "11_VSCINet", "15_DSCF_Fused", "17_AMCANet"}
    assert {name for name, verdicts in asked.items() if "met when rounded" in verdicts} == rounded
    out = {name for name, verdicts in asked.items() if "not met" in verdicts}
    assert out == {"009_RFDN_SPAN", "21_SAFMN"}
    assert all(by_team(found)[name]["rank"] is None for name in out)
    told = {remark["team"]: remark["text"] for remark in found["remarks"] if remark["why"] == "rounding"}
    assert told.keys() == rounded
    assert told["01_PDS"] == "Val PSNR is 26.8964, and passes as 26.90 alone"


def test_the_flops_that_the_counter_of_2026_missed_are_told_of(call: Call, tmp_path: Path) -> None:
    """The best entry's own page prints 9.11 G, the table 1.59 G: a tenth of exp(2 x 9.108 / 9.834) = 6.375 for 1.382.

    Of a network that esr does not have, the weights say how much is missing: 1.106 M of them would make 72.48 G.
    """
    found = read(call, write(tmp_path, 2026, results(MEANS_2026)))
    told = [(remark["team"], remark["text"]) for remark in found["remarks"] if remark["why"] == "operators"]
    texts = dict(told)
    assert [team for team, _ in told] == ["05_SPANMamba_single_1_4T05", "12_DWMamba", "22_SPANV2_ESR_C2"]
    assert texts["22_SPANV2_ESR_C2"] == (
        "1.59 G are printed; esr counts 9.11 G; with 9.11 G its score would be 4.373 instead of 3.873"
    )
    assert texts["05_SPANMamba_single_1_4T05"].startswith(
        "33.40 G are 0.46 of 72.48 G, each weight once for each LR pixel; with 72.48 G its score would be "
    )


def test_flops_are_counted_anew_where_esr_has_the_network(call: Call, tmp_path: Path) -> None:
    """RLFN has 19.67 G; a network of its name with other weights is another one, and so is SPANMamba no SPAN."""
    assert by_team(read(call, write(tmp_path / "own", 2024, results(MEANS_2024))))["00_RLFN_baseline"][
        "own_flops_g"
    ] == pytest.approx(19.67485952)
    content = results(MEANS_2024)
    content["00_RLFN_baseline"]["num_parameters"] = 0.3
    assert by_team(read(call, write(tmp_path / "other", 2024, content)))["00_RLFN_baseline"]["own_flops_g"] is None


def test_a_count_that_esr_makes_otherwise_is_told_of(call: Call, tmp_path: Path) -> None:
    content = results(MEANS_2024)
    content["00_RLFN_baseline"]["flops"] = 18.0
    told = read(call, write(tmp_path, 2024, content))["remarks"]
    assert "18.00 G are printed; esr counts 19.67 G" in [remark["text"] for remark in told]


def test_a_cell_that_the_results_do_not_give_is_told_of(call: Call, tmp_path: Path) -> None:
    printed = {"00_RLFN_baseline": PRINTED_2024["00_RLFN_baseline"].replace("14.94", "16.18").replace("9.49", "9.48")}
    told = read(call, write(tmp_path, 2024, results(MEANS_2024), printed | {"07_DVMSR": "27 27 1 1 1 1 1 1 1 1"}))
    assert [(each["team"], each["why"], each["text"]) for each in told["remarks"] if each["why"] != "runs"] == [
        ("07_DVMSR", "files", "it is in results.txt, and not in results.json"),
        (
            "00_RLFN_baseline",
            "files",
            "Val Time [ms] is printed as 16.18, and recomputed 14.94: it is of another run",
        ),
        (
            "00_RLFN_baseline",
            "rounding",
            "Test Time [ms] is printed as 9.48, and recomputed 9.49: the last digit is rounded otherwise",
        ),
    ]


def test_the_tables_are_shown_with_every_column(call: Call, tmp_path: Path) -> None:
    """In a pipe they are as wide as they need to be, whatever the terminal is."""
    code, out, _ = call("challenge", write(tmp_path, 2026, results(MEANS_2026), PRINTED_2026))
    assert code == 0
    line = next(line for line in out.splitlines() if line.strip().startswith("22_SPANV2_ESR_C2"))
    assert line.split() == ["22_SPANV2_ESR_C2", "1", *PRINTED_2026["22_SPANV2_ESR_C2"].split(), "3.873"]
