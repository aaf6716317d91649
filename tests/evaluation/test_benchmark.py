"""The benchmark on made images, with a network whose output is known: it enlarges each pixel to a square of 4 by 4."""

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from esr.common.errors import EsrError
from esr.evaluation import benchmark as benchmark_module
from esr.evaluation import layers as layers_module
from esr.evaluation.benchmark import Outputs, benchmark, hardest_region
from esr.evaluation.evaluate import evaluate_network
from esr.evaluation.layers_file import read_layers
from esr.evaluation.metrics import CELL_HEIGHT, CELL_WIDTH
from esr.images.bicubic import upscale
from esr.packed.crop import crop
from esr.packed.join import join
from esr.packed.store import PackedSet, open_set
from esr.recipes.rows import Benchmark, Crop, Download
from esr.recipes.scale import DataRule, Measuring
from esr.sources.download import download
from esr.timing.ceiling import Ceiling
from esr.timing.rounds import FEWEST_ROUNDS, RoundTimes
from esr.timing.session import Candidate, Session
from esr.timing.session import compare as really_compare
from esr.weights.network_files import PROJECT_FILES
from esr.weights.weights_file import WeightsInfo, build_network, save_weights

SLIMRLFN, RLFN = "esr/networks/slimrlfn.py", "esr/networks/rlfn.py"
TIMED = ("time_ms", "baseline_ms", "ratio_to_baseline", "year_baseline_ms", "ratio_to_year_baseline")
BELONGS_TO_TIME = {*TIMED, "verdict", "doubt", "rounds", "conditions", "control_low", "control_high"} | {
    f"ratio_to_{which}_{end}" for which in ("baseline", "year_baseline") for end in ("low", "high")
}
SHORT = Measuring(sizes=[(16, 16)], seconds=0.01, narrow=1)

NEAREST = """
import torch
from torch import nn

class Nearest(nn.Module):
    data_range = 255.0

    def __init__(self, *, deploy=False):
        super().__init__()
        self.conv = nn.Conv2d(3, 48, 1, bias=False)
        self.shuffle = nn.PixelShuffle(4)
        with torch.no_grad():
            self.conv.weight.copy_(torch.eye(3).repeat_interleave(16, 0)[..., None, None])

    def forward(self, x):
        return self.shuffle(self.conv(x))

NETWORK = Nearest
"""

Array = NDArray[np.uint8]


class Journal:
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.values: dict[str, float] = {}
        self.pictures: dict[str, Path] = {}

    def metrics(self, step: int, **values: float) -> None:
        self.values.update(values)

    def picture(self, name: str, file: Path) -> None:
        self.pictures[name] = file


@pytest.fixture(autouse=True)
def known_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measuring it takes a process of its own."""
    monkeypatch.setattr(benchmark_module, "peak_memory", lambda load, size, device: 1.5)


@pytest.fixture(autouse=True)
def known_ceiling(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measuring it takes seconds."""
    monkeypatch.setattr(layers_module, "measure_ceiling", lambda device: Ceiling(1e9, 1e9))


@pytest.fixture
def nearest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A network of the project in the current folder."""
    for name in PROJECT_FILES:
        (tmp_path / name).touch()
    (tmp_path / "nearest.py").write_text(NEAREST)
    monkeypatch.chdir(tmp_path)
    return "nearest.py"


def noise(height: int, width: int, spread: int, seed: int = 0) -> Array:
    """Grey with noise of up to ``spread`` levels either way."""
    return (128 + np.random.default_rng(seed).integers(-spread, spread + 1, (height, width, 3))).astype(np.uint8)


def made_set(folder: Path, images: dict[str, Array], name: str = "set") -> Path:
    (folder / "photographs").mkdir(parents=True)
    for file_name, image in images.items():
        Image.fromarray(image).save(folder / "photographs" / f"{file_name}.png")
    row = Download(use="validation", folder=str(folder / "photographs"))
    download(row, DataRule(stand_in=False, only_source=None), "made", folder / "source" / "manifest.json")
    manifest = folder / name / "manifest.json"
    crop(Crop(source="made"), folder / "source" / "manifest.json", manifest, manifest.with_name("images.store"))
    return manifest


def made_absent(folder: Path, name: str) -> Path:
    """The set of a source that one can do without, and that nobody gave."""
    row, rule = Download(use="validation", optional=True), DataRule(stand_in=False, only_source=None)
    download(row, rule, name, folder / "source" / "manifest.json")
    manifest = folder / name / "manifest.json"
    crop(Crop(source=name), folder / "source" / "manifest.json", manifest, manifest.with_name("images.store"))
    return manifest


def made_weights(path: Path, network_file: str, deploy: bool = True) -> Path:
    torch.manual_seed(0)
    network = build_network(network_file, {}, deploy=deploy)
    info = WeightsInfo(network=network_file, arguments={}, deploy=deploy, data_range=255.0, origin="made", inputs={})
    save_weights(path, network.state_dict(), info)
    return path


def run(
    folder: Path,
    network: str,
    weights: Path,
    manifest: Path,
    journal: Journal,
    year_baseline: str | None = None,
    rule: Measuring = SHORT,
) -> tuple[dict[str, Any], Array]:
    """Metrics and strip of a benchmark against the network itself, and against the baseline of a year."""
    row = Benchmark(
        entry="made",
        network=network,
        from_="fuse/made",
        validation="made",
        baseline=network,
        year_baseline=year_baseline or network,
    )
    names = ("metrics.json", "crops.png", "rounds.csv", "layers.json")
    outputs = Outputs(*(folder / name for name in names))
    benchmark(row, rule, weights, manifest, outputs, journal)
    with Image.open(outputs.crops) as strip:
        return json.loads(outputs.metrics.read_text()), np.asarray(strip)


def squares(images: PackedSet, index: int) -> Array:
    """What the network above makes of an LR image."""
    return np.kron(images.lr(index), np.ones((4, 4, 1), np.uint8))


def scores(a: Array, b: Array) -> tuple[float, float]:
    """scikit-image's PSNR and SSIM behind a border of 4 px."""
    a, b = a[4:-4, 4:-4], b[4:-4, 4:-4]
    like_wang = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    return peak_signal_noise_ratio(b, a), structural_similarity(a, b, channel_axis=2, data_range=255, **like_wang)


def test_quality_is_the_mean_over_the_images_beside_bicubics(tmp_path: Path, nearest: str) -> None:
    manifest = made_set(tmp_path, {"a": noise(140, 160, 90), "b": noise(160, 200, 20, seed=1)})
    images, journal = open_set(manifest), Journal()
    metrics, _ = run(tmp_path, nearest, made_weights(tmp_path / "w.safetensors", nearest), manifest, journal)
    entry = [scores(squares(images, index), images.hr(index)) for index in range(2)]
    bicubic = [scores(upscale(images.lr(index), 4), images.hr(index)) for index in range(2)]
    assert metrics["psnr"] == pytest.approx((entry[0][0] + entry[1][0]) / 2)
    assert metrics["ssim"] == pytest.approx((entry[0][1] + entry[1][1]) / 2)
    assert metrics["bicubic"] == pytest.approx((bicubic[0][0] + bicubic[1][0]) / 2)
    assert metrics["above_bicubic"] == pytest.approx(metrics["psnr"] - metrics["bicubic"])
    assert [(image["name"], image["psnr"]) for image in metrics["sets"][0]["images"]] == [
        ("a", pytest.approx(entry[0][0])),
        ("b", pytest.approx(entry[1][0])),
    ]
    assert metrics["stand_in"] is False
    assert journal.values["psnr"] == metrics["psnr"]
    assert journal.pictures == {"crops": tmp_path / "crops.png"}


def luma(image: Array) -> NDArray[np.float64]:
    """BT.601 with 16 for black and 235 for white, from the weights of red and blue alone, within the border of 4."""
    red, green, blue = np.moveaxis(image[4:-4, 4:-4].astype(np.float64) / 255, 2, 0)
    kr, kb = 0.299, 0.114
    weighted: NDArray[np.float64] = 16 + 219 * (kr * red + (1 - kr - kb) * green + kb * blue)
    return weighted


def luma_scores(restored: Array, hr: Array) -> tuple[float, float]:
    a, b = luma(restored), luma(hr)
    psnr = 10 * np.log10(255**2 / np.mean((a - b) ** 2))
    ssim = structural_similarity(
        a, b, data_range=255, win_size=11, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )
    return float(psnr), float(ssim)


def test_luma_is_scored_as_the_literature_does(tmp_path: Path, nearest: str) -> None:
    manifest = made_set(tmp_path, {"a": noise(140, 160, 90), "b": noise(160, 200, 20, seed=1)}, "set5")
    images, journal = open_set(manifest), Journal()
    metrics, _ = run(tmp_path, nearest, made_weights(tmp_path / "w.safetensors", nearest), manifest, journal)
    own = [luma_scores(squares(images, index), images.hr(index)) for index in range(2)]
    bicubic = [luma_scores(upscale(images.lr(index), 4), images.hr(index)) for index in range(2)]
    mean = metrics["sets"][0]["mean"]
    for name, values in (("psnr_y", own), ("bicubic_y", bicubic)):
        assert mean[name] == pytest.approx((values[0][0] + values[1][0]) / 2, abs=1e-9)
    for name, values in (("ssim_y", own), ("bicubic_ssim_y", bicubic)):
        assert mean[name] == pytest.approx((values[0][1] + values[1][1]) / 2, abs=1e-9)
    assert journal.values["psnr_y"] == metrics["psnr_y"] == mean["psnr_y"]


def test_a_grey_file_is_scored_as_evaluate_scores_it_and_one_with_equal_channels_as_colour(
    tmp_path: Path, nearest: str
) -> None:
    """The literature converts to luma only what has three channels: 219 / 255 of the error, which is 1.32 dB."""
    grey = noise(140, 160, 90)[..., 0]
    manifest = made_set(tmp_path, {"equal": np.stack([grey] * 3, axis=2), "grey": grey}, "set14")
    weights = made_weights(tmp_path / "w.safetensors", nearest)
    metrics, strip = run(tmp_path, nearest, weights, manifest, Journal())
    equal, one_channel = metrics["sets"][0]["images"]
    assert one_channel["psnr"] == pytest.approx(equal["psnr"])
    assert one_channel["psnr_y"] == one_channel["psnr"]
    assert equal["psnr_y"] == pytest.approx(equal["psnr"] + 20 * np.log10(255 / 219))
    by_hand = evaluate_network(weights, tmp_path / "photographs")
    assert [(i["psnr"], i["ssim"], i["psnr_y"], i["ssim_y"]) for i in metrics["sets"][0]["images"]] == [
        pytest.approx((s.psnr_rgb, s.ssim_rgb, s.psnr_y, s.ssim_y)) for s in by_hand.images
    ]
    np.testing.assert_array_equal(strip[:CELL_HEIGHT], strip[CELL_HEIGHT:])  # the same parts, in RGB


def test_each_part_of_a_joined_set_is_scored_by_itself(tmp_path: Path, nearest: str) -> None:
    first = made_set(tmp_path / "1", {"a": noise(140, 160, 90)}, "div2k-valid")
    second = made_set(tmp_path / "2", {"a": noise(160, 200, 20, seed=1), "b": noise(64, 64, 40)}, "set5")
    absent = made_absent(tmp_path / "3", "valid-2024")
    join(second, absent, tmp_path / "rest" / "manifest.json")
    join(first, tmp_path / "rest" / "manifest.json", tmp_path / "all" / "manifest.json")
    weights, journal = made_weights(tmp_path / "w.safetensors", nearest), Journal()
    metrics, strip = run(tmp_path, nearest, weights, tmp_path / "all" / "manifest.json", journal)
    alone, alone_strip = run(tmp_path, nearest, weights, first, Journal())
    other, _ = run(tmp_path, nearest, weights, second, Journal())
    assert [each["name"] for each in metrics["sets"]] == ["div2k-valid", "set5", "valid-2024"]
    assert metrics["sets"] == [*alone["sets"], *other["sets"], {**metrics["sets"][2], "mean": None, "images": []}]
    for name in ("psnr", "bicubic", "above_bicubic", "ssim", "bicubic_ssim", "crops"):
        assert metrics[name] == alone[name]
    np.testing.assert_array_equal(strip, alone_strip)
    assert journal.values["psnr_set5"] == other["psnr"]
    assert "psnr_valid-2024" not in journal.values


def test_the_first_set_needs_images(tmp_path: Path, nearest: str) -> None:
    join(
        made_absent(tmp_path / "1", "valid-2024"),
        made_set(tmp_path / "2", {"a": noise(64, 64, 90)}),
        tmp_path / "all" / "manifest.json",
    )
    with pytest.raises(EsrError, match=r"valid-2024/manifest\.json holds no image to score"):
        run(
            tmp_path,
            nearest,
            made_weights(tmp_path / "w.safetensors", nearest),
            tmp_path / "all" / "manifest.json",
            Journal(),
        )


def test_complexity_is_counted_on_256_by_256(tmp_path: Path, nearest: str) -> None:
    manifest = made_set(tmp_path, {"a": noise(140, 160, 90)})
    metrics, _ = run(tmp_path, nearest, made_weights(tmp_path / "w.safetensors", nearest), manifest, Journal())
    assert metrics["parameters"] == 48 * 3
    assert metrics["flops"] == metrics["flops_2023"] == 48 * 3 * 256 * 256
    assert metrics["activations"] == 48 * 256 * 256
    assert metrics["convs"] == 1


def test_complexity_of_slimrlfn_is_that_of_its_released_model(tmp_path: Path) -> None:
    manifest = made_set(tmp_path, {"a": noise(64, 64, 90)})
    metrics, _ = run(tmp_path, SLIMRLFN, made_weights(tmp_path / "w.safetensors", SLIMRLFN), manifest, Journal())
    assert metrics["parameters"] == 207_774
    assert metrics["flops"] == 11_991_174_144
    assert metrics["flops_2023"] == 12_001_397_760
    assert metrics["activations"] == 74_061_504
    assert metrics["convs"] == 51


def test_run_times_come_with_what_was_timed_and_every_round(tmp_path: Path, nearest: str) -> None:
    manifest = made_set(tmp_path, {"a": noise(64, 64, 90)})
    weights = made_weights(tmp_path / "w.safetensors", nearest)
    rule = SHORT.model_copy(update={"sizes": [(16, 24), (8, 8)]})
    metrics, _ = run(tmp_path, nearest, weights, manifest, Journal(), rule=rule)
    (second,) = metrics["more_sizes"]
    assert [(each["input_height"], each["input_width"]) for each in (metrics, second)] == [(16, 24), (8, 8)]
    for each in (metrics, second):
        assert each["rounds"] >= FEWEST_ROUNDS
        assert min(each[name] for name in TIMED) > 0
        assert each["ratio_to_baseline_low"] <= each["ratio_to_baseline"] <= each["ratio_to_baseline_high"]
    lines = list(csv.DictReader((tmp_path / "rounds.csv").open()))
    assert len(lines) == 3 * (metrics["rounds"] + second["rounds"])  # the entry, the baseline and its copy
    assert metrics["memory_mb"] == 1.5
    assert metrics["conditions"]["versions"]["torch"] == torch.__version__


def test_a_baseline_of_the_year_is_timed_as_well_but_only_once(
    tmp_path: Path, nearest: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ratios are those of the network that each row names: made here 2 to the first one and 4 to the second."""
    Path("other.py").write_text(NEAREST)
    compared: list[list[str]] = []
    made_ms = {"entry": 20.0, "nearest.py": 10.0, "other.py": 5.0, "baseline again": 10.0}

    def compare(networks: list[Candidate], *others: Any) -> Session:
        session = really_compare(networks, *others)
        compared.append([each.name for each in networks])
        rounds = [RoundTimes(tuple((made_ms[name], made_ms[name]) for name in session.names))] * 7
        return replace(session, rounds=tuple(rounds))

    monkeypatch.setattr(benchmark_module, "compare", compare)
    manifest = made_set(tmp_path, {"a": noise(64, 64, 90)})
    weights = made_weights(tmp_path / "w.safetensors", nearest)
    both, _ = run(tmp_path, nearest, weights, manifest, journal := Journal(), year_baseline="other.py")
    one, _ = run(tmp_path, nearest, weights, manifest, Journal())
    assert compared == [["entry", "other.py"], ["entry"]]
    assert [both[name] for name in TIMED] == [20.0, 10.0, 2.0, 5.0, 4.0]
    assert [one[name] for name in TIMED] == [20.0, 10.0, 2.0, 10.0, 2.0]
    assert (both["verdict"], both["doubt"]) == ("slower", "")
    assert journal.values["ratio_to_year_baseline"] == 4.0


def test_cells_are_lr_bicubic_entry_and_hr_where_bicubic_errs_most(tmp_path: Path, nearest: str) -> None:
    image = noise(400, 600, 0)
    image[100:300, 212:512] = noise(200, 300, 100)  # all that bicubic can get wrong lies in 200 by 300 px
    manifest = made_set(tmp_path, {"a": image})
    metrics, strip = run(tmp_path, nearest, made_weights(tmp_path / "w.safetensors", nearest), manifest, Journal())
    (region,) = metrics["crops"]
    top, left = region["top"], region["left"]
    assert (region["name"], region["height"], region["width"]) == ("a", CELL_HEIGHT, CELL_WIDTH)
    assert (top % 4, left % 4) == (0, 0)
    assert top <= 100 and top + CELL_HEIGHT >= 300 and left <= 212 and left + CELL_WIDTH >= 512
    images = open_set(manifest)
    whole = [squares(images, 0), upscale(images.lr(0), 4), squares(images, 0), image]
    cells = [picture[top : top + CELL_HEIGHT, left : left + CELL_WIDTH] for picture in whole]
    np.testing.assert_array_equal(strip, np.hstack(cells))


def test_a_smaller_image_lies_in_the_corner_of_a_white_cell(tmp_path: Path, nearest: str) -> None:
    image = noise(64, 80, 90)
    manifest = made_set(tmp_path, {"a": image})
    metrics, strip = run(tmp_path, nearest, made_weights(tmp_path / "w.safetensors", nearest), manifest, Journal())
    assert metrics["crops"] == [{"name": "a", "top": 0, "left": 0, "height": 64, "width": 80}]
    hr = strip[:, 3 * CELL_WIDTH :]
    assert strip.shape == (CELL_HEIGHT, 4 * CELL_WIDTH, 3)
    np.testing.assert_array_equal(hr[:64, :80], image)
    assert (hr[64:] == 255).all() and (hr[:, 80:] == 255).all()


def test_the_four_images_that_bicubic_restores_worst_are_shown(tmp_path: Path, nearest: str) -> None:
    spreads = {"a": 40, "b": 10, "c": 90, "d": 60, "e": 5, "f": 70}
    manifest = made_set(tmp_path, {name: noise(64, 64, spread) for name, spread in spreads.items()})
    metrics, strip = run(tmp_path, nearest, made_weights(tmp_path / "w.safetensors", nearest), manifest, Journal())
    assert [region["name"] for region in metrics["crops"]] == ["a", "c", "d", "f"]
    assert strip.shape == (4 * CELL_HEIGHT, 4 * CELL_WIDTH, 3)


def test_the_hardest_part_is_the_first_with_the_whole_error() -> None:
    hr = np.zeros((32, 40, 3), np.uint8)
    bicubic = hr.copy()
    bicubic[14, 27] = 200  # parts of 8 by 12 px on LR pixels that hold it begin at 8 or 12, and at 16, 20 or 24
    assert hardest_region(bicubic, hr, 8, 12) == (8, 16)


def test_the_time_of_every_layer_is_written(tmp_path: Path, nearest: str) -> None:
    manifest = made_set(tmp_path, {"a": noise(64, 64, 90)})
    run(tmp_path, nearest, made_weights(tmp_path / "w.safetensors", nearest), manifest, Journal())
    times = read_layers(tmp_path / "layers.json")
    assert [(layer.module, layer.kind) for layer in times.layers] == [
        *(("conv", "conv 1x1 3→48"), ("shuffle", "pixel_shuffle")),
    ]
    assert (times.width, times.height, times.device) == (16, 16, "CPU")
    assert all(layer.time_ms > 0 for layer in times.layers)
    assert times.layers[0].least_ms == pytest.approx(1e3 * (51 * 256 + 48 * 3) * 4 / 1e9)  # all values moved, in fp32
    assert times.layers[0].by_memory


def test_run_twice_all_but_the_time_is_the_same(tmp_path: Path, nearest: str) -> None:
    manifest = made_set(tmp_path, {"a": noise(64, 64, 90)})
    weights = made_weights(tmp_path / "w.safetensors", nearest)
    (first, strip), (second, again) = (run(tmp_path / name, nearest, weights, manifest, Journal()) for name in "12")
    assert {name: first[name] for name in first.keys() - BELONGS_TO_TIME} == {
        name: second[name] for name in second.keys() - BELONGS_TO_TIME
    }
    np.testing.assert_array_equal(strip, again)
    assert (tmp_path / "1" / "crops.png").read_bytes() == (tmp_path / "2" / "crops.png").read_bytes()


def test_weights_in_training_form_are_refused(tmp_path: Path) -> None:
    manifest = made_set(tmp_path, {"a": noise(64, 64, 90)})
    weights = made_weights(tmp_path / "trained.safetensors", SLIMRLFN, deploy=False)
    with pytest.raises(EsrError, match=r"trained\.safetensors is in training form; fuse it"):
        run(tmp_path, SLIMRLFN, weights, manifest, Journal())


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    manifest = made_set(tmp_path, {"a": noise(64, 64, 90)})
    weights = made_weights(tmp_path / "rlfn.safetensors", RLFN)
    with pytest.raises(EsrError, match=r"rlfn\.safetensors belongs to .*rlfn\.py, not .*slimrlfn\.py"):
        run(tmp_path, SLIMRLFN, weights, manifest, Journal())
    assert not (tmp_path / "metrics.json").exists()
