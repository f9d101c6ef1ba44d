"""A stack from what is there to what is wanted, watched until it is done."""

from collections.abc import Callable, Sequence

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.infra.failures import explain_failure, find_first_failure
from snakemake_executor_plugin_batchx.infra.gateway import (
    Stack,
    StackEvent,
    StackGateway,
    StackOrder,
)
from snakemake_executor_plugin_batchx.infra.part import STACK_MARK

POLL_SECONDS = 5.0

NOTHING_MADE = frozenset({"ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS"})
"""A stack that could not be made holds nothing, and can only be deleted."""

STUCK = {
    "CREATE_FAILED": "delete it (batchx infra down)",
    "ROLLBACK_FAILED": "delete it (batchx infra down)",
    "DELETE_FAILED": "delete the rest of it (batchx infra down)",
    "UPDATE_ROLLBACK_FAILED": (
        "bring it back to what it was (aws cloudformation continue-update-rollback --stack-name "
        "{name})"
    ),
}
"""States that no update leaves: state → what to do
(https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html)."""

STACK_KIND = "AWS::CloudFormation::Stack"
BEGINNINGS = frozenset({"CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS", "DELETE_IN_PROGRESS"})
"""Of the events of a stack itself: something begins to be done to it."""

GOOD = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "DELETE_COMPLETE"})


def check_owner(stack: Stack) -> None:
    """Raise BatchxError where a stack was not made from a template of batchx infra."""
    if not stack.is_ours:
        raise BatchxError(
            f"Stack {stack.name} was not made by batchx infra (its description does not begin with "
            f"{STACK_MARK.strip()}), so nothing is done to it: name another one by --stack."
        )


def check_deletable(stack: Stack) -> None:
    """Raise BatchxError where somebody has protected a stack from being deleted.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-protect-stacks.html
    """
    if stack.is_protected:
        raise BatchxError(
            f"Stack {stack.name} is protected from being deleted: end that first, if it may go ("
            "aws cloudformation update-termination-protection --no-enable-termination-protection "
            f"--stack-name {stack.name})."
        )


def check_state(stack: Stack) -> None:
    """Raise BatchxError where a stack cannot be changed as it is."""
    if stack.status in STUCK:
        fix = STUCK[stack.status].format(name=stack.name)
        raise BatchxError(f"Stack {stack.name} is {stack.status} ({stack.reason}): {fix} first.")


class StackMaker:
    """Makes, changes and deletes stacks, and tells of each step of CloudFormation's.

    Every method raises BatchxError where AWS refuses or a step fails: the first that did, and what
    to do.
    """

    def __init__(
        self,
        gateway: StackGateway,
        sleep: Callable[[float], None],
        tell: Callable[[str], None],
    ) -> None:
        self._gateway = gateway
        self._sleep = sleep
        self._tell = tell

    def deploy(self, name: str, order: StackOrder, stack: Stack | None) -> Stack:
        """Make the stack, or change the one that is there, into what is ordered."""
        if stack is not None and stack.status in NOTHING_MADE:
            self._tell(f"stack {name} was never made ({stack.status}): it is deleted first")
            self.delete(stack)
            stack = None
        if stack is None:
            self._gateway.create_stack(name, order)
            return self._follow(self._get_stack(name), ())
        known = [event.identifier for event in self._gateway.list_events(stack.arn)]
        if not self._gateway.update_stack(name, order):
            self._tell(f"stack {name} is as it should be: there is nothing to change")
            return stack
        return self._follow(stack, known)

    def delete(self, stack: Stack) -> Stack:
        """Delete a stack and wait until it is gone."""
        known = [event.identifier for event in self._gateway.list_events(stack.arn)]
        self._gateway.delete_stack(stack.arn)
        return self._follow(stack, known)

    def catch_up(self, stack: Stack) -> Stack:
        """Follow what is being done to a stack to its end; raises BatchxError where it fails."""
        return self._judge(*self._watch_rest(stack))

    def wait(self, stack: Stack) -> Stack:
        """Follow what is being done to a stack to its end, whatever becomes of it."""
        return self._watch_rest(stack)[0]

    def _watch_rest(self, stack: Stack) -> tuple[Stack, list[StackEvent]]:
        self._tell(f"stack {stack.name} is {stack.status}: that is followed to its end")
        events = self._gateway.list_events(stack.arn)
        begin = max(
            (
                number
                for number, event in enumerate(events)
                if event.kind == STACK_KIND
                and event.resource == stack.name
                and event.status in BEGINNINGS
            ),
            default=0,
        )
        return self._watch(stack, [event.identifier for event in events[:begin]])

    def _get_stack(self, name_or_arn: str) -> Stack:
        stack = self._gateway.find_stack(name_or_arn)
        if stack is None:
            raise BatchxError(f"Stack {name_or_arn} is gone: somebody has deleted it meanwhile.")
        return stack

    def _follow(self, stack: Stack, known: Sequence[str]) -> Stack:
        return self._judge(*self._watch(stack, known))

    def _watch(self, stack: Stack, known: Sequence[str]) -> tuple[Stack, list[StackEvent]]:
        """Tell of events until CloudFormation is done; those that are known are old.

        Returns the stack then, and the events that were told.
        """
        seen, fresh = set(known), []
        while True:
            current = self._get_stack(stack.arn)
            events = self._gateway.list_events(stack.arn, seen)
            for event in events:
                self._tell(format_event(event))
            fresh += events
            seen |= {event.identifier for event in events}
            if not current.is_changing:
                return current, fresh
            self._sleep(POLL_SECONDS)

    def _judge(self, stack: Stack, events: Sequence[StackEvent]) -> Stack:
        if stack.status in GOOD:
            return stack
        failure = find_first_failure(events)
        why = explain_failure(failure) if failure else f"{stack.reason or 'no reason given'}."
        raise BatchxError(f"Stack {stack.name} is {stack.status}. {why}")


def format_event(event: StackEvent) -> str:
    """Return an event as a line."""
    reason = f"  {event.reason}" if event.is_failure and event.reason else ""
    return f"{event.time:%H:%M:%S}  {event.status:<20}  {event.resource} ({event.kind}){reason}"
