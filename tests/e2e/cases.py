"""The workflows of tests/workflows: each is run on this machine and on Batch, and compared.

A folder there is a workflow as a user would have it, and a `case.toml` that tells how to run it:

    says = "what a user may rely on"      (required)
    modes = ["mirror", "s3"]              data modes; both by default
    workdir = "project"                   where Snakemake is started; the folder itself by default
    data = ["data"]                       files and folders put into S3 in S3 mode; those that exist
    varies = ["*.benchmark"]              files whose content may differ (it holds times, say)
    needs = ["Rscript"]                   programs, or modules as "python:papermill"; else skipped
    environment = { TOKEN = "1" }         variables of the Snakemake process

    [[steps]]                             runs in order; one without arguments by default
    args = ["--keep-going"]               "{storage}" stands for the default storage prefix
    batchx = ["--sdm", "apptainer"]       arguments that only the run on Batch is given
    before = "rm results/a.txt"           a shell command first
    fails = true                          this run must fail
    says = "a text both must say"
    refused = "a text only batchx says"   batchx refuses, before anything runs; the local run is
                                          not made
    again = false                         by default the last step is made twice, if it neither
                                          fails nor is refused: then there is nothing to be done;
                                          or the modes in which that holds, as ["mirror"]
"""

import fnmatch
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from runs import RUN_TIMEOUT_SECONDS, Run, Workspace, keep_environment
from warm_heads import WarmHeads

WORKFLOWS = Path(__file__).parents[1] / "workflows"

NOTHING_TO_DO = "Nothing to be done"

LAB_TOKEN = "fuchsia-elbow-transmits-quietly"
"""A secret that every run has in its environment and `envvars:` may name."""

OWN_FOLDERS = (".snakemake", ".batchx", "__pycache__", ".cache", ".config", ".local")
"""Folders that hold the state of programs, not results."""

LOCAL = ("--executor", "local", "--cores", "4")
BATCHX = ("--executor", "batchx", "-j", "20")


@dataclass(frozen=True)
class Step:
    """One run of Snakemake."""

    args: tuple[str, ...] = ()
    batchx: tuple[str, ...] = ()
    before: str | None = None
    fails: bool = False
    says: str | None = None
    refused: str | None = None
    again: bool | list[str] = True


@dataclass(frozen=True)
class Case:
    """A workflow and how to run it."""

    name: str
    says: str
    modes: tuple[str, ...] = ("mirror", "s3")
    workdir: str = "."
    data: tuple[str, ...] = ("data",)
    varies: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    steps: tuple[Step, ...] = (Step(),)

    @property
    def folder(self) -> Path:
        return WORKFLOWS / self.name


@dataclass(frozen=True)
class Seen:
    """What a run left: its exit code, the jobs it wanted, files and S3 objects by content."""

    exit_code: int
    jobs: dict[str, int]
    files: dict[str, str]
    objects: dict[str, str]


@dataclass(frozen=True)
class Side:
    """One of the two machines that run a case: its copy of the workflow, and how it runs it."""

    case: Case
    workspace: Workspace
    heads: WarmHeads
    executor: tuple[str, ...]
    prefix: str | None

    @property
    def workdir(self) -> Path:
        return self.workspace.folder / self.case.workdir

    def run(self, *args: str) -> Run:
        storage: list[str] = []
        url = f"s3://{self.workspace.aws.bucket}/{self.prefix}"
        if self.prefix:
            storage = ["--default-storage-provider", "s3", "--default-storage-prefix", url]
        environment = {**self.workspace.environment, **self.secrets, **self.case.environment}
        # Targets follow options, but never one that takes several values.
        filled = [arg.replace("{storage}", url) for arg in args]
        line = [*self.executor, *storage, "--nocolor", *filled]
        return self.heads.run(line, self.workdir, environment, RUN_TIMEOUT_SECONDS)

    @property
    def secrets(self) -> dict[str, str]:
        """Return what the runs know and nobody else may read."""
        aws = self.workspace.aws
        keys = {
            "SNAKEMAKE_STORAGE_S3_ACCESS_KEY": aws.head_access_key_id,
            "SNAKEMAKE_STORAGE_S3_SECRET_KEY": aws.head_secret_access_key,
        }
        return {"LAB_TOKEN": LAB_TOKEN, **(keys if self.prefix else {})}

    def prepare(self) -> None:
        """Copy the workflow here, and its data to S3 where that is the mode."""
        shutil.copytree(self.case.folder, self.workspace.folder, symlinks=True, dirs_exist_ok=True)
        (self.workspace.folder / "case.toml").unlink()
        for name in self.case.data if self.prefix else ():
            top = self.workdir / name
            paths = [top] if top.is_file() else sorted(p for p in top.rglob("*") if p.is_file())
            for path in paths:
                key = f"{self.prefix}/{path.relative_to(self.workdir).as_posix()}"
                self.workspace.client("s3").upload_file(str(path), self.workspace.aws.bucket, key)

    def do_before(self, step: Step) -> None:
        if step.before:
            environment = {**keep_environment(), **self.workspace.environment}
            subprocess.run(
                ["/bin/sh", "-c", step.before], cwd=self.workdir, env=environment, check=True
            )

    def see(self, run: Run) -> Seen:
        jobs = read_job_counts(run.output)
        return Seen(run.exit_code, jobs, self.see_files(), self.see_objects())

    def see_files(self) -> dict[str, str]:
        """Return what each file here is: its content, whether it can be executed or written."""
        found = {}
        for parent, folders, files in os.walk(self.workspace.folder):
            folders[:] = [name for name in folders if name not in OWN_FOLDERS]
            for name in files:
                path = Path(parent, name)
                relative = path.relative_to(self.workspace.folder).as_posix()
                found[relative] = self._describe_file(path, relative)
        return found

    def _describe_file(self, path: Path, relative: str) -> str:
        if not path.exists():
            return f"link to nothing: {os.readlink(path)}"
        mode = path.stat().st_mode
        bits = ("x" if mode & 0o100 else "-") + ("w" if mode & 0o200 else "-")
        if self._is_varying(relative):
            return bits
        return f"{bits} {hashlib.sha256(path.read_bytes()).hexdigest()[:16]}"

    def _is_varying(self, name: str) -> bool:
        return any(fnmatch.fnmatch(name, pattern) for pattern in self.case.varies)

    def see_objects(self) -> dict[str, str]:
        if not self.prefix:
            return {}
        s3, found = self.workspace.client("s3"), {}
        bucket = self.workspace.aws.bucket
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=self.prefix)
        for item in (item for page in pages for item in page.get("Contents", [])):
            name = item["Key"].removeprefix(self.prefix + "/")
            if name.startswith(".batchx/"):
                continue
            content = s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()
            is_same = not self._is_varying(name)
            found[name] = hashlib.sha256(content).hexdigest()[:16] if is_same else ""
        return found


def load_case(name: str) -> Case:
    """Return the case of a folder in tests/workflows. A wrong key is a TypeError."""
    told = tomllib.loads((WORKFLOWS / name / "case.toml").read_text(encoding="utf-8"))
    steps = tuple(
        Step(**{**step, **{key: tuple(step.get(key, ())) for key in ("args", "batchx")}})
        for step in told.pop("steps", [{}])
    )
    lists = {key: tuple(value) for key, value in told.items() if isinstance(value, list)}
    return Case(name, **{**told, **lists}, steps=steps)


def find_missing(case: Case) -> str | None:
    """Return a program or module that a case needs and this machine lacks, else None."""
    for need in case.needs:
        module = need.removeprefix("python:")
        is_there = importlib.util.find_spec(module) if module != need else shutil.which(need)
        if not is_there:
            return need
    return None


def read_job_counts(output: str) -> dict[str, int]:
    """Return how many jobs of each rule Snakemake wanted to run, from its first table of them."""
    table = re.search(r"^Job stats:\njob +count\n[- ]+\n((?:\S+ +\d+\n)+)", output, re.MULTILINE)
    lines = table.group(1).splitlines() if table else []
    return {name: int(count) for name, count in (line.split() for line in lines)}
