import pytest
import yaml

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.infra.gateway import Stack
from snakemake_executor_plugin_batchx.infra.options import StackOptions
from snakemake_executor_plugin_batchx.infra.profile import (
    OTHER_QUEUES,
    SETTINGS,
    make_exports,
    make_profile,
)
from snakemake_executor_plugin_batchx.infra.template import make_template, plan_parts

OUTPUTS = {
    "Queue": "arn:aws:batch:eu-west-1:123456789012:job-queue/Queue-1",
    "Bucket": "b",
    "JobRoleArn": "arn:aws:iam::123456789012:role/job",
    "ExecutionRoleArn": "arn:aws:iam::123456789012:role/execution",
    "LogGroup": "/batchx/batchx",
    "RepositoryPrefix": "batchx/",
    "Data": "s3://b/data",
}


STACK_WITHOUT_SPOT = Stack("arn", "batchx", "CREATE_COMPLETE", outputs=OUTPUTS)


def make(**more: str) -> str:
    return make_profile(Stack("arn", "batchx", "CREATE_COMPLETE", outputs=OUTPUTS | more))


def test_a_profile_names_what_the_stack_holds() -> None:
    assert yaml.safe_load(make()) == {
        "executor": "batchx",
        "jobs": 500,
        "batchx-job-queue": OUTPUTS["Queue"],
        "batchx-job-role": OUTPUTS["JobRoleArn"],
        "batchx-execution-role": OUTPUTS["ExecutionRoleArn"],
        "batchx-log-group": "/batchx/batchx",
        "batchx-repository": "batchx/",
        "batchx-s3-root": "s3://b",
    }


def test_jobs_that_lost_their_hosts_go_to_the_steady_queue() -> None:
    assert yaml.safe_load(make(OnDemandQueue="q2"))["batchx-fallback-queue"] == "q2"


def uncomment(profile: str, key: str) -> object:
    """Return what the profile sets where the lines of one of the other queues count."""
    lines = profile[profile.index("# set-resources:") :].splitlines()
    begin = next(n for n, line in enumerate(lines) if OTHER_QUEUES[key] in line)
    kept = [lines[0], lines[begin].replace("NAME_OF_A_RULE", "align"), *lines[begin + 1 :]]
    ends = [n for n, line in enumerate(kept) if "NAME_OF_A_RULE" in line] or [len(kept)]
    return yaml.safe_load(
        "\n".join(line.removeprefix("# ").removeprefix("#") for line in kept[: ends[0]])
    )


def test_other_queues_are_told_of() -> None:
    profile = make(ArmQueue="arm", GpuQueue="gpu", FargateQueue="fargate", Vpc="vpc-1")
    assert uncomment(profile, "ArmQueue") == {"set-resources": {"align": {"batchx_queue": "arm"}}}
    assert uncomment(profile, "FargateQueue") == {
        "set-resources": {"align": {"batchx_queue": "fargate", "batchx_public_ip": True}}
    }
    spot = make(GpuQueue="gpu", GpuOnDemandQueue="gpu2", OnDemandQueue="q2")
    assert uncomment(spot, "GpuQueue") == {
        "set-resources": {"align": {"batchx_queue": "gpu", "batchx_fallback_queue": "gpu2"}}
    }
    given = make(FargateQueue="fargate")
    assert "public_ip" not in given, "the user's own subnets have a way out"


def test_another_stack_is_refused() -> None:
    stack = Stack("arn", "mine", "CREATE_COMPLETE", outputs={"Bucket": "b"})
    with pytest.raises(BatchxError, match="Stack mine is CREATE_COMPLETE and has not what"):
        make_profile(stack)


def test_all_that_it_takes_is_put_out() -> None:
    switches = dict.fromkeys(("is_spot", "is_fargate", "is_gpu", "is_arm"), True)
    outputs = make_template(plan_parts(StackOptions(**switches)))["Outputs"]
    assert {*SETTINGS.values(), *OTHER_QUEUES, "Bucket", "Data", "Vpc"} <= {*outputs}


def test_what_another_stack_had_is_unset() -> None:
    lines = make_exports(STACK_WITHOUT_SPOT)
    assert "export SNAKEMAKE_BATCHX_S3_ROOT=s3://b" in lines
    assert "unset SNAKEMAKE_BATCHX_FALLBACK_QUEUE" in lines


def test_credentials_are_not_handed_over() -> None:
    """Whoever gets the profile may call it otherwise, or have none."""
    profile = make_profile(STACK_WITHOUT_SPOT, "lab-admin")
    assert "# batchx-profile: lab-admin\n" in profile
    assert "batchx-profile" not in yaml.safe_load(profile)
