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
from esr.evaluation import benchmark_file, runtime
from esr.weights.weights_file import WeightsInfo, build_network, data_range_of, save_weights
from tests.evaluation.made_networks import nearest_weights


@pytest.fixture(autouse=True)
def short_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(runtime, "BUDGET_SECONDS", 0.0)
    monkeypatch.setattr(runtime, "CPU_SIZE", (16, 16))
    monkeypatch.chdir(tmp_path)


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


def test_complexity_is_the_published_one_and_needs_no_images(tmp_path: Path) -> None:
    measured = json.loads(answer(weights_of("esr/networks/r2net.py", tmp_path / "w.safetensors"), "--json"))
    assert measured["complexity"]["parameters"] == 214_800
    assert measured["complexity"]["flops"] == 13_050_087_424
    assert measured["quality"] is None
    time = measured["run_time"]
    assert (time["height"], time["width"], time["rounds"]) == (16, 16, runtime.FEWEST_ROUNDS)
    (baseline,) = time["baselines"]
    assert baseline["name"] == "RLFN"
    assert min(time["time_ms"], baseline["time_ms"], baseline["ratio"]) > 0


def test_quality_is_that_of_the_images(tmp_path: Path) -> None:
    lr = np.random.default_rng(0).integers(20, 200, (24, 24, 3))
    image(tmp_path / "lr" / "a.png", lr)
    image(tmp_path / "hr" / "a.png", np.kron(lr, np.ones((4, 4, 1))) + 5)  # the network lacks 5 levels everywhere
    weights = str(nearest_weights(tmp_path))
    quality = json.loads(answer(weights, "--hr", "hr", "--lr", "lr", "--json"))["quality"]
    assert quality["mean"]["psnr_rgb"] == pytest.approx(10 * math.log10(255**2 / 5**2))


def test_people_get_tables_and_a_sentence(tmp_path: Path) -> None:
    image(tmp_path / "hr" / "a.png", np.random.default_rng(0).integers(0, 256, (48, 48, 3)))
    said = answer(str(nearest_weights(tmp_path)), "--hr", "hr")
    assert "for 16x16 LR px; RLFN took" in said
    assert "PSNR (Y)" in said and "activations" in said


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

    @pytest.mark.parametrize("options", [["--hr", "hr"], ["--lr", "lr"], ["--json"], ["--network", "n.py"]])
    def test_options_beside_a_row(self, options: list[str]) -> None:
        with pytest.raises(EsrError, match=r"a row such as rlfn says itself"):
            answer("rlfn", *options)
