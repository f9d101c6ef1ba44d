"""Errors as a user sees them: one clear sentence each, and no traceback."""

from typing import Any

import pytest
from runs import Run, Workspace
from snapshots import check_snapshot, cut_error

from snakemake_executor_plugin_batchx.permissions.scope import S3Place
from snakemake_executor_plugin_batchx.storage.layout import AREA

ONE_RULE = """
    rule one:
        output: "one.txt"
        shell: "echo 1 > {output}"
    """


def check_error(name: str, run: Run) -> None:
    assert run.exit_code == 1
    assert "snakemake_executor_plugin_batchx/" not in run.output
    text = cut_error(run.output)
    if name == "failing_group":
        # Snakemake lists the members of a group in no order.
        text = "\n".join(sorted(text.splitlines())) + "\n"
    check_snapshot(name, text)


BEFORE_THE_FIRST_SUBMIT: dict[str, dict[str, Any]] = {
    "no_queue": {"environment": {"SNAKEMAKE_BATCHX_JOB_QUEUE": ""}},
    "wrong_queue": {"args": ["--batchx-job-queue", "missing"]},
    "no_s3_root": {"environment": {"SNAKEMAKE_BATCHX_S3_ROOT": ""}},
    "missing_bucket": {"args": ["--batchx-s3-root", "s3://no-such-bucket-here/run"]},
    "no_credentials": {
        "environment": {
            "AWS_ACCESS_KEY_ID": "",
            "AWS_SECRET_ACCESS_KEY": "",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
    },
    "wrong_profile": {"args": ["--batchx-profile", "nobody"]},
    "all_settings_wrong": {
        "args": [
            *("--batchx-job-queue", "no queue"),
            *("--batchx-region", "Ireland"),
            *("--batchx-s3-root", "my-bucket"),
            *("--batchx-job-role", "me"),
            *("--batchx-execution-role", "you"),
            *("--batchx-log-group", "a b"),
            *("--batchx-scratch", "here"),
            *("--batchx-local-runner", "podman"),
            *("--batchx-tags", "novalue", "aws:x=y", "a=1", "a=2"),
        ]
    },
}


@pytest.mark.parametrize("name", BEFORE_THE_FIRST_SUBMIT)
def test_wrong_settings(name: str, workspace: Workspace) -> None:
    workspace.write(Snakefile=ONE_RULE)
    case = BEFORE_THE_FIRST_SUBMIT[name]
    run = workspace.snakemake(*case.get("args", []), environment=case.get("environment"))
    check_error(name, run)
    assert "is Batch job" not in run.output


def test_unwritable_bucket(workspace: Workspace) -> None:
    bucket = f"locked-{workspace.aws.bucket}"
    s3 = workspace.client("s3")
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_policy(
        Bucket=bucket,
        Policy='{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Principal": "*",'
        f' "Action": "s3:PutObject", "Resource": "arn:aws:s3:::{bucket}/*"}}]}}',
    )
    workspace.allow(area=S3Place(bucket, f"run/{AREA}"))
    workspace.write(Snakefile=ONE_RULE)
    run = workspace.snakemake("--batchx-s3-root", f"s3://{bucket}/run")
    check_error("unwritable_bucket", run)


FAILING = {
    "failing_rule": """
        rule one:
            output: "one.txt"
            log: "one.log"
            shell: "echo kept > {log}; echo said before it failed; exit 7"
        """,
    "missing_input": """
        rule one:
            input: "absent.txt"
            output: "one.txt"
            shell: "cp {input} {output}"
        """,
    "missing_output": """
        rule one:
            output: "one.txt"
            shell: "echo forgot"
        """,
    "failing_script": """
        rule one:
            output: "one.txt"
            script: "fail.py"
        """,
    "failing_group": """
        rule one:
            output: "one.txt"
            group: "both"
            shell: "echo 1 > {output}"
        rule two:
            input: "one.txt"
            output: "two.txt"
            group: "both"
            shell: "exit 9"
        """,
    "wrong_image": """
        rule one:
            output: "one.txt"
            container: "tool.sif"
            shell: "echo 1 > {output}"
        """,
}


@pytest.mark.parametrize("name", FAILING)
def test_failing_workflow(name: str, workspace: Workspace) -> None:
    workspace.write(Snakefile=FAILING[name], fail__py='raise ValueError("deep trouble")\n')
    target = "two.txt" if name == "failing_group" else "one.txt"
    check_error(name, workspace.snakemake(target))
    if name == "failing_rule":
        assert (workspace.folder / "one.log").read_text() == "kept\n"
        assert not (workspace.folder / "one.txt").exists()
