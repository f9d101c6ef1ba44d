"""Where an image is read from: its own registry, or ECR where a pull-through rule has it."""

from collections.abc import Sequence
from dataclasses import dataclass

from snakemake_executor_plugin_batchx.images.reference import (
    DOCKER_HUB,
    DOCKER_HUB_NAMES,
    ImageReference,
)

ROOT = "ROOT"
"""ECR's word for no prefix:
https://docs.aws.amazon.com/AmazonECR/latest/userguide/pull-through-cache-private-wildcards.html"""


@dataclass(frozen=True)
class PullThroughRule:
    """A pull-through cache rule: repositories below `prefix` are those of an upstream registry.

    Prefixes are empty for ECR's ROOT.
    """

    prefix: str
    upstream_host: str
    upstream_prefix: str = ""


def make_rule(prefix: str, upstream_url: str, upstream_prefix: str) -> PullThroughRule:
    """Return a rule as DescribePullThroughCacheRules tells it."""
    host = upstream_url.partition("://")[2] or upstream_url
    host = host.partition("/")[0].lower()
    return PullThroughRule(
        "" if prefix == ROOT else prefix.strip("/"),
        DOCKER_HUB if host in DOCKER_HUB_NAMES else host,
        "" if upstream_prefix == ROOT else upstream_prefix.strip("/"),
    )


def find_cached_repository(
    reference: ImageReference, rules: Sequence[PullThroughRule]
) -> str | None:
    """Return the ECR repository that caches an image's, None where no rule matches.

    The rule with the longest upstream prefix counts.
    """
    for rule in sorted(rules, key=lambda rule: len(rule.upstream_prefix), reverse=True):
        if rule.upstream_host != reference.host:
            continue
        inner = _strip_prefix(reference.repository, rule.upstream_prefix)
        if inner is not None:
            return f"{rule.prefix}/{inner}" if rule.prefix else inner
    return None


def is_cache(repository: str, rules: Sequence[PullThroughRule]) -> bool:
    """Return True if a repository of the account is a pull-through cache's.

    One without a prefix takes in every repository, which would leave no place to push to.
    """
    return any(rule.prefix and _strip_prefix(repository, rule.prefix) is not None for rule in rules)


def _strip_prefix(repository: str, prefix: str) -> str | None:
    if not prefix:
        return repository
    inner = repository.removeprefix(prefix + "/")
    return inner if inner != repository else None
