"""The calls that others make by their rules, read from their sources; jobs are only times here.

Calls answer at once, which flatters those that make many. Settings are the defaults, but for
limits on jobs at once, which are as high as the case needs.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from math import ceil

from calls_bench.cases import Bill, Case, Portions

BEAT_SECONDS = 0.2
IDS_PER_CALL = 100


class Jobs:
    """Jobs on their way, by their ends, and the clock."""

    def __init__(self, case: Case) -> None:
        self.portions = Portions(case)
        self.now = 0.0
        self.calls: Counter[str] = Counter()
        self.ends: list[float] = []
        self._durations = iter(case.make_durations())

    def submit(self, count: int) -> None:
        """Submit jobs now."""
        self.ends += [self.now + next(self._durations) for _ in range(count)]

    def see(self, asked: int | None = None) -> int:
        """Drop those that have ended, of the first that were asked about; return how many."""
        asked = len(self.ends) if asked is None else asked
        left = [end for end in self.ends[:asked] if end > self.now]
        ended = asked - len(left)
        self.ends[:asked] = left
        self.portions.ended += ended
        return ended


def count_official(case: Case) -> Bill:
    """snakemake-executor-plugin-aws-batch, snakemake_executor_plugin_aws_batch/.

    batch_job_builder.py: each job asks for queue and compute environment (platform), registers a
    definition of its own and is submitted. __init__.py: each is described alone, at most ten a
    second (Snakemake's --max-status-checks-per-second), 5 s between rounds; one that has ended is
    terminated, and its definition deregistered.
    """
    jobs = Jobs(case)
    names = ("DescribeJobQueues", "DescribeComputeEnvironments", "RegisterJobDefinition")
    while not jobs.portions.is_done:
        round_ids = len(jobs.ends)
        for _ in range(round_ids):
            jobs.calls["DescribeJobs"] += 1
            ended = jobs.see(1)
            jobs.ends += [] if ended else [jobs.ends.pop(0)]
            jobs.calls["TerminateJob"] += ended
            jobs.calls["DeregisterJobDefinition"] += ended
            jobs.now += 1 / 10
            _submit_singly(jobs, names)
        for _ in range(ceil(5 / BEAT_SECONDS)):
            _submit_singly(jobs, names)
            jobs.now += BEAT_SECONDS
    return Bill(jobs.calls, jobs.now)


def _submit_singly(jobs: Jobs, names: tuple[str, ...] = ()) -> None:
    count = jobs.portions.take(jobs.now)
    for name in (*names, "SubmitJob"):
        jobs.calls[name] += count
    jobs.submit(count)


def count_nextflow(case: Case) -> Bill:
    """Nextflow, plugins/nf-amazon/src/main/nextflow/cloud/aws/batch/.

    AwsBatchTaskHandler.groovy: a definition an image, looked up, then registered; a SubmitJob a
    task (arrays only where the pipeline asks for them: `array`); describeJob takes the next hundred
    ids along. AwsBatchExecutor.groovy: a look every 10 s (pollInterval), which hands on as well.
    """
    jobs = Jobs(case)
    jobs.calls.update(["DescribeJobDefinitions", "RegisterJobDefinition"])
    while not jobs.portions.is_done:
        jobs.calls["DescribeJobs"] += ceil(len(jobs.ends) / IDS_PER_CALL)
        jobs.see()
        for _ in range(ceil(10 / BEAT_SECONDS)):
            _submit_singly(jobs)
            jobs.now += BEAT_SECONDS
    return Bill(jobs.calls, jobs.now)


def count_redun(case: Case) -> Bill:
    """redun, redun/executors/aws_batch.py and redun/job_array.py.

    job_array.py: every 5 s, jobs to which none was added for 3 s go as arrays of 5 to 1,000, fewer
    singly, one array a kind and turn. aws_batch.py: at first a ListJobs for each of five statuses;
    with each submission a look at the definition's revisions (get_or_create_job_definition), the
    first registers it; then DescribeJobs of the next hundred ids (children, too), 5 s after each
    and 5 s more after a round.
    """
    jobs = Jobs(case)
    jobs.calls.update({"ListJobs": 5, "RegisterJobDefinition": 1})
    pending, last, next_turn = 0, 0.0, 5.0
    monitor = _monitor_as_redun(jobs)
    next_look = next(monitor)
    while not jobs.portions.is_done:
        count = jobs.portions.take(jobs.now)
        pending, last = pending + count, jobs.now if count else last
        if jobs.now >= next_turn:
            next_turn += 5
            if pending and jobs.now - last > 3:
                taken = min(pending, 1000)
                submissions = taken if taken < 5 else 1
                jobs.calls["SubmitJob"] += submissions
                jobs.calls["DescribeJobDefinitions"] += submissions
                jobs.submit(taken)
                pending -= taken
        if jobs.now >= next_look:
            next_look = jobs.now + next(monitor)
        jobs.now += BEAT_SECONDS
    return Bill(jobs.calls, jobs.now)


def _monitor_as_redun(jobs: Jobs) -> Iterator[float]:
    """Yield the seconds until the next look."""
    yield 5
    while True:
        asked, position = len(jobs.ends), 0
        for start in range(0, asked, IDS_PER_CALL):
            portion = min(IDS_PER_CALL, asked - start)
            jobs.calls["DescribeJobs"] += 1
            rest = jobs.ends[:position]
            del jobs.ends[:position]
            position += portion - jobs.see(portion)
            jobs.ends[:0] = rest
            yield 5
        yield 5


PEERS: dict[str, Callable[[Case], Bill]] = {
    "redun": count_redun,
    "Nextflow": count_nextflow,
    "official plugin": count_official,
}
