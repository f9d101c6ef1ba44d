"""`batchx doctor`: what is wrong with an account, before a run finds out."""

import argparse
import json
import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace

from snakemake_executor_plugin_batchx.aws.session import open_session
from snakemake_executor_plugin_batchx.checks.finding import Finding, count_findings, split_sentence
from snakemake_executor_plugin_batchx.checks.table import CREDENTIALS, SETTINGS
from snakemake_executor_plugin_batchx.cli.aws_options import add_aws_options, name_options
from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.examination.doctor import Doctor, Patient
from snakemake_executor_plugin_batchx.plan.values import Problems
from snakemake_executor_plugin_batchx.setting_checks import NO_QUEUE, check_settings
from snakemake_executor_plugin_batchx.settings import LOCAL_QUEUE, ExecutorSettings

OPTIONS = (
    ("s3_root", "S3_URL", "where jobs and this machine exchange files"),
    ("job_role", "ARN", "the role that jobs run with"),
    ("execution_role", "ARN", "the role that pulls images and writes logs"),
    ("head_role", "ARN", "the role of the heads of detached runs"),
    ("log_group", "NAME", "the log group of the jobs' output (default: Batch's own)"),
)
"""Settings that are options here, too."""

FROM_ENVIRONMENT = (
    "fallback_queue",
    "arch",
    "runtime",
    "runtime_image",
    "repository",
    "s3_endpoint_url",
    "s3_addressing",
    "s3_kms_key_id",
    "s3_acl",
)
"""Settings that count as in a run, and are seldom others than its."""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command to the `batchx` parser."""
    parser = subparsers.add_parser(
        "doctor",
        help="look at all that a run needs of the account, and say what is wrong",
        description="Look at credentials, queues, roles, S3 root, log group, registry and quotas. "
        "Nothing is changed: an object is written below the S3 root, and deleted. Settings come "
        "from a run's environment variables, as far as no option here names them. Exits with 1 "
        "if anything failed.",
    )
    parser.add_argument(
        "--job-queue",
        dest="job_queues",
        action="append",
        metavar="QUEUE",
        help="name or ARN of a job queue; may be repeated",
    )
    for name, metavar, text in OPTIONS:
        flag = f"--{name.replace('_', '-')}"
        parser.add_argument(flag, default=read_variable(name), metavar=metavar, help=text)
    parser.add_argument(
        "--image",
        dest="images",
        action="append",
        default=[],
        metavar="REF",
        help="an image that jobs need; may be repeated",
    )
    parser.add_argument("--json", action="store_true", help="as JSON")
    add_aws_options(parser)
    parser.set_defaults(run=run_doctor)


def read_variable(name: str) -> str | None:
    """Return the environment variable of a setting, None where it is empty."""
    return os.environ.get(f"SNAKEMAKE_BATCHX_{name.upper()}") or None


def run_doctor(args: argparse.Namespace) -> int:
    """Print what was found; return 1 if anything failed."""
    findings = [_name_options(each) for each in examine(make_patient(args))]
    counts = count_findings(findings)
    if args.json:
        report = {
            "findings": [asdict(each) for each in findings],
            "ok": counts["ok"],
            "warnings": counts["warning"],
            "failed": counts["failed"],
        }
        print(json.dumps(report, indent=2))
    else:
        print(*format_findings(findings), sep="\n")
    return 1 if counts["failed"] else 0


def make_patient(args: argparse.Namespace) -> Patient:
    """Return what is to be looked at. Raises BatchxError for the queue that is none of AWS's."""
    default = read_variable("job_queue")
    queues = list(filter(None, args.job_queues or [])) or ([default] if default else [])
    if LOCAL_QUEUE in queues:
        raise BatchxError(
            "The queue local exists only inside a run, which makes all that it needs: name another "
            "by --job-queue."
        )
    values = {name: read_variable(name) for name in FROM_ENVIRONMENT}
    values |= {name: getattr(args, name) for name, _, _ in OPTIONS}
    settings = ExecutorSettings(
        job_queue=queues[0] if queues else None,
        region=args.region,
        profile=args.profile,
        **values,  # type: ignore[arg-type]
    )
    named = dict.fromkeys(queues, "--batchx-job-queue")
    if settings.fallback_queue:
        named.setdefault(settings.fallback_queue, "--batchx-fallback-queue")
    return Patient(settings, named, args.images)


def examine(patient: Patient) -> list[Finding]:
    """Return all findings; what is wrong with the settings by themselves stops the rest."""
    problems = Problems()
    with problems:
        check_settings(patient.settings)
    wrong = [each for each in problems.sentences if not each.startswith(NO_QUEUE)]
    if wrong:
        return [split_sentence(SETTINGS, each) for each in wrong]
    with ExitStack() as stack:
        try:
            session = open_session(patient.settings, stack)
        except BatchxError as error:
            return [split_sentence(CREDENTIALS, name_options(str(error)))]
        return Doctor(session, patient).examine()


def _name_options(finding: Finding) -> Finding:
    """Return a finding with the options of a run called as they are here."""
    text, fix = finding.text, finding.fix
    for name in ("job_queue", "region", "profile", *(name for name, _, _ in OPTIONS)):
        flag = name.replace("_", "-")
        text, fix = (each.replace(f"--batchx-{flag}", f"--{flag}") for each in (text, fix))
    return replace(finding, text=text, fix=fix)


def format_findings(findings: Sequence[Finding]) -> list[str]:
    """Return a line for each finding, with its fix below, and a count at the end."""
    lines = []
    for each in findings:
        lines.append(f"{each.status:<7}  {each.check:<14}  {each.text}")
        if each.fix:
            lines.append(f"{'':<25}fix: {each.fix}")
    counts = count_findings(findings)
    warnings = f"{counts['warning']} warning{'' if counts['warning'] == 1 else 's'}"
    return [*lines, f"{counts['ok']} ok, {warnings}, {counts['failed']} failed"]
