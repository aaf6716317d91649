"""Read params.yaml and check it whole, before anything runs."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field, ValidationError, model_validator

from esr.errors import EsrError
from esr.recipes.engine import EngineSettings
from esr.recipes.rows import (
    Benchmark,
    Crop,
    Distill,
    Download,
    Entry,
    Finetune,
    FreshPhase,
    Fuse,
    Import,
    Join,
    Name,
    Prune,
    Row,
    StageRow,
    TeacherPhase,
)
from esr.recipes.scale import Scale


class Params(Row):
    """params.yaml: one field per table."""

    scale: str = Field(description="the row of `scales` in use")
    threads: int = Field(ge=1, description="CPU threads of every stage; another number gives other last bits")
    engine: EngineSettings = Field(EngineSettings(), description="how trainings compute, per device")
    scales: dict[str, Scale] = Field(description="the rules that shrink the recipes; `scale` names the one in use")
    download: dict[Name, Download] = Field(description="sources of images")
    crop: dict[Name, Crop] = Field(description="sets: sources cut to multiples of 4 and packed")
    join: dict[Name, Join] = Field({}, description="sets made of two sets")
    entries: dict[Name, Entry] = Field(description="entries of the challenge: what was published about them")
    import_: dict[Name, Import] = Field({}, alias="import", description="released checkpoints that rows may start from")
    teacher: dict[Name, TeacherPhase] = Field({}, description="phases that train a teacher")
    distill: dict[Name, Distill] = Field({}, description="first phases under a teacher")
    train: dict[Name, FreshPhase] = Field({}, description="first phases without one")
    finetune: dict[Name, Finetune] = Field({}, description="phases that start from another one's weights")
    prune: dict[Name, Prune] = Field({}, description="iterative pruning")
    fuse: dict[Name, Fuse] = Field(description="re-parameterisable convolutions become plain ones")
    benchmark: dict[Name, Benchmark] = Field(description="measurements: a row here is a line of the leaderboard")

    @property
    def rule(self) -> Scale:
        """The rule of the scale in use."""
        return self.scales[self.scale]

    def table(self, kind: str) -> Mapping[str, Any]:
        """The rows of a kind of stage."""
        rows: Mapping[str, Any] = self.import_ if kind == "import" else getattr(self, kind)
        return rows

    def row(self, kind: str, key: str) -> Any:
        """One row, or EsrError naming what there is."""
        table = self.table(kind)
        if key not in table:
            raise EsrError(f"params.yaml has no row {kind}.{key}; there are: {', '.join(table) or 'none'}")
        return table[key]

    @model_validator(mode="after")
    def _names_exist(self) -> "Params":
        for complaint in _dangling(self):
            raise ValueError(complaint)
        return self


TABLES = ("import", "teacher", "distill", "train", "finetune", "prune", "fuse", "benchmark")


def check(raw: dict[str, Any]) -> Params:
    """Validate params.yaml's content; EsrError names the first culprit by its place in the file."""
    try:
        return Params.model_validate(raw)
    except ValidationError as error:
        raise EsrError(_one_line(error)) from error


def _one_line(error: ValidationError) -> str:
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        message = f"unknown key; {_accepted(first['loc'])}"
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"params.yaml: {place + ': ' if place else ''}{message}{more}"


def _accepted(location: tuple[int | str, ...]) -> str:
    """The keys that are accepted where an unknown one was found."""
    annotation: Any = Params
    for part in location[:-1]:
        if isinstance(annotation, type) and issubclass(annotation, Row):
            names = {field.alias or name: field.annotation for name, field in annotation.model_fields.items()}
            annotation = names.get(str(part))
        else:
            annotation = annotation.__args__[-1]
    if not (isinstance(annotation, type) and issubclass(annotation, Row)):
        return "remove it"
    return "accepted are: " + ", ".join(field.alias or name for name, field in annotation.model_fields.items())


def _dangling(params: Params) -> Iterator[str]:
    """References of a row that name nothing, told one by one."""
    if params.scale not in params.scales:
        yield f"scale: {params.scale} is not in scales; there are: {', '.join(params.scales)}"
    sets = [*params.crop, *params.join]
    for key, crop in params.crop.items():
        if crop.source not in params.download:
            yield _missing(f"crop.{key}.source", crop.source, params.download)
    for key, join in params.join.items():
        for column in ("first", "second"):
            if getattr(join, column) not in sets:
                yield _missing(f"join.{key}.{column}", getattr(join, column), sets)
    for key in params.join.keys() & params.crop.keys():
        yield f"join.{key}: crop has a row of this name too; a set has one name"
    for key, entry in params.entries.items():
        for name in entry.thresholds.keys() - params.crop.keys():
            yield _missing(f"entries.{key}.thresholds", name, params.crop)
    stages = {f"{kind}/{key}" for kind in TABLES for key in params.table(kind)}
    for kind in TABLES:
        for key, row in params.table(kind).items():
            yield from _dangling_in(f"{kind}.{key}", row, params, sets, stages)


def _dangling_in(place: str, row: StageRow, params: Params, sets: list[str], stages: set[str]) -> Iterator[str]:
    if row.entry not in params.entries:
        yield _missing(f"{place}.entry", row.entry, params.entries)
    for column in ("data", "validation"):
        name = getattr(row, column, None)
        if name is not None and name not in sets:
            yield _missing(f"{place}.{column}", name, sets)
    for column in ("from_", "teacher"):
        reference = getattr(row, column, None)
        if reference is not None and reference not in stages:
            yield _missing(f"{place}.{column.rstrip('_')}", reference, sorted(stages))


def _missing(place: str, name: str, there: Any) -> str:
    return f"{place}: {name} names nothing; there are: {', '.join(there)}"
