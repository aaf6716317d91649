"""What stands in a page between ``<!-- MARK -->`` and ``<!-- /MARK -->``."""

import re


def renewed(text: str, mark: str, content: str) -> str:
    """A page's text with ``content``, whole lines, in the block of that mark.

    Raises:
        ValueError: the page has no such block, or several.
    """
    block = re.compile(rf"(^<!-- {mark} -->\n).*?(^<!-- /{mark} -->$)", re.DOTALL | re.MULTILINE)
    now, count = block.subn(lambda found: found[1] + content + found[2], text)
    if count != 1:
        raise ValueError(f"there are {count} blocks <!-- {mark} --> ... <!-- /{mark} --> instead of one")
    return now
