"""What machines cost per hour: read from a table that comes along, or from the user's own."""

import csv
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path

from snakemake_executor_plugin_batchx.errors import BatchxError

SHIPPED = "prices.csv"

COLUMNS = {
    "what": "`instance`, `family` (of instances), `fargate-vcpu` or `fargate-gb`",
    "name": "type (`m5.large`), family (`m5`), or on Fargate the processor (`amd64`, `arm64`)",
    "market": "`on-demand` or `spot`",
    "vcpus": "vCPUs of the instance; of a family those of its `large`",
    "memory_gib": "its memory in GiB, likewise",
    "gpus": "its GPUs, likewise; may be empty",
    "usd_per_hour": "US dollars an hour, likewise",
}
"""The columns of a table of prices, in any order. Lines that begin with # are remarks; `# region:`
and `# date:` say where and when the prices held."""

ON_DEMAND, SPOT = "on-demand", "spot"

FARGATE_PARTS = frozenset({"fargate-vcpu", "fargate-gb"})

SIZES = {"nano": 1 / 16, "micro": 1 / 8, "small": 1 / 4, "medium": 1 / 2, "large": 1.0}
LARGER = re.compile(r"(?:metal-)?(\d*)xl(?:arge)?")
"""How many `large` a size is: in most families both what it has and what it costs.
https://docs.aws.amazon.com/ec2/latest/instancetypes/instance-type-names.html"""


@dataclass(frozen=True)
class InstancePrice:
    """An instance: what it has, and what it costs an hour."""

    vcpus: float
    memory_gib: float
    gpus: float
    usd_per_hour: float


@dataclass(frozen=True)
class PriceTable:
    """Prices by name and market; `zones` are those of spot instances by type and zone.

    `source` says whose they are, of which region and when.
    """

    source: str
    region: str = ""
    instances: Mapping[tuple[str, str], InstancePrice] = field(default_factory=dict)
    families: Mapping[tuple[str, str], InstancePrice] = field(default_factory=dict)
    fargate: Mapping[tuple[str, str, str], float] = field(default_factory=dict)
    zones: Mapping[tuple[str, str], float] = field(default_factory=dict)

    def find(
        self, instance_type: str, market: str = ON_DEMAND, zone: str | None = None
    ) -> InstancePrice | None:
        """Return the price of an instance type, None of one that the table does not know."""
        on_demand = self._find_listed(instance_type, ON_DEMAND)
        if market == ON_DEMAND:
            return on_demand
        of_zone = self.zones.get((instance_type, zone or ""))
        if of_zone is not None and on_demand is not None:
            return replace(on_demand, usd_per_hour=of_zone)
        return self._find_listed(instance_type, market)

    def find_fargate(self, what: str, architecture: str, market: str) -> float | None:
        """Return the price of a vCPU (`fargate-vcpu`) or GB (`fargate-gb`) an hour."""
        return self.fargate.get((what, architecture, market))

    def _find_listed(self, instance_type: str, market: str) -> InstancePrice | None:
        listed = self.instances.get((instance_type, market))
        if listed is not None:
            return listed
        family, _, size = instance_type.partition(".")
        of_large, times = self.families.get((family, market)), count_large(size)
        if of_large is None or times is None:
            return None
        return InstancePrice(
            of_large.vcpus * times,
            of_large.memory_gib * times,
            of_large.gpus * times,
            of_large.usd_per_hour * times,
        )


def count_large(size: str) -> float | None:
    """Return how many `large` a size is, None of one that does not say it."""
    if size in SIZES:
        return SIZES[size]
    found = LARGER.fullmatch(size)
    return 2.0 * int(found[1] or 1) if found else None


def read_shipped_prices() -> PriceTable:
    """Return the prices that come with batchx."""
    place = resources.files("snakemake_executor_plugin_batchx.report") / SHIPPED
    table = parse_prices(place.read_text(encoding="utf-8").splitlines(), "the table of batchx")
    return replace(table, source=f"{table.source}, an estimate")


def read_prices(path: Path) -> PriceTable:
    """Return the prices of a file. Raises BatchxError where it is none."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8"
        raise BatchxError(
            f"The prices in {path} cannot be read ({why}): name a file that is there, or aws."
        ) from error
    return parse_prices(lines, str(path))


def parse_prices(lines: Iterable[str], name: str) -> PriceTable:
    """Return the prices that lines of CSV tell. Raises BatchxError with the first mistake."""
    notes: dict[str, str] = {}
    rows: list[tuple[int, str]] = []
    for number, line in enumerate(lines, 1):
        if line.startswith("#"):
            word, _, value = line.lstrip("# ").partition(":")
            notes.setdefault(word.strip(), value.strip())
        elif line.strip():
            rows.append((number, line))
    reader = csv.DictReader(line for _, line in rows)
    missing = COLUMNS.keys() - set(reader.fieldnames or ())
    if missing:
        raise BatchxError(
            f"{name} is no table of prices: it has no column {', '.join(sorted(missing))} "
            f"(columns: {', '.join(COLUMNS)})."
        )
    instances: dict[tuple[str, str], InstancePrice] = {}
    families: dict[tuple[str, str], InstancePrice] = {}
    fargate: dict[tuple[str, str, str], float] = {}
    for (number, _), row in zip(rows[1:], reader, strict=False):
        try:
            key, usd = _read_key(row)
            if row["what"] in FARGATE_PARTS:
                fargate[row["what"], *key] = usd
            else:
                kind = {"instance": instances, "family": families}[row["what"]]
                kind[key] = _read_instance(row, usd)
        except (KeyError, TypeError, ValueError) as error:
            raise BatchxError(
                f"Line {number} of {name} is no price: {error}. Its columns are "
                f"{', '.join(COLUMNS)}."
            ) from error
    region = notes.get("region", "")
    words = [name, region and f"of {region}", notes.get("date", "") and f"as of {notes['date']}"]
    return PriceTable(" ".join(filter(None, words)), region, instances, families, fargate)


def _read_key(row: Mapping[str, str]) -> tuple[tuple[str, str], float]:
    """Return name and market of a row, and its price; raises ValueError where they are none."""
    if row["market"] not in {ON_DEMAND, SPOT}:
        raise ValueError(f"market is {row['market']!r}, not {ON_DEMAND} or {SPOT}")
    return (row["name"], row["market"]), _read_amount(row["usd_per_hour"])


def _read_instance(row: Mapping[str, str], usd: float) -> InstancePrice:
    return InstancePrice(
        vcpus=_read_amount(row["vcpus"]),
        memory_gib=_read_amount(row["memory_gib"]),
        gpus=_read_amount(row["gpus"] or "0"),
        usd_per_hour=usd,
    )


def _read_amount(text: str) -> float:
    amount = float(text)
    if not 0 <= amount < float("inf"):
        raise ValueError(f"{text} is no amount")
    return amount
