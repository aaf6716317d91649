"""The image files below a folder: which files count as images is decided here alone."""

import os
from pathlib import Path

from esr.common.errors import EsrError
from esr.images.image_files import SUFFIXES


def image_files(folder: Path) -> list[Path]:
    """The image files below ``folder``, relative to it, sorted; hidden files and folders are passed over.

    Raises:
        EsrError: images may lie where this does not look, or what is named like an image is none; all are named.
    """
    found, complaints, unreadable = list[Path](), list[str](), list[OSError]()
    for place, folders, files in os.walk(folder, onerror=unreadable.append):
        folders[:] = [name for name in folders if not name.startswith(".")]
        images = [Path(place, name) for name in files if _is_image(name)]
        links = [Path(place, name) for name in folders if os.path.islink(os.path.join(place, name))]
        complaints += [f"{link} is a link to a folder and not followed: put the folder there" for link in links]
        if _is_image(os.path.basename(place)) and not images and Path(place) != folder:
            complaints.append(f"{place} is a folder that is named like an image: remove or rename it")
        complaints += filter(None, map(_complaint, images))
        found += [image.relative_to(folder) for image in images]
    complaints += map(_unreadable, unreadable)
    if complaints:
        raise EsrError(_shown(f"{folder}: {'; '.join(sorted(complaints))}"))
    return sorted(found, key=Path.as_posix)


def _is_image(name: str) -> bool:
    return not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES


def _complaint(path: Path) -> str:
    """Why this cannot be an image, told without opening it: whoever opens a pipe waits for its other end."""
    try:
        if not path.is_file():
            what = "a link to nothing" if not path.exists() else "no file but a pipe, a socket or a device"
            return f"{path} is {what}: remove it"
        str(path).encode()
    except OSError as error:
        return _unreadable(error)
    except UnicodeEncodeError:
        return f"{path} has a name that is not UTF-8: rename it"
    return ""


def _unreadable(error: OSError) -> str:
    return f"{error.filename} cannot be read ({error.strerror}): make it readable, or remove it"


def _shown(text: str) -> str:
    r"""The text with bytes that are not UTF-8 as ``\xff``."""
    return os.fsencode(text).decode(errors="backslashreplace")
