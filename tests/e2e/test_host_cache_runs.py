"""Inputs that hosts keep: one job of a host fetches them, the others find them there."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from runs import Workspace, count_calls
from tool_images import provide_image

MIB = 1024 * 1024

INDEX_BYTES = 12 * MIB
"""So large that it is read in two parts."""

SNAKEFILE = """
    rule all:
        input: expand("out/{n}.txt", n=range(2)), "out/first.txt"
    rule first:
        input: index="ref"
        output: "out/first.txt"
        resources: batchx_host_cache="ref"
        shell: "{TELL}"
    rule later:
        input: first="out/first.txt", index="ref", own="own.txt"
        output: "out/{n}.txt"
        resources: batchx_host_cache="ref, nothing/*"
        shell: "{TELL}"
    rule other:
        input: index="ref/genome.idx"
        output: "other.txt"
        shell: "cp {input} {output}"
"""

TELL = "wc -c < {input.index}/genome.idx > {output}; cat {input.index}/note.txt >> {output}"
WRITE = "(if echo x >> {input.index}/genome.idx; then echo written; fi) >> {output} 2> /dev/null"


def write_workflow(workspace: Workspace, snakefile: str = SNAKEFILE) -> None:
    workspace.write(Snakefile=snakefile.replace("{TELL}", TELL), own__txt="own")
    (workspace.folder / "ref").mkdir()
    (workspace.folder / "ref" / "genome.idx").write_bytes(b"x" * INDEX_BYTES)
    (workspace.folder / "ref" / "note.txt").write_text("a note\n")


def run(workspace: Workspace, *args: str) -> str:
    done = workspace.snakemake("--seconds-between-status-checks", "1", *args)
    assert done.exit_code == 0, done.output
    return done.output


def count_reads(workspace: Workspace) -> int:
    """Return how often anything was read from S3 so far."""
    return count_calls(workspace.aws).get("s3.GET", 0)


def list_bytes_in(workspace: Workspace) -> list[int]:
    """Return what each job of this workspace's runs fetched, in the order of their ends."""
    return [event["usage"]["bytes_in"] for event in workspace.read_journal("verdict")]


def list_volumes(workspace: Workspace) -> list[Sequence[str]]:
    """Return the volumes of the jobs of this workspace's runs, in the order of submissions."""
    ids = [event["batch_job_id"] for event in workspace.read_journal("submitted")]
    found = {j["jobId"]: j for j in workspace.client("batch").describe_jobs(jobs=ids)["jobs"]}
    return [[v["name"] for v in found[job_id]["container"]["volumes"]] for job_id in ids]


def test_jobs_of_a_host_fetch_a_marked_input_once(workspace: Workspace, tmp_path: Path) -> None:
    write_workflow(workspace)
    cache = f"{tmp_path}/cache:100MiB"
    run(workspace, "--batchx-host-cache", cache)
    first, *later = list_bytes_in(workspace)
    assert first > INDEX_BYTES
    assert len(later) == 2
    assert max(later) < MIB
    (kept,) = (tmp_path / "cache").glob("*/*/*/genome.idx")
    assert kept.stat().st_size == INDEX_BYTES
    # Another run on the same host: nothing of it is asked for. Without the cache it is.
    before = count_reads(workspace)
    run(workspace, "--batchx-host-cache", cache, "--force", "out/first.txt")
    between = count_reads(workspace)
    run(workspace, "--batchx-host-cache", f"{tmp_path}/other", "--force", "out/first.txt")
    assert count_reads(workspace) - between >= between - before + 2
    assert [size > INDEX_BYTES for size in list_bytes_in(workspace)[-2:]] == [False, True]


def test_a_profile_marks_inputs_of_any_rule_and_what_changes_is_fetched(
    workspace: Workspace, tmp_path: Path
) -> None:
    write_workflow(workspace)
    args = ("--batchx-host-cache", f"{tmp_path}/cache", "--force", "other.txt")
    run(workspace, *args)
    assert not (tmp_path / "cache").exists()
    marked = ("--batchx-host-cache-inputs", "*.idx", "*.fa", *args)
    for _ in range(2):
        run(workspace, *marked)
    (workspace.folder / "ref" / "genome.idx").write_bytes(b"y" * INDEX_BYTES)
    run(workspace, *marked)
    assert (workspace.folder / "other.txt").read_bytes() == b"y" * INDEX_BYTES
    fetched = [size > INDEX_BYTES for size in list_bytes_in(workspace)]
    assert fetched == [True, True, False, True]
    volumes = list_volumes(workspace)
    assert volumes == [[], *[["batchx-host-cache"]] * 3]


def test_a_host_without_a_usable_folder_fails_no_job(workspace: Workspace, tmp_path: Path) -> None:
    write_workflow(workspace)
    (tmp_path / "file").touch()
    run(workspace, "--batchx-host-cache", f"{tmp_path}/file")
    assert all(size > INDEX_BYTES for size in list_bytes_in(workspace))
    (job_id, *_) = [event["batch_job_id"] for event in workspace.read_journal("submitted")]
    assert "the host's cache cannot be used" in read_job_log(workspace, job_id)


def test_objects_in_s3_are_fetched_once_for_each_etag(workspace: Workspace, tmp_path: Path) -> None:
    """A directory and a file of its own; the objects never pass through the head."""
    prefix = f"s3-{tmp_path.name}"
    s3, bucket = workspace.client("s3"), workspace.aws.bucket
    workspace.allow_data(prefix)

    def put(content: bytes) -> None:
        for name in ("ref/index/SA", "ref/alone.fa"):
            s3.put_object(Bucket=bucket, Key=f"{prefix}/{name}", Body=content * INDEX_BYTES)

    def run_and_count(*args: str) -> int:
        before = count_reads(workspace)
        url = f"s3://{bucket}/{prefix}"
        run(workspace, "--default-storage-provider", "s3", "--default-storage-prefix", url, *args)
        return count_reads(workspace) - before

    def read_made() -> bytes:
        made = s3.get_object(Bucket=bucket, Key=f"{prefix}/out.txt")
        content: bytes = made["Body"].read()
        return content

    workspace.write(
        Snakefile="""
            rule one:
                input: index="ref/index", alone="ref/alone.fa"
                output: "out.txt"
                resources: batchx_host_cache="ref/*"
                shell: "head -c 1 {input.index}/SA > {output}; tail -c 1 {input.alone} >> {output}"
            """
    )
    args = ("--force", "out.txt", "--batchx-host-cache", f"{tmp_path}/cache:100MiB")
    put(b"x")
    cold = run_and_count(*args)
    warm = run_and_count(*args)
    assert cold >= warm + 2 * 2
    put(b"y")
    assert run_and_count(*args) >= warm + 2 * 2
    assert read_made() == b"yy"
    names = sorted(path.name for path in (tmp_path / "cache").glob("*/*/file-*/*"))
    assert names == ["SA", "SA", "alone.fa", "alone.fa"]


def read_job_log(workspace: Workspace, job_id: str) -> str:
    (job,) = workspace.client("batch").describe_jobs(jobs=[job_id])["jobs"]
    stream = job["container"]["logStreamName"]
    logs = workspace.client("logs")
    events = logs.get_log_events(logGroupName="/aws/batch/job", logStreamName=stream)["events"]
    return "\n".join(event["message"] for event in events)


def test_marks_that_name_nothing_are_told_before_the_first_job(workspace: Workspace) -> None:
    workspace.write(
        Snakefile="""
            rule all:
                input: "a.txt", "b.txt"
            rule a:
                output: "a.txt"
                shell: "touch {output}"
            rule b:
                output: "b.txt"
                resources: batchx_host_cache=1
                shell: "touch {output}"
            """
    )
    done = workspace.snakemake()
    assert done.exit_code == 1
    assert "Rule b: resource batchx_host_cache=1 must be a text with patterns" in done.output
    assert workspace.read_journal("submitted") == []


@pytest.mark.docker
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_containers_of_several_users_share_what_they_cannot_change(
    docker_workspace: Workspace, tmp_path: Path
) -> None:
    """In Docker a mount is a file system of its own: the input is a link to the read-only one."""
    root, user = provide_image("busybox"), provide_image("user")
    write_workflow(docker_workspace)
    text = (docker_workspace.folder / "Snakefile").read_text()
    text = text.replace(TELL, f"{TELL}; {WRITE}")
    text = text.replace("rule first:", f"rule first:\n    container: '{root}'")
    text = text.replace("rule later:", f"rule later:\n    container: '{user}'")
    (docker_workspace.folder / "Snakefile").write_text(text)
    folder = tmp_path / "cache"
    try:
        run(docker_workspace, "--batchx-host-cache", f"{folder}:100MiB")
        told = [path.read_text() for path in sorted(docker_workspace.folder.glob("out/*.txt"))]
        # Not even root could write it.
        assert told == [f"{INDEX_BYTES}\na note\n"] * 3
        first, *later = list_bytes_in(docker_workspace)
        assert first > INDEX_BYTES
        assert max(later) < MIB
        assert len(list(folder.glob("*/*/*/genome.idx"))) == 1
    finally:
        subprocess.run(["rm", "-rf", str(folder)], check=True)
