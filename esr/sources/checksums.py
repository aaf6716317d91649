"""Checksums that nobody published: recorded at the first download, committed, verified ever after."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from esr.common.errors import EsrError
from esr.common.files import read_json, write_json
from esr.common.lock import only_one

CHECKSUM_FILE = Path("data.lock.json")
"""In the project's folder, beside params.yaml; commit it."""


class Checksum(BaseModel):
    """What a file is known by."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    bytes: int
    sha256: str


def recorded(lock_file: Path, address: str) -> Checksum | None:
    """What was recorded for ``address``, if anything was."""
    return _read(lock_file).get(address)


def record_checksum(lock_file: Path, address: str, checksum: Checksum) -> None:
    """Add a checksum; several processes may do so at once."""
    with only_one(lock_file.parent / ".esr" / f"{lock_file.name}.lock", f"records checksums in {lock_file}"):
        entries = {**_read(lock_file), address: checksum}
        write_json(lock_file, {key: entry.model_dump() for key, entry in entries.items()})


def _read(lock_file: Path) -> dict[str, Checksum]:
    """All that was recorded; raises EsrError where the file holds anything else."""
    if not lock_file.exists():
        return {}
    try:
        return TypeAdapter(dict[str, Checksum]).validate_python(read_json(lock_file))
    except ValidationError as error:
        raise EsrError(f"{lock_file} does not read as checksums; take it from the last commit") from error
