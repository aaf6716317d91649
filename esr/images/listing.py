"""The image files below a folder: which files count as images is decided here alone."""

import os
from pathlib import Path
from typing import NamedTuple

from esr.common.errors import EsrError
from esr.images.image_files import SUFFIXES


class Complaint(NamedTuple):
    """What is wrong with a file or a folder, and the remedy."""

    path: Path
    why: str


class Below(NamedTuple):
    """What lies below a folder; hidden files and folders are passed over.

    Attributes:
        images: image files, relative to the folder, sorted.
        others: files that are no images by their suffix, relative to the folder, sorted.
        complaints: what may hide images, or is named like an image and is none.
    """

    images: list[Path]
    others: list[Path]
    complaints: list[Complaint]


def image_files(folder: Path) -> list[Path]:
    """The image files below ``folder``, relative to it, sorted; hidden files and folders are passed over.

    Raises:
        EsrError: images may lie where this does not look, or what is named like an image is none; all are named.
    """
    below = look_below(folder)
    if below.complaints:
        told = sorted(f"{complaint.path} {complaint.why}" for complaint in below.complaints)
        raise EsrError(_shown(f"{folder}: {'; '.join(told)}"))
    return below.images


def look_below(folder: Path) -> Below:
    """Everything below ``folder`` by name and kind of file; none is opened."""
    images, others, complaints, unreadable = list[Path](), list[Path](), list[Complaint](), list[OSError]()
    for place, folders, files in os.walk(folder, onerror=unreadable.append):
        folders[:] = [name for name in folders if not name.startswith(".")]
        named = [Path(place, name) for name in files if _is_image(name)]
        links = [Path(place, name) for name in folders if os.path.islink(os.path.join(place, name))]
        followed_not = "is a link to a folder and not followed: put the folder there"
        complaints += [Complaint(link, followed_not) for link in links]
        if _is_image(os.path.basename(place)) and not named and Path(place) != folder:
            complaints.append(Complaint(Path(place), "is a folder that is named like an image: remove or rename it"))
        wrong = list(filter(None, map(_complaint, named)))
        complaints += wrong
        images += [path.relative_to(folder) for path in set(named) - {complaint.path for complaint in wrong}]
        others += [
            Path(place, name).relative_to(folder) for name in files if not (_is_image(name) or name.startswith("."))
        ]
    complaints += map(_unreadable, unreadable)
    return Below(sorted(images, key=Path.as_posix), sorted(others, key=Path.as_posix), complaints)


def _is_image(name: str) -> bool:
    return not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES


def _complaint(path: Path) -> Complaint | None:
    """Why this cannot be an image, found without opening it: opening a pipe waits for its other end."""
    try:
        if not path.is_file():
            what = "a link to nothing" if not path.exists() else "no file but a pipe, a socket or a device"
            return Complaint(path, f"is {what}: remove it")
        str(path).encode()
    except OSError as error:
        return _unreadable(error)
    except UnicodeEncodeError:
        return Complaint(path, "has a name that is not UTF-8: rename it")
    return None


def _unreadable(error: OSError) -> Complaint:
    return Complaint(Path(error.filename), f"cannot be read ({error.strerror}): make it readable, or remove it")


def _shown(text: str) -> str:
    r"""The text with bytes that are not UTF-8 as ``\xff``."""
    return os.fsencode(text).decode(errors="backslashreplace")
