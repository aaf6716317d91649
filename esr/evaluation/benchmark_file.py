"""``esr benchmark WEIGHTS``: what the stage of that name measures, of any weights file and in any folder."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from esr.common.errors import EsrError, printable
from esr.evaluation.benchmark import random_baseline
from esr.evaluation.complexity import Complexity, measure_complexity
from esr.evaluation.complexity_table import print_complexities
from esr.evaluation.evaluate import evaluate_network
from esr.evaluation.runtime import Beside, Comparison, compare
from esr.evaluation.scores import Evaluation, print_scores
from esr.weights.weights_file import load_network

BASELINE = "esr/networks/rlfn.py"


@dataclass(frozen=True)
class FileBenchmark:
    """A weights file's complexity at 256x256 LR pixels, its run time beside RLFN's, and its scores on a folder."""

    complexity: Complexity
    run_time: Comparison
    quality: Evaluation | None

    @property
    def beside(self) -> Beside:
        """RLFN's run time."""
        return self.run_time.baselines[0]

    def to_json(self) -> dict[str, Any]:
        """``{"complexity": {...}, "run_time": {...}, "quality": {...}}``; quality is null where nothing was scored."""
        return {
            "complexity": asdict(self.complexity),
            "run_time": {**asdict(self.run_time), "baselines": [{"name": "RLFN", **asdict(self.beside)}]},
            "quality": self.quality.to_json() if self.quality else None,
        }


def benchmark_file(
    weights: Path, hr: Path | None = None, lr: Path | None = None, network_file: Path | None = None
) -> FileBenchmark:
    """Measure a weights file in deploy form.

    Args:
        weights: the weights file.
        hr: folder of HR images to score it on; none, and quality is left out.
        lr: folder of their LR images; made by MATLAB's bicubic when None.
        network_file: as for :func:`esr.weights.weights_file.load_network`.

    Raises:
        EsrError: the weights cannot be used or are in training form, or images cannot be used.
    """
    if lr and not hr:
        raise EsrError("--lr holds the LR images of --hr; give --hr too")
    network, info = load_network(weights, network_file)
    if not info.deploy:
        raise EsrError(f"{weights} is in training form; give the weights that the stage fuse made of it")
    quality = evaluate_network(weights, hr, lr, network_file=network_file) if hr else None
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    run_time = compare(network, [random_baseline(BASELINE)], device)
    return FileBenchmark(measure_complexity(network), run_time, quality)


def print_benchmark(weights: Path, measured: FileBenchmark, as_json: bool) -> None:
    """Print on standard output: as JSON and nothing else, or as tables and a sentence for people."""
    if as_json:
        print(json.dumps(measured.to_json(), indent=2))
        return
    print_complexities({weights.name: measured.complexity}, as_json=False)
    time, rlfn = measured.run_time, measured.beside
    print(
        f"{time.time_ms:,.1f} ms for {time.width}x{time.height} LR px; RLFN took {rlfn.time_ms:,.1f} ms in turn"
        f" with it (ratio {rlfn.ratio:.2f}; {printable(time.device)}, threads: {time.threads}, rounds: {time.rounds})"
    )
    if measured.quality:
        print_scores(measured.quality, as_json=False)
