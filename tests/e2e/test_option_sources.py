"""Where options come from: rule, --set-resources, --default-resources, profile, flag, variable."""

import textwrap
from typing import Any

import pytest
from queue_kit import describe_definition, describe_jobs, make_queue
from runs import Workspace

WORKFLOW = """
    rule all:
        input: "own.txt", "plain.txt"
    rule own:
        output: "own.txt"
        resources: batchx_retries=1, batchx_tags="from=rule"
        shell: "touch {output}"
    rule plain:
        output: "plain.txt"
        shell: "touch {output}"
    """

PROFILE = """
    batchx-retries: 8
    batchx-tags:
      - from=profile
      - by=profile
    batchx-options: "--init --shm-size 64m"
    set-resources:
      plain:
        batchx_log_group: /lab
    default-resources:
      - mem_mb=300
    """


def find_jobs(workspace: Workspace) -> dict[str, dict[str, Any]]:
    """Return the jobs of the workspace's last run by rule."""
    run_id = workspace.read_journal("run")[-1]["run_id"]
    jobs = describe_jobs(workspace.aws, workspace.aws.job_queue)
    return {job["tags"]["batchx:rule"]: job for job in jobs if job["tags"]["batchx:run"] == run_id}


def find_container(workspace: Workspace, job: dict[str, Any]) -> dict[str, Any]:
    properties: dict[str, Any] = describe_definition(workspace.aws, job)["containerProperties"]
    return properties


def count_attempts(job: dict[str, Any]) -> int:
    return int(job["retryStrategy"]["attempts"])


@pytest.mark.parametrize(
    ("args", "environment", "own", "plain"),
    [
        ([], {}, 2, 3),
        (["--batchx-retries", "7"], {}, 2, 8),
        ([], {"SNAKEMAKE_BATCHX_RETRIES": "6"}, 2, 7),
        (["--batchx-retries", "7", "--default-resources", "batchx_retries=4"], {}, 2, 5),
        (["--set-resources", "own:batchx_retries=0", "plain:batchx_retries=5"], {}, 1, 6),
    ],
    ids=["definition", "flag", "variable", "default-resources", "set-resources"],
)
def test_the_nearer_source_counts(
    args: list[str], environment: dict[str, str], own: int, plain: int, workspace: Workspace
) -> None:
    workspace.write(Snakefile=WORKFLOW)
    run = workspace.snakemake(*args, environment=environment)
    assert run.exit_code == 0, run.output
    jobs = find_jobs(workspace)
    assert (count_attempts(jobs["own"]), count_attempts(jobs["plain"])) == (own, plain)


def test_a_profile_sets_them_for_all_and_a_rule_for_itself(workspace: Workspace) -> None:
    workspace.write(Snakefile=WORKFLOW)
    workspace.client("logs").create_log_group(logGroupName="/lab")
    workspace.allow(log_groups=("/lab",))
    (workspace.folder / "site").mkdir()
    (workspace.folder / "site" / "config.yaml").write_text(textwrap.dedent(PROFILE))
    run = workspace.snakemake(*("--profile", "site", "--set-resources", "plain:mem_mb=500"))
    assert run.exit_code == 0, run.output
    jobs = find_jobs(workspace)
    assert (count_attempts(jobs["own"]), count_attempts(jobs["plain"])) == (2, 9)
    assert (jobs["own"]["tags"]["from"], jobs["own"]["tags"]["by"]) == ("rule", "profile")
    assert jobs["plain"]["tags"]["from"] == "profile"
    linux = find_container(workspace, jobs["own"])["linuxParameters"]
    assert (linux["initProcessEnabled"], linux["sharedMemorySize"]) == (True, 64)
    wanted = {e["type"]: e["value"] for e in jobs["own"]["container"]["resourceRequirements"]}
    assert wanted["MEMORY"] == str(287 + 256)


@pytest.mark.parametrize("defaults", [[], ["mem_mb=1000", "disk_mb=50000"]], ids=["bare", "named"])
def test_default_resources_work_as_snakemake_has_them(
    defaults: list[str], workspace: Workspace
) -> None:
    """The bare option asks for 50 GB of disk for rules without inputs: a guess, not a demand."""
    workspace.write(Snakefile=WORKFLOW)
    run = workspace.snakemake("--default-resources", *defaults)
    assert run.exit_code == 0, run.output
    assert {job["status"] for job in find_jobs(workspace).values()} == {"SUCCEEDED"}


def test_privileged_is_stored(workspace: Workspace) -> None:
    """Not every engine can show its effect: it may lack rights itself."""
    workspace.write(Snakefile=WORKFLOW)
    run = workspace.snakemake("--batchx-options=--privileged")
    assert run.exit_code == 0, run.output
    assert find_container(workspace, find_jobs(workspace)["plain"])["privileged"] is True


def test_a_definition_of_ones_own_gives_what_nobody_names(workspace: Workspace) -> None:
    workspace.client("batch").register_job_definition(
        jobDefinitionName="site-tool",
        type="container",
        retryStrategy={"attempts": 4},
        timeout={"attemptDurationSeconds": 900},
        tags={"owner": "site"},
        containerProperties={
            "image": "busybox",
            "resourceRequirements": [
                {"type": "VCPU", "value": "3"},
                {"type": "MEMORY", "value": "700"},
            ],
            "ulimits": [
                {"name": "nofile", "softLimit": 10, "hardLimit": 20},
                {"name": "core", "softLimit": 0, "hardLimit": 0},
            ],
            "user": "1000",
        },
    )
    workspace.write(
        Snakefile="""
        container: "job-definition://site-tool"
        rule all:
            input: "bare.txt", "own.txt"
        rule bare:
            output: "bare.txt"
            shell: "touch {output}"
        rule own:
            output: "own.txt"
            threads: 2
            resources:
                mem_mib=500, runtime=2, batchx_retries=1,
                batchx_options="--ulimit nofile=64 --shm-size 9m"
            shell: "touch {output}"
        """
    )
    run = workspace.snakemake("--batchx-tags", "owner=run")
    assert run.exit_code == 0, run.output
    jobs = find_jobs(workspace)
    found = {
        rule: (
            *(each["value"] for each in job["container"]["resourceRequirements"]),
            job["timeout"]["attemptDurationSeconds"],
            count_attempts(job),
        )
        for rule, job in jobs.items()
    }
    assert found == {"bare": ("3", "700", 900, 4), "own": ("2", "756", 120, 2)}
    of_bare, of_own = (find_container(workspace, jobs[rule]) for rule in ("bare", "own"))
    assert (of_bare["user"], of_own["user"]) == ("1000", "1000")
    limits = {each["name"]: each["hardLimit"] for each in of_own["ulimits"]}
    assert limits == {"nofile": 64, "core": 0}
    assert jobs["own"]["tags"]["owner"] == "run"
    assert describe_definition(workspace.aws, jobs["bare"])["tags"]["owner"] == "run"
    assert of_own["linuxParameters"]["sharedMemorySize"] == 9


MAP_WORKFLOW = """
    rule all:
        input: "pinned.txt", "mapped.txt", "own.txt"
    rule pinned:
        output: "pinned.txt"
        container: "docker://quay.io/lab/tool:1.0"
        shell: "touch {output}"
    rule mapped:
        output: "mapped.txt"
        shell: "echo $AWS_BATCH_JQ_NAME > {output}"
    rule own:
        output: "own.txt"
        container: "docker://quay.io/lab/tool:1.0"
        resources: batchx_image="quay.io/lab/tool:mine"
        shell: "touch {output}"
    """

MAPS = {
    "tools.yaml": """
        modules:
          - rule: mapped
            queue: mapped-queue
            image: quay.io/site/mapped:4
          - container: "*/lab/tool"
            version: "2.0"
        """,
    "tools.toml": """
        [[modules]]
        rule = "mapped"
        queue = "mapped-queue"
        image = "quay.io/site/mapped:4"
        [[modules]]
        container = "*/lab/tool"
        version = "2.0"
        """,
}


@pytest.mark.parametrize("name", MAPS)
def test_a_sites_module_map_says_what_rules_run_in_and_where(
    name: str, workspace: Workspace
) -> None:
    queues = {
        each["jobQueueName"]
        for each in workspace.client("batch").describe_job_queues()["jobQueues"]
    }
    if "mapped-queue" not in queues:
        make_queue(workspace.aws, "mapped-queue")
    workspace.allow(queues=("mapped-queue",))
    workspace.write(Snakefile=MAP_WORKFLOW)
    (workspace.folder.parent / name).write_text(textwrap.dedent(MAPS[name]))
    run = workspace.snakemake("--batchx-module-map", f"../{name}")
    assert run.exit_code == 0, run.output
    assert (workspace.folder / "mapped.txt").read_text() == "mapped-queue\n"
    intents = workspace.read_journal("intent")
    places = {each["jobs"][0]["rules"][0]: each["queue"] for each in intents}
    assert places == {
        "pinned": workspace.aws.job_queue,
        "mapped": "mapped-queue",
        "own": workspace.aws.job_queue,
    }
    images = {
        definition["tags"]["batchx:rule"]: definition["containerProperties"]["image"]
        for definition in (
            describe_definition(workspace.aws, {"jobDefinition": each["definition"]})
            for each in intents
        )
    }
    assert images == {
        "pinned": "quay.io/lab/tool:2.0",
        "mapped": "quay.io/site/mapped:4",
        "own": "quay.io/lab/tool:mine",
    }
