"""`esr evaluate --against`: the organisers' values, image by image, in a file made up in the format of theirs."""

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage.metrics import peak_signal_noise_ratio

from esr.images.bicubic import downscale
from esr.images.image_files import write_png
from tests.conftest import Call
from tests.evaluation.made_networks import nearest_weights

INNER = np.s_[4:-4, 4:-4]


def photograph(seed: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (48, 64, 3), np.uint8)


def results(path: Path, **teams: list[float]) -> Path:
    """A results.json as the organisers': much about each team, the lists of 200 among it."""
    content = {
        team: {
            "valid_runtime": [1.5] * 200,
            "valid_psnr": values,
            "valid_memory": 467.7,
            "valid_ave_psnr": 26.96,
            "test_psnr": [99.0] * 100 + [value + 10 for value in values[100:]],
            "num_conv": 39,
        }
        for team, values in teams.items()
    }
    path.write_text(json.dumps(content))
    return path


def div2k(folder: Path, first: int) -> list[float]:
    """Two images under DIV2K's names, 99 apart, with their LR; gives the nearest pixel's PSNRs, by scikit-image."""
    expected = []
    for number in (first, first + 99):
        hr = photograph(number)
        lr = downscale(hr)
        write_png(folder / f"hr/{number:04}.png", hr)
        write_png(folder / f"lr/{number:04}x4.png", lr)
        nearest = lr.repeat(4, axis=0).repeat(4, axis=1)
        expected.append(peak_signal_noise_ratio(hr[INNER], nearest[INNER]))
    return expected


def values(first: float, last: float) -> list[float]:
    """200 values, of which those of DIV2K's first and last image are given: 0801 is entry 100, 0900 entry 199."""
    return [1.0] * 100 + [first] + [2.0] * 98 + [last]


def test_each_image_of_div2k_is_held_against_its_own_value(call: Call, tmp_path: Path) -> None:
    own = div2k(tmp_path, 801)
    file = results(tmp_path / "results.json", other=values(50, 60), mine=values(own[0] - 0.25, own[1] + 0.5))
    asked = ("evaluate", nearest_weights(tmp_path, 255.0), "--hr", "hr", "--lr", "lr", "--against", file)
    code, out, _ = call(*asked, "--team", "mine", "--json")
    assert code == 0
    against = json.loads(out)["against"]
    assert against["team"] == "mine"
    assert [(i["name"], i["here"], i["difference"]) for i in against["images"]] == [
        ("0801", pytest.approx(own[0]), pytest.approx(0.25)),
        ("0900", pytest.approx(own[1]), pytest.approx(-0.5)),
    ]
    assert against["mean"]["difference"] == pytest.approx(-0.125)
    assert against["furthest"]["name"] == "0900"
    code, out, _ = call(*asked, "--team", "mine")
    assert code == 0
    assert [cell in out for cell in ("+0.2500", "-0.5000", "-0.1250", "0900, by -0.500000 dB")] == [True] * 4


def test_an_image_that_equals_hr_is_null_in_json(call: Call, tmp_path: Path) -> None:
    """One grey enlarged is that grey: an infinite PSNR, for which JSON has no word."""
    write_png(tmp_path / "hr/0801.png", np.full((48, 64, 3), 100, np.uint8))
    write_png(tmp_path / "lr/0801x4.png", np.full((12, 16, 3), 100, np.uint8))
    file = results(tmp_path / "results.json", mine=values(30, 40))
    asked = ("evaluate", nearest_weights(tmp_path, 255.0), "--hr", "hr", "--lr", "lr", "--against", file)
    code, out, _ = call(*asked, "--json")
    assert code == 0
    against = json.loads(out, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))["against"]
    image = {"name": "0801", "here": None, "theirs": 30.0, "difference": None}
    assert (against["images"], against["furthest"]) == ([image], image)
    assert against["mean"] == {**image, "name": "mean"}
    code, out, _ = call(*asked)
    assert (code, "inf" in out) == (0, True)


def test_a_file_of_one_team_needs_no_name_and_the_test_set_has_its_own_list(call: Call, tmp_path: Path) -> None:
    own = div2k(tmp_path, 901)
    file = results(tmp_path / "results.json", **{"00_RLFN_baseline": values(own[0] - 10, own[1] - 10)})
    code, out, _ = call(
        "evaluate", nearest_weights(tmp_path, 255.0), "--hr", "hr", "--lr", "lr", "--against", file, "--json"
    )
    assert code == 0
    against = json.loads(out)["against"]
    assert against["team"] == "00_RLFN_baseline"
    assert [image["difference"] for image in against["images"]] == pytest.approx([0, 0])


@pytest.mark.parametrize(
    ("team", "refusal"),
    [
        ([], "name a team by --team; there are: one, two"),
        (["--team", "three"], "it has no team three; there are: one, two"),
    ],
)
def test_the_teams_that_there_are_are_named(call: Call, tmp_path: Path, team: list[str], refusal: str) -> None:
    div2k(tmp_path, 801)
    file = results(tmp_path / "results.json", one=values(1, 1), two=values(2, 2))
    code, _, told = call("evaluate", nearest_weights(tmp_path, 255.0), "--hr", "hr", "--against", file, *team)
    assert (code, told.count("\n")) == (2, 1)
    assert refusal in told


@pytest.mark.parametrize(
    ("content", "refusal"),
    [
        (None, "cannot be read (No such file or directory)"),
        ("{", "is no results.json of the organisers'"),
        ('{"one": {"valid_psnr": ["x"]}}', "see one.valid_psnr.0"),
        ('{"one": {"valid_psnr": [NaN]}}', "is no results.json of the organisers'"),
        ('{"one": {"valid_psnr": [26.5, 27.5]}}', "valid_psnr has 2 values instead of 200"),
    ],
)
def test_what_is_no_results_file_is_refused_in_a_line(
    call: Call, tmp_path: Path, content: str | None, refusal: str
) -> None:
    div2k(tmp_path, 801)
    file = tmp_path / "results.json"
    if content is not None:
        file.write_text(content)
    code, out, told = call("evaluate", nearest_weights(tmp_path, 255.0), "--hr", "hr", "--against", file)
    assert (code, out, told.count("\n")) == (2, "", 1)
    assert refusal in told


def test_images_that_no_list_has_are_named(call: Call, tmp_path: Path) -> None:
    for name in ("0801", "baby", "bird"):
        write_png(tmp_path / f"hr/{name}.png", photograph(0))
    file = results(tmp_path / "results.json", one=values(1, 1))
    code, _, told = call("evaluate", nearest_weights(tmp_path, 255.0), "--hr", "hr", "--against", file)
    assert (code, told.count("\n")) == (2, 1)
    assert "no list holds baby, bird;" in told


def test_a_wrong_file_is_refused_before_anything_is_scored(call: Call, tmp_path: Path) -> None:
    code, _, told = call("evaluate", "none.safetensors", "--hr", "none", "--against", tmp_path / "missing.json")
    assert code == 2
    assert "missing.json cannot be read" in told


def test_a_team_without_a_file_is_refused(call: Call) -> None:
    code, _, told = call("evaluate", "--sr", "hr", "--hr", "hr", "--team", "one")
    assert (code, told.count("\n")) == (2, 1)
    assert "--against" in told
