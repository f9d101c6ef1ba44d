"""Addresses of jobs and their logs in AWS's console.

AWS documents none within its console. Hosts and the pages of jobs are those that Airflow links to
(providers/amazon/aws/links, base_aws.py and batch.py, https://github.com/apache/airflow).
"""

from urllib.parse import quote

CONSOLES = (
    ("cn-", "console.amazonaws.cn"),
    ("us-gov-", "console.amazonaws-us-gov.com"),
    ("us-iso", None),
    ("eu-iso", None),
    ("eusc-", None),
    ("", "console.aws.amazon.com"),
)
"""How a region's name begins, and its partition's console; None where we know of none."""


def make_job_url(region: str, job_id: str) -> str | None:
    """Return the address of a job's page, None where the partition has no console that we know.

    An array's child, `parent:index`, has a page likewise (`cloud_browse` of
    https://github.com/r-lib/revdepcheck).
    """
    return _make_url(region, "batch", f"jobs/detail/{quote(job_id, safe=':')}")


def make_stream_url(region: str, group: str, stream: str) -> str | None:
    """Return the address of a log stream's page, None where there is no console that we know.

    The console encodes the names twice, and writes $ for the outer %
    (https://newbedev.com/is-there-a-way-to-generate-the-aws-console-urls-for-cloudwatch-log-group-filters).
    """
    where = f"log-group/{_encode_twice(group)}/log-events/{_encode_twice(stream)}"
    return _make_url(region, "cloudwatch", f"logsV2:log-groups/{where}")


def _make_url(region: str, service: str, place: str) -> str | None:
    console = next(host for prefix, host in CONSOLES if region.startswith(prefix))
    return f"https://{console}/{service}/home?region={region}#{place}" if console else None


def _encode_twice(name: str) -> str:
    return quote(quote(name, safe=""), safe="").replace("%", "$")
