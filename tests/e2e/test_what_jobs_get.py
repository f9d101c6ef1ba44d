"""What a job is given and what it is not: requests, secrets, retries, storage, and the guard."""

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from grants import make_scope
from queue_kit import make_task_role
from runs import Workspace

SECRET = "correct-horse-battery-staple"


def describe_jobs_of(workspace: Workspace) -> list[dict[str, Any]]:
    """Return what Batch tells of the jobs that this workspace's runs submitted, in order."""
    ids = [event["batch_job_id"] for event in workspace.read_journal("submitted")]
    found = {j["jobId"]: j for j in workspace.client("batch").describe_jobs(jobs=ids)["jobs"]}
    return [found[job_id] for job_id in ids]


def test_requests_as_batch_stored_them(workspace: Workspace) -> None:
    workspace.write(
        Snakefile="""
            rule one:
                output: "one.txt"
                threads: 2
                resources: mem_mb=1000, runtime=3
                container: "docker://quay.io/me/tool:1.0"
                shell: "echo {threads} > {output}"
            """
    )
    role = make_task_role(workspace.aws, "mine")
    workspace.client("logs").create_log_group(logGroupName="mine")
    workspace.allow(job_roles=(role,), execution_roles=(role,), log_groups=("mine",))
    run = workspace.snakemake(
        *("--batchx-job-role", role, "--batchx-execution-role", role),
        *("--batchx-tags", "project=flu", "who=a b,c=d", "--batchx-log-group", "mine"),
    )
    assert run.exit_code == 0, run.output
    (job,) = describe_jobs_of(workspace)
    container = job["container"]
    assert container["image"] == "quay.io/me/tool:1.0"
    assert container["command"][:6] == [
        "/batchx/bin/python",
        *("-I", "-X", "utf8"),
        "-m",
        "snakemake_executor_plugin_batchx.job",
    ]
    requirements = {r["type"]: r["value"] for r in container["resourceRequirements"]}
    assert requirements == {"VCPU": "2", "MEMORY": str(954 + 256)}
    assert (container["jobRoleArn"], container["executionRoleArn"]) == (role, role)
    assert container["logConfiguration"]["options"]["awslogs-group"] == "mine"
    assert job["timeout"] == {"attemptDurationSeconds": 180}
    assert job["retryStrategy"]["attempts"] == 3
    assert job["jobName"].startswith("bx-one-")
    tags = {key: value for key, value in job["tags"].items() if not key.startswith("batchx:")}
    assert tags == {"project": "flu", "who": "a b", "c": "d"}


def test_same_job_has_the_same_name_in_the_next_run(workspace: Workspace) -> None:
    workspace.write(
        Snakefile="""
            rule one:
                input: "in.txt"
                output: "one.txt"
                shell: "cp {input} {output}"
            """,
        in__txt="1",
    )
    for _ in range(2):
        assert workspace.snakemake("--forceall").exit_code == 0
    (workspace.folder / "in.txt").write_text("2")
    assert workspace.snakemake("--forceall").exit_code == 0
    names = [job["jobName"] for job in describe_jobs_of(workspace)]
    assert names[0] == names[1] != names[2]


def test_secrets_travel_in_the_spec_only_and_are_deleted(workspace: Workspace) -> None:
    workspace.write(
        Snakefile="""
            envvars: "MY_TOKEN"
            rule one:
                output: "one.txt"
                shell: "printf %s \\"$MY_TOKEN\\" | wc -c > {output}"
            """
    )
    run = workspace.snakemake(environment={"MY_TOKEN": SECRET})
    assert run.exit_code == 0, run.output
    assert (workspace.folder / "one.txt").read_text().strip() == str(len(SECRET))
    assert SECRET not in run.output
    assert SECRET not in json.dumps(describe_jobs_of(workspace), default=str)
    definitions = workspace.client("batch").describe_job_definitions(status="ACTIVE")
    assert SECRET not in json.dumps(definitions, default=str)
    s3, bucket = workspace.client("s3"), workspace.aws.bucket
    for item in s3.list_objects_v2(Bucket=bucket).get("Contents", []):
        assert SECRET.encode() not in s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()


def test_head_credentials_do_not_travel(workspace: Workspace) -> None:
    workspace.write(
        Snakefile="""
            rule one:
                output: "one.txt"
                shell: "env > {output}"
            """
    )
    assert workspace.snakemake(environment={"FROM_THE_HEAD": "1"}).exit_code == 0
    environment = (workspace.folder / "one.txt").read_text()
    assert workspace.aws.secret_access_key not in environment
    assert "FROM_THE_HEAD" not in environment
    assert "AWS_BATCH_JOB_ATTEMPT=1" in environment


def test_retries_are_snakemakes(workspace: Workspace) -> None:
    workspace.write(
        Snakefile="""
            rule one:
                output: "one.txt"
                retries: 2
                resources: mem_mb=lambda wildcards, attempt: 100 * attempt
                shell: "test {resources.mem_mb} = 300 && echo {resources.mem_mb} > {output}"
            """
    )
    run = workspace.snakemake()
    assert run.exit_code == 0, run.output
    assert (workspace.folder / "one.txt").read_text() == "300\n"
    jobs = describe_jobs_of(workspace)
    assert [job["status"] for job in jobs] == ["FAILED", "FAILED", "SUCCEEDED"]
    assert [job["jobName"][-2:] for job in jobs] == ["-1", "-2", "-3"]
    assert [len(job["attempts"]) for job in jobs] == [1, 1, 1]


def test_guard_refuses_what_the_head_did_not_submit(workspace: Workspace) -> None:
    workspace.write(
        Snakefile="""
            # Of a look at a single file, unlike of a listing, nobody is told.
            NAMES = [name for name in "ab" if os.path.exists(f"data/{name}.txt")]
            rule all:
                input: "sum.txt"
            rule sum:
                input: expand("made/{name}.txt", name=NAMES)
                output: "sum.txt"
                shell: "cat {input} > {output}"
            rule make:
                input: "data/{name}.txt"
                output: "made/{name}.txt"
                shell: "cp {input} {output}"
            """
    )
    (workspace.folder / "data").mkdir()
    for name in ("a", "b"):
        (workspace.folder / "data" / f"{name}.txt").write_text(name)
    run = workspace.snakemake()
    assert run.exit_code == 1
    assert "The input of rule sum is not what your machine submitted: only there" in run.output
    assert "made/a.txt, made/b.txt" in run.output
    assert not (workspace.folder / "sum.txt").exists()


@pytest.mark.parametrize("root", ["", "s3://{bucket}/elsewhere"])
def test_data_in_s3(workspace: Workspace, root: str) -> None:
    workspace.write(
        Snakefile="""
            rule two:
                input: "one.txt"
                output: "two.txt"
                log: "two.log"
                shell: "cat {input} > {output}; echo done > {log}"
            rule one:
                output: "one.txt"
                shell: "echo 1 > {output}"
            """
    )
    bucket = workspace.aws.bucket
    prefix = f"s3://{bucket}/{workspace.folder.parent.name}-data"
    arguments = ["--default-storage-provider", "s3", "--default-storage-prefix", prefix]
    s3_root = root.format(bucket=bucket)
    environment = {"SNAKEMAKE_BATCHX_S3_ROOT": s3_root}
    workspace.allow(area=make_scope(workspace.aws, s3_root or prefix).area)
    workspace.allow_data(f"{workspace.folder.parent.name}-data")
    run = workspace.snakemake(*arguments, "two.txt", environment=environment)
    assert run.exit_code == 0, run.output
    key = f"{workspace.folder.parent.name}-data/two.txt"
    s3 = workspace.client("s3")
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == b"1\n"
    area = "elsewhere" if root else f"{workspace.folder.parent.name}-data"
    assert s3.list_objects_v2(Bucket=bucket, Prefix=f"{area}/.batchx/")["KeyCount"] > 0
    again = workspace.snakemake(*arguments, "two.txt", environment=environment)
    assert "Nothing to be done" in again.output


def test_data_in_s3_is_refused_where_it_cannot_be_seen(workspace: Workspace) -> None:
    workspace.write(Snakefile='rule one:\n    output: "one.txt"\n    shell: "echo 1 > {output}"\n')
    prefix = f"s3://{workspace.aws.bucket}/x"
    workspace.allow_data("x")
    run = workspace.snakemake(
        *("--default-storage-provider", "s3", "--default-storage-prefix", prefix),
        *("--batchx-job-queue", "local", "one.txt"),
    )
    assert run.exit_code == 1
    assert "starts an S3 of its own" in run.output


def test_local_queue_warns_once_of_containers(workspace: Workspace) -> None:
    workspace.write(
        Snakefile="""
            container: "docker://debian:12-slim"
            rule all:
                input: "a.txt", "b.txt"
            rule one:
                output: "{name}.txt"
                shell: "echo {wildcards.name} > {output}"
            """
    )
    run = workspace.snakemake(
        *("--batchx-job-queue", "local"),
        # The embedded AWS is what it is, whatever the environment says of another.
        environment={
            "SNAKEMAKE_BATCHX_S3_ROOT": "s3://of-another-aws/run",
            "HTTP_PROXY": "http://127.0.0.1:9",
            "AWS_PROFILE": "nobody",
            "AWS_ENDPOINT_URL": "",
        },
    )
    assert run.exit_code == 0, run.output
    assert run.output.count("without containers") == 1
    assert "image debian:12-slim" in run.output


def test_a_param_that_the_job_sees_otherwise_is_refused(workspace: Workspace) -> None:
    workspace.write(
        Snakefile="""
            import os
            rule one:
                output: "one.txt"
                params: regions=os.environ.get("REGIONS", "none"), fixed=1
                shell: "echo {params.regions} > {output}"
            """
    )
    run = workspace.snakemake(environment={"REGIONS": "eu us"})
    assert run.exit_code == 1
    told = "In rule one: Param regions is not what your machine submitted (there a text of 5"
    assert told in run.output
    assert not (workspace.folder / "one.txt").exists()


def test_paths_of_this_machine_in_params_and_commands_are_no_difference(
    workspace: Workspace, tmp_path: Path
) -> None:
    """Written out, taken from the environment, through links, with sources all over the disk."""
    (tmp_path / "real").mkdir()
    (tmp_path / "scratch").symlink_to("real")
    workspace.write(
        Snakefile=f"""
            import os, tempfile
            OUT = "{workspace.folder}/results"
            rule one:
                output: OUT + "/one.txt"
                params:
                    prefix=lambda wildcards, output: os.path.splitext(output[0])[0],
                    base=workflow.basedir,
                    temporary=os.environ.get("TMPDIR", "/tmp"),
                    folder=tempfile.gettempdir(),
                    home=os.path.expanduser("~"),
                    plain="sub/dir",
                    value=config["value"],
                shell: f"echo {{{{params.plain}}}} {{{{params.value}}}} > {{OUT}}/one.txt"
            """
    )
    with tempfile.TemporaryDirectory(dir="/var/tmp") as elsewhere:
        config = Path(elsewhere, "config.yaml")
        config.write_text("value: a/b\n")
        arguments = ("--configfile", str(config), "--batchx-scratch", str(tmp_path / "scratch"))
        run = workspace.snakemake(*arguments)
    assert run.exit_code == 0, run.output
    assert (workspace.folder / "results/one.txt").read_text() == "sub/dir a/b\n"


def test_folders_of_an_earlier_run_are_not_in_the_way(workspace: Workspace) -> None:
    """Parsing lists the folder that the rule makes anew, with a folder inside from before."""
    (workspace.folder / "res" / "old").mkdir(parents=True)
    workspace.write(
        Snakefile="""
            import os
            os.listdir("res")
            rule one:
                output: directory("res")
                shell: "mkdir {output}; touch {output}/new.txt"
            """
    )
    run = workspace.snakemake("--force", "res")
    assert run.exit_code == 0, run.output
    assert [path.name for path in (workspace.folder / "res").glob("[a-z]*")] == ["new.txt"]


def test_a_protected_output_is_not_replaced_from_the_cache(workspace: Workspace) -> None:
    workspace.write(
        Snakefile="""
            rule one:
                output: "one.txt"
                cache: True
                shell: "echo 1 > {output}"
            """
    )
    cache = workspace.folder / "cache"
    cache.mkdir()
    environment = {"SNAKEMAKE_OUTPUT_CACHE": str(cache)}
    assert workspace.snakemake("--cache", environment=environment).exit_code == 0
    output = workspace.folder / "one.txt"
    output.unlink()
    output.write_text("precious")
    output.chmod(0o444)
    run = workspace.snakemake("--cache", "--force", "one.txt", environment=environment)
    assert run.exit_code == 1
    assert "write-protected" in run.output
    assert output.read_text() == "precious"
