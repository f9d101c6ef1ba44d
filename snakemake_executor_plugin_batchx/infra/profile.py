"""The Snakemake profile with which runs use a stack."""

import shlex
from collections.abc import Mapping

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.infra.gateway import Stack

SETTINGS = {
    "batchx-job-queue": "Queue",
    "batchx-fallback-queue": "OnDemandQueue",
    "batchx-job-role": "JobRoleArn",
    "batchx-execution-role": "ExecutionRoleArn",
    "batchx-head-role": "HeadRoleArn",
    "batchx-head-queue": "OnDemandQueue",
    "batchx-log-group": "LogGroup",
    "batchx-repository": "RepositoryPrefix",
}
"""Settings by the outputs that they are taken from; one that the stack lacks is left out."""

OTHER_QUEUES = {
    "ArmQueue": "Graviton (arm64): images for both processors, or for this one, are needed",
    "GpuQueue": "GPUs: rules with resources: gpu=1",
    "FargateQueue": "Fargate: no instances to wait for, up to 16 vCPUs, no GPUs",
}

JOBS = 500


def list_settings(stack: Stack) -> dict[str, str]:
    """Return the settings with which runs use a stack, as a profile calls them.

    Raises BatchxError where the stack was not made whole.
    """
    outputs = stack.outputs
    if "Queue" not in outputs or "Bucket" not in outputs:
        raise BatchxError(
            f"Stack {stack.name} is {stack.status} and has not what a profile needs (outputs Queue "
            "and Bucket): make it whole first (batchx infra up)."
        )
    found = {name: outputs[key] for name, key in SETTINGS.items() if key in outputs}
    return {**found, "batchx-s3-root": f"s3://{outputs['Bucket']}"}


def make_exports(stack: Stack) -> list[str]:
    """Return the settings as shell commands that export them. Raises BatchxError likewise.

    What the stack lacks is unset, for it may be of another one that was exported before.
    """
    settings = list_settings(stack)
    exports = [f"export {name_variable(each)}={shlex.quote(settings[each])}" for each in settings]
    return [
        *exports,
        *(f"unset {name_variable(each)}" for each in SETTINGS if each not in settings),
    ]


def name_variable(setting: str) -> str:
    """Return the environment variable of a setting, as a profile calls it."""
    return f"SNAKEMAKE_{setting.replace('-', '_').upper()}"


def make_profile(stack: Stack, aws_profile: str | None = None) -> str:
    """Return config.yaml of a profile. Raises BatchxError likewise.

    `aws_profile` is the one in ~/.aws/config that found the stack. Others may not have it, so it is
    a comment.
    """
    outputs = stack.outputs
    lines = [
        f"# Snakemake's profile for stack {stack.name}, by batchx infra profile.",
        "executor: batchx",
        f"jobs: {JOBS}",
        *(f"{name}: {value}" for name, value in list_settings(stack).items()),
        *_list_credentials(aws_profile),
        *_list_storage(outputs),
        *_list_queues(outputs),
    ]
    return "\n".join(lines) + "\n"


def _list_credentials(aws_profile: str | None) -> list[str]:
    if not aws_profile:
        return []
    return [
        "",
        "# The profile in ~/.aws/config that found the stack. To have runs use it:",
        f"# batchx-profile: {aws_profile}",
    ]


def _list_storage(outputs: Mapping[str, str]) -> list[str]:
    """Return what keeps a workflow's data in S3, as comments."""
    if "Data" not in outputs:
        return []
    return [
        "",
        "# With these two, inputs and outputs are in S3, and this machine never carries them:",
        "# default-storage-provider: s3",
        f"# default-storage-prefix: {outputs['Data']}",
    ]


def _list_queues(outputs: Mapping[str, str]) -> list[str]:
    """Return the other queues, as comments that say how a rule gets there."""
    found = {key: text for key, text in OTHER_QUEUES.items() if key in outputs}
    if not found:
        return []
    lines = [
        "",
        "# The stack's other queues. A rule's jobs go there by its lines below; all jobs do if",
        "# batchx-job-queue above names one, and batchx-fallback-queue the fallback queue that is",
        "# named with it here, or nothing.",
        "# set-resources:",
    ]
    for key, text in found.items():
        lines += [
            f"#   NAME_OF_A_RULE:  # {text}",
            f"#     batchx_queue: {outputs[key]}",
            *_list_needs(key, outputs),
        ]
    return lines


def _list_needs(key: str, outputs: Mapping[str, str]) -> list[str]:
    """Return what jobs on one of the other queues need besides.

    A fallback of its own kind, and on Fargate an address, for a network of ours has no NAT.
    """
    lines = []
    fallback = outputs.get(key.replace("Queue", "OnDemandQueue"))
    if fallback:
        lines.append(f"#     batchx_fallback_queue: {fallback}")
    if key == "FargateQueue" and "Vpc" in outputs:
        lines.append("#     batchx_public_ip: on")
    return lines
