"""A year's files read fairly: made results whose medians, means and scores are reckoned by hand."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from tests.challenge.printed_tables import write
from tests.conftest import Call

E2 = 7.389056098930650
SAME = {"num_parameters": 0.1, "flops": 6.0, "activations": 50.0, "valid_memory": 300.0, "num_conv": 20}


def timed(valid: list[float], test: list[float] | None = None, **more: Any) -> dict[str, Any]:
    """Results of a network that passes, with these run times; test images took as long as the others but the first."""
    psnr = {"valid_psnr": [27.0] * len(valid), "test_psnr": [27.0] * len(valid)}
    return {**SAME, **psnr, "valid_runtime": valid, "test_runtime": test or [valid[-1]] * len(valid), **more}


def read(call: Call, checkout: Path, *more: str) -> dict[str, Any]:
    code, out, told = call("challenge", checkout, "--json", *more)
    assert (code, told) == (0, "")
    found: dict[str, Any] = json.loads(out)
    return found


def test_a_cold_start_moves_a_place_and_is_told_of(call: Call, tmp_path: Path) -> None:
    """Over 10 ms of the baseline: 8 ms but for a first image of 100 ms is .8 by medians, and 1.95 by means."""
    content = {
        "00_Base": timed([10.0] * 4),
        "01_Cold": timed([100.0, 8.0, 8.0, 8.0]),
        "02_Warm": timed([9.0] * 4),
    }
    found = read(call, write(tmp_path, 2026, content))
    teams = {team["team"]: team for team in found["teams"]}
    assert [(teams[name]["rank"], teams[name]["fair_rank"]) for name in ("01_Cold", "02_Warm")] == [(2, 1), (1, 2)]
    assert teams["01_Cold"]["ratio_of_means"] == pytest.approx(1.95)
    assert teams["01_Cold"]["ratio"]["value"] == pytest.approx(0.8)
    assert teams["01_Cold"]["fair_score"] == pytest.approx(0.8 * 4.953032424 + 0.2 * E2)  # exp(1.6)
    assert teams["02_Warm"]["score"] == teams["02_Warm"]["fair_score"] == pytest.approx(0.8 * 6.049647464 + 0.2 * E2)
    assert [each["text"] for each in found["remarks"] if each["why"] == "cold start"] == [
        "the first validation image took 100.00 ms and the median one 8.00 ms; without it the set's mean is 8.00 ms "
        "instead of 31.00 ms",
        "its means are 1.950 times the baseline's, its median image 0.800 times; without each set's first image the "
        "means are 0.800 times",
    ]


def test_flops_that_the_counter_missed_are_read_fairly(call: Call, tmp_path: Path) -> None:
    """SPANV2 of 2026 is printed with 1.59 G, and has 9.11 G by its team's own page; here in half of SPAN's time."""
    content = {
        "00_SPAN": timed([10.0] * 2, num_parameters=0.150688, flops=9.833807872),
        "22_SPANV2": timed([5.0] * 2, num_parameters=0.139104, flops=1.591738368),
    }
    _, team = read(call, write(tmp_path, 2026, content))["teams"]
    official, fair = (
        0.8 * math.e + 0.1 * math.exp(2 * flops / 9.83) + 0.1 * math.exp(2 * 0.1391 / 0.1507) for flops in (1.59, 9.11)
    )
    assert (team["score"], team["fair_score"]) == pytest.approx((official, fair), abs=2e-3)  # of printed digits


def test_what_no_cold_start_explains_is_said_to_be_spread(call: Call, tmp_path: Path) -> None:
    """Of ten images of 1 ms and ten of 100 ms the team takes half and twice the time: means say 1.985, medians 1.25."""
    beside = [1.0, 100.0] * 5
    content = {"00_Base": timed(beside, beside), "01_Team": timed([0.5, 200.0] * 5, [0.5, 200.0] * 5)}
    (told,) = [each for each in read(call, write(tmp_path, 2026, content))["remarks"] if each["why"] == "means"]
    assert told["team"] == "01_Team"
    assert told["text"] == (
        "its means are 1.985 times the baseline's, its median image 1.250 times: images differ, the middle eight "
        "tenths of them from 0.50 to 2.00 times, and a mean weighs the slow ones most"
    )


def test_sets_of_one_image_have_no_other_to_be_warm(call: Call, tmp_path: Path) -> None:
    """Half and twice the baseline's 10 and 100 ms: means say 205 / 110, the middle of both images 1.25."""
    content = {"00_Base": timed([10.0], [100.0]), "01_Team": timed([5.0], [200.0])}
    (told,) = [each["text"] for each in read(call, write(tmp_path, 2026, content))["remarks"] if each["why"] == "means"]
    assert told.startswith("its means are 1.864 times the baseline's, its median image 1.250 times")


def test_without_times_of_images_nothing_is_read_into_them(call: Call, tmp_path: Path) -> None:
    means = {"valid_ave_psnr": 27.0, "valid_ave_runtime": 10.0, **SAME}
    (team,) = read(call, write(tmp_path, 2026, {"00_Base": means}))["teams"]
    assert team["official"]["Ave Time [ms]"] == "10.00"
    assert (team["ratio"], team["fair_score"], team["fair_rank"]) == (None, None, None)


def test_a_mean_that_is_not_its_lists_is_told_of(call: Call, tmp_path: Path) -> None:
    content = {"00_Base": timed([10.0, 12.0], valid_ave_runtime=10.0)}
    told = [each["text"] for each in read(call, write(tmp_path, 2026, content))["remarks"] if each["why"] == "files"]
    assert told == ["valid_ave_runtime is 10.000000, and the mean of its 2 images is 11.000000"]


def test_a_number_that_is_missing_leaves_the_score_unknown(call: Call, tmp_path: Path) -> None:
    content = {"00_Base": timed([10.0] * 2), "01_Team": timed([9.0] * 2, flops=None)}
    code, out, _ = call("challenge", write(tmp_path, 2026, content))
    (line,) = [line.split() for line in out.splitlines() if line.split()[:1] == ["01_Team"]][:1]
    assert code == 0
    assert line[-1] == "\N{EN DASH}"


def test_a_score_beyond_floats_is_no_number_of_json(call: Call, tmp_path: Path) -> None:
    content = {"00_Base": timed([1.0] * 2), "01_Team": timed([1e6] * 2)}
    teams = read(call, write(tmp_path, 2026, content))["teams"]
    assert (teams[1]["score"], teams[1]["fair_score"]) == (None, None)


def test_2023_is_ranked_by_sums(call: Call, tmp_path: Path) -> None:
    """By hand: the team is first in run time, second in parameters, and shares three first places; 29.00 is asked."""
    for team in (content := {"00_Base": timed([10.0] * 2), "01_Team": timed([9.0] * 2, num_parameters=0.2)}).values():
        team["valid_psnr"] = [29.0, 28.992]
    found = read(call, write(tmp_path, 2023, content))
    assert [(team["score"], team["rank"]) for team in found["teams"]] == [(6.0, None), (6.0, 1)]
    assert found["teams"][1]["asked"] == {"Val PSNR": "met when rounded"}
