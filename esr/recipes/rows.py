"""What a row of params.yaml may hold: one class per kind of stage.

Tables hold the paper's recipe to the letter, whatever the scale; ``esr.recipes.scale`` shrinks it.
Unknown keys are refused, rows are frozen, and every field says what it means: this is the one place.
Numbers are bounded from above, too, by more than anyone will want: a typing error is refused before it costs a night.
"""

import math
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

MOST_ITERATIONS = 100_000_000
"""Fifty times the longest published phase (R2Net's 2,000,000)."""
MOST_IMAGES = 100_000_000
"""A thousand times LSDIR."""


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("there is a control character in it; remove it")
    return text


def _path(text: str) -> str:
    if "${" in text:
        raise ValueError("${ belongs to dvc.yaml; write the path out")
    return _printable(text)


def _argument(value: Any) -> Any:
    listed = value if isinstance(value, list) else []
    plain = isinstance(value, bool | int | str) or (isinstance(value, float) and math.isfinite(value))
    if not plain and not (listed and all(type(each) is int for each in listed)):
        raise ValueError("an argument is a finite number, a word, true, false or a list of whole numbers")
    return value


# A name goes into commands, targets and names of files, which end at 255 bytes.
Name = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=100)]
Reference = Annotated[str, Field(pattern=r"^[a-z]+/[a-z0-9]+(-[a-z0-9]+)*$", max_length=120)]
Text = Annotated[str, Field(min_length=1, max_length=2000), AfterValidator(_printable)]
FilePath = Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(_path)]
NetworkFile = Annotated[str, Field(pattern=r"\.py$", max_length=250), AfterValidator(_path)]
Argument = Annotated[bool | int | float | str | list[int], BeforeValidator(_argument)]
Iterations = Annotated[int, Field(ge=1, le=MOST_ITERATIONS)]
Images = Annotated[int, Field(ge=1, le=MOST_IMAGES)]
Rate = Annotated[float, Field(gt=0, le=1)]
Weight = Annotated[float, Field(ge=0, le=1e6)]
Work = Annotated[float, Field(gt=0, le=1e27)]
Beta = Annotated[float, Field(ge=0, lt=1)]
NormComparison = Literal["layer_mean", "raw"]
Decibels = Annotated[float, Field(gt=0, le=100)]
LossName = Literal["charbonnier", "l1", "l2"]
Milliseconds = Annotated[float, Field(gt=0, le=1e6)]


class Row(BaseModel):
    """A row: unknown keys are refused, so are values of another type; values do not change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=True, allow_inf_nan=False)


class Delivery(Row):
    """How a file's bytes are had from elsewhere, and by what they are known."""

    mirrors: list[Text] = Field(default=[], description="other addresses of the same bytes, tried in order")
    sha256: str | None = Field(
        None, pattern="^[0-9a-f]{64}$", description="published checksum; recorded on first download if absent"
    )
    bytes: int | None = Field(
        None, gt=0, le=10**15, description="published size, checked before and after the download"
    )
    images_sha256: str | None = Field(
        None,
        pattern="^[0-9a-f]{64}$",
        description="instead of sha256 and bytes, for an address that packs anew for every download: "
        "what sha256sum makes of its own list of the unpacked images (docs/own-data.md)",
    )
    token: Text | None = Field(None, description="environment variable that holds the token the address asks for")


class RemoteFile(Delivery):
    """One file to download."""

    url: Text = Field(description="where the file lies; further copies go into `mirrors`")


class Archive(RemoteFile):
    """One file to download and unpack."""

    only: Text | None = Field(None, description="pattern of the members to unpack, as */HR/*.png; all images if absent")
    holds: Literal["hr", "lr"] = Field("hr", description="whether the archive holds HR images or their bicubic x4 LR")

    @model_validator(mode="after")
    def _one_thing_verified(self) -> "Archive":
        if self.images_sha256 and (self.sha256 or self.bytes):
            raise ValueError("images_sha256 is for an archive whose own bytes vary; give it, or sha256 and bytes")
        return self


class Download(Row):
    """A source of images (a row of `download`)."""

    use: Literal["training", "validation"] = Field(description="at demo: which photographs stand in for it")
    title: Text | None = Field(None, description="what the images are, for people")
    archives: list[Archive] = Field(default=[], description="files to download")
    archives_in: Name | None = Field(
        None, description="the folder below data/archives for its archives, if it shares them with other sources"
    )
    folder: FilePath | None = Field(
        None, description="a folder of HR images that you have; used instead of the archives"
    )
    lr_folder: FilePath | None = Field(None, description="its LR images; made by bicubic if absent")
    images: Images | None = Field(None, description="how many HR images the source is known to hold; checked")
    megapixels: float | None = Field(
        None, gt=0, le=1e4, description="of an HR image, roughly: what `esr plan` counts with"
    )
    how: Text | None = Field(None, description="how to get it, for a source that cannot be downloaded freely")
    optional: bool = Field(
        False, description="a source that one can do without: with no folder or archives, and at demo, it has no images"
    )

    @model_validator(mode="after")
    def _each_once(self) -> "Download":
        named = [(archive.url, archive.holds) for archive in self.archives]
        for url, holds in named:
            if named.count((url, holds)) > 1:
                raise ValueError(
                    f"archives: {url} is named twice for {holds} images; where it holds LR images as well, "
                    "let one of the two say `holds: lr`"
                )
        return self


class Crop(Row):
    """A set: one source cut to multiples of 4 and packed (a row of `crop`)."""

    source: Name = Field(description="a key of `download`")
    first: Images | None = Field(
        None, description="only the first images of the source, in order of name, counted before any is left out"
    )
    smallest_side: int | None = Field(
        None, gt=0, le=100_000, description="images with a shorter side are left out, in HR pixels"
    )


class Join(Row):
    """A set made of two sets, without a copy (a row of `join`)."""

    first: Name = Field(description="a set: a key of `crop` or `join`; its images come first")
    second: Name = Field(description="another set")


class StageRow(Row):
    """What every row that belongs to an entry has."""

    entry: Name = Field(description="the entry that the stage belongs to: a key of `entries`")
    network: NetworkFile = Field(description="the file that defines the network; at once import and dependency")


class Import(StageRow, Delivery):
    """A released checkpoint as weights of ours: a row of `import`. Any `from:` or `teacher:` may name it."""

    checkpoint: FilePath | None = Field(None, description="the team's released .pth file, if you have it")
    url: Text | None = Field(None, description="where it is released, if it is to be downloaded")

    @model_validator(mode="after")
    def _one_place(self) -> "Import":
        if (self.checkpoint is None) == (self.url is None):
            raise ValueError("say where the released file is: give either url or checkpoint")
        if self.url is None and (belonging := self.model_fields_set & Delivery.model_fields.keys()):
            raise ValueError(f"{', '.join(sorted(belonging))}: belongs to a url")
        return self

    @property
    def remote(self) -> RemoteFile | None:
        """What is to be downloaded; None for a file that is here."""
        if self.url is None:
            return None
        return RemoteFile(url=self.url, **{name: getattr(self, name) for name in Delivery.model_fields})

    @property
    def place(self) -> str:
        """Where the released file is: its address, or its path."""
        return self.url or self.checkpoint or ""


class Optimisation(StageRow):
    """Data, loss, optimiser and length: what every row that trains has."""

    data: Name = Field(description="training set: a key of `crop` or `join`")
    validation: Name = Field(description="set whose PSNR is watched while training")
    patch: int = Field(
        ge=4, le=8192, multiple_of=4, description="side of a training patch, in HR pixels; smaller images are left out"
    )
    batch: int = Field(ge=1, le=65_536, description="patches per iteration, over all devices")
    loss: LossName = Field(description="distance to the HR patch, of values in [0, 1]")
    charbonnier_eps: float = Field(1e-3, gt=0, le=1, description="eps of sqrt(d^2 + eps^2)")
    fourier_weight: Weight = Field(
        0.0, description="weight of the L1 distance of the patches' Fourier transforms, which the loss adds"
    )
    betas: tuple[Beta, Beta] = Field((0.9, 0.999), strict=False, description="Adam's")
    learning_rate: Rate = Field(description="Adam's, at the start of the phase")
    clip_gradients: float | None = Field(
        None, gt=0, le=1e6, description="largest norm of all gradients together; none: any"
    )
    horizontal_flips: bool = Field(True, description="flip half of the patches left to right")
    vertical_flips: bool = Field(True, description="flip half of the patches top to bottom")
    rotations: bool = Field(
        True, description="turn half of the patches by 90 degrees; with both flips, all eight symmetries of a square"
    )
    seed: int = Field(
        0, ge=0, le=2**64 - 1, description="of first weights, and with the row's name of order, crops and flips"
    )


class Change(Row):
    """What becomes different in the middle of a phase, and from where on."""

    after_epoch: int | None = Field(None, ge=1, le=1_000_000, description="the last epoch before it, from 1")
    after_iteration: Iterations | None = Field(None, description="the last iteration before it, from 1")
    learning_rate: Rate | None = Field(None, description="the rate from there on")
    loss: LossName | None = Field(None, description="the loss from there on")

    @model_validator(mode="after")
    def _one_place(self) -> "Change":
        if (self.after_epoch is None) == (self.after_iteration is None):
            raise ValueError("say from where on: give either after_epoch or after_iteration")
        if self.learning_rate is None and self.loss is None:
            raise ValueError("say what changes: give learning_rate, loss or both")
        return self

    @property
    def place(self) -> int:
        """The last epoch or iteration before it."""
        return self.after_epoch or self.after_iteration or 0


class Phase(Optimisation):
    """A phase of training: a row of `teacher`, `distill`, `train` or `finetune`."""

    schedule: Literal["constant", "cosine", "multistep"] = Field(description="of the learning rate over the phase")
    lowest_learning_rate: float = Field(0.0, ge=0, le=1, description="where a cosine ends")
    milestones: list[Iterations] = Field(
        default=[], max_length=1000, description="iterations after which multistep halves the rate"
    )
    epochs: int | None = Field(None, gt=0, le=1_000_000, description="length; an epoch uses each image of the set once")
    images_per_epoch: Images | None = Field(None, description="what an epoch counts, if not the images of the set")
    iterations: Iterations | None = Field(None, description="length, if not in epochs")
    changes: list[Change] = Field(
        default=[], max_length=1000, description="what becomes different in the middle, in order; Adam's state stays"
    )
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
        if self.milestones != sorted(set(self.milestones)):
            raise ValueError("milestones: give them in order, each once")
        if self.lowest_learning_rate > self.learning_rate:
            raise ValueError(
                f"lowest_learning_rate {self.lowest_learning_rate:g} is above learning_rate {self.learning_rate:g}"
            )
        if self.epochs is not None and self.epochs * (self.images_per_epoch or 1) / self.batch > MOST_ITERATIONS:
            raise ValueError(f"epochs x images_per_epoch / batch is more than {MOST_ITERATIONS:,} iterations")
        return self

    @model_validator(mode="after")
    def _changes_in_order(self) -> "Phase":
        length = self.epochs or self.iterations or 0
        places = [change.place for change in self.changes]
        if any((change.after_epoch is None) == (self.iterations is None) for change in self.changes):
            unit = "after_iteration" if self.epochs is None else "after_epoch"
            raise ValueError(f"changes: give {unit}, the unit of the phase's length")
        if places != sorted(set(places)) or (places and places[-1] >= length):
            raise ValueError(f"changes: give them in order, each place once, all before the phase's end at {length}")
        if self.schedule != "constant" and any(change.learning_rate for change in self.changes):
            raise ValueError(f"changes: a learning_rate that changes belongs to schedule constant, not {self.schedule}")
        return self


class FreshPhase(Phase):
    """A phase that starts from random weights: a row of `teacher` or `train`."""

    arguments: dict[str, Argument] = Field(default={}, description="of the network's constructor")


class TeacherPhase(FreshPhase):
    """A phase that trains a teacher: a row of `teacher`. Teachers are heavy, so several GPUs may share the work."""

    gpus: int = Field(ge=1, le=1024, description="GPUs that share every batch, as far as there are so many")


class Distill(FreshPhase):
    """A first phase with a teacher: loss to HR + teacher_weight x loss to the teacher's output."""

    teacher: Reference = Field(description="teacher/NAME, or any stage that hands on weights")
    teacher_network: NetworkFile = Field(description="the teacher's file")
    teacher_weight: Weight = Field(1.0, description="weight of the loss to the teacher's output")


class Finetune(Phase):
    """A phase that starts from another one's weights: a row of `finetune`."""

    from_: Reference = Field(alias="from", description="the stage whose weights it starts from")


class Prune(Optimisation):
    """Iterative structured pruning: a row of `prune`."""

    from_: Reference = Field(alias="from", description="the stage whose weights are pruned")
    channels_per_round: int = Field(
        ge=1, le=100_000, description="channels removed, over all layers, before each fine-tuning"
    )
    comparison: NormComparison = Field(
        description="of layers: the L2 norm of a channel's kernels over the mean of its layer, or as it is"
    )
    iterations_per_round: Iterations = Field(description="of fine-tuning after each removal, at a constant rate")
    largest_psnr_loss: Decibels | None = Field(
        None, description="dB below the unpruned model, over the images of `validation`, at which pruning stops"
    )
    lowest_psnr: dict[Name, Decibels] = Field(
        default={},
        description="dB on a set below which pruning stops; the set is `validation` or a key of `crop` joined in it",
    )
    most_rounds: int = Field(ge=1, le=100_000, description="stop after so many rounds in any case")

    @model_validator(mode="after")
    def _some_limit(self) -> "Prune":
        if self.largest_psnr_loss is None and not self.lowest_psnr:
            raise ValueError("give largest_psnr_loss, lowest_psnr or both: when does pruning stop?")
        return self


class Fuse(StageRow):
    """Re-parameterisable convolutions become plain ones: a row of `fuse`."""

    from_: Reference = Field(alias="from", description="the stage whose weights are fused")


class Benchmark(StageRow):
    """Complexity, quality, run time: a row of `benchmark`, and a line of the leaderboard."""

    from_: Reference = Field(alias="from", description="fuse/NAME")
    validation: Name = Field(description="set that is scored")
    baseline: NetworkFile = Field(
        description="network with default arguments that the run time is held against: one for all entries"
    )
    year_baseline: NetworkFile = Field(
        description="the baseline of the entry's year, held against as well; the same file where it is `baseline`"
    )


class Published(Row):
    """What the factsheet or the organisers printed; shown apart from what is measured."""

    psnr_valid: float | None = Field(None, description="dB, on the year's validation set")
    psnr_valid_also: float | None = Field(None, description="what a second table of the same sheet prints for it")
    psnr_test: float | None = Field(None, description="dB, on the year's test set")
    ssim_valid: float | None = Field(None, description="on the year's validation set")
    ssim_test: float | None = Field(None, description="on the year's test set")
    runtime_ms: Milliseconds | None = Field(None, description="as printed, under the conditions named in runtime_on")
    runtime_valid_ms: Milliseconds | None = Field(None, description="as runtime_ms, on the year's validation set")
    runtime_test_ms: Milliseconds | None = Field(None, description="as runtime_ms, on the year's test set")
    runtime_on: Text | None = Field(None, description="the card, and the input where it was not the challenge's")
    baseline: Text | None = Field(
        None, description="the network whose times were printed for the same machine, by its file's name"
    )
    baseline_ms: Milliseconds | None = Field(None, description="its run time, on the same machine as runtime_ms")
    baseline_valid_ms: Milliseconds | None = Field(None, description="beside runtime_valid_ms")
    baseline_test_ms: Milliseconds | None = Field(None, description="beside runtime_test_ms")
    parameters_m: float | None = Field(None, description="millions")
    flops_g: float | None = Field(None, description="10^9 multiply-accumulates at 256x256")
    activations_m: float | None = Field(None, description="millions of values that convolutions put out at 256x256")
    memory_mb: float | None = Field(None, description="peak GPU memory, by the organisers' script")
    convs: int | None = Field(None, description="convolutions that are run")

    @model_validator(mode="after")
    def _named_baseline(self) -> "Published":
        times = (self.baseline_ms, self.baseline_valid_ms, self.baseline_test_ms)
        if (self.baseline is None) == any(times):
            raise ValueError(
                "baseline names the network of baseline_ms, baseline_valid_ms or baseline_test_ms: give both"
            )
        return self

    @property
    def ratios(self) -> dict[str, float | None]:
        """Each printed run time over the baseline's on the same machine, by its name; None where either is missing."""
        pairs = {
            "ratio_to_baseline": (self.runtime_ms, self.baseline_ms),
            "ratio_to_baseline_valid": (self.runtime_valid_ms, self.baseline_valid_ms),
            "ratio_to_baseline_test": (self.runtime_test_ms, self.baseline_test_ms),
        }
        return {name: own / beside if own and beside else None for name, (own, beside) in pairs.items()}


class TrainingWork(Row):
    """The work of an entry's training at paper, in multiply-accumulates, by the role of what trains."""

    teacher: Work | None = Field(None, description="of its teachers; left out where it trains none")
    first: Work | None = Field(None, description="of its first phases, from random weights (distill, train)")
    later: Work | None = Field(None, description="of its later phases (finetune)")
    prune: Work | None = Field(None, description="of its pruning, in all rounds")

    @property
    def by_role(self) -> dict[str, float]:
        """The work of each role that the entry has."""
        return {role: work for role in type(self).model_fields if (work := getattr(self, role)) is not None}


class Entry(Row):
    """An entry of the challenge: what the leaderboard says about it."""

    title: Text = Field(description="its name for people")
    year: int = Field(ge=2000, le=2100, description="of the challenge")
    validation_set: Text = Field(description="the set that psnr_valid was printed for")
    thresholds: dict[Name, Decibels] = Field(
        default={},
        description="dB that the year asked for on a set, a key of `crop`; shown as met or not, or unmeasured",
    )
    thresholds_assumed: Text | None = Field(
        None,
        description="why, where they are an assumption because the year printed none; said wherever they are shown",
    )
    guesses: dict[Name, Text] = Field(
        default={}, description="what the code does that neither a factsheet nor a key says, a sentence each"
    )
    training_work: TrainingWork | None = Field(
        None,
        description="multiply-accumulates of its training at paper by role, as `esr recipe` counts them; written by "
        "every entry that trains, as null where no scale shares out work",
    )
    published: Published = Field(Published(), description="what was printed; shown apart from what is measured")
