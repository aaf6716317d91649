"""BasicSR's own data tools, run from a checkout of it (https://github.com/XPixelGroup/BasicSR).

Its packages import every network and data set it has when one of them is imported, and with them torchvision.
Here they are entered without their ``__init__``, as bare packages; and where torchvision is not installed, the two
of its functions that the files below import but never call are stood in for. What is measured is BasicSR's code.
"""

import importlib
import importlib.util
import random
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np

SUB_IMAGES = {"hr": (480, 240), "lr": (120, 60)}
"""Crop size and step that BasicSR's script has for DIV2K, HR and LR x4."""


def enter(checkout: Path) -> None:
    """Make the modules of a checkout importable."""
    for name in ("basicsr", "basicsr.data", "basicsr.utils"):
        package = types.ModuleType(name)
        package.__path__ = [str(checkout / name.replace(".", "/"))]
        sys.modules[name] = package
    if importlib.util.find_spec("torchvision") is None:
        for name, function in (("utils", "make_grid"), ("transforms.functional", "normalize")):
            module = types.ModuleType(f"torchvision.{name}")
            setattr(module, function, None)
            sys.modules[f"torchvision.{name}"] = module
        sys.modules["torchvision"] = types.ModuleType("torchvision")
        sys.modules["torchvision.transforms"] = types.ModuleType("torchvision.transforms")
    sys.path.insert(0, str(checkout / "scripts/data_preparation"))
    utils = sys.modules["basicsr.utils"]
    for part, names in (
        ("misc", ("scandir",)),
        ("file_client", ("FileClient",)),
        ("color_util", ("bgr2ycbcr",)),
        ("img_util", ("imfrombytes", "img2tensor")),
    ):
        loaded = _import_alone(checkout, f"basicsr.utils.{part}")
        for name in names:
            setattr(utils, name, getattr(loaded, name))


def extract_sub_images(folder: Path, out: Path, processes: int) -> None:
    """``extract_subimages.py`` on ``folder``/hr and ``folder``/lr."""
    script = importlib.import_module("extract_subimages")
    for kind, (size, step) in SUB_IMAGES.items():
        script.extract_subimages(
            {
                "n_thread": processes,
                "compression_level": 3,
                "input_folder": str(folder / kind),
                "save_folder": str(out / kind),
                "crop_size": size,
                "step": step,
                "thresh_size": 0,
            }
        )


def make_lmdb(folder: Path, out: Path) -> None:
    """``create_lmdb.py`` on ``folder``/hr and ``folder``/lr, as it does it for DIV2K."""
    tools = importlib.import_module("basicsr.utils.lmdb_util")
    for kind in ("hr", "lr"):
        names = sorted(path.name for path in (folder / kind).glob("*.png"))
        keys = [name.removesuffix(".png").removesuffix("x4") for name in names]
        out.mkdir(parents=True, exist_ok=True)
        tools.make_lmdb_from_imgs(str(folder / kind), str(out / f"{kind}.lmdb"), names, keys)


def paired_images(folder: Path, backend: str, patch: int) -> Any:
    """Its PairedImageDataset for training, on PNG files ("disk") or on LMDB ("lmdb")."""
    ends = (".lmdb", ".lmdb") if backend == "lmdb" else ("", "")
    template = "{}" if backend == "lmdb" or not list((folder / "lr").glob("*x4.png")) else "{}x4"
    random.seed(0)
    np.random.seed(0)
    return importlib.import_module("basicsr.data.paired_image_dataset").PairedImageDataset(
        {
            "dataroot_gt": str(folder / f"hr{ends[0]}"),
            "dataroot_lq": str(folder / f"lr{ends[1]}"),
            "filename_tmpl": template,
            "io_backend": {"type": backend},
            "gt_size": patch,
            "use_hflip": True,
            "use_rot": True,
            "scale": 4,
            "phase": "train",
        }
    )


def _import_alone(checkout: Path, name: str) -> types.ModuleType:
    specification = importlib.util.spec_from_file_location(name, checkout / f"{name.replace('.', '/')}.py")
    assert specification is not None and specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module
    specification.loader.exec_module(module)
    return module
