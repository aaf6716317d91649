"""data.lock.json that is not one: nothing is read from it, and nothing is written over it."""

from pathlib import Path

import pytest

from esr.common.errors import EsrError
from esr.sources.checksums import Checksum, record_checksum, recorded


@pytest.mark.parametrize("content", ["[]", "null", '{"a": 1}', '{"a": {"bytes": "x"}}', '{"a": {"bytes": 1}}', "{"])
def test_a_file_of_checksums_that_is_none(content: str, tmp_path: Path) -> None:
    file = tmp_path / "data.lock.json"
    file.write_text(content)
    with pytest.raises(EsrError, match=r"data\.lock\.json"):
        recorded(file, "b")
    with pytest.raises(EsrError, match=r"data\.lock\.json"):
        record_checksum(file, "b", Checksum(bytes=1, sha256="0" * 64))
    assert file.read_text() == content


def test_what_is_recorded_is_found_beside_the_others(tmp_path: Path) -> None:
    file = tmp_path / "data.lock.json"
    first, second = Checksum(bytes=1, sha256="0" * 64), Checksum(bytes=2, sha256="1" * 64)
    record_checksum(file, "a", first)
    record_checksum(file, "b", second)
    assert (recorded(file, "a"), recorded(file, "b"), recorded(file, "c")) == (first, second, None)
