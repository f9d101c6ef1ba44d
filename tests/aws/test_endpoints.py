import botocore.exceptions
import pytest

from snakemake_executor_plugin_batchx.aws.endpoints import explain_silence
from snakemake_executor_plugin_batchx.aws.errors import explain_error

LOCAL = "http://127.0.0.1:45179"


def test_an_embedded_aws_that_is_gone() -> None:
    told = explain_silence(f"{LOCAL}/", {"AWS_ENDPOINT_URL": LOCAL, "HOME": "/"})
    assert told.startswith(
        "AWS_ENDPOINT_URL names http://127.0.0.1:45179, where nobody answers: open a new shell, or"
    )
    only_s3 = {"AWS_ENDPOINT_URL_S3": f"{LOCAL}/"}
    assert explain_silence(f"{LOCAL}/b?list", only_s3).startswith("AWS_ENDPOINT_URL_S3 names http")


@pytest.mark.parametrize(
    "endpoint", ["https://batch.us-esat-1.amazonaws.com/", "https://b.s3.us-esat-1.amazonaws.com"]
)
def test_a_region_that_is_misspelled(endpoint: str) -> None:
    told = explain_silence(endpoint, {"AWS_ENDPOINT_URL": ""})
    assert told.startswith("Region us-esat-1 is none of AWS's that this boto3 knows, and nobody ")


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://batch.us-east-1.amazonaws.com/",
        "https://iam.amazonaws.com",
        "http://minio:9000",
        "",
    ],
)
def test_nothing_is_known_of_others(endpoint: str) -> None:
    assert explain_silence(endpoint, {"AWS_ENDPOINT_URL": LOCAL}) == ""


def test_a_call_without_a_connection_may_be_repeated() -> None:
    url = "https://cloudformation.us-esat-1.amazonaws.com/"
    error = botocore.exceptions.EndpointConnectionError(endpoint_url=url)
    told = explain_error(error, "cloudformation:DescribeStacks")
    assert str(told).startswith("Region us-esat-1 is none")
    assert (told.code, told.is_transient) == ("EndpointConnectionError", True)
