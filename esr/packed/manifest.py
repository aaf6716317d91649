"""What the manifests of the data hold: which images, from where, with which hashes.

A manifest is sorted JSON without time, host or absolute path: equal data are equal bytes. A stage depends on
this small file in place of the data. Images lie beside it, under names relative to it.
"""

from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from esr.common.errors import EsrError
from esr.common.files import read_json, write_json

AnyManifest = TypeVar("AnyManifest", bound="Manifest")


class ManifestPart(BaseModel):
    """A part of a manifest."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Totals(ManifestPart):
    """What a manifest adds up to."""

    images: int
    pixels: int
    bytes: int


Grey = Annotated[bool, Field(exclude_if=lambda grey: not grey)]
"""Whether the file has one channel, which scores ask; said only where it has."""

Side = Annotated[int, Field(ge=1, lt=2**31)]
"""Height or width of an image, in pixels."""


class File(ManifestPart):
    """An image file: its path below the folder of its kind, its content's hash, its size in pixels, upright."""

    path: str
    sha256: str
    height: Side
    width: Side
    grey: Grey = False


class SourcePair(ManifestPart):
    """An HR image and, where the source ships one, its LR partner."""

    name: str
    hr: File
    lr: File | None


class PackedImage(ManifestPart):
    """Where an HR image and its LR image lie in the store, in bytes, and the hashes of their samples.

    The samples are RGB; those of a grey file are its own, three times.
    """

    name: str
    height: Side
    width: Side
    hr_offset: int
    hr_sha256: str
    lr_offset: int
    lr_sha256: str
    grey: Grey = False


class Manifest(ManifestPart):
    """What every manifest begins with."""

    format: Literal[1] = 1
    stand_in: bool
    totals: Totals


class SourceManifest(Manifest):
    """The images of a source, as they came: in `hr/` and, where shipped, `lr/` beside the manifest."""

    kind: Literal["source"] = "source"
    source: str
    about: str
    images: list[SourcePair]


class SetManifest(Manifest):
    """A set: one source cut to multiples of 4 and packed into one store beside the manifest."""

    kind: Literal["set"] = "set"
    source: str
    about: str
    made_from: str
    store: str
    store_bytes: int
    index_sha256: str
    images: list[PackedImage]


class PartReference(ManifestPart):
    """A part of a joined set: the manifest of a packed set, relative to the join's, and that file's hash."""

    manifest: str
    sha256: str
    source: str
    stand_in: bool
    totals: Totals


class JoinManifest(Manifest):
    """A set made of the parts of other sets, which are not copied."""

    kind: Literal["join"] = "join"
    parts: list[PartReference]


def read_manifest(path: Path, model: type[AnyManifest]) -> AnyManifest:
    """Read a manifest of a known kind, or raise EsrError naming the file."""
    try:
        return model.model_validate(read_json(path))
    except ValidationError as error:
        kind, version = (model.model_fields[name].default for name in ("kind", "format"))
        what = f"manifest of a {kind} of version {version}"
        raise EsrError(f"{path} is no {what}; delete it and run the stage that makes it") from error


def read_set(path: Path) -> SetManifest | JoinManifest:
    """Read the manifest of a set, packed or joined, or raise EsrError naming the file."""
    content = read_json(path)
    kind = content.get("kind") if isinstance(content, dict) else None
    return read_manifest(path, JoinManifest) if kind == "join" else read_manifest(path, SetManifest)


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Write a manifest, whole or not at all: equal manifests are equal bytes."""
    write_json(path, manifest.model_dump(mode="json"))
