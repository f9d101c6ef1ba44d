"""A Snakemake executor that does as little as one can: what Snakemake itself costs, and no more.

A process of its own (head_bench/maker.py) makes the outputs; this tells it which over a socket and
reports a job as a success when it hears that they are there. It has the common settings and the
beat of batchx, so that Snakemake's own work is the same.
"""

import os
import socket
from collections.abc import AsyncIterator
from typing import Any

from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor
from snakemake_interface_executor_plugins.settings import CommonSettings

common_settings = CommonSettings(
    non_local_exec=True,
    implies_no_shared_fs=True,
    job_deploy_sources=False,
    pass_default_storage_provider_args=True,
    pass_default_resources_args=True,
    pass_envvar_declarations_to_cmd=False,
    auto_deploy_default_storage_provider=False,
    init_seconds_before_status_checks=0,
    can_transfer_local_files=True,
)

BEAT_SECONDS = 0.2
READ_BYTES = 1 << 20


class Executor(RemoteExecutor):
    """Asks for outputs by the line, `<job id> <output> …`; an answer is the line `<job id>`."""

    _maker: socket.socket | None = None

    def __post_init__(self) -> None:
        host, _, port = os.environ["BENCH_MAKER"].partition(":")
        self._maker = socket.create_connection((host, int(port)))
        self._rest = b""
        self._made: set[str] = set()

    def run_job(self, job: Any) -> None:
        """Ask for the outputs of a job."""
        outputs = [f.storage_object.query if f.is_storage else f"{f}" for f in job.output]
        if self._maker is not None:
            self._maker.sendall(" ".join([str(job.jobid), *outputs]).encode() + b"\n")
        self.report_job_submission(SubmittedJobInfo(job))

    async def check_active_jobs(
        self, active_jobs: list[SubmittedJobInfo]
    ) -> AsyncIterator[SubmittedJobInfo]:
        """Report the jobs whose outputs are there."""
        self.next_seconds_between_status_checks = BEAT_SECONDS
        self._read_answers()
        for info in active_jobs:
            if str(info.job.jobid) in self._made:
                self.report_job_success(info)
            else:
                yield info

    def _read_answers(self) -> None:
        while self._maker is not None:
            try:
                piece = self._maker.recv(READ_BYTES, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            if not piece:
                raise ConnectionError("the maker of outputs has ended")
            *lines, self._rest = (self._rest + piece).split(b"\n")
            self._made.update(line.decode() for line in lines)

    def cancel_jobs(self, active_jobs: list[SubmittedJobInfo]) -> None:
        """Nothing runs."""
