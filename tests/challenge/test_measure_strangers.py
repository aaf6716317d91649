"""`esr challenge --run --hr`: scores on images, and run times beside the year's baseline by both protocols."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch

from esr.challenge import stranger_process
from esr.challenge.stranger_process import StrangerFailed, StrangerProcess
from tests.conftest import Call
from tests.small_images import write_image

LOADER = """
def select_model(args, device):
    model_id = args.model_id
    if model_id == 0:
        from models.teams import Nearest
        name, data_range = f"{model_id:02}_Base", 1.0
        model = Nearest()
    elif model_id == 1:
        from models.teams import Brighter
        name, data_range = f"{model_id:02}_Brighter", 255.0
        model = Brighter()
    elif model_id == 2:
        from models.teams import Fails
        name, data_range = f"{model_id:02}_Fails", 1.0
        model = Fails()
    elif model_id == 3:
        from models.teams import Smaller
        name, data_range = f"{model_id:02}_Smaller", 1.0
        model = Smaller()
    elif model_id == 4:
        from models.teams import Dies
        name, data_range = f"{model_id:02}_Dies", 1.0
        model = Dies()
    elif model_id == 5:
        from models.teams import speak_out_of_turn
        name, data_range = f"{model_id:02}_Speaks", 1.0
        speak_out_of_turn()
    elif model_id == 6:
        import time
        name, data_range = f"{model_id:02}_Sleeps", 1.0
        time.sleep(3600)
    model.load_state_dict(torch.load(os.path.join("model_zoo", "nearest.pth")))
    return model.eval(), name, data_range, None
"""
TEAMS = """
import os
import sys
from multiprocessing.connection import Connection

import torch
from torch import nn

calls = []

class Nearest(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 48, 3, padding=1)
        self.shuffle = nn.PixelShuffle(4)

    def forward(self, x):
        return self.shuffle(self.conv(x))

class Brighter(Nearest):
    def forward(self, x):
        return super().forward(x) + 1

class Fails(Nearest):
    def forward(self, x):
        raise ValueError("no such image")

class Smaller(Nearest):
    def forward(self, x):
        return super().forward(x)[..., :-4, :]

class Dies(Nearest):  # two images, two passes that count, one of the turns
    def forward(self, x):
        calls.append(x)
        if len(calls) > 5:
            os._exit(7)
        return super().forward(x)

def speak_out_of_turn():
    Connection(int(sys.argv[4])).send_bytes(b'{"milliseconds": -1}')
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout whose networks repeat each pixel 4 x 4 times, apart from what their names say."""
    (tmp_path / "models").mkdir()
    (tmp_path / "model_zoo").mkdir()
    (tmp_path / "test_demo.py").write_text(LOADER)
    (tmp_path / "models/teams.py").write_text(TEAMS)
    weight = torch.zeros(48, 3, 3, 3)
    for channel in range(48):
        weight[channel, channel // 16, 1, 1] = 1
    torch.save({"conv.weight": weight, "conv.bias": torch.zeros(48)}, tmp_path / "model_zoo/nearest.pth")
    return tmp_path


def pairs(folder: Path) -> tuple[Path, Path]:
    """Two LR images of random pixels, and HR images in which each is a square of 4 x 4 that is 3 levels brighter."""
    draw = np.random.default_rng(0)
    for number in (1, 2):
        lr = draw.integers(0, 250, (8 + number, 12, 3), np.uint8)
        write_image(folder / f"lr/{number:04}x4.png", lr)
        write_image(folder / f"hr/{number:04}.png", lr.repeat(4, axis=0).repeat(4, axis=1) + 3)
    return folder / "hr", folder / "lr"


def by_name(out: str) -> dict[str, Any]:
    found = json.loads(out)
    return {each["name"]: each for each in [*found["networks"], found["baseline"]]}


@pytest.mark.slow
def test_networks_are_scored_and_timed_beside_the_baseline(call: Call, checkout: Path) -> None:
    """PSNR by hand: an image that is 3 levels off everywhere has 10 log(255^2 / 9) dB, one that is 2 off, of 4."""
    hr, lr = pairs(checkout)
    options = ["--trust", "--hr", hr, "--lr", lr, "--year", 2024, "--size", "16x16", "--seconds", 0.1, "--json"]
    code, out, told = call("challenge", checkout, "--run", "1,2,3,4,5", *options)
    assert code == 0, told
    found = by_name(out)
    assert list(found) == ["01_Brighter", "02_Fails", "03_Smaller", "04_Dies", "05_Speaks", "00_Base"]
    for name, off in (("00_Base", 3), ("01_Brighter", 2), ("04_Dies", 3)):
        images = found[name]["quality"]["images"]
        assert [image["name"] for image in images] == ["0001", "0002"]
        assert [image["psnr_rgb"] for image in images] == pytest.approx([10 * math.log10(255**2 / off**2)] * 2)
        assert found[name]["complexity"]["parameters"] == 1344
        times = found[name]["official"]["times"]
        assert len(times) == 2 and found[name]["official"]["mean_ms"] == pytest.approx(sum(times) / 2)
    assert {name: each["reason"] for name, each in found.items()} == {
        "00_Base": "",
        "01_Brighter": "",
        "02_Fails": "ValueError: no such image",
        "03_Smaller": "its image is not 4 times as large as the LR image",
        "04_Dies": "not timed in turns: its process ended with code 7",
        "05_Speaks": "its process answered something else than it was asked",
    }
    (session,) = json.loads(out)["run_time"]
    (brighter,) = session["networks"]  # the others fell out, and it went on
    assert (brighter["name"], session["baseline"]["name"]) == ("01_Brighter", "00_Base")
    assert {name: len(passes) for name, passes in session["passes"].items()} == {
        "01_Brighter": session["rounds"],
        "00_Base": session["rounds"],
        "baseline again": session["rounds"],
    }
    e2 = math.exp(2)  # its parameters and FLOPs are the baseline's
    ratio = brighter["ratio"]["value"]
    assert found["01_Brighter"]["fair_score"] == pytest.approx(0.7 * math.exp(2 * ratio) + 0.3 * e2)
    means = [found[name]["official"]["mean_ms"] for name in ("01_Brighter", "00_Base")]
    score = 0.7 * math.exp(2 * means[0] / means[1]) + 0.3 * e2
    assert found["01_Brighter"]["official_score"] == pytest.approx(score)
    assert found["00_Base"]["official_score"] == pytest.approx(e2)


@pytest.mark.slow
def test_lr_images_are_made_and_the_tables_say_who_is_beside_whom(
    call: Call, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One grey is the same grey at any size, so the baseline restores it without an error."""
    monkeypatch.setenv("COLUMNS", "150")
    hr = write_image(checkout / "hr/flat.png", np.full((40, 48, 3), 100, np.uint8)).parent
    code, out, told = call(
        *("challenge", checkout, "--run", "0", "--trust", "--hr", hr, "--year", 2026),
        *("--size", "16x16", "--seconds", 0.1),
    )
    assert code == 0, told
    psnrs = [line.split("│")[2].strip() for line in out.splitlines() if line.startswith("│ 00_Base")]
    assert psnrs[1] == "inf"  # the second table's
    assert "time / 00_Base" in out and "baseline again" in out
    assert "run time by the challenge's protocol (1 images" in out


@pytest.mark.slow
def test_a_baseline_that_cannot_be_run_is_said_in_one_line(call: Call, checkout: Path) -> None:
    hr, lr = pairs(checkout)
    (checkout / "model_zoo/nearest.pth").unlink()
    code, out, told = call("challenge", checkout, "--run", "0", "--trust", "--hr", hr, "--lr", lr, "--year", 2024)
    assert (code, out, told.count("\n")) == (2, "", 1)
    assert "00_Base, the year's baseline, could not be run: FileNotFoundError" in told


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--run", "0", "--trust", "--lr", "LR"], "give --hr too"),
        (["--hr", "HR"], "name networks by --run"),
        (["--trust"], "name networks by --run"),
        (["--run", "0", "--trust", "--hr", "no-such-folder", "--year", "2024"], "no-such-folder"),
        (["--run", "0", "--trust", "--hr", "no-such-folder"], "give it by --year"),
    ],
)
def test_options_without_their_company_are_refused(call: Call, checkout: Path, options: list[str], said: str) -> None:
    code, out, told = call("challenge", checkout, *options)
    assert (code, out, told.count("\n")) == (2, "", 1)
    assert said in told


def test_a_process_that_says_nothing_is_ended(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stranger_process, "LONGEST", 1.0)
    with StrangerProcess(checkout, 6) as process, pytest.raises(StrangerFailed, match="it took more than 1 s"):
        process.load()
    assert not [each for each in psutil.Process().children(recursive=True) if "esr.challenge" in str(each.cmdline())]
