"""Files of a few kilobytes that stand for gigabytes are refused before they fill the disk or the memory."""

import io
import resource
import subprocess
import sys
import tarfile
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from esr.common.errors import EsrError
from esr.images.image_files import read_picture
from esr.sources.unpack import unpack
from esr.weights.checkpoint_file import read_checkpoint
from esr.weights.weights_file import load_network
from tests.security.strangers import stranger_s_weights

EXABYTE = 10**18


def sparse_tar(size: int) -> bytes:
    """A tar of one image that says to have this size; as a gzip of zeros it would be a thousandth of it."""
    member = tarfile.TarInfo("a.png")
    member.size = size
    return member.tobuf(format=tarfile.GNU_FORMAT) + bytes(1024)


def zip_that_lies(says: int, holds: int) -> bytes:
    """A zip whose directory says that its image has ``says`` bytes, where ``holds`` zeros come out."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a.png", bytes(holds))
    content, size = buffer.getvalue(), holds.to_bytes(4, "little")
    assert content.count(size) == 2  # before the member, and in the directory
    return content.replace(size, says.to_bytes(4, "little"))


def test_a_tar_that_says_to_be_larger_than_the_disk(tmp_path: Path) -> None:
    (tmp_path / "set.tar").write_bytes(sparse_tar(EXABYTE))
    with pytest.raises(EsrError, match=r"needs 1000000000\.0 GB more .* free the disk"):
        unpack(tmp_path / "set.tar", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["set.tar"]


def test_a_zip_that_holds_more_than_it_says_writes_no_more_than_it_says(tmp_path: Path) -> None:
    (tmp_path / "set.zip").write_bytes(zip_that_lies(says=1000, holds=50_000_000))
    with pytest.raises(EsrError, match=r"set\.zip cannot be unpacked .*CRC"):
        unpack(tmp_path / "set.zip", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["set.zip"]


def endless_name(path: Path, length: int) -> Path:
    """A small tar.gz whose member has a name of this length, which tarfile reads into memory."""
    header = tarfile.TarInfo("././@LongLink")
    header.type, header.size = tarfile.GNUTYPE_LONGNAME, length
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    with path.open("wb") as file:
        file.write(packer.compress(header.tobuf(format=tarfile.GNU_FORMAT)))
        for _ in range(length >> 24):
            file.write(packer.compress(b"a" * (1 << 24)))
        file.write(packer.flush())
    return path


UNPACK = """
from pathlib import Path
from esr.common.errors import EsrError
from esr.sources.unpack import unpack
try:
    unpack(Path("set.tar.gz"), Path("out"))
except EsrError as error:
    print(error)
"""


def test_a_name_that_memory_does_not_hold(tmp_path: Path) -> None:
    path = endless_name(tmp_path / "set.tar.gz", 1 << 30)
    assert path.stat().st_size < 2e6
    done = subprocess.run(
        [sys.executable, "-c", UNPACK],
        cwd=tmp_path,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30)),  # this process alone
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "set.tar.gz cannot be unpacked (MemoryError); delete it\n"
    assert [path.name for path in tmp_path.iterdir()] == ["set.tar.gz"]


def with_chunk(path: Path, kind: bytes, content: bytes) -> Path:
    """A PNG of a few pixels with one more chunk after its header."""
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(buffer, "PNG")
    plain, checksum = buffer.getvalue(), zlib.crc32(kind + content).to_bytes(4, "big")
    path.write_bytes(plain[:33] + len(content).to_bytes(4, "big") + kind + content + checksum + plain[33:])
    return path


@pytest.mark.parametrize(("kind", "name"), [(b"zTXt", b"Comment"), (b"iCCP", b"icc")])
def test_a_png_with_a_text_or_a_profile_that_expands_without_end(kind: bytes, name: bytes, tmp_path: Path) -> None:
    """Pillow stops at a megabyte of what a hundredth of it stands for."""
    path = with_chunk(tmp_path / "a.png", kind, name + b"\0\0" + zlib.compress(bytes(100_000_000), 9))
    assert path.stat().st_size < 200_000
    with pytest.raises(EsrError, match=r"a\.png is damaged \(.*too large.*\)") as refused:
        read_picture(path)
    assert len(str(refused.value)) < 300


def packed_checkpoint(path: Path, state: dict[str, torch.Tensor]) -> Path:
    """A .pth whose records are deflated, which PyTorch writes never and reads."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    with zipfile.ZipFile(buffer) as plain, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for record in plain.infolist():
            packed.writestr(record.filename, plain.read(record))
    return path


def test_a_checkpoint_of_a_few_kilobytes_that_expands_without_end(tmp_path: Path) -> None:
    path = packed_checkpoint(tmp_path / "w.pth", {"a": torch.zeros(10_000_000)})
    assert path.stat().st_size < 100_000
    with pytest.raises(EsrError, match=r"w\.pth is refused: it would expand to 40 MB, more than 100 times its size"):
        read_checkpoint(path)
    honest = torch.arange(1000.0)
    assert torch.equal(read_checkpoint(packed_checkpoint(tmp_path / "w.pth", {"a": honest}))["a"], honest)


def test_a_weights_file_that_asks_for_a_network_larger_than_memory(tmp_path: Path) -> None:
    path = stranger_s_weights(tmp_path / "w.safetensors", arguments={"channels": 10**12})
    with pytest.raises(EsrError, match=r"w\.safetensors.*cannot be built .*allocate"):
        load_network(path)


def test_metadata_without_end(tmp_path: Path) -> None:
    path = stranger_s_weights(tmp_path / "w.safetensors", text="[" * 1_000_000)
    with pytest.raises(EsrError, match=r"w\.safetensors was not written by esr") as refused:
        load_network(path)
    assert len(str(refused.value)) < 300
