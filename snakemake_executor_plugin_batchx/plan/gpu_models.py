"""Which GPUs the instances of a queue have."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Gpu:
    """A model by its maker's name, and other names that it goes by."""

    maker: str
    model: str
    other_names: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.maker} {self.model}"


K80 = Gpu("NVIDIA", "K80")
V100_16 = Gpu("NVIDIA", "V100 16GB", ("V100",))
V100_32 = Gpu("NVIDIA", "V100 32GB", ("V100",))
A100_40 = Gpu("NVIDIA", "A100 40GB", ("A100",))
A100_80 = Gpu("NVIDIA", "A100 80GB", ("A100",))
H100 = Gpu("NVIDIA", "H100", ("H100 80GB",))
H200 = Gpu("NVIDIA", "H200", ("H200 141GB",))
B200 = Gpu("NVIDIA", "B200")
B300 = Gpu("NVIDIA", "B300")
GB200 = Gpu("NVIDIA", "GB200", ("B200",))
M60 = Gpu("NVIDIA", "M60")
T4 = Gpu("NVIDIA", "T4")
T4G = Gpu("NVIDIA", "T4G")
V520 = Gpu("AMD", "Radeon Pro V520", ("V520",))
A10G = Gpu("NVIDIA", "A10G")
L4 = Gpu("NVIDIA", "L4")
L40S = Gpu("NVIDIA", "L40S")
RTX_PRO_4500 = Gpu(
    "NVIDIA", "RTX PRO 4500", ("RTX PRO Server 4500", "RTX PRO 4500 Blackwell Server Edition")
)
RTX_PRO_6000 = Gpu(
    "NVIDIA", "RTX PRO 6000", ("RTX PRO Server 6000", "RTX PRO 6000 Blackwell Server Edition")
)

GPU_OF_FAMILY = MappingProxyType(
    {
        "p2": K80,
        "p3": V100_16,
        "p3dn": V100_32,
        "p4d": A100_40,
        "p4de": A100_80,
        "p5": H100,
        "p5e": H200,
        "p5en": H200,
        "p6-b200": B200,
        "p6-b300": B300,
        "p6e-gb200": GB200,
        "g3": M60,
        "g3s": M60,
        "g4dn": T4,
        "g4ad": V520,
        "g5": A10G,
        "g5g": T4G,
        "g6": L4,
        "g6e": L40S,
        "g6f": L4,
        "gr6": L4,
        "gr6f": L4,
        "g7": RTX_PRO_4500,
        "g7e": RTX_PRO_6000,
    }
)
"""The GPU of each family of instances; g6f and gr6f have parts of one.

https://aws.amazon.com/ec2/instance-types/#Accelerated_Computing and
https://docs.aws.amazon.com/dlami/latest/devguide/gpu.html. The tests compare with what EC2 itself
says (DescribeInstanceTypes) of those types that moto has. Not among these, so from AWS's pages
alone: p2, p3, g3, g3s, g4ad; and p6e-gb200, of which we could not verify how EC2 names its GPU.
"""

GPU_FAMILY = re.compile(r"(p|g[a-z]*)\d")
"""How names of families with GPUs begin (https://docs.aws.amazon.com/ec2/latest/instancetypes/
instance-type-names.html: P, G and Gr)."""


def find_gpu_models(instance_types: Iterable[str]) -> frozenset[str] | None:
    """Return the models that instances of these types or families can have, such as "NVIDIA T4".

    None where that is unknown: no types at all, or a family of GPU instances not in the table. What
    is no family of GPU instances has none, and so have "optimal" and Batch's defaults
    (https://docs.aws.amazon.com/batch/latest/userguide/instance-type-compute-table.html).
    """
    families = {name.lower().partition(".")[0] for name in instance_types}
    known = {GPU_OF_FAMILY[family] for family in families if family in GPU_OF_FAMILY}
    if not families or any(map(GPU_FAMILY.match, families - GPU_OF_FAMILY.keys())):
        return None
    return frozenset(map(str, known))


def is_gpu_model_there(wanted: str, models: Iterable[str]) -> bool:
    """Tell whether a model is one of `models`, however it is written.

    "a100", "nvidia-tesla-a100" and "NVIDIA A100" are the same, and with the size of its memory
    named, "A100 80GB", only that.
    """
    plain = _strip_name(wanted)
    return any(plain in OTHER_NAMES.get(name := _strip_name(model), {name}) for model in models)


def _strip_name(model: str) -> str:
    """Return the letters and digits of a name in lower case, its vendor's words left out."""
    return re.sub(r"^(nvidia|tesla|amd)+", "", re.sub(r"[^a-z0-9]", "", model.lower()))


OTHER_NAMES = MappingProxyType(
    {
        _strip_name(gpu.model): frozenset(map(_strip_name, (gpu.model, *gpu.other_names)))
        for gpu in GPU_OF_FAMILY.values()
    }
)
"""All names of a model, stripped, by the one in the table."""
