"""`esr upscale`, as a user calls it."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from skimage import data

from esr.common.errors import EsrError
from esr.images import bicubic
from esr.images.arrays import Image as Pixels
from esr.images.image_files import Picture, read_picture, write_png
from esr.inference import enlarge
from esr.inference import upscale as command
from esr.inference.super_resolve import super_resolve
from esr.inference.torch_threads import on_threads
from tests.conftest import Call
from tests.evaluation.made_networks import attentive_network, attentive_weights, nearest_weights

PHOTO = data.coffee()[100:140, 200:252]


@pytest.fixture
def call(call: Call) -> Call:
    """Run ``esr upscale ARGUMENTS...``."""
    return partial(call, "upscale")


def repeated(image: np.ndarray) -> np.ndarray:
    return image.repeat(4, axis=0).repeat(4, axis=1)


def enlarged(call: Call, tmp_path: Path, image: Path, weights: Path | None = None) -> Picture:
    """What becomes of one image file."""
    code, _, err = call(weights or nearest_weights(tmp_path), image, tmp_path / "out.png")
    assert (code, err) == (0, "")
    return read_picture(tmp_path / "out.png")


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("data_range", [1.0, 255.0])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_grey_and_colour_in_8_and_16_bits(
    call: Call, tmp_path: Path, channels: int, data_range: float, dtype: type[np.uint8 | np.uint16]
) -> None:
    pixels = PHOTO[..., :channels].astype(dtype) * (dtype(257) if dtype is np.uint16 else dtype(1))
    pixels[0, 0] = pixels[0, 0] // 2 + 1
    write_png(tmp_path / "a.png", pixels)
    out = enlarged(call, tmp_path, tmp_path / "a.png", nearest_weights(tmp_path, data_range)).pixels
    assert out.dtype == dtype
    # A range of 1 is not exact in fp32: 65535 levels and 2^24 steps.
    assert abs(out.astype(int) - repeated(pixels).astype(int)).max() <= (dtype is np.uint16 and data_range == 255.0)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 3])
def test_alpha_is_enlarged_by_bicubic(
    call: Call, tmp_path: Path, channels: int, dtype: type[np.uint8 | np.uint16]
) -> None:
    alpha = np.zeros((40, 52, 1), dtype)
    alpha[10:, 20:] = np.iinfo(dtype).max
    pixels = np.concatenate([PHOTO[..., :channels].astype(dtype), alpha], axis=2)
    write_png(tmp_path / "a.png", pixels)
    out = enlarged(call, tmp_path, tmp_path / "a.png").pixels
    assert (out[..., -1:] == bicubic.upscale(alpha)).all()
    assert (out[80:, 120:, -1] == np.iinfo(dtype).max).all()  # what was opaque stays opaque
    assert abs(out[..., :-1].astype(int) - repeated(pixels[..., :-1]).astype(int)).max() <= 1


def test_exif_orientation_is_applied_and_the_profile_kept(call: Call, tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: the top of the scene is at the right of the file
    Image.fromarray(PHOTO).save(tmp_path / "a.png", exif=exif, icc_profile=profile)
    picture = enlarged(call, tmp_path, tmp_path / "a.png")
    assert (picture.pixels == repeated(np.rot90(PHOTO, k=-1))).all()
    assert picture.icc_profile == profile
    with Image.open(tmp_path / "out.png") as written:
        assert written.getexif().get(0x0112, 1) == 1


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (14, 3), (17, 23)])
def test_any_size(call: Call, tmp_path: Path, shape: tuple[int, int]) -> None:
    write_png(tmp_path / "a.png", PHOTO[: shape[0], : shape[1]])
    out = enlarged(call, tmp_path, tmp_path / "a.png", attentive_weights(tmp_path)).pixels
    assert out.shape == (4 * shape[0], 4 * shape[1], 3)


def test_tiles_equal_the_whole_within_a_level(call: Call, tmp_path: Path) -> None:
    image = data.coffee()[:170, :250]
    write_png(tmp_path / "a.png", image)
    code, _, _ = call(attentive_weights(tmp_path), tmp_path / "a.png", tmp_path / "tiled.png", "--tile", 96)
    assert code == 0
    whole = super_resolve(attentive_network(), image, 255.0).astype(int)
    assert abs(whole - read_picture(tmp_path / "tiled.png").pixels).max() <= 1


def test_a_folder(call: Call, tmp_path: Path) -> None:
    write_png(tmp_path / "in/a.png", PHOTO)
    Image.fromarray(PHOTO).save(tmp_path / "in/b.bmp")
    (tmp_path / "in/notes.txt").touch()
    code, _, _ = call(nearest_weights(tmp_path), tmp_path / "in", tmp_path / "out")
    assert code == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.png", "b.png"]
    assert (read_picture(tmp_path / "out/b.png").pixels == repeated(PHOTO)).all()


def test_a_larger_limit_lets_a_wide_image_pass(call: Call, tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", np.zeros((1, 20_000, 1), np.uint8))
    code, _, _ = call(nearest_weights(tmp_path), tmp_path / "a.png", tmp_path / "out.png", "--largest-side", 20_000)
    assert code == 0
    assert read_picture(tmp_path / "out.png", 80_000).pixels.shape == (4, 80_000, 1)


class TestRefused:
    """One line on standard error that names the culprit, exit code 2."""

    @pytest.fixture
    def refused(self, call: Call, tmp_path: Path) -> Callable[..., None]:
        def run(
            source: Path, *arguments: object, reason: list[str], weights: Path | None = None, out: Path | None = None
        ) -> None:
            code, output, err = call(weights or nearest_weights(tmp_path), source, out or tmp_path / "out", *arguments)
            assert (code, output) == (2, "")
            assert err.startswith("esr: ")
            assert err.count("\n") == 1
            for part in reason:
                assert part in err

        return run

    def test_nothing_is_overwritten_untold(self, call: Call, refused: Callable[..., None], tmp_path: Path) -> None:
        write_png(tmp_path / "in/a.png", PHOTO)
        write_png(tmp_path / "in/b.png", PHOTO)
        write_png(tmp_path / "out/b.png", 255 - PHOTO)
        refused(tmp_path / "in", reason=["out/b.png is there already", "--overwrite"])
        assert [path.name for path in (tmp_path / "out").iterdir()] == ["b.png"]
        assert (read_picture(tmp_path / "out/b.png").pixels == 255 - PHOTO).all()
        assert call(nearest_weights(tmp_path), tmp_path / "in", tmp_path / "out", "--overwrite")[0] == 0
        assert (read_picture(tmp_path / "out/b.png").pixels == repeated(PHOTO)).all()

    def test_an_image_is_never_replaced_by_its_own_enlargement(
        self, refused: Callable[..., None], tmp_path: Path
    ) -> None:
        write_png(tmp_path / "in/a.png", PHOTO)
        refused(tmp_path / "in", "--overwrite", out=tmp_path / "in", reason=["a.png would be replaced"])
        assert (read_picture(tmp_path / "in/a.png").pixels == PHOTO).all()

    def test_the_good_images_of_a_folder_are_made_and_the_others_named(
        self, refused: Callable[..., None], tmp_path: Path
    ) -> None:
        write_png(tmp_path / "in/good.png", PHOTO)
        (tmp_path / "in/text.png").write_text("not an image")
        content = (tmp_path / "in/good.png").read_bytes()
        (tmp_path / "in/cut.png").write_bytes(content[: len(content) // 2])
        frames = [Image.fromarray(PHOTO), Image.fromarray(255 - PHOTO)]
        frames[0].save(tmp_path / "in/moving.gif", save_all=True, append_images=frames[1:])
        write_png(tmp_path / "in/wide.png", np.zeros((4, 20_000, 3), np.uint8))
        Image.fromarray(PHOTO).convert("CMYK").save(tmp_path / "in/print.tif")
        named = ["5 images", "text.png is no image", "cut.png is damaged", "moving.gif holds several frames"]
        refused(tmp_path / "in", reason=[*named, "wide.png is 20000x4 px", "print.tif is of a kind (TIFF, CMYK)"])
        assert [path.name for path in (tmp_path / "out").iterdir()] == ["good.png"]

    def test_weights_that_are_not_numbers(self, refused: Callable[..., None], tmp_path: Path) -> None:
        good, bad = attentive_weights(tmp_path), tmp_path / "nan.safetensors"
        state = load_file(good)
        state["tail.bias"][3] = float("nan")
        with safe_open(good, "pt") as file:
            save_file(state, bad, metadata=file.metadata())
        write_png(tmp_path / "a.png", PHOTO)
        refused(tmp_path / "a.png", weights=bad, reason=["nan.safetensors", "NaN", "tail.bias"])

    def test_a_source_that_is_missing(self, refused: Callable[..., None], tmp_path: Path) -> None:
        refused(tmp_path / "none.png", reason=["none.png is missing"])

    def test_an_output_that_is_not_png(self, refused: Callable[..., None], tmp_path: Path) -> None:
        write_png(tmp_path / "a.png", PHOTO)
        refused(tmp_path / "a.png", out=tmp_path / "out.jpg", reason=["out.jpg is not a .png"])

    def test_a_tile_off_the_grid(self, refused: Callable[..., None], tmp_path: Path) -> None:
        write_png(tmp_path / "a.png", data.coffee())
        refused(tmp_path / "a.png", "--tile", "100", reason=["100 is not a multiple of 24"])


class TestSideBySide:
    """A folder on a CPU: an image per thread, here three."""

    @pytest.fixture(autouse=True)
    def three_threads(self) -> Iterator[None]:
        with on_threads(3):
            yield

    @pytest.fixture
    def photos(self, tmp_path: Path) -> list[Path]:
        """Twelve photographs of different sizes, the largest in the middle."""
        paths = [tmp_path / f"in/{number:02}.png" for number in range(12)]
        for number, path in enumerate(paths):
            side = 60 if number == 6 else 20 + number
            write_png(path, data.coffee()[100 : 100 + side, 200 : 200 + 2 * number + 16])
        return paths

    def test_the_files_are_those_of_a_plain_loop(self, call: Call, photos: list[Path], tmp_path: Path) -> None:
        code, _, err = call(attentive_weights(tmp_path), tmp_path / "in", tmp_path / "out")
        assert (code, err) == (0, "")
        network = attentive_network()
        assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [path.name for path in photos]
        with on_threads(1):
            for path in photos:
                expected = super_resolve(network, read_picture(path).pixels, 255.0)
                assert np.array_equal(read_picture(tmp_path / "out" / path.name).pixels, expected)

    def test_images_meet_and_large_ones_get_every_thread(
        self, call: Call, photos: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        meeting, threads = threading.Barrier(2, timeout=60), {}

        def meet(network: torch.nn.Module, image: Pixels, data_range: float) -> Pixels:
            threads[image.shape] = torch.get_num_threads()
            if image.shape[0] != 60 and image.shape[0] < 31:  # all but the large one, and the odd one out
                meeting.wait()
            return super_resolve(network, image, data_range)

        monkeypatch.setattr(enlarge, "super_resolve", meet)
        monkeypatch.setattr(command, "pixels_that_fit_each", lambda network, images: 60 * 28 - 1)
        assert call(nearest_weights(tmp_path), tmp_path / "in", tmp_path / "out")[0] == 0
        assert threads.pop((60, 28, 3)) == 3
        assert set(threads.values()) == {1}
        assert len(threads) == len(photos) - 1

    def test_no_more_images_are_held_than_there_are_threads(
        self, call: Call, photos: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lock, held, most = threading.Lock(), 0, 0

        def read(path: Path, largest_side: int) -> Picture:
            nonlocal held, most
            with lock:
                held += 1
                most = max(most, held)
            return read_picture(path, largest_side)

        def write(path: Path, pixels: Pixels, icc_profile: bytes | None) -> None:
            nonlocal held
            write_png(path, pixels, icc_profile)
            with lock:
                held -= 1

        monkeypatch.setattr(command, "read_picture", read)
        monkeypatch.setattr(command, "write_png_quickly", write)
        assert call(nearest_weights(tmp_path), tmp_path / "in", tmp_path / "out")[0] == 0
        assert held == 0
        assert most <= 3

    def test_images_that_cannot_be_used_are_named_in_order(
        self, call: Call, photos: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first, last = threading.Event(), tmp_path / "in/99.png"
        last.write_text("no image")
        photos[4].write_bytes(photos[4].read_bytes()[:100])

        def read(path: Path, largest_side: int) -> Picture:
            """The last image is refused before the damaged one in the middle is."""
            if path == photos[4]:
                first.wait(60)
            try:
                return read_picture(path, largest_side)
            finally:
                if path == last:
                    first.set()

        monkeypatch.setattr(command, "read_picture", read)
        code, _, err = call(nearest_weights(tmp_path), tmp_path / "in", tmp_path / "out")
        assert (code, err.count("\n")) == (2, 1)
        assert 0 < err.index("2 images") < err.index("04.png is damaged") < err.index("99.png is no image")
        made = sorted(path.name for path in (tmp_path / "out").iterdir())
        assert made == [path.name for path in photos if path != photos[4]]

    def test_a_full_disk_ends_the_run(
        self, call: Call, photos: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        begun = []

        def full(path: Path, *_: object) -> None:
            begun.append(path)
            raise EsrError(f"cannot write {path}: no space left on device; free the disk")

        monkeypatch.setattr(command, "write_png_quickly", full)
        code, _, err = call(nearest_weights(tmp_path), tmp_path / "in", tmp_path / "out")
        assert (code, err.count("\n")) == (2, 1)
        assert "out/00.png: no space left" in err
        assert len(begun) < len(photos)

    def test_ctrl_c_ends_it_within_a_layer(
        self, call: Call, photos: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        begun, passed = [], []

        def endless(network: torch.nn.Module, image: Pixels, data_range: float) -> Pixels:
            begun.append(image.shape)
            if begun[0] == image.shape:
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            for _ in range(500):  # seconds
                time.sleep(0.01)
                out = super_resolve(network, image, data_range)
            passed.append(image.shape)
            return out

        monkeypatch.setattr(enlarge, "super_resolve", endless)
        before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job would ignore it
        try:
            code, _, _ = call(nearest_weights(tmp_path), tmp_path / "in", tmp_path / "out")
        finally:
            signal.signal(signal.SIGINT, before)
        assert code == 130
        assert passed == []
        assert 1 <= len(begun) <= 3
        assert not (tmp_path / "out").exists()
