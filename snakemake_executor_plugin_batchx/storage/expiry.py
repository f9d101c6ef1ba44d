"""How long S3 will keep an object that is there already."""

import email.utils
import re
from collections.abc import Mapping

EXPIRATION_HEADER = "x-amz-expiration"
"""Where a lifecycle rule applies: when it deletes the object
(https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html)."""

_EXPIRY_DATE = re.compile(r'expiry-date="([^"]+)"')


def is_ageing(headers: Mapping[str, str]) -> bool:
    """Tell whether half of the time is over for which a lifecycle rule keeps an object.

    `headers` of an answer to HeadObject, by names in lower case; by S3's own clock. Such an object
    counts as one that is not there, so that it is written again and lasts for a run of half of that
    time at least.
    """
    expiry = _EXPIRY_DATE.search(headers.get(EXPIRATION_HEADER, ""))
    written, now = headers.get("last-modified"), headers.get("date")
    if not (expiry and written and now):
        return False
    begin, end = _parse(written), _parse(expiry[1])
    return _parse(now) - begin > (end - begin) / 2


def _parse(date: str) -> float:
    return email.utils.parsedate_to_datetime(date).timestamp()
