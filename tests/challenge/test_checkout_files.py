"""What a checkout holds beside its results: the log, the loader, the teams' code; and files that are broken."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.challenge.printed_tables import HEAD, MEANS_2024, results, write
from tests.conftest import Call

EFDN_RUNS = (  # means of validation and test images, ms, of the runs in the log of Amazingren/NTIRE2025_ESR (b69fb66)
    *((22.534683, 18.189581), (19.351527, 14.743563), (18.910879, 15.012341), (19.285719, 14.851760)),
    *((18.705782, 14.933209), (18.603733, 14.763722), (18.795440, 14.926323), (18.779895, 15.039838)),
    *((18.911420, 14.808567), (18.769483, 14.608462)),
)
LOADER = """
def select_model(args, device):
    model_id = args.model_id
    if model_id == 0:
        from models.team00_Base import Base
        name, data_range = f"{model_id:02}_Base", 1.0
        model = Base()
    elif model_id == 1:
        from models.team01_Team import Team
        name, data_range = f"{model_id:02}_Team", 1.0
        model = Team().eval().to(device)
        for _ in range(20):
            model(inputs)
    elif model_id == 2:
        from models.team02_Alone import Alone
        name, data_range = f"{model_id:02}_Alone", 1.0
    else:
        raise NotImplementedError("NTIRE2026-EfficientSR")
    return model, name, data_range
"""
ALONE = """
class Alone:
    def __init__(self):
        self.cuda()(image)
"""
TEAM = """
import math
import torch
import selective_scan_cuda
from torch import nn

class Gate(torch.autograd.Function):
    pass

class Team(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 48, 3)
        for _ in range(16):
            self.cuda()(torch.rand(1, 3, 256, 256).cuda())

    def to(self, device):
        for size in SIZES:
            self.forward(torch.rand(size))
        return self

    def forward(self, x):
        return self.conv(x)

class Other(nn.Module):
    def __init__(self):
        self(torch.rand(1))

if __name__ == "__main__":
    import a_counter
"""
WHOLE = json.dumps(results(MEANS_2024))


def run_of_log(number: int, name: str, valid: float, test: float) -> str:
    """A run as the organisers' script logs it."""
    said = [
        *(name, "0000001.png - PSNR: 25.66 dB", "      Max Memory : 662.886 [M]"),
        f"------> Average runtime of (valid) is : {valid:.6f} milliseconds",
        "------> Average PSNR of (valid) is : 26.931519 dB",
        "      Max Memory : 1091.539 [M]",
        f"------> Average runtime of (test) is : {test:.6f} milliseconds",
        "------> Average PSNR of (test) is : 27.006633 dB",
        *("    #Activations : 111.1167 [M]", "         #Conv2d : 65", "           FLOPs : 16.7035 [G]"),
        "         #Params : 0.2762 [M]",
    ]
    return "".join(f"25-02-08 17:{number:02}:13.883 : {line}\n" for line in said)


def files(folder: Path, content: Mapping[str, str]) -> Path:
    for name, text in content.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_2025_is_read_from_its_log(call: Call, tmp_path: Path) -> None:
    """Its README prints 18.77, 14.61 and 16.69 ms as means of five runs; the last run alone has them."""
    runs = [run_of_log(number, "00_EFDN_baseline", *times) for number, times in enumerate(EFDN_RUNS)]
    cut_short = "25-02-08 18:00:00.000 : 00_EFDN_baseline\n25-02-08 18:00:01.000 : 0000001.png - PSNR: 25.66 dB\n"
    log = {"NTIRE2025-EfficientSR.log": "".join(runs) + cut_short, "results.txt": "\t".join(HEAD) + "\n"}
    readme = {"README.md": "# [NTIRE 2025 Challenge on Efficient Super-Resolution](https://cvlai.net/ntire/2025/)"}
    code, out, told = call("challenge", files(tmp_path, log | readme), "--json")
    assert (code, told) == (0, "")
    found = json.loads(out)
    assert (found["year"], found["source"]) == (2025, "its log")
    (team,) = found["teams"]
    printed = "26.93 27.01 18.77 14.61 16.69 0.276 16.70 111.12 662.89 65"
    assert list(team["official"].values()) == printed.split()
    assert [remark["text"] for remark in found["remarks"]] == [
        "the README's 16.69 ms are said to be the mean of five runs; they are those of run 10 alone, of the 10 runs in "
        "the log, 16.68 to 20.36 ms; the mean of the last five is 16.80"
    ]


def test_passes_before_the_images_and_operators_are_read_from_the_code(call: Call, tmp_path: Path) -> None:
    """Nothing of it is run: the code would fail at its first import."""
    base = {"valid_ave_psnr": 27.0, "valid_ave_runtime": 10.0, "num_parameters": 0.1, "flops": 6.0}
    checkout = write(tmp_path, 2026, {"00_Base": base, "01_Team": base | {"flops": 3.0}})
    code_of = {"test_demo.py": LOADER, "models/team01_Team.py": TEAM, "models/team02_Alone.py": ALONE}
    files(checkout, code_of | {"models/team00_Base.py": "class Base:\n  pass"})
    code, out, _ = call("challenge", checkout, "--json")
    assert code == 0
    told = [(each["team"], each["text"]) for each in json.loads(out)["remarks"] if each["why"] != "runs"]
    assert told[:3] == [
        ("01_Team", f"before any image is timed it does {passes}")
        for passes in (
            "16 forward passes in Team.__init__ (models/team01_Team.py, line 15)",
            "forward passes in Team.to (models/team01_Team.py, line 19)",
            "20 forward passes in select_model (test_demo.py, line 13)",
        )
    ]
    (team, text), without_results = told[3:]
    assert team == "01_Team"
    assert "3.00 G are 0.46 of 6.55 G" in text
    assert "the counter knows nothing of Gate, selective_scan_cuda (models/team01_Team.py)" in text
    assert without_results == (
        "02_Alone",
        "before any image is timed it does a forward pass in Alone.__init__ (models/team02_Alone.py, line 4)",
    )


ODD_NUMBER = """
if model_id == 0:
    name = f"{model_id:\N{SUPERSCRIPT TWO}}_A"
"""


@pytest.mark.parametrize("loader", ["def select_model(:", "\0", "NTIRE2024-EfficientSR = 1", ODD_NUMBER])
def test_code_that_cannot_be_read_is_left_out(call: Call, tmp_path: Path, loader: str) -> None:
    checkout = files(tmp_path, {"test_demo.py": loader, "results.json": WHOLE})
    code, out, _ = call("challenge", checkout, "--year", 2024, "--json")
    assert code == 0
    assert "warm-up" not in out


@pytest.mark.parametrize(
    ("content", "refusal"),
    [
        ({}, "neither test_demo.py nor README.md"),
        ({"README.md": "# [NTIRE 2022 Challenge on Efficient"}, "the scoring of 2022 is not known here"),
        ({"README.md": "NTIRE 2023 Challenge"}, "the repository of 2023 was released without results"),
        ({"README.md": "NTIRE 2026 Challenge", "NTIRE2026-EfficientSR.log": "nothing"}, "a finished run"),
        ({"README.md": "NTIRE 2026 Challenge", "results.json": "{"}, "is no results.json of the organisers'"),
        ({"README.md": "NTIRE 2026 Challenge", "results.json": "{}"}, "no team of results.json has the number 0"),
        (
            {"README.md": "NTIRE 2026 Challenge", "results.json": '{"00_A": {"valid_runtime": [0]}}'},
            "see 00_A.valid_runtime.0",
        ),
        (
            {"README.md": "NTIRE 2026 Challenge", "results.json": '{"00_A": {"num_parameters": 1e308}}'},
            "see 00_A.num_parameters",
        ),
        (
            {"README.md": "NTIRE 2026 Challenge", "results.json": '{"00_A": {"valid_psnr": [1e308, 1e308]}}'},
            "see 00_A.valid_psnr.0",
        ),
        (
            {"README.md": "NTIRE 2026 Challenge", "results.json": f'{{"00_A": {{"num_conv": {"9" * 400}}}}}'},
            "see 00_A.num_conv",
        ),
        (
            {"README.md": "NTIRE 2024 Challenge", "results.json": WHOLE, "results.txt": "a\tb\n"},
            "its head is not theirs",
        ),
        (
            {"README.md": "NTIRE 2024 Challenge", "results.json": WHOLE, "results.txt": "Model\tConv\nA\x1b\tx\n"},
            r"line 2 (A\x1b): 2 cells under 2 heads, or one that is no number",
        ),
        ({"HEAD": "ref: x", "objects/x": ""}, "is a bare git repository; check it out: git clone"),
    ],
)
def test_files_that_are_broken_or_missing_end_in_one_line(
    call: Call, tmp_path: Path, content: dict[str, str], refusal: str
) -> None:
    code, out, told = call("challenge", files(tmp_path, content))
    assert (code, out, told.count("\n")) == (2, "", 1)
    assert refusal in told


def test_a_year_without_a_challenge_is_refused(call: Call, tmp_path: Path) -> None:
    code, out, told = call("challenge", files(tmp_path, {"test_demo.py": LOADER, "results.json": WHOLE}), "--year", 0)
    assert (code, out, told.count("\n")) == (2, "", 1)
    assert "the scoring of 0 is not known here" in told


def test_a_folder_that_is_not_there_is_named(call: Call, tmp_path: Path) -> None:
    code, _, told = call("challenge", tmp_path / "nowhere")
    assert (code, told.count("\n")) == (2, 1)
    assert "nowhere is no folder" in told
