"""The condition keys that the embedded AWS knows, all in lower case as they are compared.

A key is known if requests give it a value, or if it is true of no request here (as of AWS's
requests from outside a VPC). A policy that asks for any other is refused with a sentence.

Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from snakemake_executor_plugin_batchx.local.iam.errors import PolicyError

GIVEN = frozenset(
    {
        "aws:currenttime",
        "aws:epochtime",
        "aws:principalaccount",
        "aws:principalarn",
        "aws:principaltype",
        "aws:requestedregion",
        "aws:resourceaccount",
        "aws:securetransport",
        "aws:sourceip",
        "aws:tagkeys",
        "aws:useragent",
        "aws:userid",
        "aws:username",
        "batch:awslogscreategroup",
        "batch:awslogsgroup",
        "batch:awslogsregion",
        "batch:awslogsstreamprefix",
        "batch:image",
        "batch:logdriver",
        "batch:privileged",
        "batch:shareidentifier",
        "batch:user",
        "iam:awsservicename",
        "iam:passedtoservice",
        "kms:viaservice",
        "s3:delimiter",
        "s3:if-match",
        "s3:if-none-match",
        "s3:max-keys",
        "s3:prefix",
        "s3:versionid",
        "s3:x-amz-acl",
        "s3:x-amz-copy-source",
        "s3:x-amz-server-side-encryption",
        "s3:x-amz-server-side-encryption-aws-kms-key-id",
        "s3:x-amz-storage-class",
        "sts:externalid",
        "sts:rolesessionname",
    }
)
RESOURCE_TAG = "aws:resourcetag/"
"""What the keys of a resource's tags begin with. Alone, it stands among the keys of a request where
the tags are known; without it a policy that asks for one cannot be evaluated."""
GIVEN_PREFIXES = ("aws:requesttag/", RESOURCE_TAG)
ABSENT = frozenset(
    {
        "aws:calledvia",
        "aws:calledviafirst",
        "aws:calledvialast",
        "aws:multifactorauthage",
        "aws:multifactorauthpresent",
        "aws:principalorgid",
        "aws:principalorgpaths",
        "aws:referer",
        "aws:resourceorgid",
        "aws:sourceaccount",
        "aws:sourcearn",
        "aws:sourcevpc",
        "aws:sourcevpce",
        "aws:vpcsourceip",
        "aws:viaawsservice",
    }
)
ABSENT_PREFIXES = ("aws:principaltag/",)


def check_key(key: str) -> str:
    """The key in lower case.

    Raises:
        PolicyError: the embedded AWS does not know it.
    """
    name = key.lower()
    if name in GIVEN or name in ABSENT or name.startswith(GIVEN_PREFIXES + ABSENT_PREFIXES):
        return name
    raise PolicyError(f"The embedded AWS does not know the condition key {key}.")


def find_values(keys: Mapping[str, tuple[str, ...]], name: str) -> tuple[str, ...]:
    """The values of a condition key in a request; none where it is absent.

    Raises:
        PolicyError: it is a tag of a resource whose tags the embedded AWS does not know.
    """
    if name.startswith(RESOURCE_TAG) and RESOURCE_TAG not in keys:
        tag = name.removeprefix(RESOURCE_TAG)
        raise PolicyError(
            "The embedded AWS knows the tags of AWS Batch's resources alone, and is asked for "
            f"aws:ResourceTag/{tag} of another."
        )
    return keys.get(name, ())


def make_resource_keys(tags: Mapping[str, str] | None) -> dict[str, tuple[str, ...]]:
    """The condition keys of a resource's tags; nothing where these are not known."""
    if tags is None:
        return {}
    own = {RESOURCE_TAG + name.lower(): (value,) for name, value in tags.items()}
    return {RESOURCE_TAG: (), **own}


def make_request_keys(source_ip: str, user_agent: str) -> dict[str, tuple[str, ...]]:
    """The condition keys that every request has, with their values now.

    The loopback stands for the TLS of AWS's endpoints.
    """
    now = time.time()
    return {
        "aws:securetransport": ("true",),
        "aws:sourceip": (source_ip,),
        "aws:useragent": (user_agent,),
        "aws:epochtime": (str(int(now)),),
        "aws:currenttime": (time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now)),),
    }
