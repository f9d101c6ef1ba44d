"""Workflows whose files are in S3, addressed through Snakemake's own s3 storage plugin."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from runs import Run, Workspace, count_calls, keep_environment

from snakemake_executor_plugin_batchx.permissions.scope import S3Place
from snakemake_executor_plugin_batchx.storage.layout import AREA

NOTHING_TO_DO = "Nothing to be done"


@dataclass(frozen=True)
class S3Workspace:
    """A workspace whose plain paths are keys below a prefix of the embedded AWS's bucket."""

    workspace: Workspace
    prefix: str

    @property
    def url(self) -> str:
        return f"s3://{self.workspace.aws.bucket}/{self.prefix}"

    def put(self, contents: Mapping[str, str]) -> None:
        for name, content in contents.items():
            self.workspace.client("s3").put_object(
                Bucket=self.workspace.aws.bucket, Key=f"{self.prefix}/{name}", Body=content.encode()
            )

    def see(self, bucket: str | None = None) -> dict[str, str]:
        """Return all objects below the prefix by name, with their contents."""
        s3, bucket = self.workspace.client("s3"), bucket or self.workspace.aws.bucket
        listing = s3.list_objects_v2(Bucket=bucket, Prefix=self.prefix + "/")
        return {
            item["Key"].removeprefix(self.prefix + "/"): s3.get_object(
                Bucket=bucket, Key=item["Key"]
            )["Body"]
            .read()
            .decode()
            for item in listing.get("Contents", [])
        }

    def snakemake(self, *args: str) -> Run:
        storage = ("--default-storage-provider", "s3", "--default-storage-prefix", self.url)
        return self.workspace.snakemake(*storage, *args)


@pytest.fixture
def s3(workspace: Workspace, tmp_path: Path) -> S3Workspace:
    mine = S3Workspace(workspace, f"s3-{tmp_path.name}")
    workspace.allow_data(mine.prefix)
    return mine


def check_done(s3: S3Workspace, *args: str) -> None:
    """Run the workflow; then there must be nothing left to do."""
    run = s3.snakemake(*args)
    assert run.exit_code == 0, run.output
    again = s3.snakemake(*args)
    assert NOTHING_TO_DO in again.output, again.output


def test_files_and_directories_pass_from_job_to_job(s3: S3Workspace) -> None:
    s3.put({"data/a.txt": "a\n", "data/b.txt": "b\n"})
    s3.workspace.write(
        Snakefile="""
        rule all:
            input: "end.txt", "empty"
        rule split:
            input: "data/a.txt", "data/b.txt"
            output: directory("parts"), t=temp("unread.txt"), used=temp("used.txt")
            log: "logs/split.log"
            benchmark: "logs/split.tsv"
            shell:
                "mkdir -p {output[0]}/sub; cp {input} {output[0]}; cp {input[0]} {output[0]}/sub; "
                "touch {output.t} {output.used}; echo said > {log}"
        rule none:
            output: directory("empty")
            shell: "mkdir {output}"
        rule join:
            input: "parts", "used.txt"
            output: "end.txt"
            shell: "(cd {input[0]}; find . -type f -name '*.txt' | sort) > {output}"
        """
    )
    check_done(s3)
    seen = s3.see()
    assert seen.pop("logs/split.tsv").startswith("s\th:m:s")
    assert seen == {
        "data/a.txt": "a\n",
        "data/b.txt": "b\n",
        "empty/.snakemake_timestamp": "",
        "end.txt": "./a.txt\n./b.txt\n./sub/a.txt\n",
        "logs/split.log": "said\n",
        "parts/.snakemake_timestamp": "",
        "parts/a.txt": "a\n",
        "parts/b.txt": "b\n",
        "parts/sub/a.txt": "a\n",
    }


def test_a_directory_is_read_by_a_local_rule(s3: S3Workspace) -> None:
    s3.workspace.write(
        Snakefile="""
        localrules: join
        rule join:
            input: "parts"
            output: local("end.txt")
            shell: "ls {input} > {output}"
        rule split:
            output: directory("parts")
            shell: "mkdir {output}; touch {output}/a"
        """
    )
    check_done(s3)
    assert (s3.workspace.folder / "end.txt").read_text() == "a\n"


def test_a_directory_made_again_holds_nothing_old(s3: S3Workspace) -> None:
    s3.put({"parts/old": "x"})
    s3.workspace.write(
        Snakefile="""
        rule split:
            output: directory("parts")
            shell: "mkdir {output}; touch {output}/new"
        """
    )
    run = s3.snakemake("--forceall")
    assert run.exit_code == 0, run.output
    assert s3.see() == {"parts/.snakemake_timestamp": "", "parts/new": ""}


def test_pipe_and_service_in_a_group(s3: S3Workspace) -> None:
    s3.workspace.write(
        Snakefile="""
        rule all:
            input: "out.txt", "served.txt"
        rule write:
            output: pipe("stream")
            shell: "echo through the pipe > {output}"
        rule read:
            input: "stream"
            output: "out.txt"
            shell: "cat {input} > {output}"
        rule serve:
            output: service("address")
            shell: "echo here > {output}; sleep 100"
        rule ask:
            input: "address"
            output: "served.txt"
            shell: "cat {input} > {output}"
        """
    )
    check_done(s3)
    assert s3.see() == {"out.txt": "through the pipe\n", "served.txt": "here\n"}


def test_a_group_passes_files_on(s3: S3Workspace) -> None:
    s3.put({"data/a.txt": "a\n"})
    s3.workspace.write(
        Snakefile="""
        rule all:
            input: "end.txt"
        rule first:
            input: "data/a.txt"
            output: kept="kept.txt", gone=temp("gone.txt"), folder=directory("folder")
            group: "both"
            shell:
                "tee {output.kept} {output.gone} < {input}; "
                "mkdir {output.folder}; cp {input} {output.folder}"
        rule second:
            input: "kept.txt", "gone.txt", "folder", "data/a.txt"
            output: "end.txt"
            log: "second.log"
            group: "both"
            shell: "cat {input[0]} {input[1]} {input[2]}/* {input[3]} > {output}; echo said > {log}"
        """
    )
    check_done(s3)
    assert s3.see() == {
        "data/a.txt": "a\n",
        "end.txt": "a\n" * 4,
        "folder/.snakemake_timestamp": "",
        "folder/a.txt": "a\n",
        "kept.txt": "a\n",
        "second.log": "said\n",
    }


def test_other_buckets_and_endpoints(s3: S3Workspace) -> None:
    aws = s3.workspace.aws
    other = f"other-{s3.prefix}".replace("_", "-").lower()
    s3.workspace.client("s3").create_bucket(Bucket=other)
    s3.workspace.client("s3").put_object(Bucket=other, Key="a.txt", Body=b"other\n")
    s3.workspace.allow(reads=(S3Place(other, "a.txt"),))
    s3.put({"a.txt": "default\n"})
    s3.workspace.write(
        Snakefile=f"""
        storage far:
            provider="s3",
            endpoint_url="{aws.endpoint_url}",
            access_key="{aws.access_key_id}",
            secret_key="{aws.secret_access_key}"
        rule all:
            input: storage.far("s3://{other}/{s3.prefix}/out.txt"), "b.txt"
        rule one:
            input:
                "a.txt", storage.s3("s3://{other}/a.txt"), storage.far("s3://{other}/a.txt"),
                storage.s3("s3://{other}/a.txt", retrieve=False), local("here.txt")
            output: storage.far("s3://{other}/{s3.prefix}/out.txt")
            shell:
                "(cat {{input[0]}} {{input[1]}} {{input[2]}}; echo {{input[3]}}; cat {{input[4]}})"
                " > {{output}}"
        rule two:
            input: storage.far("s3://{other}/a.txt")
            output: "b.txt"
            shell: "cp {{input}} {{output}}"
        """,
        here__txt="here\n",
    )
    run = s3.snakemake()
    assert run.exit_code == 0, run.output
    assert s3.see(other) == {"out.txt": f"default\nother\nother\ns3://{other}/a.txt\nhere\n"}
    assert s3.see()["b.txt"] == "other\n"


def test_the_settings_of_the_provider_reach_the_job(s3: S3Workspace) -> None:
    aws = s3.workspace.aws
    s3.put({"a.txt": "a\n"})
    s3.workspace.write(
        Snakefile="""
        rule one:
            input: "a.txt"
            output: "b.txt"
            shell: "cp {input} {output}"
        """
    )
    check_done(
        s3,
        *("--storage-s3-endpoint-url", aws.endpoint_url),
        *("--storage-s3-access-key", aws.access_key_id),
        *("--storage-s3-secret-key", aws.secret_access_key),
    )
    assert s3.see()["b.txt"] == "a\n"


def test_a_workflow_that_changes_its_directory(s3: S3Workspace) -> None:
    s3.put({"a.txt": "a\n"})
    s3.workspace.write(
        Snakefile="""
        workdir: "project"
        rule one:
            input: "a.txt"
            output: "b.txt"
            shell: "cp {input} {output}"
        """
    )
    check_done(s3)
    assert s3.see()["b.txt"] == "a\n"


@contextmanager
def refuse(s3: S3Workspace, action: str, name: str) -> Iterator[None]:
    """Let a policy of the bucket deny everybody an action on one of the workflow's files."""
    client, bucket = s3.workspace.client("s3"), s3.workspace.aws.bucket
    refusal = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": action,
        "Resource": f"arn:aws:s3:::{bucket}/{s3.prefix}/{name}",
    }
    policy = {"Version": "2012-10-17", "Statement": [refusal]}
    client.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))
    try:
        yield
    finally:
        client.delete_bucket_policy(Bucket=bucket)


def test_an_output_that_cannot_be_sent_fails_its_job(s3: S3Workspace) -> None:
    s3.workspace.write(
        Snakefile="""
        rule one:
            output: "refused/a.txt"
            shell: "touch {output}"
        """
    )
    with refuse(s3, "s3:PutObject", "refused/a.txt"):
        run = s3.snakemake()
    assert run.exit_code == 1
    assert f"lacks s3:PutObject on {s3.url}/refused/a.txt" in run.output
    assert s3.see() == {}


def test_an_input_that_may_not_be_read_is_named(s3: S3Workspace) -> None:
    s3.put({"secret.txt": "x"})
    s3.workspace.write(
        Snakefile="""
        rule one:
            input: "secret.txt"
            output: "a.txt"
            shell: "touch {output}"
        """
    )
    with refuse(s3, "s3:GetObject", "secret.txt"):
        run = s3.snakemake()
    assert run.exit_code == 1
    assert f"lacks s3:GetObject on {s3.url}/secret.txt" in run.output


def test_the_log_of_a_failed_tool_is_sent(s3: S3Workspace) -> None:
    s3.put({"out.txt": "of an earlier run"})
    s3.workspace.write(
        Snakefile="""
        rule one:
            output: "out.txt"
            log: "one.log"
            shell: "echo half > {output}; echo why > {log}; exit 7"
        """
    )
    run = s3.snakemake("--forceall")
    assert run.exit_code == 1
    assert "exit code 7" in run.output
    assert s3.see() == {"one.log": "why\n"}


def test_an_output_that_is_updated(s3: S3Workspace) -> None:
    s3.workspace.write(
        Snakefile="""
        rule one:
            output: update("counts.txt")
            params: code=config.get("code", 0)
            shell: "echo more >> {output}; exit {params.code}"
        """
    )
    for times in (1, 2):
        run = s3.snakemake("--forceall")
        assert run.exit_code == 0, run.output
        assert s3.see() == {"counts.txt": "more\n" * times}
    run = s3.snakemake("--forceall", "--config", "code=3")
    assert run.exit_code == 1, run.output
    assert s3.see() == {"counts.txt": "more\n" * 2}


def test_a_job_asks_s3_for_what_it_needs_and_no_more(s3: S3Workspace) -> None:
    s3.put({f"in/{number}.txt": str(number) for number in range(30)})
    s3.workspace.write(
        Snakefile="""
        rule one:
            input: expand("in/{number}.txt", number=range(30))
            output: expand("out/{number}.txt", number=range(30))
            log: "one.log"
            shell: "for file in {input}; do cp $file $(echo $file | sed s:/in/:/out/:); done"
        """
    )
    bucket = f"kept-{s3.prefix}".replace("_", "-").lower()
    client = s3.workspace.client("s3")
    client.create_bucket(Bucket=bucket)
    # Specs are deleted when their jobs have ended; here one is wanted back.
    versioning = {"Status": "Enabled"}
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=versioning)
    s3.workspace.allow(area=S3Place(bucket, f"root/{AREA}"))
    run = s3.snakemake("--batchx-s3-root", f"s3://{bucket}/root")
    assert run.exit_code == 0, run.output
    assert len(s3.see()) == 61
    versions = client.list_object_versions(Bucket=bucket)["Versions"]
    (spec,) = [each["Key"] for each in versions if each["Key"].endswith("/spec")]
    for each in versions:
        if each["Key"] == spec:
            source = {"Bucket": bucket, "Key": spec, "VersionId": each["VersionId"]}
            client.copy_object(Bucket=bucket, Key=spec, CopySource=source)
    # The same job once more, alone: what is asked of S3 now is asked by it.
    client.delete_object(Bucket=bucket, Key=spec.removesuffix("spec") + "lease")
    before = count_calls(s3.workspace.aws)
    module = "snakemake_executor_plugin_batchx.job"
    subprocess.run(
        [sys.executable, "-m", module, s3.workspace.aws.region, f"s3://{bucket}/{spec}"],
        cwd=s3.workspace.folder,
        env={**keep_environment(), **s3.workspace.environment, "PYTHONPATH": ":".join(sys.path)},
        check=True,
    )
    after = count_calls(s3.workspace.aws)
    asked = {name: after[name] - before.get(name, 0) for name in after if name.startswith("s3.")}
    # Besides the objects: the spec and the sources, and the lease and the result.
    assert {name: count for name, count in asked.items() if count} == {
        "s3.GET": 30 + 2,
        "s3.PUT": 31 + 2,
    }


def test_only_jobs_with_objects_load_the_provider(s3: S3Workspace) -> None:
    s3.workspace.write(
        Snakefile="""
        import sys

        LOADED = any("s3_provider" in name for name in sys.modules)

        rule one:
            output: "loaded.txt"
            shell: "echo {LOADED} > {output}"
        """
    )
    run = s3.snakemake()
    assert run.exit_code == 0, run.output
    assert s3.see() == {"loaded.txt": "True\n"}
    run = s3.workspace.snakemake()
    assert run.exit_code == 0, run.output
    assert (s3.workspace.folder / "loaded.txt").read_text() == "False\n"
