"""The bytes of a packed store: a header of one page, the samples of each image (HR, then LR), and the index's hash.

Samples are uint8, rows of RGB, with nothing between them. The header says what the file is and how long it is; the
last bytes say by the index's hash which manifest describes it. The hash stands at the end because it is known last: so
the md5 of the whole file can be taken from the front while the samples are written.
"""

import struct

from esr.common.factor import SCALE
from esr.images.arrays import ByteImage

FORMAT = 2
"""Version of the store; one that carries another is refused."""

HEADER_BYTES = 4096  # a page, so that the first image begins on one
TRAILER_BYTES = 32
MAGIC = b"ESRSTORE"

_HEADER = struct.Struct("<8sIIQ")  # magic, version, scale, size of the file


def header(store_bytes: int) -> bytes:
    """The first bytes of a store of this size."""
    return _HEADER.pack(MAGIC, FORMAT, SCALE, store_bytes).ljust(HEADER_BYTES, b"\0")


def trailer(index_sha256: str) -> bytes:
    """The last bytes of a store; ValueError where this is no hash."""
    return bytes.fromhex(index_sha256)


def version(start: bytes) -> int | None:
    """The version of the store that begins with these bytes; None if no store begins so."""
    if not start.startswith(MAGIC) or len(start) < _HEADER.size:
        return None
    return int(_HEADER.unpack(start[: _HEADER.size])[1])


def view(samples: ByteImage, offset: int, height: int, width: int) -> ByteImage:
    """The image of this size that lies at ``offset``: (H, W, 3), without a copy."""
    return samples[offset : offset + height * width * 3].reshape(height, width, 3)
