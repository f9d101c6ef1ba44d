"""Sizes as docker writes them, in whole MiB as Batch wants them."""

import math
import re
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType

from snakemake_executor_plugin_batchx.plan.values import WrongValueError

SIZE_REGEX = re.compile(r"(\d{1,18}(?:\.\d{1,18})?) ?(?:(b)|([kmgt])(i?b)?)?", re.ASCII | re.I)
"""As docker's RAMInBytes takes sizes (https://pkg.go.dev/github.com/docker/go-units)."""

UNIT_BYTES = MappingProxyType({"b": 1, "k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4})

MIB_BYTES = UNIT_BYTES["m"]

MAX_NUMBER = 2**31 - 1
"""Batch's Integer has 32 bits: its SDKs for typed languages have int32 for sizes and ulimits."""


@dataclass(frozen=True)
class Size:
    """A size in MiB, and what is to be said of it where it was not written as whole MiB."""

    mib: int
    note: str | None = None


def parse_docker_mib(text: str) -> Size:
    """Turn a size with docker's unit, or a bare number of MiB, into whole MiB, rounded up.

    A bare number is MiB as in https://www.nextflow.io/docs/latest/aws.html (containerOptions).
    Raises WrongValueError where `text` is no size, or more than Batch can be told.
    """
    found = SIZE_REGEX.fullmatch(text)
    if found is None:
        raise WrongValueError("must be a size such as 512m or 2g, or a whole number of MiB")
    number, byte, unit, suffix = found.groups()
    exact = Fraction(number)
    if byte or unit:
        exact *= Fraction(UNIT_BYTES[(byte or unit).lower()], MIB_BYTES)
    mib = math.ceil(exact)
    if mib > MAX_NUMBER:
        raise WrongValueError(f"must be at most {MAX_NUMBER} MiB, the largest that Batch takes")
    rounded = "" if mib == exact else ", rounded up"
    if not (byte or unit):
        return Size(mib, f"{text} is taken as {mib} MiB{rounded} (docker would take bytes)")
    is_plain = f"{unit}{suffix}".lower() == "mib" and not rounded
    return Size(mib, None if is_plain else f"{text} is {mib} MiB{rounded}")
