"""BasicSR's own training loop, from a checkout (https://github.com/XPixelGroup/BasicSR), on our network and images."""

import importlib.util
import re
import sys
import tempfile
import types
from datetime import datetime
from pathlib import Path
from typing import Any

import torch
import yaml
from timed_training import BETAS, EMA, RATE, Task
from torch import nn

from esr.weights.weights_file import data_range_of


def basicsr(task: Task, checkout: Path, hr: Path, lr: Path, workers: int) -> dict[str, float]:
    """Images per second of BasicSR's train.py on PNG files, and the share of the time spent waiting for data.

    Run it in a process of its own: BasicSR has global state. Its log says when each iteration was done.
    """
    _enter(checkout)
    from basicsr.train import train_pipeline
    from basicsr.utils.registry import ARCH_REGISTRY

    class Network(nn.Module):
        """Ours, as BasicSR calls networks: in [0, 1]."""

        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.network = task.build()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            scale = data_range_of(self.network)
            enlarged: torch.Tensor = self.network(x * scale) / scale
            return enlarged

    ARCH_REGISTRY._do_register("Network", Network)
    assert task.iterations % task.warm_up == 0
    with tempfile.TemporaryDirectory() as folder:
        options = Path(folder, "options.yml")
        options.write_text(yaml.safe_dump(_options(task, hr, lr, workers, folder)))
        sys.argv = ["train.py", "-opt", str(options)]
        train_pipeline(folder)
        log = next(Path(folder, "experiments/run").glob("*.log")).read_text()
    lines = re.findall(r"^(\S+ \S+) INFO: .*iter:\s*([\d,]+).*time \(data\): ([\d.]+) \(([\d.]+)\)", log, re.M)
    times = {int(iteration.replace(",", "")): datetime.fromisoformat(when) for when, iteration, _, _ in lines}
    seconds = (times[task.warm_up + task.iterations] - times[task.warm_up]).total_seconds()
    _, _, whole, data = lines[-1]
    return {"images_per_s": task.batch * task.iterations / seconds, "data_share": float(data) / float(whole)}


def _options(task: Task, hr: Path, lr: Path, workers: int, folder: str) -> dict[str, Any]:
    """options/train/SRResNet_SRGAN/train_MSRResNet_x4.yml with our network, images, patch and batch."""
    return {
        "name": "run",
        "model_type": "SRModel",
        "scale": 4,
        "num_gpu": torch.cuda.device_count(),
        "manual_seed": 0,
        "datasets": {
            "train": {
                "name": "photographs",
                "type": "PairedImageDataset",
                "dataroot_gt": str(hr),
                "dataroot_lq": str(lr),
                "filename_tmpl": "{}x4" if next(lr.glob("*.png")).stem.endswith("x4") else "{}",
                "io_backend": {"type": "disk"},
                "gt_size": task.patch,
                "use_hflip": True,
                "use_rot": True,
                "num_worker_per_gpu": workers,
                "batch_size_per_gpu": task.batch,
                "dataset_enlarge_ratio": 100,
                "prefetch_mode": None,
            }
        },
        "network_g": {"type": "Network"},
        "path": {"experiments_root": f"{folder}/experiments"},
        "train": {
            "ema_decay": EMA,
            "optim_g": {"type": "Adam", "lr": RATE, "weight_decay": 0, "betas": list(BETAS)},
            "scheduler": {
                "type": "CosineAnnealingRestartLR",
                "periods": [1_000_000],
                "restart_weights": [1],
                "eta_min": 1e-7,
            },
            "total_iter": task.warm_up + task.iterations,
            "warmup_iter": -1,
            "pixel_opt": {"type": "L1Loss", "loss_weight": 1.0, "reduction": "mean"},
        },
        "logger": {"print_freq": task.warm_up, "save_checkpoint_freq": 10**9, "use_tb_logger": False},
    }


def _enter(checkout: Path) -> None:
    """Make a checkout importable: with the version file that its setup.py writes, and stand-ins for what is missing.

    Its packages import all their networks and data sets, and those import torchvision, whose functions this training
    never calls; newer ones lack ``functional_tensor``. Where it is missing, empty modules stand in for it. So they do
    for distutils, which Python 3.12 has no more, and of which one network wants a class to compare versions.
    """
    sys.path.insert(0, str(checkout))
    version = types.ModuleType("basicsr.version")
    version.__version__, version.__gitsha__ = "checkout", "unknown"  # type: ignore[attr-defined]
    sys.modules["basicsr.version"] = version
    if importlib.util.find_spec("torchvision") is None:
        for name in ("", ".utils", ".models", ".models.vgg", ".ops", ".transforms", ".transforms.functional"):
            sys.modules[f"torchvision{name}"] = _Anything(f"torchvision{name}")

    if importlib.util.find_spec("distutils") is None:
        for name in ("distutils", "distutils.version"):
            sys.modules[name] = _Anything(name)


class _Anything(types.ModuleType):
    __version__ = "0.0.0"
    __path__: list[str] = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return None
