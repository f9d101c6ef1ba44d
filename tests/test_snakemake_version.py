"""Notices when Snakemake drifts away from what batchx relies on."""

import inspect
from importlib.metadata import requires, version

from packaging.requirements import Requirement
from packaging.version import Version
from snakemake.executors.local import Executor as LocalExecutor
from snakemake.logging import logger
from snakemake.spawn_jobs import SpawnedJobArgsFactory
from snakemake_interface_executor_plugins.executors.real import RealExecutor
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor
from snakemake_interface_executor_plugins.settings import CommonSettings
from snakemake_interface_logger_plugins.common import LogEvent

from snakemake_executor_plugin_batchx.job.note import ERROR_EVENT, SNAKEMAKE_LOGGER


def test_installed_snakemake_is_one_that_we_ask_for() -> None:
    asked = [Requirement(text) for text in requires("snakemake-executor-plugin-batchx") or []]
    (ours,) = [each for each in asked if each.name == "snakemake" and each.marker is None]
    assert ours.specifier.contains(version("snakemake"))
    assert not ours.specifier.contains(Version("10.0"))


def test_common_settings_that_we_set_are_all_there_are() -> None:
    known = {
        "non_local_exec", "implies_no_shared_fs", "job_deploy_sources", "dryrun_exec", "touch_exec",
        "use_threads", "pass_default_storage_provider_args", "pass_default_resources_args",
        "pass_envvar_declarations_to_cmd", "auto_deploy_default_storage_provider",
        "init_seconds_before_status_checks", "pass_group_args", "spawned_jobs_assume_shared_fs",
        "can_transfer_local_files",
    }  # fmt: skip
    assert set(inspect.signature(CommonSettings).parameters) == known


def test_methods_that_we_override_or_call_keep_their_parameters() -> None:
    expected = {
        RemoteExecutor.check_active_jobs: ["self", "active_jobs"],
        RemoteExecutor.cancel_jobs: ["self", "active_jobs"],
        RemoteExecutor.run_jobs: ["self", "jobs"],
        RemoteExecutor.get_job_args: ["self", "job"],
        RealExecutor.report_job_error: ["self", "job_info", "msg", "kwargs"],
        LocalExecutor.run_job: ["self", "job"],
        LocalExecutor.cached_or_run: ["self", "job", "run_func", "args"],
        SpawnedJobArgsFactory.general_args: ["self", "executor_common_settings"],
        SpawnedJobArgsFactory.envvars: ["self"],
    }
    seen = {method: list(inspect.signature(method).parameters) for method in expected}
    assert seen == expected


def test_errors_are_logged_as_we_expect() -> None:
    assert logger.name == SNAKEMAKE_LOGGER
    assert LogEvent.ERROR.value == ERROR_EVENT
