"""What a benchmark's layers.json holds: written by the stage ``benchmark``, read by the stage ``report``."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from esr.common.files import write_json
from esr.common.json_models import read_model


class LayersPart(BaseModel):
    """A part of the file: nothing unknown, nothing changed after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class LayerTime(LayersPart):
    """A layer's time in a pass."""

    module: str = Field(description="as the network names it")
    kind: str = Field(description="such as conv 3x3 48→16, or PyTorch's name of the operation")
    time_ms: float = Field(description="of all calls in a pass, the median over the passes")
    least_ms: float = Field(description="what the device would take at best")
    by_memory: bool = Field(description="whether moving bytes, not operations, sets that best")


class LayerTimes(LayersPart):
    """The time of every layer of a network on one size of image."""

    width: int = Field(description="of the image, in LR px")
    height: int
    device: str
    whole_ms: float = Field(description="median of a pass in which nothing was looked at")
    doubt: str = Field(description="why these times are not to be believed; empty where there is no reason")
    layers: list[LayerTime] = Field(description="in the order in which they first run")


def write_layers(path: Path, times: LayerTimes) -> None:
    """Write the times of a network's layers."""
    write_json(path, times.model_dump())


def read_layers(path: Path) -> LayerTimes:
    """Read a benchmark's layers.

    Raises:
        EsrError: the file is missing, or holds something else.
    """
    return read_model(path, LayerTimes)
