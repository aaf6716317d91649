"""`esr challenge --run`: the teams' code is loaded by the organisers' function, in a process that may do little."""

import json
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import torch

from esr.challenge.formulas import FORMULAS
from esr.challenge.select_model import read_loader
from esr.challenge.strangers import Stranger, Strangers
from esr.challenge.strangers_text import print_strangers
from esr.evaluation.complexity import Complexity
from esr.evaluation.organisers import TeamResults
from esr.timing.official import OfficialTime
from tests.conftest import Call
from tests.tiny_project import ROOT

LOADER = """
import a_package_that_nobody_has

def select_model(args, device):
    model_id = args.model_id
    if model_id == 0:
        from models.team00_Base import Base
        name, data_range = f"{model_id:02}_Base", 1.0
        model = Base().cuda()
        model.load_state_dict(torch.load(os.path.join("model_zoo", "base.pth")), strict=True)
    elif model_id == 3:
        from models.team03_Team import Team
        name, data_range = f"{model_id:02}_Team", 1.0
        model = Team()
    return model, name, data_range, None
"""
BASE = """
import torch
from torch import nn

class Base(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 48, 3, padding=1)
        self.shuffle = nn.PixelShuffle(4)
        self.cuda()(torch.rand(1, 3, 16, 16).cuda())

    def forward(self, x):
        return self.shuffle(self.conv(x))
"""
CONFINED = """
import json, socket, sys
from pathlib import Path
from esr.challenge.confinement import confine

inside, outside, port = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
unbarred, done = confine(inside), []
(inside / "made").mkdir()
(inside / "made" / "file").write_text("x")
for name, attempt in {
    "network": lambda: socket.create_connection(("127.0.0.1", port), timeout=5),
    "write": lambda: outside.write_text("changed"),
    "remove": outside.unlink,
}.items():
    try:
        attempt()
        done.append(name)
    except OSError:
        pass
print(json.dumps([unbarred, done]))
"""
LEFT_BEHIND = ["sleep", "86399"]


def checkout(folder: Path) -> Path:
    (folder / "models").mkdir()
    (folder / "model_zoo").mkdir()
    (folder / "test_demo.py").write_text(LOADER)
    (folder / "models/team00_Base.py").write_text(BASE)
    left_behind = f"import subprocess\nsubprocess.Popen({LEFT_BEHIND!r})\n"
    (folder / "models/team03_Team.py").write_text(f"{left_behind}import another_package_that_nobody_has\n")
    weights = {"conv.weight": torch.zeros(48, 3, 3, 3), "conv.bias": torch.zeros(48)}
    torch.save(weights, folder / "model_zoo/base.pth")
    return folder


@pytest.mark.slow
def test_what_loads_is_counted_and_what_does_not_is_listed_with_its_reason(call: Call, tmp_path: Path) -> None:
    """By hand: 48 x 27 weights and 48 biases; 48 x 27 products at each of 65,536 pixels."""
    code, out, _ = call("challenge", checkout(tmp_path), "--run", "00,03", "--trust", "--json")
    assert code == 0
    base, team = json.loads(out)["networks"]
    assert (base["name"], base["reason"]) == ("00_Base", "")
    assert base["complexity"] == {
        "parameters": 1344,
        "flops": 84_934_656,
        "flops_2023": 84_934_656,
        "activations": 3_145_728,
        "convs": 1,
    }
    assert (team["name"], team["complexity"]) == ("03_Team", None)
    assert team["reason"] == "ModuleNotFoundError: No module named 'another_package_that_nobody_has'"
    assert not [process for process in psutil.process_iter(["cmdline"]) if process.info["cmdline"] == LEFT_BEHIND]


def test_a_count_that_is_not_the_printed_one_is_said_with_what_the_organisers_counter_cannot_see(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """fvcore has no rule for a convolution whose padding is a word, as its own table of operators says."""
    (tmp_path / "models").mkdir()
    (tmp_path / "test_demo.py").write_text(LOADER)
    (tmp_path / "models/team00_Base.py").write_text(BASE.replace("padding=1", 'padding="same"'))
    (tmp_path / "models/team03_Team.py").write_text(BASE.replace("Base", "Team"))
    counted = Complexity(parameters=1344, flops=84_934_656, flops_2023=84_934_656, activations=3_145_728, convs=1)
    printed = TeamResults(flops=0.05)
    base, team = (
        Stranger(branch.name, counted, printed=printed, operators=branch.operators) for branch in read_loader(tmp_path)
    )
    print_strangers(Strangers([base, team]), None, as_json=False)
    told = capsys.readouterr().out
    assert (
        "00_Base: 0.05 G are printed, and esr counts 0.08 G; the organisers' counter has no rule for padding='same'\n"
        "03_Team: 0.05 G are printed, and esr counts 0.08 G\n"
    ) in told


def test_a_score_beyond_floats_is_null_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    """exp(2 x 1000) is more than a float holds: of a network with a thousand times the baseline's weights."""
    counted = Complexity(parameters=1344, flops=84_934_656, flops_2023=84_934_656, activations=3_145_728, convs=1)
    base = Stranger("00_Base", counted, official=OfficialTime("00_Base", (2.0, 2.0)))
    large = replace(base, name="01_Large", complexity=replace(counted, parameters=1_344_000))
    print_strangers(Strangers([large], base), FORMULAS[2026], as_json=True)
    found = json.loads(capsys.readouterr().out, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert found["networks"][0]["official_score"] is None
    assert found["baseline"]["official_score"] == pytest.approx(7.389056099)


def test_nothing_is_run_without_trust(call: Call, tmp_path: Path) -> None:
    code, out, told = call("challenge", checkout(tmp_path), "--run", "00")
    assert (code, out, told.count("\n")) == (2, "", 1)
    assert "add --trust" in told


@pytest.mark.parametrize("wanted", ["7", "00,x", "", "\N{SUPERSCRIPT TWO}"])
def test_a_number_that_the_loader_does_not_have_is_named(call: Call, tmp_path: Path, wanted: str) -> None:
    code, out, told = call("challenge", checkout(tmp_path), f"--run={wanted}", "--trust")
    assert (code, out, told.count("\n")) == (2, "", 1)
    assert "there are: 00, 03, or all" in told


def test_a_folder_without_the_loader_is_refused(call: Call, tmp_path: Path) -> None:
    code, _, told = call("challenge", tmp_path, "--run", "all", "--trust")
    assert (code, told.count("\n")) == (2, 1)
    assert "no test_demo.py with the organisers' select_model" in told


def test_a_confined_process_is_barred_from_all_that_is_not_said_to_be_open(tmp_path: Path) -> None:
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    outside.write_text("whole")
    inside.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-c", CONFINED, inside, outside, str(port)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
    unbarred, managed = json.loads(done.stdout)
    if "the network" not in unbarred:  # where it is, as in a container without user namespaces, Landlock may bar TCP
        assert "network" not in managed
    assert ("write" in managed) == ("remove" in managed) == ("writing files" in unbarred)
    assert (inside / "made/file").read_text() == "x"
    if "writing files" not in unbarred:
        assert outside.read_text() == "whole"
