"""Requester pays, for clients that others make: Snakemake's s3 plugin knows no such option.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/ObjectsinRequesterPaysBuckets.html
"""

from typing import Any

import boto3

PARAMETER = "RequestPayer"


def agree_to_pay(session: Any = None) -> None:
    """Have each request to S3 of a boto3 session, or of the default one, agree to the charge."""
    if session is None:
        if boto3.DEFAULT_SESSION is None:
            boto3.setup_default_session()
        session = boto3.DEFAULT_SESSION
    session.events.register("provide-client-params.s3", _add_parameter)


def _add_parameter(params: dict[str, Any], model: Any, **_: Any) -> dict[str, Any]:
    if PARAMETER not in model.input_shape.members:
        return params
    return {PARAMETER: "requester", **params}
