"""Tables of what reports have: the columns of their CSV, and of a table of prices."""

from snakemake_executor_plugin_batchx.reference.markdown import make_table, quote
from snakemake_executor_plugin_batchx.report.columns import COLUMNS
from snakemake_executor_plugin_batchx.report.prices import COLUMNS as PRICE_COLUMNS


def make_report_columns() -> str:
    """Return the columns of the CSV."""
    return make_table(
        ("column", "meaning"), ((quote(column.name), column.meaning) for column in COLUMNS)
    )


def make_price_columns() -> str:
    """Return the columns of a table of prices."""
    return make_table(
        ("column", "meaning"), ((quote(name), meaning) for name, meaning in PRICE_COLUMNS.items())
    )
