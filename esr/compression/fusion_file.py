"""By how much fusing changed what a network computes: the file that the stage ``fuse`` writes beside the weights."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from esr.common.files import write_json
from esr.common.json_models import read_model

LEVELS = 255.0  # of an image of 8 bits, which the whole range of a network's output is shown by


class FusionCheck(BaseModel):
    """The largest differences between a network's output and its fused form's, relative to the data range.

    Attributes:
        float64: between the network's float64 copy and the fusion of that.
        float32: between the network and the weights that are handed on.
        sizes: LR pixels (H, W) of the random images on which they were looked for.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    float64: float
    float32: float
    sizes: tuple[tuple[int, int], ...]

    @property
    def levels(self) -> float:
        """The difference in float32, in levels of an image of 8 bits."""
        return self.float32 * LEVELS


def write_fusion(path: Path, check: FusionCheck) -> None:
    """Write what was found, as JSON."""
    write_json(path, check.model_dump())


def read_fusion(path: Path) -> FusionCheck:
    """Read what ``write_fusion`` wrote.

    Raises:
        EsrError: the file is missing, or holds something else.
    """
    return read_model(path, FusionCheck)
