"""Equal jobs go together as array jobs, and each child is a job of its own."""

from collections import Counter
from typing import Any

from queue_kit import make_queue
from runs import Workspace, count_calls, make_owner_keys


def count_batch_calls(workspace: Workspace) -> Counter[str]:
    """Return the calls of the embedded Batch so far, by operation."""
    calls = count_calls(workspace.aws).items()
    return Counter({name.removeprefix("batch."): n for name, n in calls if "batch." in name})


def list_sizes(workspace: Workspace) -> list[int]:
    """Return how many jobs each submission of this workspace's runs held, the largest first."""
    return sorted((len(event["jobs"]) for event in workspace.read_journal("intent")), reverse=True)


def list_children(workspace: Workspace) -> list[dict[str, Any]]:
    """Return what DescribeJobs tells of all jobs and children of this workspace's runs."""
    sizes = {event["spec_key"]: len(event["jobs"]) for event in workspace.read_journal("intent")}
    ids = []
    for event in workspace.read_journal("submitted"):
        size, job_id = sizes[event["spec_key"]], event["batch_job_id"]
        ids += [f"{job_id}:{index}" for index in range(size)] if size > 1 else [job_id]
    jobs: list[dict[str, Any]] = workspace.client("batch").describe_jobs(jobs=ids)["jobs"]
    return jobs


SNAKEFILE = """
    rule all:
        input: expand("out/{n}.txt", n=range(6)), "alone.txt", expand("big/{n}.txt", n=range(2))
    rule many:
        input: "in/{n}.txt"
        output: "out/{n}.txt"
        log: "logs/{n}.log"
        params: double=lambda wildcards: 2 * int(wildcards.n)
        shell: "echo log of {wildcards.n} > {log}; (cat {input}; echo {params.double}) > {output}"
    rule made:
        output: "in/{n}.txt"
        shell: "echo {wildcards.n} $AWS_BATCH_JOB_ARRAY_SIZE > {output}"
    rule alone:
        output: "alone.txt"
        shell: "echo ${{AWS_BATCH_JOB_ARRAY_SIZE:-none}} > {output}"
    rule big:
        output: "big/{n}.txt"
        resources: mem_mb=lambda wildcards: 100 + 100 * int(wildcards.n)
        shell: "touch {output}"
"""


def test_equal_jobs_are_submitted_together_and_each_has_its_own_files(workspace: Workspace) -> None:
    workspace.write(Snakefile=SNAKEFILE)
    before = count_batch_calls(workspace)
    run = workspace.snakemake()
    assert run.exit_code == 0, run.output
    for number in range(6):
        text = (workspace.folder / "out" / f"{number}.txt").read_text()
        assert text == f"{number} 6\n{2 * number}\n"
        log = (workspace.folder / "logs" / f"{number}.log").read_text()
        assert log == f"log of {number}\n"
    assert (workspace.folder / "alone.txt").read_text() == "none\n"
    # `many` in as many parts as its inputs came; jobs of other resources not together.
    sizes = list_sizes(workspace)
    assert sizes[0] == 6
    assert sizes.count(1) >= 3
    assert sum(sizes) == 6 + 6 + 1 + 2
    calls = count_batch_calls(workspace) - before
    assert calls["SubmitJob"] == len(sizes)
    assert "6 jobs of made are array job" in run.output
    assert "jobs submitted: 15" in run.output


def test_arrays_can_be_switched_off_for_a_run_and_for_a_rule(workspace: Workspace) -> None:
    workspace.write(
        Snakefile="""
            rule all:
                input: expand("{kind}/{n}.txt", kind=["a", "b"], n=range(3))
            rule a:
                output: "a/{n}.txt"
                resources: batchx_array="off"
                shell: "touch {output}"
            rule b:
                output: "b/{n}.txt"
                shell: "touch {output}"
            """
    )
    assert workspace.snakemake().exit_code == 0
    assert list_sizes(workspace) == [3, 1, 1, 1]
    workspace.snakemake("--forceall", "--batchx-array", "off")
    assert list_sizes(workspace) == [3] + [1] * 9
    run = workspace.snakemake("--forceall", "--set-resources", "a:batchx_array=perhaps")
    assert run.exit_code == 1
    assert "resource batchx_array='perhaps' must be on or off" in run.output


def test_children_fail_are_retried_and_told_of_one_by_one(workspace: Workspace) -> None:
    workspace.write(
        Snakefile="""
            rule all:
                input: expand("out/{n}.txt", n=range(5))
            rule one:
                output: "out/{n}.txt"
                retries: 1
                shell: "test {wildcards.n} != 3 || (echo three is odd; exit 17); touch {output}"
            """
    )
    run = workspace.snakemake("--keep-going")
    assert run.exit_code == 1
    made = sorted(path.name for path in (workspace.folder / "out").iterdir())
    assert made == ["0.txt", "1.txt", "2.txt", "4.txt"]
    assert run.output.count("its command ended with exit code 17") == 2
    assert "three is odd" in run.output
    # The array, then the one child that failed, alone.
    assert list_sizes(workspace) == [5, 1]
    codes = Counter(job["container"].get("exitCode") for job in list_children(workspace))
    assert codes == {0: 4, 17: 2}
    failed = [e["batch_job_id"] for e in workspace.read_journal("verdict") if e["exit_code"] == 17]
    assert [":" in job_id for job_id in failed] == [True, False]


def test_what_batch_refuses_fails_its_jobs_in_batchs_words(workspace: Workspace) -> None:
    """A queue that is sound when the run looks at it, and closed when jobs come to it."""
    make_queue(workspace.aws, "closing")
    workspace.allow(queues=("closing",))
    owner = make_owner_keys(workspace.aws)
    workspace.write(
        Snakefile=f"            OWNER = {owner}\n"
        """
            rule all:
                input: "good.txt", expand("bad/{n}.txt", n=range(3))
            rule good:
                output: "good.txt"
                shell: "touch {output}"
            rule close:
                input: "good.txt"
                output: "closed"
                localrule: True
                run:
                    import boto3
                    batch = boto3.client("batch", **OWNER)
                    batch.update_job_queue(jobQueue="closing", state="DISABLED")
                    shell("touch {output}")
            rule bad:
                input: "closed"
                output: "bad/{n}.txt"
                resources: batchx_queue="closing"
                shell: "touch {output}"
            """
    )
    run = workspace.snakemake("--keep-going")
    assert run.exit_code == 1
    assert (workspace.folder / "good.txt").exists()
    assert run.output.count("AWS Batch refuses batch:SubmitJob: JobQueue") == 3
    assert run.output.count("closing is not ENABLED") == 3


def test_a_definition_for_another_platform_is_told_before_anything_is_submitted(
    workspace: Workspace,
) -> None:
    workspace.client("batch").register_job_definition(
        jobDefinitionName="misfit",
        type="container",
        platformCapabilities=["FARGATE"],
        containerProperties={
            "image": "busybox",
            "executionRoleArn": "arn:aws:iam::123456789012:role/x",
            "resourceRequirements": [
                {"type": "VCPU", "value": "1"},
                {"type": "MEMORY", "value": "2048"},
            ],
        },
    )
    workspace.write(
        Snakefile="""
            rule bad:
                output: "bad.txt"
                container: "job-definition://misfit"
                shell: "touch {output}"
            """
    )
    run = workspace.snakemake()
    assert run.exit_code == 1
    assert (
        "Rule bad: its job definition is for FARGATE, but queue batchx-local is on EC2: name "
        "another queue (batchx_queue) or definition." in run.output
    )
    assert "is Batch job" not in run.output
