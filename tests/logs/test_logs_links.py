"""Addresses in AWS's console."""

import pytest

from snakemake_executor_plugin_batchx.logs.links import make_job_url, make_stream_url

JOB = "9c9ab6a5-9bd1-4e4b-b1a5-ae1b2a3c4d5e"


@pytest.mark.parametrize(
    ("region", "job_id", "expected"),
    [
        (
            "eu-west-1",
            JOB,
            f"https://console.aws.amazon.com/batch/home?region=eu-west-1#jobs/detail/{JOB}",
        ),
        (
            "us-east-1",
            f"{JOB}:17",
            f"https://console.aws.amazon.com/batch/home?region=us-east-1#jobs/detail/{JOB}:17",
        ),
        (
            "cn-north-1",
            JOB,
            f"https://console.amazonaws.cn/batch/home?region=cn-north-1#jobs/detail/{JOB}",
        ),
        (
            "us-gov-west-1",
            JOB,
            "https://console.amazonaws-us-gov.com/batch/home?region=us-gov-west-1#jobs/detail/"
            + JOB,
        ),
        ("us-iso-east-1", JOB, None),
        ("us-isob-east-1", JOB, None),
        ("eu-isoe-west-1", JOB, None),
        ("eusc-de-east-1", JOB, None),
    ],
)
def test_jobs(region: str, job_id: str, expected: str | None) -> None:
    assert make_job_url(region, job_id) == expected


@pytest.mark.parametrize(
    ("group", "stream", "place"),
    [
        (
            "/aws/batch/job",
            "bx-align/default/0123abc",
            "$252Faws$252Fbatch$252Fjob/log-events/bx-align$252Fdefault$252F0123abc",
        ),
        ("plain", "2026[$LATEST] a", "plain/log-events/2026$255B$2524LATEST$255D$2520a"),
    ],
)
def test_streams(group: str, stream: str, place: str) -> None:
    assert make_stream_url("eu-west-1", group, stream) == (
        "https://console.aws.amazon.com/cloudwatch/home?region=eu-west-1"
        f"#logsV2:log-groups/log-group/{place}"
    )


def test_there_is_no_address_where_no_console_is_known() -> None:
    assert make_stream_url("us-iso-east-1", "g", "s") is None
