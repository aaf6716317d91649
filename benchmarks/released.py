"""What the released checkpoints reach on Set5, Set14, BSD100 and Urban100: PSNR and SSIM, in RGB and in luma.

::

    python benchmarks/released.py CHECKPOINT_FOLDER IMAGE_FOLDER [--more]

CHECKPOINT_FOLDER holds the teams' files under their released names (docs/networks.md has their sources). IMAGE_FOLDER
holds the sets of Huang et al. (CVPR 2015): the folder `data` of a clone of github.com/jbhuang0604/SelfExSR, or a
folder with Set5/HR, Set5/LR and so on. Nothing is timed, so the machine may do other things meanwhile.

With --more the newest record's rows are taken over, and only files that it lacks are scored. Bicubic is scored again in
any case, and has to reach what it reached there. `python docs/tools/record_tables.py` shows the record
in docs/test-sets.md.
"""

import argparse
import json
from dataclasses import astuple
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from records import FOLDER, write_record

from esr.common.files import md5_of
from esr.evaluation.complexity import measure_complexity
from esr.evaluation.evaluate import evaluate_network
from esr.evaluation.scores import Scores, mean
from esr.weights.released import import_checkpoint
from esr.weights.weights_file import load_network

SETS = {"Set5": 5, "Set14": 14, "BSD100": 100, "Urban100": 100}
CHECKPOINTS = {
    "team00_rlfn.pth": "rlfn",
    "team21_slimrlfn.pth": "slimrlfn",
    "team21_slimrlfn_prune.pth": "slimrlfn",
    "team29_R2Net.pth": "r2net",
    "team33_IFADNet.pth": "ifadnet",
    "team23_RIPFDN.pth": "ripfdn",
    "team00_rfdn.pth": "rfdn",
    "test_weights.pt": "fmen",
    "team00_SPAN.pth": "span",
    "team22_spanv2_c2.pth": "spanv2",
}
DECIMALS = 4


def main() -> None:
    """Score every checkpoint on every set and write the record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoints", type=Path)
    parser.add_argument("images", type=Path)
    parser.add_argument("--more", action="store_true")
    asked = parser.parse_args()
    bicubic: dict[str, dict[str, float]] = {}
    before = newest_record() if asked.more else {}
    results: dict[str, Any] = before | {"bicubic": bicubic}
    with TemporaryDirectory() as folder:
        for file, network in CHECKPOINTS.items():
            if file in before:
                continue
            weights = Path(folder) / "weights.safetensors"
            import_checkpoint(network, asked.checkpoints / file, weights)
            sets = {}
            for name, count in SETS.items():
                hr, lr = folders_of(asked.images, name)
                scored = evaluate_network(weights, hr, lr)
                if len(scored.images) != count:
                    raise SystemExit(f"{hr} holds {len(scored.images)} images instead of {count}; take the whole set")
                sets[name] = rounded(mean(scored.images))
                bicubic[name] = rounded(mean(scored.bicubic))
                print(f"{file} on {name}: {sets[name]}", flush=True)
            complexity = measure_complexity(load_network(weights)[0])
            results[file] = {
                "network": network,
                "md5": md5_of(asked.checkpoints / file),
                "parameters": complexity.parameters,
                "flops": complexity.flops,
                "sets": sets,
            }
    if before and before["bicubic"] != bicubic:
        raise SystemExit("bicubic does not reach what it reached in the newest record; score all files again")
    print(write_record("released", __doc__ or "", results))


def newest_record() -> dict[str, Any]:
    """The results that were recorded last, by file, and bicubic's."""
    results: dict[str, Any] = json.loads(max(FOLDER.glob("*-released.json")).read_text())["results"]
    return results


def folders_of(images: Path, name: str) -> tuple[Path, Path]:
    """The folders of a set's HR and LR images: in a clone one folder holds both, told apart by their names."""
    both = images / name / "image_SRF_4"
    return (both, both) if both.is_dir() else (images / name / "HR", images / name / "LR")


def rounded(scores: Scores) -> dict[str, float]:
    """The scores by name, with as many decimals as anyone compares."""
    return {name: round(value, DECIMALS) for name, value in zip(vars(scores), astuple(scores), strict=True)}


if __name__ == "__main__":
    main()
