"""`batchx infra`: what runs need of an account, made, described and deleted."""

import argparse
import sys
import time
from collections.abc import Callable, Iterable

from snakemake_executor_plugin_batchx.aws.account import AccountGateway
from snakemake_executor_plugin_batchx.aws.session import AwsSession
from snakemake_executor_plugin_batchx.cli.aws_options import add_aws_options, open_aws
from snakemake_executor_plugin_batchx.cli.batch_access import say
from snakemake_executor_plugin_batchx.cli.infra_down import Demolition
from snakemake_executor_plugin_batchx.cli.infra_options import (
    add_name,
    add_stack_options,
    read_stack_options,
)
from snakemake_executor_plugin_batchx.cli.questions import INTERRUPTED, ask_terminal, is_yes
from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.infra.change import Change, plan_change
from snakemake_executor_plugin_batchx.infra.deploy import (
    NOTHING_MADE,
    StackMaker,
    check_deletable,
    check_owner,
    check_state,
)
from snakemake_executor_plugin_batchx.infra.gateway import Stack, StackGateway, StackOrder
from snakemake_executor_plugin_batchx.infra.options import StackOptions, check_stack_name
from snakemake_executor_plugin_batchx.infra.place import describe_place
from snakemake_executor_plugin_batchx.infra.profile import make_exports, make_profile
from snakemake_executor_plugin_batchx.infra.service_roles import (
    list_services,
    provide_service_role,
)
from snakemake_executor_plugin_batchx.infra.subnets import check_subnets
from snakemake_executor_plugin_batchx.infra.template import (
    list_kinds_of_resources,
    list_values,
    plan_parts,
    render_template,
)


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the `batchx` parser."""
    parser = subparsers.add_parser(
        "infra",
        help="make what runs need of an account, and delete it",
        description="A stack of AWS CloudFormation with all that runs need: queues, compute "
        "environments, network, bucket, log group and roles. It costs nothing while no job runs, "
        "but for what lies in S3, ECR and CloudWatch Logs.",
    )
    actions = parser.add_subparsers(title="actions", required=True, metavar="ACTION")
    template = actions.add_parser(
        "template",
        help="print the template, for whoever deploys it otherwise",
        description="Print the CloudFormation template. Nothing is asked of AWS.",
    )
    add_stack_options(template)
    template.set_defaults(run=run_template)
    _add_up(actions)
    _add_down(actions)
    profile = actions.add_parser(
        "profile",
        help="print the Snakemake profile of a stack",
        description="Print the profile with which runs use a stack: save it as config.yaml in a "
        "folder, such as ~/.config/snakemake/batchx, and name that by snakemake --profile.",
    )
    add_name(profile)
    profile.add_argument(
        "--env",
        action="store_true",
        help="as shell commands that export the settings, for batchx doctor and the like",
    )
    add_aws_options(profile)
    profile.set_defaults(run=run_profile)


def _add_up(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    up = actions.add_parser(
        "up",
        help="make the stack, or change it into what the options say",
        description="Make the stack, or change the one that is there into what the options say. "
        "Prints its Snakemake profile at the end. docs/account.md lists the permissions that it "
        "takes.",
    )
    add_stack_options(up)
    up.add_argument("--yes", action="store_true", help="do not ask")
    add_aws_options(up)
    up.set_defaults(run=run_up)


def _add_down(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    down = actions.add_parser(
        "down",
        help="delete the stack and all that runs have left in it",
        description="Delete the stack: its queues with the jobs in them, bucket, log group, "
        "network and roles; and with it what batchx made for it: job definitions with its job "
        "role, and images in repositories below its prefix. Says what will be deleted, and asks.",
    )
    add_name(down)
    down.add_argument(
        "--delete-data",
        action="store_true",
        help="also where the bucket holds objects beside .batchx/, which are then lost",
    )
    down.add_argument("--yes", action="store_true", help="do not ask")
    add_aws_options(down)
    down.set_defaults(run=run_down)


def run_template(args: argparse.Namespace) -> int:
    """Print the template."""
    print(render_template(plan_parts(read_stack_options(args))), end="")
    return 0


def run_up(args: argparse.Namespace) -> int:
    """Make or change the stack, and print its profile."""
    return end_softly(
        lambda: bring_up(args),
        f"what CloudFormation has begun on stack {args.stack} goes on by itself; to follow it, "
        "type batchx infra up with the same options again",
    )


def bring_up(args: argparse.Namespace) -> int:
    """Make or change the stack, after a question, and print its profile."""
    options = read_stack_options(args)
    parts = plan_parts(options)
    order = StackOrder(render_template(parts), list_values(parts))
    session = open_aws(args)
    if options.vpc:
        check_subnets(
            session.make_patient_client("ec2", session.region), options.vpc, options.subnets
        )
    gateway = open_gateway(session)
    maker = make_maker(gateway)
    stack = find_settled(gateway, maker, options.name)
    present = {} if is_unmade(stack) else gateway.list_resources(options.name)
    kinds = list_kinds_of_resources(parts)
    change = plan_change(stack, present, kinds, order.values, options)
    if not confirm(tell_change(options, find_place(session), stack, change), is_agreed=args.yes):
        say("nothing was changed")
        return 0
    iam = session.make_patient_client("iam", session.region)
    for service in list_services(options):
        provide_service_role(iam, service, say)
    print(make_profile(maker.deploy(options.name, order, stack), args.profile), end="")
    return 0


def find_settled(gateway: StackGateway, maker: StackMaker, name: str) -> Stack | None:
    """Return a stack that can be changed, after what is being done to it; None where none is left.

    Raises BatchxError where it is not ours, where what is being done fails, or where it is stuck.
    """
    stack = gateway.find_stack(name)
    if stack is None:
        return None
    check_owner(stack)
    if stack.is_changing:
        maker.catch_up(stack)
        return find_settled(gateway, maker, name)
    check_state(stack)
    return stack


def end_softly(act: Callable[[], int], advice: str) -> int:
    """Act, and where the user interrupts it, say what goes on and what to type."""
    try:
        return act()
    except KeyboardInterrupt:
        say(f"interrupted: {advice}")
        return INTERRUPTED


def run_profile(args: argparse.Namespace) -> int:
    """Print the profile of a stack."""
    name = check_stack_name(args.stack)
    session = open_aws(args)
    stack = get_stack(open_gateway(session), name, session.region)
    lines = make_exports(stack) if args.env else [make_profile(stack, args.profile).rstrip("\n")]
    print(*lines, sep="\n")
    return 0


def run_down(args: argparse.Namespace) -> int:
    """Delete the stack and what runs have left."""
    check_stack_name(args.stack)
    again = f"batchx infra down --stack {args.stack}{' --delete-data' if args.delete_data else ''}"
    return end_softly(
        lambda: bring_down(args),
        f"what CloudFormation has begun on stack {args.stack} goes on by itself, and what is not "
        f"deleted yet stays; to go on, type {again}",
    )


def bring_down(args: argparse.Namespace) -> int:
    """Delete the stack and what runs have left, after a question."""
    session = open_aws(args)
    gateway = open_gateway(session)
    maker = make_maker(gateway)
    stack = find_deletable(gateway, maker, args.stack)
    if stack is None:
        say(f"there is no stack {args.stack} in {session.region}: there is nothing to delete")
        return 0
    demolition = Demolition(session, stack, say)
    inventory = demolition.take_inventory(
        may_delete_data=args.delete_data,
        other_prefixes=list_other_prefixes(stack, gateway.list_stacks()),
    )
    if not confirm(demolition.tell_plan(inventory), is_agreed=args.yes):
        say("nothing was deleted")
        return 0
    demolition.clear(inventory)
    maker.delete(stack)
    say(f"stack {stack.name} is gone")
    return 0


def find_deletable(gateway: StackGateway, maker: StackMaker, name: str) -> Stack | None:
    """Return a stack that can be deleted, after what is being done to it; None without one.

    Raises BatchxError where it is not ours, is protected, or where its deletion is under way and
    fails.
    """
    stack = gateway.find_stack(name)
    if stack is None:
        return None
    check_owner(stack)
    if stack.status == "DELETE_IN_PROGRESS":
        maker.catch_up(stack)
        return None
    check_deletable(stack)
    return maker.wait(stack) if stack.is_changing else stack


def open_gateway(session: AwsSession) -> StackGateway:
    """Open CloudFormation in the session's region."""
    return StackGateway(session.make_patient_client("cloudformation", session.region))


def make_maker(gateway: StackGateway) -> StackMaker:
    """Return what makes stacks and tells of it on standard error."""
    return StackMaker(gateway, time.sleep, say)


def get_stack(gateway: StackGateway, name: str, region: str) -> Stack:
    """Return a stack of ours. Raises BatchxError where there is none."""
    stack = gateway.find_stack(name)
    if stack is None:
        raise BatchxError(
            f"There is no stack {name} in {region}: make it (batchx infra up --stack {name}), or "
            "name another by --stack or --region."
        )
    check_owner(stack)
    return stack


def list_other_prefixes(stack: Stack, stacks: Iterable[Stack]) -> list[str]:
    """Return what the repositories of other stacks begin with, below one's own prefix or at it."""
    own = stack.outputs.get("RepositoryPrefix", "")
    found = (each.outputs.get("RepositoryPrefix") for each in stacks if each.arn != stack.arn)
    return [prefix for prefix in found if prefix and prefix.startswith(own)]


def is_unmade(stack: Stack | None) -> bool:
    """Tell whether there is nothing of a stack."""
    return stack is None or stack.status in NOTHING_MADE


def find_place(session: AwsSession) -> str:
    """Return where the session is, and whose. Raises AwsError where AWS does not tell."""
    account = AccountGateway(session.make_patient_client, session.region)
    return describe_place(account.get_identity(), session.region)


def tell_change(
    options: StackOptions, place: str, stack: Stack | None, change: Change
) -> list[str]:
    """Return what making or changing a stack will do, and a question."""
    if is_unmade(stack):
        lines = [f"Stack {options.name} will be made in {place}:"]
    else:
        lines = [f"Stack {options.name} will be changed into what the options say, in {place}:"]
    lines += [f"  + {name} ({kind})" for name, kind in change.made.items()]
    lines += [f"  - {name} ({kind}) is deleted" for name, kind in change.removed.items()]
    lines += [f"  ~ {line}" for line in change.changed]
    if not (change.made or change.removed or change.changed):
        lines.append("  no resource or value comes, goes or changes")
    if not change.forgotten:
        return [*lines, "Go on? [y/N] "]
    lines.append(
        "  Given before and not now, so what it gave is taken away: " + ", ".join(change.forgotten)
    )
    return [*lines, f"Go on without {' '.join(change.forgotten)}? [y/N] "]


def confirm(lines: list[str], *, is_agreed: bool) -> bool:
    """Show lines, and ask unless it is agreed. Raises BatchxError without a terminal."""
    *shown, question = lines
    for line in shown:
        print(line, file=sys.stderr)
    if is_agreed:
        return True
    if not sys.stdin.isatty():
        raise BatchxError("There is no terminal on which to ask whether to go on: give --yes.")
    return is_yes(ask_terminal(question))
