"""Images in memory, as all rooms hand them on."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Image = NDArray[Any]
"""(H, W, C) or (H, W); uint8 or uint16 as in its file, or float."""
ByteImage = NDArray[np.uint8]
"""(H, W, C) of 8 bits per sample; RGB where C is 3."""
