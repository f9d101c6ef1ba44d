"""Orders of detached runs, for tests."""

from snakemake_executor_plugin_batchx.detached.order import ORDER_VERSION, Order
from snakemake_executor_plugin_batchx.spec import Blob


def make_order(detached_id: str, *arguments: str) -> Order:
    """Return an order for Snakemake with arguments, in a folder of its own."""
    return Order(
        version=ORDER_VERSION,
        detached_id=detached_id,
        created=0.0,
        who="me",
        batchx="1",
        region="eu-west-1",
        arguments=arguments,
        top="/home/me/flow",
        start_dir=".",
        work_dir=".",
        code=Blob("code", 0, 0, ""),
        head_folder=detached_id,
    )
