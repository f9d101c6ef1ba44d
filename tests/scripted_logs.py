"""CloudWatch Logs as a script: pages by token, and calls that fail first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import botocore.exceptions
from simulated_time import SimulatedTime

from snakemake_executor_plugin_batchx.aws.budget import CallBudget
from snakemake_executor_plugin_batchx.aws.retry import Retrier
from snakemake_executor_plugin_batchx.logs.gateway import CALLS_PER_SECOND, SERVICE, LogsGateway

GROUP = "/aws/batch/job"


def make_refusal(code: str, message: str = "no", status: int = 400) -> Exception:
    answer = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return botocore.exceptions.ClientError(answer, "GetLogEvents")


THROTTLED = make_refusal("ThrottlingException", "Rate exceeded")
NO_STREAM = make_refusal("ResourceNotFoundException", "The specified log stream does not exist.")


@dataclass
class ScriptedLogs:
    """A client whose streams are pages of messages, cut as AWS likes: a page may be empty.

    Pages have numbers; a token names the next one on its side. At an end it comes back as it was
    sent, unless `is_restless`: then new ones come for ever. `refusals` are raised first.
    """

    pages: dict[str, list[list[str]]]
    is_restless: bool = False
    refusals: list[Exception] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)

    def get_log_events(self, **request: Any) -> dict[str, Any]:
        self.asked.append(request)
        if self.refusals:
            raise self.refusals.pop(0)
        stream = request["logStreamName"]
        if stream not in self.pages:
            raise NO_STREAM
        pages = self.pages[stream]
        number = self._find_page(request, len(pages))
        messages = pages[number] if 0 <= number < len(pages) else []
        forward, backward = number + 1, number - 1
        if not self.is_restless:
            forward, backward = min(forward, len(pages)), max(backward, -1)
        start = sum(len(page) for page in pages[: max(number, 0)])
        return {
            "events": [
                {"timestamp": start + n, "message": text, "ingestionTime": 0}
                for n, text in enumerate(messages)
            ],
            "nextForwardToken": f"f/{forward}",
            "nextBackwardToken": f"b/{backward}",
        }

    @staticmethod
    def _find_page(request: dict[str, Any], count: int) -> int:
        token = request.get("nextToken")
        if token is None:
            return 0 if request["startFromHead"] else count - 1
        # AWS takes a forward token only together with startFromHead.
        assert request["startFromHead"] is token.startswith("f/")
        return int(token[2:])


def make_gateway(client: ScriptedLogs, time: SimulatedTime | None = None) -> LogsGateway:
    time = time or SimulatedTime()
    budget = CallBudget(time.clock, time.sleep, CALLS_PER_SECOND)
    retrier = Retrier(
        *(budget, time.clock, time.sleep, lambda: 1.0, lambda: False), service=SERVICE
    )
    return LogsGateway(client, retrier)


def number(count: int, start: int = 0) -> list[str]:
    return [f"line {n}" for n in range(start, start + count)]


def join(pages: Sequence[Sequence[str]]) -> list[str]:
    return [message for page in pages for message in page]
