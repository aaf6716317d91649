"""What people are told of a store, and of why something was not sent to it."""

import re

from esr.tracking.journal import JOURNALS

LONGEST = 300  # characters of a trouble


def shown(text: str) -> str:
    """A URI, or a text with URIs in it, without their passwords."""
    return re.sub(r"(?<=://)[^/?#]*@", "", text)  # not by urlsplit, which refuses some of what has to be shown


def kept(trouble: str) -> str:
    """A line on why something was not sent, and that it is not lost; cut when its passwords are gone, not before."""
    return f"{shown(trouble)[:LONGEST]}; kept in {JOURNALS}, `esr track` sends it later"
