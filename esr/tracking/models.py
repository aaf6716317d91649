"""Fused networks as models of MLflow: a PNG goes in, a PNG four times as large comes out."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import mlflow.pyfunc
from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.tracking import MlflowClient
from mlflow.types import ColSpec, Schema

from esr.common.files import md5_of

PLACE = "model"  # in the run of the stage that fused it
WEIGHTS = "md5 of the weights"  # the tag by which a version is known
SIGNATURE = ModelSignature(inputs=Schema([ColSpec("binary", "png")]), outputs=Schema([ColSpec("binary", "png")]))
NEEDS = ["torch", "numpy", "scipy", "pillow", "kornia_rs", "safetensors", "pydantic", "psutil", "rich", "ruamel.yaml"]
PACKAGE = Path(__file__).resolve().parents[1]


def register(client: MlflowClient, run: Run, name: str, tags: Mapping[str, str]) -> None:
    """Log the weights that a stage ``fuse`` made to its run, and register them as a version of the model ``name``.

    Nothing is done where that has been done, or where other weights lie there by now. ``tags`` are the stage's, with
    the md5 of each output.
    """
    made = [(Path(tag.removeprefix("md5 ")), md5) for tag, md5 in tags.items() if tag.endswith("/weights.safetensors")]
    outputs = [(path, md5) for path, md5 in made if "fuse" in path.parts]
    if not outputs:
        return
    path, md5 = outputs[0]
    if not path.is_file() or md5_of(path) != md5:
        return
    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    versions = client.search_model_versions(f"name = '{name}'")
    if any(version.tags.get(WEIGHTS) == md5 and version.run_id == run.info.run_id for version in versions):
        return
    with TemporaryDirectory() as folder:
        save_model(Path(folder, PLACE), path)
        client.log_artifacts(run.info.run_id, str(Path(folder, PLACE)), PLACE)
    source = f"{run.info.artifact_uri}/{PLACE}"
    client.create_model_version(name, source, run.info.run_id, tags={WEIGHTS: md5, "stage": f"fuse@{name}"})


def save_model(folder: Path, weights: Path) -> None:
    """Write a model's folder: the weights, esr's code, and the network's file where it is the project's own."""
    from esr.weights.weights_file import read_info

    artifacts = {"weights": str(weights)}
    network = Path(read_info(weights).network)
    if not network.is_relative_to("esr"):
        artifacts["network"] = str(network)
    with TemporaryDirectory() as code:
        shutil.copytree(PACKAGE, Path(code, "esr"), ignore=shutil.ignore_patterns("__pycache__"))
        mlflow.pyfunc.save_model(
            folder,
            python_model=str(Path(__file__).with_name("served_model.py")),
            artifacts=artifacts,
            signature=SIGNATURE,
            code_paths=[str(Path(code, "esr"))],
            pip_requirements=NEEDS,
        )
