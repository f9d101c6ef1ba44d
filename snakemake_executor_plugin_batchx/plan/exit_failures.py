"""Failures that the job itself tells of, or its exit code alone.

Codes over 128 are those of signals, as a shell reports them
(https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html#tag_19_08_02).
"""

from snakemake_executor_plugin_batchx.plan.failure_row import FailureRow, Place, RetriedBy
from snakemake_executor_plugin_batchx.spec import EXIT_LEASE_LOST, EXIT_TERMINATED

DISK_FULL = r"no space left on device|disk quota exceeded"

ROOM = (
    "On Fargate raise disk_mb of the rule; on EC2 give the queue's instances a larger volume, or "
    "name a larger place (--batchx-scratch)."
)

ENDED_WITH = "{command} ended with exit code {exit_code}"

RERUN = "Start the workflow again."

EXITS = (
    FailureRow(
        kind="duplicate",
        place=Place.ENTRY,
        pattern=rf"^{EXIT_LEASE_LOST}$",
        shown=f"exit code {EXIT_LEASE_LOST} of batchx",
        sentence="another submission of the same job has its work",
        advice="Start the workflow again to see what came of it.",
    ),
    FailureRow(
        kind="disk",
        place=Place.PROBLEM,
        pattern=DISK_FULL,
        shown="batchx: … No space left on device",
        sentence="{problem}",
        advice=ROOM,
    ),
    FailureRow(
        kind="output",
        place=Place.PROBLEM,
        pattern=r"ended well but did not make",
        shown="batchx: Rule … ended well but did not make …",
        sentence="{problem}",
        advice="",
    ),
    FailureRow(
        kind="image",
        place=Place.PROBLEM,
        pattern=r"^Image \S+ has no |its image has none|image's Python is",
        shown="batchx: Image … has no /bin/sh …",
        sentence="{problem}",
        advice="",
    ),
    FailureRow(
        kind="permission",
        place=Place.PROBLEM,
        pattern=r"\b(lacks?|(is|are) denied) \w+:\w+",
        shown="batchx: … The job's role … lacks s3:PutObject on s3://…",
        sentence="{problem}",
        advice="",
    ),
    FailureRow(
        kind="batchx",
        place=Place.PROBLEM,
        pattern=r"\S",
        shown="batchx: The job's files could not be put in place: …",
        sentence="{problem}",
        advice="",
        retried_by=RetriedBy.SNAKEMAKE,
    ),
    FailureRow(
        kind="disk",
        place=Place.OUTPUT,
        pattern=DISK_FULL,
        shown="No space left on device, in its output",
        sentence=f"{ENDED_WITH}, and its output tells of a full disk",
        advice=ROOM,
    ),
    FailureRow(
        kind="unknown",
        place=Place.AFTERWARDS,
        pattern=r"^137$",
        shown="exit code 137 of the container, after a result with exit code 0",
        sentence=(
            "its command ended well, but its container was killed afterwards (SIGKILL), and Batch "
            "does not say why"
        ),
        advice=(
            f"{RERUN} If it happens again, see whether it came near its limit of memory{{limits}}."
        ),
        retried_by=RetriedBy.SNAKEMAKE,
    ),
    FailureRow(
        kind="batchx",
        place=Place.AFTERWARDS,
        pattern=r"\d",
        shown="exit code … of the container, after a result with exit code 0",
        sentence=(
            "its command ended well, but its container ended with exit code {exit_code} afterwards"
        ),
        advice=RERUN,
        retried_by=RetriedBy.SNAKEMAKE,
    ),
    FailureRow(
        kind="tool",
        place=Place.EXIT_CODE,
        pattern=r"^126$",
        shown="exit code 126",
        sentence=f"{ENDED_WITH}: a program could not be executed",
        advice="It may lack the mode of a program, or be for another processor.",
    ),
    FailureRow(
        kind="tool",
        place=Place.EXIT_CODE,
        pattern=r"^127$",
        shown="exit code 127",
        sentence=f"{ENDED_WITH}: a program was not found",
        advice="See that image {image} has the tools that the rule calls, in its PATH.",
    ),
    FailureRow(
        kind="tool",
        place=Place.EXIT_CODE,
        pattern=r"^132$",
        shown="exit code 132",
        sentence=f"{ENDED_WITH}: a program used what the host's processor lacks (SIGILL)",
        advice="Use a queue with newer instance types, or a build of the tool for older ones.",
    ),
    FailureRow(
        kind="tool",
        place=Place.EXIT_CODE,
        pattern=r"^134$",
        shown="exit code 134",
        sentence=f"{ENDED_WITH}: a program gave up by itself (SIGABRT)",
        advice="Its output should say why; some tools do so when they get no memory{limits}.",
    ),
    FailureRow(
        kind="tool",
        place=Place.EXIT_CODE,
        pattern=r"^137$",
        shown="exit code 137, without OutOfMemoryError",
        sentence=(
            f"{ENDED_WITH}: it was killed (SIGKILL), and Batch does not say that it was for want "
            "of memory"
        ),
        advice="See whether it came near its limit of memory{limits}, or kills its own processes.",
        retried_by=RetriedBy.SNAKEMAKE,
    ),
    FailureRow(
        kind="tool",
        place=Place.EXIT_CODE,
        pattern=r"^139$",
        shown="exit code 139",
        sentence=f"{ENDED_WITH}: a program crashed (SIGSEGV)",
        advice="An error in the tool, or broken input; another version of the tool may be well.",
    ),
    FailureRow(
        kind="ended",
        place=Place.EXIT_CODE,
        pattern=rf"^{EXIT_TERMINATED}$",
        shown=f"exit code {EXIT_TERMINATED}",
        sentence="it was asked to end (SIGTERM), and Batch does not say by whom",
        advice=RERUN,
        retried_by=RetriedBy.SNAKEMAKE,
    ),
    FailureRow(
        kind="tool",
        place=Place.EXIT_CODE,
        pattern=r"\d",
        shown="exit code …",
        sentence=ENDED_WITH,
        advice="",
        retried_by=RetriedBy.SNAKEMAKE,
    ),
    FailureRow(
        kind="unknown",
        place=Place.NOTHING,
        pattern=r"",
        shown="nothing",
        sentence="it did not start, or ended without an exit code, and nothing says why",
        advice=f"{RERUN} If it happens again, look at the job in the console of AWS Batch.",
        retried_by=RetriedBy.SNAKEMAKE,
    ),
)
"""In the order in which they are tried."""
