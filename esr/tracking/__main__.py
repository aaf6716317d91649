"""``python -m esr.tracking``: the mirror. Stages start it; nobody needs to."""

import sys

from esr.common.errors import EsrError
from esr.tracking.mirror import run_mirror

try:
    run_mirror()
except EsrError as error:
    sys.exit(f"esr: {error}")
