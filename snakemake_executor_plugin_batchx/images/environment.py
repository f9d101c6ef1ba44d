"""What an image's own environment means for a runtime that comes from elsewhere."""

from collections.abc import Iterable

PRELOAD = "LD_PRELOAD"
KEPT_PRELOAD = "BATCHX_IMAGE_LD_PRELOAD"
"""Where the image's value waits for its tools (job/standin/apptainer)."""


def make_image_environment(variables: Iterable[str]) -> dict[str, str]:
    """Return what a job definition has to set for an image with these variables (NAME=value).

    LD_PRELOAD loads libraries of the image into every program, into the runtime's interpreter too,
    which has another C library (https://man7.org/linux/man-pages/man8/ld.so.8.html).
    """
    given = dict(variable.partition("=")[::2] for variable in variables)
    if not given.get(PRELOAD):
        return {}
    return {PRELOAD: "", KEPT_PRELOAD: given[PRELOAD]}
