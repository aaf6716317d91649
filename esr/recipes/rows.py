"""What a row of params.yaml may hold: one class per kind of stage.

Tables hold the paper's recipe to the letter, whatever the scale; ``esr.recipes.scale`` shrinks it.
Unknown keys are refused, rows are frozen, and every field says what it means: this is the one place.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Name = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
Reference = Annotated[str, Field(pattern=r"^[a-z]+/[a-z0-9]+(-[a-z0-9]+)*$")]
NetworkFile = Annotated[str, Field(pattern=r"\.py$")]
Argument = bool | int | float | str | list[int]


class Row(BaseModel):
    """A row: unknown keys are refused, values do not change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, allow_inf_nan=False)


class Archive(Row):
    """One file to download and unpack."""

    url: str = Field(description="where the file lies; further copies go into `mirrors`")
    mirrors: list[str] = Field(default=[], description="other addresses of the same bytes, tried in order")
    sha256: str | None = Field(
        None, pattern="^[0-9a-f]{64}$", description="published checksum; recorded on first download if absent"
    )
    bytes: int | None = Field(None, gt=0, description="published size, checked before and after the download")
    token: str | None = Field(None, description="environment variable that holds the token the address asks for")
    only: str | None = Field(None, description="pattern of the members to unpack, as */HR/*.png; all images if absent")
    holds: Literal["hr", "lr"] = Field("hr", description="whether the archive holds HR images or their bicubic x4 LR")


class Download(Row):
    """A source of images (a row of `download`)."""

    use: Literal["training", "validation"] = Field(description="at demo: which photographs stand in for it")
    archives: list[Archive] = Field(default=[], description="files to download")
    folder: str | None = Field(None, description="a folder of HR images that you have; used instead of the archives")
    lr_folder: str | None = Field(None, description="its LR images; made by bicubic if absent")
    images: int | None = Field(None, gt=0, description="how many HR images the source is known to hold; checked")
    megapixels: float | None = Field(None, gt=0, description="of an HR image, roughly: what `esr plan` counts with")
    how: str | None = Field(None, description="how to get it, for a source that cannot be downloaded freely")
    optional: bool = Field(
        False, description="a source that one can do without: with no folder or archives, and at demo, it has no images"
    )


class Crop(Row):
    """A set: one source cut to multiples of 4 and packed (a row of `crop`)."""

    source: Name = Field(description="a key of `download`")
    first: int | None = Field(None, gt=0, description="only the first images of the source, in order of name")
    smallest_side: int | None = Field(None, gt=0, description="images with a shorter side are left out, in HR pixels")


class Join(Row):
    """A set made of two sets, without a copy (a row of `join`)."""

    first: Name = Field(description="a set: a key of `crop` or `join`; its images come first")
    second: Name = Field(description="another set")


class StageRow(Row):
    """What every row that belongs to an entry has."""

    entry: Name = Field(description="the entry that the stage belongs to: a key of `entries`")
    network: NetworkFile = Field(description="the file that defines the network; at once import and dependency")


class Import(StageRow):
    """A released checkpoint as weights of ours: a row of `import`. Any `from:` or `teacher:` may name it."""

    checkpoint: str = Field(description="the team's released .pth file")


class Optimisation(StageRow):
    """Data, loss, optimiser and length: what every row that trains has."""

    data: Name = Field(description="training set: a key of `crop` or `join`")
    validation: Name = Field(description="set whose PSNR is watched while training")
    patch: int = Field(ge=4, multiple_of=4, description="side of a training patch, in HR pixels")
    batch: int = Field(ge=1, description="patches per iteration, over all devices")
    loss: Literal["charbonnier", "l1", "l2"] = Field(description="distance to the HR patch, of values in [0, 1]")
    charbonnier_eps: float = Field(1e-3, gt=0, description="eps of sqrt(d^2 + eps^2)")
    fourier_weight: float = Field(
        0.0, ge=0, description="weight of the L1 distance of the patches' Fourier transforms, which the loss adds"
    )
    betas: tuple[float, float] = Field((0.9, 0.999), description="Adam's")
    learning_rate: float = Field(gt=0, description="Adam's, at the start of the phase")
    clip_gradients: float | None = Field(None, gt=0, description="largest norm of all gradients together; none: any")
    horizontal_flips: bool = Field(True, description="flip half of the patches left to right")
    vertical_flips: bool = Field(True, description="flip half of the patches top to bottom")
    rotations: bool = Field(
        True, description="turn half of the patches by 90 degrees; with both flips, all eight symmetries of a square"
    )
    seed: int = Field(0, ge=0, description="of crops, flips and first weights")


class Phase(Optimisation):
    """A phase of training: a row of `teacher`, `distill`, `train` or `finetune`."""

    schedule: Literal["constant", "cosine", "multistep"] = Field(description="of the learning rate over the phase")
    lowest_learning_rate: float = Field(0.0, ge=0, description="where a cosine ends")
    milestones: list[int] = Field(default=[], description="iterations after which multistep halves the rate")
    epochs: int | None = Field(None, gt=0, description="length; an epoch uses each image of the set once")
    images_per_epoch: int | None = Field(None, gt=0, description="what an epoch counts, if not the images of the set")
    iterations: int | None = Field(None, gt=0, description="length, if not in epochs")
    ema_decay: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="of the running average of the weights that is handed on; none: the last weights",
    )

    @model_validator(mode="after")
    def _one_length(self) -> "Phase":
        if (self.epochs is None) == (self.iterations is None):
            raise ValueError("give the length as either epochs or iterations")
        if self.images_per_epoch is not None and self.epochs is None:
            raise ValueError("images_per_epoch belongs to a length in epochs")
        if (self.schedule == "multistep") != bool(self.milestones):
            raise ValueError("milestones belong to schedule multistep, which needs them")
        return self


class FreshPhase(Phase):
    """A phase that starts from random weights: a row of `teacher` or `train`."""

    arguments: dict[str, Argument] = Field(default={}, description="of the network's constructor")


class TeacherPhase(FreshPhase):
    """A phase that trains a teacher: a row of `teacher`. Teachers are heavy, so several GPUs may share the work."""

    gpus: int = Field(ge=1, description="GPUs that share every batch, as far as there are so many")


class Distill(FreshPhase):
    """A first phase with a teacher: loss to HR + teacher_weight x loss to the teacher's output."""

    teacher: Reference = Field(description="teacher/NAME, or any stage that hands on weights")
    teacher_network: NetworkFile = Field(description="the teacher's file")
    teacher_weight: float = Field(1.0, ge=0, description="weight of the loss to the teacher's output")


class Finetune(Phase):
    """A phase that starts from another one's weights: a row of `finetune`."""

    from_: Reference = Field(alias="from", description="the stage whose weights it starts from")


class Prune(Optimisation):
    """Iterative structured pruning: a row of `prune`."""

    from_: Reference = Field(alias="from", description="the stage whose weights are pruned")
    channels_per_round: int = Field(ge=1, description="channels removed, over all layers, before each fine-tuning")
    iterations_per_round: int = Field(ge=1, description="of fine-tuning after each removal, at a constant rate")
    largest_psnr_loss: float = Field(gt=0, description="dB below the unpruned model at which pruning stops")
    most_rounds: int = Field(ge=1, description="stop after so many rounds in any case")


class Fuse(StageRow):
    """Re-parameterisable convolutions become plain ones: a row of `fuse`."""

    from_: Reference = Field(alias="from", description="the stage whose weights are fused")


class Benchmark(StageRow):
    """Complexity, quality, run time: a row of `benchmark`, and a line of the leaderboard."""

    from_: Reference = Field(alias="from", description="fuse/NAME")
    validation: Name = Field(description="set that is scored")
    baseline: NetworkFile = Field(description="network with default arguments that the run time is held against")


class Published(Row):
    """What the factsheet or the organisers printed; shown apart from what is measured."""

    psnr_valid: float | None = Field(None, description="dB, on the year's validation set")
    psnr_test: float | None = Field(None, description="dB, on the year's test set")
    ssim_valid: float | None = Field(None, description="on the year's validation set")
    ssim_test: float | None = Field(None, description="on the year's test set")
    runtime_ms: float | None = Field(None, description="as printed, under the conditions named in runtime_on")
    runtime_on: str | None = Field(None, description="the card, and the input where it was not the challenge's")
    parameters_m: float | None = Field(None, description="millions")
    flops_g: float | None = Field(None, description="10^9 multiply-accumulates at 256x256")
    activations_m: float | None = Field(None, description="millions of values that convolutions put out at 256x256")
    memory_mb: float | None = Field(None, description="peak GPU memory, by the organisers' script")
    convs: int | None = Field(None, description="convolutions that are run")


class Entry(Row):
    """An entry of the challenge: what the leaderboard says about it."""

    title: str = Field(description="its name for people")
    year: int = Field(description="of the challenge")
    validation_set: str = Field(description="the set that psnr_valid was printed for")
    thresholds: dict[Name, float] = Field(
        default={},
        description="dB that the year asked for on a set, a key of `crop`; shown as met or not, or unmeasured",
    )
    published: Published = Field(Published(), description="what was printed; shown apart from what is measured")
