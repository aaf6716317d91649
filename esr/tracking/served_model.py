"""What MLflow runs to serve a fused network; it reads this file by itself, beside a copy of the package."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel


class ServedNetwork(PythonModel):
    """A column ``png`` of images as bytes becomes a column ``png`` of images four times as large."""

    def load_context(self, context: Any) -> None:
        """Remember where MLflow has put the weights, and the network's file where it was the project's own."""
        own = context.artifacts.get("network")
        self.weights, self.network = Path(context.artifacts["weights"]), Path(own) if own else None

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> pd.DataFrame:
        """Enlarge every image, as ``esr upscale`` does."""
        from esr.inference.upscale import upscale_files

        enlarged = []
        for content in model_input["png"]:
            with TemporaryDirectory() as folder:
                small, large = Path(folder, "small.png"), Path(folder, "large.png")
                small.write_bytes(content)
                upscale_files(self.weights, small, large, network_file=self.network)
                enlarged.append(large.read_bytes())
        return pd.DataFrame({"png": enlarged})


set_model(ServedNetwork())
