"""Archives unpacked without trust in what they call their members.

Only image files are written. A member that would leave the folder, or that is anything but a file or a folder,
is refused, and with it the whole archive.
"""

import errno
import os
import re
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from fnmatch import fnmatchcase
from lzma import LZMAError
from pathlib import Path, PurePosixPath
from typing import IO

from esr.common.errors import EsrError
from esr.common.progress import Progress
from esr.images.image_files import SUFFIXES
from esr.sources.transfer import check_space

_CHUNK = 1 << 20
_DAMAGED = (zipfile.BadZipFile, tarfile.TarError, zlib.error, struct.error, LZMAError, EOFError, OSError, ValueError)
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM}
_ENCRYPTED_OR_UNKNOWN = (RuntimeError, NotImplementedError, MemoryError)  # a tar's headers may be of any length


def unpack(archive: Path, folder: Path, only: str | None = None) -> None:
    """Write the images of a zip or tar archive (of any compression), or an image by itself, into ``folder``.

    The folder appears when all of it is written; what an interrupted run left is thrown away.

    Args:
        archive: the file.
        folder: the folder to make.
        only: a pattern, as a shell's, that the paths of the members to write match; ``*`` matches ``/`` too.

    Raises:
        EsrError: the archive is damaged, of no known kind, or has a member that is refused; the disk is full.
    """
    partial = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(parents=True)
        if archive.suffix.lower() in SUFFIXES:
            shutil.copyfile(archive, partial / archive.name)
        elif zipfile.is_zipfile(archive):
            _unpack_zip(archive, partial, only or "*")
        elif tarfile.is_tarfile(archive):
            _unpack_tar(archive, partial, only or "*")
        else:
            raise tarfile.ReadError("it is neither zip nor tar, or its beginning or end is missing")
        os.sync()
        partial.replace(folder)
    except (*_DAMAGED, *_ENCRYPTED_OR_UNKNOWN) as error:
        if isinstance(error, OSError) and error.errno in _NO_ROOM:
            raise EsrError(
                f"{archive} cannot be unpacked: cannot write {folder}: {error.strerror}; free the disk, "
                "or make the folder writable"
            ) from error
        reason = error.strerror if isinstance(error, OSError) and error.strerror else " ".join(str(error).split())
        raise EsrError(f"{archive} cannot be unpacked ({reason or type(error).__name__}); delete it") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _unpack_zip(archive: Path, folder: Path, only: str) -> None:
    with zipfile.ZipFile(archive) as file:
        members = file.infolist()
        for member in members:
            _refuse_outside(archive, member.filename)
            kind = stat.S_IFMT(member.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _refused(archive, member.filename, "is a link or a device")
        images = [member for member in members if not member.is_dir() and _is_wanted(member.filename, only)]
        total = sum(member.file_size for member in images)
        check_space(folder, total)
        with Progress(f"unpacking {archive.name}", total, "MB", divide=1e6) as progress:
            for member in images:
                with file.open(member) as source:
                    _write(source, folder / member.filename)
                progress.add(member.file_size)


def _unpack_tar(archive: Path, folder: Path, only: str) -> None:
    size = archive.stat().st_size
    check_space(folder, size)
    with tarfile.open(archive) as file, Progress(f"unpacking {archive.name}", None, "MB", divide=1e6) as progress:
        for member in file:
            _refuse_outside(archive, member.name)
            if not (member.isreg() or member.isdir()):
                raise _refused(archive, member.name, "is a link or a device")
            source = file.extractfile(member) if member.isreg() and _is_wanted(member.name, only) else None
            if source is not None:
                check_space(folder, member.size)  # a few bytes may stand for terabytes
                _write(source, folder / member.name)
                progress.add(member.size)
        while file.fileobj and file.fileobj.read(_CHUNK):  # to the end, where a compressed file has its checksum
            pass


def _refuse_outside(archive: Path, name: str) -> None:
    parts = re.split(r"[/\\]", name)
    if not parts[0] or ".." in parts or ":" in parts[0]:
        raise _refused(archive, name, "would leave the folder")


def _refused(archive: Path, name: str, why: str) -> EsrError:
    return EsrError(f"{archive} is refused: its member {name!r} {why}; get it from a source that you trust")


def _is_wanted(name: str, only: str) -> bool:
    path = PurePosixPath(name)
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in path.parts)
    return path.suffix.lower() in SUFFIXES and not hidden and fnmatchcase(name, only)


def _write(source: IO[bytes], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("xb") as target:
        shutil.copyfileobj(source, target, _CHUNK)
