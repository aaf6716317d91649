"""Pillow's own limit of an image's pixels, which is the whole program's; the command line imports this before numpy."""

from PIL import Image


def lift_pillows_limit() -> None:
    """Switch the limit off in the whole process, for programs that read images by esr.images.image_files alone.

    That one refuses by the sides that a header states, before anything is decoded; Pillow would only warn of an image
    between one and two times its limit.
    """
    Image.MAX_IMAGE_PIXELS = None
