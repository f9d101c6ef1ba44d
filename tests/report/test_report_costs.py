"""Prices, and what jobs cost at them."""

from pathlib import Path
from typing import Any

import pytest
from run_kit import MadeJournal

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.report.cost import NO_MACHINE, NO_TIMES, JobCost
from snakemake_executor_plugin_batchx.report.prices import (
    COLUMNS,
    InstancePrice,
    PriceTable,
    parse_prices,
    read_prices,
    read_shipped_prices,
)

HEAD = "what,name,market,vcpus,memory_gib,gpus,usd_per_hour"


@pytest.mark.parametrize(
    ("name", "price"),
    [
        ("m5.large", InstancePrice(2, 8, 0, 0.096)),
        ("m5.24xlarge", InstancePrice(96, 384, 0, 4.608)),
        ("m6g.medium", InstancePrice(1, 4, 0, 0.0385)),
        ("c5.4xlarge", InstancePrice(16, 32, 0, 0.68)),
        ("t3.medium", InstancePrice(2, 4, 0, 0.0416)),  # its own row, not half of t3.large
        ("g5.12xlarge", InstancePrice(48, 192, 4, 5.672)),
        ("m7i.metal-24xl", InstancePrice(96, 384, 0, 4.8384)),
        ("m5.metal", None),
        ("g5.huge", None),
        ("zz9.large", None),
        ("m5", None),
    ],
)
def test_prices_that_come_along(name: str, price: InstancePrice | None) -> None:
    found = read_shipped_prices().find(name)
    assert (found is None) == (price is None)
    if found and price:
        assert [found.vcpus, found.memory_gib, found.gpus] == [
            price.vcpus,
            price.memory_gib,
            price.gpus,
        ]
        assert found.usd_per_hour == pytest.approx(price.usd_per_hour)


def test_the_table_says_whose_its_prices_are() -> None:
    table = read_shipped_prices()
    assert table.region == "us-east-1"
    assert "us-east-1" in table.source
    assert "estimate" in table.source


def test_a_table_of_the_users_own_may_have_spot(tmp_path: Path) -> None:
    path = tmp_path / "prices.csv"
    path.write_text(
        f"# region: eu-west-1\n\n{HEAD}\n"
        "family,m5,on-demand,2,8,,0.1\ninstance,m5.large,spot,2,8,,0.04\n"
    )
    table = read_prices(path)
    assert table.region == "eu-west-1"
    spot = table.find("m5.large", "spot")
    assert spot is not None
    assert spot.usd_per_hour == 0.04
    assert table.find("m5.xlarge", "spot") is None


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["what,name"], "has no column gpus, market"),
        ([HEAD, "family,m5,on-demand,2,8,,much"], "Line 2 of prices is no price"),
        ([HEAD, "# a remark", "", "family,m5,reserved,2,8,,1"], "Line 4 of prices"),
        ([HEAD, "family,m5,on-demand,2,8,,-1"], "-1 is no amount"),
        ([HEAD, "family,m5,on-demand,2,8,,nan"], "nan is no amount"),
        ([HEAD, "planet,m5,on-demand,2,8,,1"], "planet"),
        ([HEAD, "family,m5"], "Line 2"),
        ([], "has no column"),
    ],
)
def test_a_table_with_a_mistake_is_refused(lines: list[str], words: str) -> None:
    with pytest.raises(BatchxError, match=words):
        parse_prices(lines, "prices")


def test_no_table(tmp_path: Path) -> None:
    missing, binary = tmp_path / "none.csv", tmp_path / "binary.csv"
    binary.write_bytes(b"\xff\xfe")
    with pytest.raises(
        BatchxError, match=r"none\.csv cannot be read \(No such file or directory\): "
    ):
        read_prices(missing)
    with pytest.raises(BatchxError, match=r"binary\.csv cannot be read \(it is not UTF-8\): "):
        read_prices(binary)


def test_columns_are_documented() -> None:
    assert ",".join(COLUMNS) == HEAD


HOUR = ((0, 3600),)


def price(journal: MadeJournal, prices: PriceTable | None = None) -> JobCost:
    (job,) = journal.report(prices).jobs
    return job.cost


def make_job(
    instance_type: str | None = "m5.large",
    market: str | None = "on-demand",
    environments: tuple[str, ...] = ("EC2",),
    starts: tuple[tuple[float, float], ...] = HOUR,
    **asked: Any,
) -> MadeJournal:
    journal = MadeJournal()
    journal.submit(environments=environments, **asked)
    if instance_type:
        journal.tell_host(instance_type, market)
    journal.end_job(starts=starts, host=None if "FARGATE" in "".join(environments) else "-")
    journal.events[-2]["starts"] = [
        {**each, "host": journal.events[-3].get("host")} for each in journal.events[-2]["starts"]
    ]
    return journal


@pytest.mark.parametrize(
    ("journal", "usd"),
    [
        # Half of its vCPUs, a quarter of its memory.
        (make_job(), 0.048),
        (make_job(memory_mib=6144), 0.072),
        (make_job(vcpus=64), 0.096),
        (make_job("m5.4xlarge"), 0.048),
        (make_job("g5.12xlarge", gpus=2), 5.672 / 2),
        (make_job(starts=((0, 1800), (2000, 5600))), 0.072),
        (make_job(starts=()), None),
        (make_job("zz9.large"), None),
        (make_job(None), None),
        (make_job(None, environments=("FARGATE",)), 0.04048 + 2 * 0.004445),
        (make_job(None, environments=("FARGATE",), starts=((0, 30),)), (0.04048 + 0.00889) / 60),
    ],
)
def test_costs(journal: MadeJournal, usd: float | None) -> None:
    cost = price(journal)
    assert cost == (JobCost(pytest.approx(usd)) if usd else JobCost(None, problem=cost.problem))
    assert bool(cost.problem) == (usd is None)


@pytest.mark.parametrize(
    ("market", "environments", "is_upper_bound"),
    [
        ("spot", ("SPOT",), True),
        (None, ("EC2",), False),
        (None, ("SPOT",), True),
        (None, ("EC2", "SPOT"), True),
        ("on-demand", ("SPOT",), False),
    ],
)
def test_spot_without_a_price_is_reckoned_on_demand_and_said_to_be(
    market: str | None, environments: tuple[str, ...], is_upper_bound: bool
) -> None:
    cost = price(make_job(market=market, environments=environments))
    assert cost == JobCost(pytest.approx(0.048), is_upper_bound)


def test_spot_with_a_price_of_its_zone() -> None:
    instances = {("m5.large", "on-demand"): InstancePrice(2, 8, 0, 0.1)}
    table = PriceTable("test", "", instances, zones={("m5.large", "eu-west-1a"): 0.03})
    cost = price(make_job(market="spot", environments=("SPOT",)), table)
    assert cost == JobCost(pytest.approx(0.015))


@pytest.mark.parametrize(
    ("environments", "is_upper_bound"),
    [(("FARGATE_SPOT",), True), (("FARGATE", "FARGATE_SPOT"), True), (("FARGATE",), False)],
)
def test_fargate_spot(environments: tuple[str, ...], is_upper_bound: bool) -> None:
    assert price(make_job(None, environments=environments)).is_upper_bound == is_upper_bound


def test_what_is_not_known_is_told() -> None:
    assert price(make_job(None)).problem == NO_MACHINE
    journal = MadeJournal()
    journal.submit()
    assert price(journal) == JobCost(0.0)
    state = {"submission": "000001", "status": "RUNNING", "reason": "", "attempts": 0}
    journal.add("state", 3, **state)
    assert price(journal) == JobCost(None, problem=NO_TIMES)
