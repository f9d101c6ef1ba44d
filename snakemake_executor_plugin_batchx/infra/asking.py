"""Calls that make or end a stack, which other credentials may be for than those of runs."""

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from snakemake_executor_plugin_batchx.aws import errors
from snakemake_executor_plugin_batchx.denials import STACK_MAKER

ask_aws = functools.partial(errors.ask_aws, party=STACK_MAKER)
"""As the other, but refusals say who may make a stack."""


def iter_pages(
    action: str,
    call: Callable[..., dict[str, Any]],
    request: Mapping[str, Any],
    token: str = "nextToken",  # noqa: S107 - the name of a member
) -> Iterator[dict[str, Any]]:
    """Yield the answers of a call that names more by a token, which is sent back under its name.

    `action` is IAM's name of the call. Raises AwsError.
    """
    more: dict[str, str] = {}
    while True:
        answer: dict[str, Any] = ask_aws(action, functools.partial(call, **request, **more))
        yield answer
        if not answer.get(token):
            return
        more = {token: answer[token]}
