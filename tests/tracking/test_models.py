"""A fused network is a model of MLflow, which makes of a PNG what ``esr upscale`` makes of it."""

import base64
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from esr.common.files import md5_of
from esr.inference.upscale import upscale_files
from esr.tracking.journal import Journal, journal_path
from esr.weights.weights_file import WeightsInfo, build_network, data_range_of, save_weights
from tests.tracking.a_stage import Play, head_of
from tests.tracking.mlflow_tables import Database, send

WEIGHTS = Path("runs/demo/fuse/tiny/weights.safetensors")


def fused(seed: int) -> None:
    """What a stage ``fuse`` leaves: weights, and a journal that tells of them."""
    torch.manual_seed(seed)
    network, arguments = "esr/networks/rlfn.py", {"channels": 8, "inner": 8, "blocks": 1}
    made = build_network(network, arguments, True)
    WEIGHTS.parent.mkdir(parents=True, exist_ok=True)
    save_weights(WEIGHTS, made.state_dict(), WeightsInfo(network, arguments, True, data_range_of(made), "made", {}))
    journal = Journal(journal_path("demo", "fuse", "tiny", f"000{seed}"), head_of(Play(kind="fuse", key="tiny")))
    journal.close("finished", {f"md5 {WEIGHTS}": md5_of(WEIGHTS)})


@pytest.mark.slow
def test_mlflow_predicts_on_a_png_what_esr_upscales(database: Database, project: Path) -> None:
    fused(seed=1)
    for _ in range(2):
        assert send() == ""
    assert database.ask("SELECT name, version FROM model_versions") == [("tiny", 1)]
    pixels = np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)
    Image.fromarray(pixels).save("photo.png")
    upscale_files(WEIGHTS, Path("photo.png"), Path("expected.png"))
    encoded = base64.b64encode(Path("photo.png").read_bytes()).decode()
    Path("in.json").write_text(json.dumps({"dataframe_split": {"columns": ["png"], "data": [[encoded]]}}))
    WEIGHTS.unlink()  # the model has its own
    mlflow = [sys.executable, "-m", "mlflow", "models", "predict", "-m", "models:/tiny/1"]
    files = ["-i", "in.json", "-o", "out.json", "-t", "json", "--env-manager", "local"]
    environment = {"MLFLOW_TRACKING_URI": "sqlite:///mlflow.db"}
    done = subprocess.run([*mlflow, *files], capture_output=True, text=True, check=False, env=_with(environment))
    assert done.returncode == 0, done.stderr
    (answer,) = json.loads(Path("out.json").read_text())["predictions"]
    assert base64.b64decode(answer["png"]) == Path("expected.png").read_bytes()


@pytest.mark.slow
def test_other_weights_are_another_version(database: Database, project: Path) -> None:
    fused(seed=1)
    assert send() == ""
    fused(seed=2)
    assert send() == ""
    assert database.ask("SELECT version FROM model_versions ORDER BY version") == [1, 2]


@pytest.mark.slow
def test_weights_that_are_no_longer_what_was_fused_are_no_model(database: Database, project: Path) -> None:
    fused(seed=1)
    WEIGHTS.write_bytes(b"damaged")
    assert send() == ""
    assert database.ask("SELECT count(*) FROM model_versions") == [0]


def _with(more: dict[str, str]) -> dict[str, str]:
    import os

    return {**os.environ, **more}
