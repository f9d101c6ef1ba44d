"""The prices of what a run used, as AWS tells them."""

from dataclasses import replace
from datetime import UTC, datetime

from snakemake_executor_plugin_batchx.aws.errors import AwsError
from snakemake_executor_plugin_batchx.aws.partitions import find_partition
from snakemake_executor_plugin_batchx.aws.prices import (
    MakeClient,
    find_fargate_prices,
    find_products,
    find_spot_prices,
)
from snakemake_executor_plugin_batchx.report.prices import ON_DEMAND, InstancePrice, PriceTable
from snakemake_executor_plugin_batchx.report.rows import RunRecord


def ask_prices(make_client: MakeClient, region: str, run: RunRecord) -> PriceTable:
    """Return the prices, in a region, of the machines that a run's jobs were on.

    Those of spot are of the time when it began; where EC2 does not tell them, those on demand
    stand for them. Raises BatchxError where the Price List does not tell.
    """
    machines = [s.machine for job in run.jobs for s in job.starts if s.machine is not None]
    types = sorted({each.instance_type for each in machines if each.instance_type})
    spot = {each.instance_type for each in machines if each.market != ON_DEMAND}
    has_fargate = any(each.is_fargate for job in run.jobs for each in job.batch_jobs)
    partition = find_partition(region)
    products = find_products(make_client, partition, region, types)
    fargate = find_fargate_prices(make_client, partition, region) if has_fargate else {}
    today = datetime.now(UTC).date().isoformat()
    table = PriceTable(
        source=f"AWS's Price List for {region}, {today}",
        region=region,
        instances={
            (each.name, ON_DEMAND): InstancePrice(
                each.vcpus, each.memory_gib, each.gpus, each.usd_per_hour
            )
            for each in products
        },
        fargate={(*key, ON_DEMAND): usd for key, usd in fargate.items()},
    )
    wanted = [name for name in types if name in spot]
    if not wanted:
        return table
    try:
        zones = find_spot_prices(make_client, region, wanted, run.begun)
    except AwsError as error:
        return replace(table, source=f"{table.source}, without those of spot: {error}")
    return replace(table, zones=zones)
