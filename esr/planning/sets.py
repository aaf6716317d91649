"""What the sets of a scale hold, by the rows alone: before anything is downloaded."""

from esr.recipes.read import Params
from esr.recipes.scale import Scale
from esr.sources.origin import row_in_use, why_empty
from esr.sources.standin import FOR_TRAINING, HELD_OUT

STAND_IN_MEGAPIXELS = {"training": 0.57, "validation": 0.19}  # of a photograph, on the average


def images_of(params: Params, name: str, scale: Scale | None = None) -> int | None:
    """How many images a set holds at a scale, by default with all its sources; None where a row does not say."""
    if name in params.join:
        join = params.join[name]
        first, second = images_of(params, join.first, scale), images_of(params, join.second, scale)
        return None if first is None or second is None else first + second
    crop = params.crop[name]
    images = images_of_source(params, crop.source, scale)
    return images if images is None or crop.first is None else min(images, crop.first)


def images_of_source(params: Params, key: str, scale: Scale | None = None) -> int | None:
    """The same of a source."""
    source = params.download[key]
    if scale is None:
        return source.images
    source = row_in_use(source, scale.data, key)
    if why_empty(source, scale.data, key) is not None:
        return 0
    if scale.data.stand_in:
        return len(FOR_TRAINING if source.use == "training" else HELD_OUT)
    return source.images


def pixels_of(params: Params, name: str, scale: Scale) -> float:
    """HR pixels of a set at a scale, roughly; those of a source whose row does not say count as none."""
    if name in params.join:
        join = params.join[name]
        return pixels_of(params, join.first, scale) + pixels_of(params, join.second, scale)
    key = params.crop[name].source
    source = row_in_use(params.download[key], scale.data, key)
    megapixels = STAND_IN_MEGAPIXELS[source.use] if scale.data.stand_in else source.megapixels
    return (images_of(params, name, scale) or 0) * (megapixels or 0.0) * 1e6
