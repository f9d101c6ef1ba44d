"""Who the embedded account is, and the names (ARNs, ids, tokens) it gives out."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any

from snakemake_executor_plugin_batchx.local.errors import ClientError


@dataclass(frozen=True)
class Identity:
    """Account, region and partition of everything the embedded Batch owns."""

    account_id: str = "123456789012"
    region: str = "us-east-1"
    partition: str = "aws"

    def make_arn(self, kind: str, name: str, service: str = "batch") -> str:
        """``arn:aws:batch:<region>:<account>:<kind>/<name>``."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account_id}:{kind}/{name}"

    def read_name(self, kind: str, name_or_arn: str) -> str:
        """The resource's name, given as such or as an ARN of this account and region.

        Another ARN is returned as it is.
        """
        prefix = self.make_arn(kind, "")
        return name_or_arn.removeprefix(prefix)


@dataclass(frozen=True)
class Credentials:
    """The key pair of the account and of all its roles."""

    access_key_id: str
    secret_access_key: str


def make_token(position: Any) -> str:
    """An opaque ``nextToken`` for a position in a list."""
    return base64.urlsafe_b64encode(json.dumps(position).encode()).decode()


def read_token(token: str) -> Any:
    """The position that a ``nextToken`` stands for.

    Raises:
        ClientError: the token is none of ours.
    """
    try:
        return json.loads(base64.urlsafe_b64decode(token.encode()))
    except (binascii.Error, ValueError):
        raise ClientError("Invalid nextToken") from None
