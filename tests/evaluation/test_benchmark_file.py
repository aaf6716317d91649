"""``esr benchmark`` of a weights file, in a folder without a project or with one."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from esr.cli import app
from esr.common.errors import EsrError
from esr.evaluation import benchmark_file
from esr.evaluation.benchmark_file import Measured
from esr.evaluation.benchmark_text import print_measured
from esr.timing.memory import peak_memory
from esr.timing.official import OfficialTime
from esr.timing.rounds import FEWEST_ROUNDS
from esr.weights.weights_file import WeightsInfo, build_network, data_range_of, save_weights
from tests.evaluation.made_networks import nearest_weights

SHORT = ("--size", "16x16", "--seconds", "0.1", "--device", "cpu")


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nor is memory measured, which takes a process of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(benchmark_file, "peak_memory", lambda load, size, device: 1.5)


@pytest.fixture
def never_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A refusal comes before the measurement, which takes long."""
    monkeypatch.setattr(benchmark_file, "compare", lambda *_: pytest.fail("was timed"))


def answer(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["benchmark", *arguments], catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def weights_of(network_file: str, path: Path, deploy: bool = True) -> str:
    network = build_network(network_file, {}, deploy)
    save_weights(path, network.state_dict(), WeightsInfo(network_file, {}, deploy, data_range_of(network), "made", {}))
    return str(path)


def image(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(pixels.astype(np.uint8)).save(path)


def test_complexity_is_the_published_one_and_needs_no_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark_file, "peak_memory", peak_memory)
    weights = weights_of("esr/networks/r2net.py", tmp_path / "w.safetensors")
    measured = json.loads(answer(weights, *SHORT, "--json"))
    (network,) = measured["networks"]
    assert network["complexity"]["parameters"] == 214_800
    assert network["complexity"]["flops"] == 13_050_087_424
    assert network["quality"] is None
    assert network["memory_mb"] > 0.8  # its weights alone, 214,800 of four bytes


def test_run_time_is_that_beside_rlfn_with_every_pass(tmp_path: Path) -> None:
    measured = json.loads(answer(str(nearest_weights(tmp_path)), *SHORT, "--size", "8x24", "--json"))
    assert [(each["height"], each["width"]) for each in measured["run_time"]] == [(16, 16), (8, 24)]
    assert measured["baseline"] == "rlfn" and measured["official"] == []
    for session in measured["run_time"]:
        (network,) = session["networks"]
        assert 0 < network["ratio"]["low"] <= network["ratio"]["value"] <= network["ratio"]["high"] < 1
        assert session["rounds"] >= FEWEST_ROUNDS
        assert {len(passes) for passes in session["passes"].values()} == {session["rounds"]}
        first, second = np.array(session["passes"][network["name"]]), np.array(session["passes"]["rlfn"])
        assert network["ratio"]["value"] == pytest.approx(np.median(first.sum(1) / second.sum(1)))


def test_the_sizes_of_a_folder_are_timed_together(tmp_path: Path) -> None:
    image(tmp_path / "lr" / "a.png", np.zeros((8, 12, 3)))
    image(tmp_path / "lr" / "b.png", np.zeros((16, 8, 3)))
    weights, options = str(nearest_weights(tmp_path)), ("--sizes-of", "lr", "--seconds", "0.1", "--device", "cpu")
    (session,) = json.loads(answer(weights, *options, "--json"))["run_time"]
    assert session["sizes"] == [{"height": 8, "width": 12, "images": 1}, {"height": 16, "width": 8, "images": 1}]
    assert (session["height"], session["width"]) == (None, None)
    assert 0 < session["networks"][0]["ratio"]["value"] < 1
    assert "2 images of lr (2 sizes, up to 8x16 LR px)" in " ".join(answer(weights, *options).split())


@pytest.mark.slow
def test_the_challenge_s_protocol_takes_each_image_of_a_folder_once(tmp_path: Path) -> None:
    for name in "abc":
        image(tmp_path / "lr" / f"{name}.png", np.zeros((8, 12, 3)))
    options = ("--sizes-of", "lr", "--protocol", "official", "--device", "cpu", "--json")
    measured = json.loads(answer(str(nearest_weights(tmp_path)), *options))
    assert [len(each["times"]) for each in measured["official"]] == [3, 3]


def test_files_beside_a_baseline_of_ones_own_keep_names_apart(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    one = weights_of("esr/networks/r2net.py", tmp_path / "1" / "net.safetensors")
    two = weights_of("esr/networks/slimrlfn.py", tmp_path / "net.safetensors")
    measured = json.loads(answer(one, two, "--baseline", two, *SHORT, "--json"))
    assert [network["name"] for network in measured["networks"]] == [one, two]
    assert measured["baseline"] == f"{two} (2)"
    assert [each["name"] for each in measured["run_time"][0]["networks"]] == [one, two]


@pytest.mark.slow
def test_by_the_challenge_s_protocol_every_network_has_its_own_cold_start(tmp_path: Path) -> None:
    measured = json.loads(answer(str(nearest_weights(tmp_path)), *SHORT, "--protocol", "official", "--json"))
    assert measured["run_time"] == []
    network, rlfn = measured["official"]
    assert rlfn["name"] == "rlfn"
    for each in (network, rlfn):
        assert len(each["times"]) == 100
        assert each["mean_ms"] == pytest.approx(np.mean(each["times"]))
        assert each["first_ms"] == each["times"][0]


def test_quality_is_that_of_the_images(tmp_path: Path) -> None:
    lr = np.random.default_rng(0).integers(20, 200, (24, 24, 3))
    image(tmp_path / "lr" / "a.png", lr)
    image(tmp_path / "hr" / "a.png", np.kron(lr, np.ones((4, 4, 1))) + 5)  # the network lacks 5 levels everywhere
    weights = str(nearest_weights(tmp_path))
    (network,) = json.loads(answer(weights, "--hr", "hr", "--lr", "lr", *SHORT, "--json"))["networks"]
    assert network["quality"]["mean"]["psnr_rgb"] == pytest.approx(10 * math.log10(255**2 / 5**2))


def test_people_get_tables(tmp_path: Path) -> None:
    image(tmp_path / "hr" / "a.png", np.random.default_rng(0).integers(0, 256, (48, 48, 3)))
    said = answer(str(nearest_weights(tmp_path)), "--hr", "hr", *SHORT)
    assert "run time for 16x16 LR px (CPU, threads:" in said
    assert "95 % interval" in said and "baseline again" in said
    assert "PSNR (Y)" in said and "activations" in said


def test_people_are_told_the_cold_start_s_share(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    times = (OfficialTime("mine", (55.0, 5.0, 5.0, 5.0)), OfficialTime("rlfn", (70.0, 10.0, 10.0, 10.0)))
    print_measured(Measured((), "rlfn", (), (), (), (), times))
    said = capsys.readouterr().out
    (mine,) = [line.split("│")[1:-1] for line in said.splitlines() if "mine" in line]
    assert [cell.strip() for cell in mine] == ["mine", "17.50", "0.700", "5.00", "55.00", "71%"]


def test_a_file_s_name_does_nothing_to_a_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    weights = nearest_weights(tmp_path).rename(tmp_path / "\x1b[2J.safetensors")
    times = (OfficialTime("\x1b[2J", (1.0,)), OfficialTime("rlfn", (2.0,)))
    print_measured(Measured((), "rlfn", (), (), (), (), times))
    for said in (answer(str(weights), *SHORT), capsys.readouterr().out):
        assert r"\x1b[2J" in said
        assert all(line.isprintable() for line in said.splitlines())


@pytest.mark.usefixtures("never_timed")
class TestRefusals:
    """What is refused, and before the measurement."""

    def test_weights_in_training_form(self, tmp_path: Path) -> None:
        weights = weights_of("esr/networks/r2net.py", tmp_path / "w.safetensors", deploy=False)
        with pytest.raises(EsrError, match=r"w\.safetensors is in training form"):
            answer(weights)

    def test_lr_images_without_hr_images(self, tmp_path: Path) -> None:
        with pytest.raises(EsrError, match="give --hr too"):
            answer(str(nearest_weights(tmp_path)), "--lr", "lr")

    def test_a_folder_without_images(self, tmp_path: Path) -> None:
        (tmp_path / "hr").mkdir()
        with pytest.raises(EsrError, match="hr"):
            answer(str(nearest_weights(tmp_path)), "--hr", "hr")

    @pytest.mark.parametrize(
        "options",
        [
            *(["--hr", "hr"], ["--lr", "lr"], ["--json"], ["--network", "n.py"], ["--baseline", "b.safetensors"]),
            *(["--protocol", "official"], ["--size", "8x8"], ["--device", "cpu"], ["--seconds", "5"], ["edrn"]),
            ["--sizes-of", "lr"],
        ],
    )
    def test_options_beside_a_row(self, options: list[str]) -> None:
        with pytest.raises(EsrError, match=r"a row such as rlfn says itself"):
            answer("rlfn", *options)

    @pytest.mark.parametrize(
        ("option", "value", "said"),
        [
            ("--size", "0x5", "0x5 is no size"),
            ("--size", "20000x5", "20000x5 is too large to be timed; give at most 16384 px on a side"),
            ("--sizes-of", "gone", "gone is no folder"),
            ("--device", "tpu", "--device tpu is no device"),
            ("--baseline", "gone.safetensors", r"gone\.safetensors"),
            ("--baseline", "gone.py", r"gone\.py"),
        ],
    )
    def test_what_cannot_be_measured(self, tmp_path: Path, option: str, value: str, said: str) -> None:
        with pytest.raises(EsrError, match=said):
            answer(str(nearest_weights(tmp_path)), option, value)

    def test_the_sizes_of_a_folder_beside_a_size(self, tmp_path: Path) -> None:
        for other in (["--size", "8x8"], ["--modes"]):
            with pytest.raises(EsrError, match="leave out --size and --modes"):
                answer(str(nearest_weights(tmp_path)), "--sizes-of", "lr", *other)

    def test_a_row_among_weights(self, tmp_path: Path) -> None:
        with pytest.raises(EsrError, match="rlfn"):
            answer(str(nearest_weights(tmp_path)), "rlfn")
