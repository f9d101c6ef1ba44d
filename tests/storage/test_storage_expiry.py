"""How long what is there already will last."""

from __future__ import annotations

import pytest

from snakemake_executor_plugin_batchx.storage.expiry import is_ageing

WRITTEN = "Wed, 01 Jul 2026 12:00:00 GMT"
RULE = 'expiry-date="Sat, 01 Aug 2026 00:00:00 GMT", rule-id="area-of-batchx"'


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("Wed, 01 Jul 2026 12:00:01 GMT", False),
        ("Thu, 16 Jul 2026 17:00:00 GMT", False),
        ("Thu, 16 Jul 2026 19:00:00 GMT", True),
        ("Fri, 31 Jul 2026 23:00:00 GMT", True),
        ("Sun, 02 Aug 2026 01:00:00 GMT", True),
    ],
)
def test_half_of_the_time_is_what_counts(now: str, expected: bool) -> None:
    headers = {"last-modified": WRITTEN, "date": now, "x-amz-expiration": RULE}
    assert is_ageing(headers) is expected


@pytest.mark.parametrize(
    "headers",
    [
        {"last-modified": WRITTEN, "date": "Sun, 02 Aug 2026 01:00:00 GMT"},
        {"last-modified": WRITTEN, "date": WRITTEN, "x-amz-expiration": "NotImplemented"},
        {"last-modified": WRITTEN, "x-amz-expiration": RULE},
        {},
    ],
)
def test_without_a_rule_all_lasts(headers: dict[str, str]) -> None:
    assert not is_ageing(headers)
