"""`esr evaluate`, as a user calls it; the expected figures are scikit-image's."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from skimage import color, data
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from esr.images.bicubic import downscale, upscale
from esr.images.image_files import write_png
from tests.conftest import Call
from tests.evaluation.made_networks import attentive_weights, nearest_weights

COLOUR = data.coffee()[:121, :182]  # cut to 120 x 180
GREY = data.camera()[100:196, 100:228]
INNER = np.s_[4:-4, 4:-4]

Scores = dict[str, float]


@pytest.fixture
def hr(tmp_path: Path) -> Path:
    write_png(tmp_path / "hr/colour.png", COLOUR)
    write_png(tmp_path / "hr/grey.png", GREY)
    return tmp_path / "hr"


def expected(image: np.ndarray, original: np.ndarray) -> Scores:
    """All four scores by scikit-image: its luma is BT.601 in studio swing, unrounded."""
    image, original = image[INNER], original[INNER]
    window = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 255}
    channels = {"channel_axis": 2} if image.ndim == 3 else {}
    scores = {
        "psnr_rgb": peak_signal_noise_ratio(original, image),
        "ssim_rgb": structural_similarity(original, image, **channels, **window),
    }
    if image.ndim == 2:
        return {**scores, "psnr_y": scores["psnr_rgb"], "ssim_y": scores["ssim_rgb"]}
    y, original_y = color.rgb2ycbcr(image)[..., 0], color.rgb2ycbcr(original)[..., 0]
    return {
        **scores,
        "psnr_y": peak_signal_noise_ratio(original_y, y, data_range=255),
        "ssim_y": structural_similarity(original_y, y, **window),
    }


def repeated(lr: np.ndarray) -> np.ndarray:
    return lr.repeat(4, axis=0).repeat(4, axis=1)


def means(*scores: Scores) -> dict[str, Any]:
    return {name: pytest.approx(np.mean([each[name] for each in scores]), abs=1e-9) for name in scores[0]}


@pytest.mark.parametrize("data_range", [1.0, 255.0])
def test_a_network_beside_bicubic(call: Call, tmp_path: Path, hr: Path, data_range: float) -> None:
    code, out, _ = call("evaluate", nearest_weights(tmp_path, data_range), "--hr", hr, "--json")
    assert code == 0
    report = json.loads(out)
    lr_colour, lr_grey = downscale(COLOUR[:120, :180]), downscale(GREY)
    colour = expected(repeated(lr_colour), COLOUR[:120, :180])
    grey = expected(repeated(lr_grey), GREY)
    assert [image.pop("name") for image in report["images"]] == ["colour", "grey"]
    assert report["images"] == [pytest.approx(colour, abs=1e-9), pytest.approx(grey, abs=1e-9)]
    assert report["mean"] == means(colour, grey)
    plain = expected(upscale(lr_colour), COLOUR[:120, :180]), expected(upscale(lr_grey), GREY)
    assert report["bicubic"] == means(*plain)
    assert set(report) == {"images", "mean", "bicubic"}


def test_given_lr_images_are_used(call: Call, tmp_path: Path, hr: Path) -> None:
    lr_colour, lr_grey = 255 - downscale(COLOUR[:120, :180]), 255 - downscale(GREY)
    write_png(tmp_path / "lr/colourx4.png", lr_colour)
    write_png(tmp_path / "lr/greyx4.png", np.dstack([lr_grey] * 3))  # a set that stores grey as three equal channels
    _, out, _ = call("evaluate", nearest_weights(tmp_path), "--hr", hr, "--lr", tmp_path / "lr", "--json")
    report = json.loads(out)
    assert report["mean"] == means(expected(repeated(lr_colour), COLOUR[:120, :180]), expected(repeated(lr_grey), GREY))


def test_finished_images(call: Call, tmp_path: Path, hr: Path) -> None:
    noisy = np.clip(COLOUR + np.random.default_rng(0).normal(0, 9, COLOUR.shape), 0, 255).astype(np.uint8)
    write_png(tmp_path / "sr/colourx4.png", noisy[:120, :180])
    write_png(tmp_path / "sr/greyx4.png", GREY)
    code, out, _ = call("evaluate", "--sr", tmp_path / "sr", "--hr", hr, "--json")
    assert code == 0
    report = json.loads(out)
    colour, grey = report["images"]
    assert colour.pop("name") == "colour"
    assert colour == pytest.approx(expected(noisy[:120, :180], COLOUR[:120, :180]), abs=1e-9)
    assert grey == {"name": "grey", "psnr_rgb": None, "ssim_rgb": 1.0, "psnr_y": None, "ssim_y": 1.0}
    assert report["mean"]["psnr_rgb"] is None


def test_rounded_luma_is_matlabs(call: Call, tmp_path: Path, hr: Path) -> None:
    (hr / "grey.png").unlink()
    noisy = np.clip(COLOUR + np.random.default_rng(0).normal(0, 9, COLOUR.shape), 0, 255).astype(np.uint8)
    write_png(tmp_path / "sr/colour.png", noisy)
    _, out, _ = call("evaluate", "--sr", tmp_path / "sr", "--hr", hr, "--json", "--rounded-y")
    image = json.loads(out)["images"][0]
    noisy, original = (color.rgb2ycbcr(each[:120, :180][INNER])[..., 0] for each in (noisy, COLOUR))
    rounded = peak_signal_noise_ratio(original.round(), noisy.round(), data_range=255)
    assert abs(rounded - peak_signal_noise_ratio(original, noisy, data_range=255)) > 2e-3
    assert image["psnr_y"] == pytest.approx(rounded, abs=5e-4)  # a few values are ties, and may go either way


def test_the_table_shows_every_image_the_mean_and_bicubic(
    call: Call, tmp_path: Path, hr: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    code, out, _ = call("evaluate", attentive_weights(tmp_path), "--hr", hr)
    assert code == 0
    lines = [line for line in out.splitlines() if "│" in line]
    assert [line.split("│")[1].strip() for line in lines] == ["colour", "grey", "mean", "bicubic"]


def test_the_table_shows_a_long_name_whole(
    call: Call, tmp_path: Path, hr: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    (hr / "colour.png").unlink()
    name = "the-camera-man-cut-to-96-by-128-pixels"
    (hr / "grey.png").rename(hr / f"{name}.png")
    _, out, _ = call("evaluate", nearest_weights(tmp_path), "--hr", hr)
    shown = [line.split("│")[1].strip() for line in out.splitlines() if "│" in line]
    assert "".join(shown) == name + "mean" + "bicubic"


class TestBadInput:
    """One line on standard error, nothing on standard output, exit code 2."""

    @pytest.fixture
    def refused(self, call: Call, tmp_path: Path, hr: Path) -> Callable[..., None]:
        def run(*arguments: object, weights: Path | None = None, reason: str | list[str]) -> None:
            network = [weights or nearest_weights(tmp_path)] if "--sr" not in arguments else []
            code, out, err = call("evaluate", *network, "--hr", hr, "--json", *arguments)
            assert (code, out) == (2, "")
            assert err.startswith("esr: ")
            assert err.count("\n") == 1
            for part in [reason] if isinstance(reason, str) else reason:
                assert part in err

        return run

    def test_images_that_cannot_be_read_are_all_named(self, refused: Callable[..., None], hr: Path) -> None:
        (hr / "text.png").write_text("not an image")
        whole = (hr / "grey.png").read_bytes()
        (hr / "cut.png").write_bytes(whole[: len(whole) // 2])
        write_png(hr / "wide.png", np.zeros((8, 20_000, 3), np.uint8))
        write_png(hr / "small.png", COLOUR[:16])
        refused(
            reason=["4 images", "text.png is no image", "cut.png is damaged", "wide.png is 20000x8 px", "small.png is"]
        )

    def test_a_missing_partner_is_named(self, refused: Callable[..., None], hr: Path, tmp_path: Path) -> None:
        write_png(tmp_path / "lr/greyx4.png", downscale(GREY))
        refused("--lr", tmp_path / "lr", reason="colour.png has no partner")

    def test_a_mis_sized_partner_is_named(self, refused: Callable[..., None], tmp_path: Path) -> None:
        write_png(tmp_path / "sr/colour.png", COLOUR)
        write_png(tmp_path / "sr/grey.png", GREY[:90])
        refused("--sr", tmp_path / "sr", reason="grey.png is 128x90 px for 128x96 px of HR")

    def test_an_empty_folder(self, call: Call, tmp_path: Path) -> None:
        (tmp_path / "none").mkdir()
        code, _, err = call("evaluate", nearest_weights(tmp_path), "--hr", tmp_path / "none")
        assert (code, err.count("\n")) == (2, 1)
        assert "has no image" in err

    def test_nothing_to_score(self, call: Call, hr: Path) -> None:
        code, _, err = call("evaluate", "--hr", hr)
        assert (code, err.count("\n")) == (2, 1)
        assert "give either a weights file or --sr" in err

    def test_weights_that_are_missing_or_cut(self, refused: Callable[..., None], tmp_path: Path) -> None:
        refused(weights=tmp_path / "none.safetensors", reason="none.safetensors is missing")
        cut = tmp_path / "cut.safetensors"
        cut.write_bytes(attentive_weights(tmp_path).read_bytes()[:-100])
        refused(weights=cut, reason="cut.safetensors is cut short")
