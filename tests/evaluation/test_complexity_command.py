"""``esr complexity`` as a user meets it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from esr.cli import app
from esr.common.errors import EsrError
from esr.weights.weights_file import WeightsInfo, build_network, data_range_of, save_weights


def answer(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["complexity", *arguments], catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def test_json_is_all_that_is_printed() -> None:
    assert json.loads(answer("r2net", "fmen", "--json")) == {
        "r2net": {
            "parameters": 214_800,
            "flops": 13_050_087_424,
            "flops_2023": 13_045_893_120,
            "activations": 52_520_064,
            "convs": 27,
        },
        "fmen": {
            "parameters": 341_066,
            "flops": 22_280_011_776,
            "flops_2023": 22_280_011_776,
            "activations": 72_089_600,
            "convs": 34,
        },
    }


def test_the_table_has_the_units_that_teams_print() -> None:
    row = next(line for line in answer("rfdn").splitlines() if "rfdn" in line)
    assert [cell.strip() for cell in row.strip("│").split("│")] == ["rfdn", "0.433", "27.05", "27.10", "112.03", "64"]


def test_a_name_is_shown_whole_in_a_narrow_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.chdir(tmp_path)
    name = "fmen-fine-tuned-on-640-px.safetensors"
    network = build_network("esr/networks/fmen.py", {}, deploy=True)
    info = WeightsInfo("esr/networks/fmen.py", {}, True, data_range_of(network), "made", {})
    save_weights(Path(name), network.state_dict(), info)
    assert "".join(line.split("│")[1].strip() for line in answer(name).splitlines() if "│" in line) == name


def test_the_output_size_is_four_times_the_input() -> None:
    at_output = json.loads(answer("fmen", "--output-size", "96x160", "--json"))
    assert at_output == json.loads(answer("fmen", "--size", "24x40", "--json"))
    # All of FMEN's convolutions keep the size, so the published figure at 256x256 scales with the area.
    assert at_output["fmen"]["flops"] == 22_280_011_776 * (24 * 40) // (256 * 256)


@pytest.mark.parametrize("deploy", [True, False])
def test_a_weights_file_is_measured_in_its_deploy_form(tmp_path: Path, deploy: bool) -> None:
    path = tmp_path / "weights.safetensors"
    arguments = {"widths": [28] * 10 + [30, 30]}
    network = build_network("esr/networks/slimrlfn.py", arguments, deploy)
    save_weights(path, network.state_dict(), WeightsInfo("esr/networks/slimrlfn.py", arguments, deploy, 255.0, "", {}))
    assert json.loads(answer(str(path), "--json"))[str(path)]["flops"] == 11_295_181_824


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["rlfm"], "rlfm"),
        (["rlfn", "--size", "256"], "256 is no size"),
        (["rlfn", "--size", "0x16"], "0x16 is no size"),
        (["rlfn", "--size", "16x16", "--output-size", "64x64"], "either"),
        (["rlfn", "--output-size", "66x64"], "multiples of 4"),
        (["none.safetensors"], "missing"),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], told: str) -> None:
    with pytest.raises(EsrError, match=told):
        answer(*arguments)
