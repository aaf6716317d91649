"""The rows of params.yaml that make a folder of images a set, and what becomes of it at each scale."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from esr.common.errors import EsrError
from esr.common.yaml_file import read_yaml
from esr.recipes.graph import GRAPH_FILE, PARAMS_FILE
from esr.recipes.new_rows import Rows
from esr.recipes.read import Params, check
from esr.recipes.rows import Download, Name
from esr.recipes.telling import complaints, missing, short
from esr.sources.origin import why_empty
from esr.sources.use import Use

USUAL_PARTNER = {Use.training: "df2k", Use.validation: "scored"}
"""The shipped set that a set of one's own is joined to, unless another one is named."""


@dataclass(frozen=True)
class OwnData:
    """A source of one's own, as its user names it.

    Attributes:
        name: of the source and its set.
        use: what it is for.
        hr: folder of HR images.
        lr: folder of their LR images, where there is one.
        partner: the set that it is joined to; None: none.
    """

    name: str
    use: Use
    hr: Path
    lr: Path | None
    partner: str | None

    @property
    def joined(self) -> str | None:
        """The name of the set of both."""
        return f"{self.partner}-{self.name}" if self.partner else None

    def rows(self, megapixels: float) -> Rows:
        """The rows, checked one by one; ``megapixels`` are those of an image on the average.

        Raises:
            EsrError: the name, or a folder's, is none that params.yaml takes.
        """
        source: dict[str, str | float | bool] = {"use": self.use.value}
        if self.use is Use.validation:
            source["optional"] = True  # nothing stands in for it at demo
        source["folder"] = str(self.hr.absolute())
        if self.lr is not None:
            source["lr_folder"] = str(self.lr.absolute())
        source["megapixels"] = max(0.01, round(megapixels, 2))
        _refuse_name("--name", self.name)
        if self.partner is not None and self.joined is not None:
            _refuse_name("--join", self.partner)
            _refuse_name("the join's name", self.joined)
        try:
            Download.model_validate(source)
        except ValidationError as error:
            why = complaints(error, Download)[0]
            raise EsrError(f"{self.hr}: no row can name this folder ({why}); rename or link it") from error
        rows: dict[str, dict[str, dict[str, str | float | bool]]] = {"download": {self.name: source}}
        rows["crop"] = {self.name: {"source": self.name}}
        if self.partner and self.joined:
            rows["join"] = {self.joined: {"first": self.partner, "second": self.name}}
        return rows


def _refuse_name(what: str, name: str) -> None:
    try:
        TypeAdapter(Name).validate_python(name)
    except ValidationError as error:
        takes = "up to 100 small letters and digits, with single hyphens between"
        raise EsrError(f"{what} {short(name)} is no name of a row; take {takes}") from error


def project() -> Params | None:
    """params.yaml of the project in the current folder; None where there is none, or none that is valid."""
    if PARAMS_FILE.is_file() and GRAPH_FILE.is_file():
        with suppress(EsrError):
            return check(read_yaml(PARAMS_FILE))
    return None


def partner_of(name: str | None, use: Use, params: Params | None) -> str | None:
    """The set to join to: the one that is named, or the usual one where the project has it.

    Raises:
        EsrError: the project has no set of that name.
    """
    sets: dict[str, Any] = {**params.crop, **params.join} if params else {}
    if name is None:
        return USUAL_PARTNER[use] if USUAL_PARTNER[use] in sets else None
    if params is not None and name not in sets:
        raise EsrError(missing("--join", name, sets))
    return name


def at_scales(own: OwnData, rows: Rows, params: Params) -> Iterator[str]:
    """What becomes of the source at each scale of the project."""
    row = Download.model_validate(rows["download"][own.name])
    for name, scale in params.scales.items():
        here = f"{name} (the scale in use)" if name == params.scale else name
        why = why_empty(row, scale.data, own.name)
        if why is not None:
            other = f"; scales.{name}.data.only_source may name {own.name}, or null for all"
            yield f"{here}: no images, {why}{other if scale.data.only_source and own.use is Use.training else ''}"
        elif scale.data.stand_in:
            yield f"{here}: photographs stand in for it"
        else:
            yield f"{here}: these images"
