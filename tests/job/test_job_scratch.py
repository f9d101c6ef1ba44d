"""The folder a job works in: its own, and gone when it ends."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.job.scratch import make_scratch_name, open_scratch


@pytest.fixture(autouse=True)
def _same_directory() -> Iterator[None]:
    """A scratch folder that ends changes the working directory."""
    before = os.getcwd()
    yield
    os.chdir(before)


@pytest.mark.parametrize(
    ("environment", "name"),
    [
        ({"AWS_BATCH_JOB_ID": "abc-1", "AWS_BATCH_JOB_ATTEMPT": "2"}, "abc-1-2"),
        ({"AWS_BATCH_JOB_ID": "abc-1:17", "AWS_BATCH_JOB_ATTEMPT": "1"}, "abc-1-17-1"),
        ({"AWS_BATCH_JOB_ID": "abc-1"}, "abc-1-1"),
    ],
)
def test_a_scratch_is_named_by_job_and_attempt(environment: dict[str, str], name: str) -> None:
    assert make_scratch_name(environment) == name


def test_a_job_outside_of_batch_is_named_by_its_process() -> None:
    assert make_scratch_name({}) == f"local-{os.getpid()}-1"


def test_a_scratch_is_the_jobs_own_and_gone_afterwards(tmp_path: Path) -> None:
    parent = tmp_path / "not" / "there yet"
    with open_scratch(str(parent), "job-1") as scratch:
        assert scratch == parent / "batchx-job-1"
        assert scratch.stat().st_mode & 0o777 == 0o700
        (scratch / "deep").mkdir()
        (scratch / "deep" / "f").touch()
        (scratch / "deep").chmod(0o500)
        os.chdir(scratch / "deep")
    assert list(parent.iterdir()) == []
    assert os.getcwd() == str(parent)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_a_scratch_is_gone_after_any_error(tmp_path: Path, error: type[BaseException]) -> None:
    def work() -> None:
        with open_scratch(str(tmp_path), "job-1") as scratch:
            (scratch / "f").touch()
            raise error

    with pytest.raises(error):
        work()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("parent", [None, ""])
def test_without_a_setting_it_is_below_the_temporary_folder(parent: str | None) -> None:
    with open_scratch(parent, f"test-{os.getpid()}") as scratch:
        assert scratch.parent == Path(tempfile.gettempdir())
    assert not scratch.exists()


def test_a_scratch_that_cannot_be_made_is_told_with_the_setting(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    parent = tmp_path / "file" / "below"
    with pytest.raises(BatchxError) as caught, open_scratch(str(parent), "job-1"):
        pass
    assert str(caught.value) == (
        f"Scratch folder {parent}/batchx-job-1 cannot be made: Not a directory. Set "
        "--batchx-scratch to a folder that the image's user can write."
    )


def test_the_scratch_of_another_attempt_is_left_alone(tmp_path: Path) -> None:
    other = tmp_path / "batchx-job-1"
    other.mkdir()
    (other / "f").touch()
    with pytest.raises(BatchxError, match="File exists"), open_scratch(str(tmp_path), "job-1"):
        pass
    assert (other / "f").exists()
