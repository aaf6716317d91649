"""Where a source's images come from, as far as its row, the scale's rule and a first look tell: nothing is read."""

import os
from pathlib import Path

from esr.common.errors import EsrError
from esr.recipes.rows import Download
from esr.recipes.scale import DataRule


def row_in_use(row: Download, rule: DataRule, key: str) -> Download:
    """The row that tells where a source's images come from at this scale: its own, or the one in its place."""
    return rule.in_place_of.get(key, row)


def column_of(rule: DataRule, key: str) -> str:
    """Where that row stands in params.yaml."""
    return f"the scale's data.in_place_of.{key}" if key in rule.in_place_of else f"download.{key}"


def why_empty(row: Download, rule: DataRule, key: str) -> str | None:
    """Why the source is meant to have no images at this scale; None where it is meant to have some."""
    row = row_in_use(row, rule, key)
    if row.optional and rule.stand_in:
        return "nothing stands in for it"
    if row.optional and row.folder is None and not row.archives:
        return row.how or "give a folder"
    if row.use == "training" and not rule.stand_in and rule.only_source not in (None, key):
        return f"this scale trains on {rule.only_source} alone"
    return None


def refuse_missing(row: Download, rule: DataRule, key: str) -> None:
    """Refuse a source that the scale uses and that is nowhere; what an archive's address gives is not known yet.

    Raises:
        EsrError: the row has neither archives nor a folder, or its folder is not there, empty or cannot be read.
    """
    if rule.stand_in or why_empty(row, rule, key) is not None:
        return
    row, column = row_in_use(row, rule, key), column_of(rule, key)
    if row.folder is not None:
        folder_at(f"{column}.folder", row.folder, row.how)
        if row.lr_folder is not None:
            folder_at(f"{column}.lr_folder", row.lr_folder, None)
    elif not row.archives:
        raise EsrError(f"{column}: nothing says where its images are; {row.how or 'give archives or a folder'}")


def folder_at(column: str, name: str, how: str | None) -> Path:
    """The folder that a column of the row names: there, readable and not empty, as a place to mount a disk is.

    Raises:
        EsrError: it is none of this; the line ends with ``how`` to get the images.
    """
    remedy = how or "name the one with the images"
    try:
        folder = Path(name).expanduser()
        if not name.strip() or not folder.is_dir():
            raise EsrError(f"{column}: {name or 'nothing'} is not a folder; {remedy}")
        with os.scandir(folder) as entries:
            if next(entries, None) is None:
                raise EsrError(f"{column}: {name} holds no images; {remedy}")
    except (OSError, RuntimeError) as error:  # the latter: no such user's home
        reason = error.strerror if isinstance(error, OSError) else error
        raise EsrError(f"{column}: {name} cannot be read ({reason}); {remedy}") from error
    return folder
