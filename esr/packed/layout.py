"""The bytes of a packed store: a header of one page, then the samples of each image, HR first, its LR behind it.

Samples are uint8, rows of RGB, with nothing between them. The header says what the file is, how long it is, and by
the index's hash which manifest describes it; it is written last, so that an unfinished store has none.
"""

import struct

import numpy as np
from numpy.typing import NDArray

from esr.common.factor import SCALE

FORMAT = 1
"""Version of store and manifests; whatever carries another one is refused."""

HEADER_BYTES = 4096  # a page, so that the first image begins on one
MAGIC = b"ESRSTORE"

_HEADER = struct.Struct("<8sIIQ32s")  # magic, version, scale, size of the file, sha256 of the index

Image = NDArray[np.uint8]


def header(index_sha256: str, store_bytes: int) -> bytes:
    """The first bytes of a store."""
    fields = _HEADER.pack(MAGIC, FORMAT, SCALE, store_bytes, bytes.fromhex(index_sha256))
    return fields.ljust(HEADER_BYTES, b"\0")


def version(start: bytes) -> int | None:
    """The version of the store that begins with these bytes; None if no store begins so."""
    if not start.startswith(MAGIC) or len(start) < _HEADER.size:
        return None
    return int(_HEADER.unpack(start[: _HEADER.size])[1])


def view(samples: Image, offset: int, height: int, width: int) -> Image:
    """The image of this size that lies at ``offset``: (H, W, 3), without a copy."""
    return samples[offset : offset + height * width * 3].reshape(height, width, 3)
