"""Every complaint about a source in one error, so that one look at it is enough to mend all of them."""

from collections.abc import Iterable

from esr.errors import EsrError


def refuse(source: str, complaints: Iterable[str]) -> None:
    """Raise one EsrError that holds all complaints about images of ``source``, if there are any."""
    found = list(complaints)
    if found:
        count = "an image" if len(found) == 1 else f"{len(found)} images"
        raise EsrError(f"{source}: {count} cannot be used: {'; '.join(found)}")
