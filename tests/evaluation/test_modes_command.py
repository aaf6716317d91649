"""``esr benchmark --modes``: what it prints, and what it refuses."""

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from typer.testing import CliRunner

from esr.cli import app
from esr.common.errors import EsrError
from esr.evaluation import benchmark_file, layers
from esr.timing import modes
from esr.timing.ceiling import Ceiling
from esr.timing.modes import MODES, Mode, Runner
from tests.evaluation.made_networks import nearest_weights

SHORT = ("--size", "8x12", "--seconds", "0.1", "--device", "cpu")


def ten_levels_more(network: nn.Module, image: Tensor) -> Runner:
    return lambda: network(image) + 10


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Beside the two eager modes, one that computes something else, and one that needs another machine."""
    monkeypatch.chdir(tmp_path)
    others = (
        Mode("approximate", ten_levels_more, lambda _: ""),
        Mode("elsewhere", ten_levels_more, lambda device: f"needs more than a {device.type}"),
    )
    monkeypatch.setattr(modes, "MODES", (*MODES[:2], *others))
    monkeypatch.setattr(layers, "measure_ceiling", lambda _: Ceiling(1e9, 1e7))
    return str(nearest_weights(tmp_path))


def answer(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["benchmark", *arguments], catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def test_json_holds_every_mode_of_every_size(weights: str) -> None:
    measured = json.loads(answer(weights, "--modes", *SHORT, "--size", "16x8", "--json"))["modes"]
    assert [(each["height"], each["width"]) for each in measured] == [(8, 12), (16, 8)]
    for each in measured:
        assert each["baseline"]["name"] == "eager contiguous"
        assert [mode["name"] for mode in each["networks"]] == ["eager channels_last", "approximate"]
        assert each["differences"] == {"eager channels_last": 0, "approximate": pytest.approx(10, abs=1e-3)}
        assert each["missing"] == {"elsewhere": "needs more than a cpu"}
        assert all(len(passes) == each["rounds"] for passes in each["passes"].values())
        assert each["of_ceiling"]["approximate"] == pytest.approx(each["ceiling_ms"] / each["networks"][1]["time_ms"])
    assert set(measured[0]["of_ceiling"]) == {"eager contiguous", "eager channels_last", "approximate"}


def test_the_ceiling_is_what_the_layers_take_at_best(weights: str) -> None:
    """At 10 MB a second. The pixels are repeated, which reads them once, and multiplied by the gain, one number."""
    (measured,) = json.loads(answer(weights, "--modes", *SHORT, "--json"))["modes"]
    small, large, gain = 8 * 12 * 3 * 4, 8 * 12 * 3 * 4 * 16, 4
    assert measured["ceiling_ms"] == pytest.approx((small + large + large + large + gain) / 1e4)


def test_people_get_a_table_and_are_told_which_modes_give_other_pixels(
    weights: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    lines = answer(weights, "--modes", *SHORT).splitlines()
    (approximate,) = [line for line in lines if line.startswith("│ approximate")]
    assert approximate.split("│")[-2].strip() == "10.000"
    assert approximate.split("│")[-3].strip().endswith("%")
    assert "Other pixels than fp32's, eager: approximate" in lines
    assert "elsewhere did not run: needs more than a cpu" in lines


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--modes", "--baseline", "b.safetensors"], "leave out --baseline"),
        (["--modes", "--hr", "hr"], "leave out"),
        (["--modes", "--protocol", "official"], "leave out"),
        (["--flush-l2"], "empties a GPU's cache"),
        (["--modes", "--flush-l2"], "empties a GPU's cache"),
    ],
)
def test_what_modes_do_not_go_with_is_refused_before_the_measurement(
    weights: str, options: list[str], complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("compare", "compare_modes"):
        monkeypatch.setattr(benchmark_file, name, lambda *_: pytest.fail("was timed"))
    with pytest.raises(EsrError, match=complaint):
        answer(weights, *options, "--device", "cpu")


def test_the_challenge_s_protocol_flushes_nothing(weights: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("esr.timing.device.choose_device", lambda _: torch.device("cuda"))
    with pytest.raises(EsrError, match="--flush-l2 is no part of the challenge's protocol"):
        answer(weights, "--flush-l2", "--protocol", "official")


def test_options_of_modes_beside_a_row_are_refused() -> None:
    for option in ("--modes", "--flush-l2"):
        with pytest.raises(EsrError, match="a row such as rlfn says itself"):
            answer("rlfn", option)
