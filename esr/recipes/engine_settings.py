"""How every training computes (the table `engine` of params.yaml): nothing here is part of a paper's recipe."""

from typing import Literal

from pydantic import Field

from esr.recipes.rows import Row

Precision = Literal["fp32", "tf32", "bf16"]


class OnCpu(Row):
    """On a processor, whose results are exact in any case."""

    precision: Literal["fp32", "bf16"] = Field("fp32", description="of the network; bf16 needs a processor made for it")
    teacher_precision: Literal["fp32", "bf16"] = Field("fp32", description="of the teacher's forward pass")
    compile: bool = Field(False, description="run networks through torch.compile")


class OnCuda(Row):
    """On an NVIDIA GPU."""

    precision: Precision = Field(
        "fp32",
        description="of the network's convolutions: fp32; tf32, which rounds their inputs to 11 bits; bf16, to 8 bits. "
        "Weights, their average, the optimiser and the loss are fp32 in any case",
    )
    teacher_precision: Precision = Field(
        "fp32",
        description="of the teacher's forward pass, whose output is a target; bf16 rounds it "
        "by up to half a level of 255, and every layer before it",
    )
    compile: bool = Field(False, description="run networks through torch.compile")
    graph: bool = Field(False, description="record a training step as one CUDA graph and replay it")


class EngineSettings(Row):
    """The table `engine`."""

    deterministic: bool = Field(
        False, description="on a GPU, too, the same bytes at every run: slower kernels that sum in a fixed order"
    )
    cpu: OnCpu = OnCpu()
    cuda: OnCuda = OnCuda()
