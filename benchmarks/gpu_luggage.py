"""Packs what benchmarks/gpu.py needs on a machine that has Python, PyTorch and a GPU but no network.

    python benchmarks/gpu_luggage.py --python 3.12 --basicsr BASICSR --selfexsr SELFEXSR --ntire2024 NTIRE2024_ESR

BASICSR, SELFEXSR and NTIRE2024_ESR are clones of github.com/XPixelGroup/BasicSR, jbhuang0604/SelfExSR and
Amazingren/NTIRE2024_ESR; what is not named is left out. The folder luggage/ then holds the packages that pip finds for
that Python, BasicSR, the released SlimRLFN, photographs to train with, and the HR images of four test sets, as lossless
WebP. It is used where it lies. docs/gpu.md says how it is carried.
"""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from PIL import Image

PACKAGES = (
    "pydantic",
    "pydantic-core",
    "annotated-types",
    "typing-inspection",
    "typing-extensions",
    "typer",
    "annotated-doc",
    "click",
    "shellingham",
    "rich",
    "markdown-it-py",
    "mdurl",
    "pygments",
    "ruamel.yaml",
    "pyyaml",
    "safetensors",
    "filelock",
    "psutil",
    "kornia-rs",
    "torch-pruning",
    "nvidia-ml-py",
    "pytest",
    "iniconfig",
    "pluggy",
    "packaging",
    "pytest-timeout",
    "pytest-xdist",
    "execnet",
    "jinja2",
    "markupsafe",
    "urllib3",
    "lmdb",
    "tqdm",
    "requests",
    "certifi",
    "charset-normalizer",
    "idna",
)
"""What esr, its GPU tests and BasicSR import beside PyTorch, NumPy, SciPy, pandas, Pillow, OpenCV, Matplotlib,
scikit-image and scikit-learn."""
PLATFORMS = [f"manylinux_2_{minor}_x86_64" for minor in (17, 24, 27, 28, 31, 34)] + ["manylinux2014_x86_64"]
SETS = {"Set5": 4, "Set14": 4, "BSD100": 4, "Urban100": 4}
"""Test sets, and the factor of the folder in which their HR images lie."""
PHOTOGRAPHS = "Sun-Hays80/image_SRF_8"
CHECKPOINT = "team21_slimrlfn.pth"


def main() -> None:
    """Pack what was named, and say what each part weighs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", default="3.12", help="of the other machine")
    parser.add_argument("--basicsr", type=Path)
    parser.add_argument("--selfexsr", type=Path)
    parser.add_argument("--ntire2024", type=Path)
    parser.add_argument("--to", type=Path, default=Path(__file__).resolve().parents[1] / "luggage")
    given = parser.parse_args()
    given.to.mkdir(parents=True, exist_ok=True)
    pack_packages(given.python, given.to)
    if given.basicsr:
        shutil.copytree(given.basicsr, given.to / "BasicSR", ignore=shutil.ignore_patterns(".git"), dirs_exist_ok=True)
    if given.ntire2024:
        shutil.copy(given.ntire2024 / "model_zoo" / CHECKPOINT, given.to / CHECKPOINT)
    if given.selfexsr:
        pack_images(given.selfexsr / "data", given.to / "images")
    for path in sorted([*given.to.iterdir(), *given.to.glob("images/*")]):
        print(f"{path.relative_to(given.to)}: {weight(path) / 2**20:.1f} MiB")


def pack_packages(python: str, folder: Path) -> None:
    """Wheels of that Python, unpacked into a folder that PYTHONPATH can name."""
    target = folder / f"site-cp{python.replace('.', '')}"
    if target.exists():
        return
    options = ["--no-deps", "--only-binary=:all:", "--no-compile", "--implementation=cp", f"--python-version={python}"]
    options += [f"--platform={platform}" for platform in PLATFORMS]
    beside = target.with_suffix(".part")
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "-q", *options, f"--target={beside}", *PACKAGES], check=True
    )
    beside.rename(target)


def pack_images(sets: Path, folder: Path) -> None:
    """The photographs of Sun-Hays80, a tenth of them held out, and the HR images of the test sets."""
    photographs = sorted((sets / PHOTOGRAPHS).glob("*_HR.png"))
    wanted = [
        (path, folder / ("validation" if number % 10 == 9 else "training")) for number, path in enumerate(photographs)
    ]
    for name, factor in SETS.items():
        wanted += [(path, folder / name) for path in sorted((sets / name / f"image_SRF_{factor}").glob("*_HR.png"))]
    with ProcessPoolExecutor() as pool:
        list(pool.map(pack_image, *zip(*wanted, strict=True)))


def pack_image(path: Path, folder: Path) -> None:
    """The image as WebP without loss, which takes a third less than PNG; as it is where it has no colour."""
    folder.mkdir(parents=True, exist_ok=True)
    with Image.open(path) as image:
        if image.mode == "RGB":
            image.save(folder / f"{path.stem}.webp", lossless=True, quality=80, method=4)
        else:
            shutil.copy(path, folder)


def weight(path: Path) -> int:
    """Bytes of a file or of all files in a folder."""
    files: Iterable[Path] = path.rglob("*") if path.is_dir() else [path]
    return sum(os.path.getsize(each) for each in files if each.is_file())


if __name__ == "__main__":
    main()
