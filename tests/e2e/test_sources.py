"""The job sees the workflow that the head saw: sources, names in folders, imported packages."""

import functools
import http.server
import os
import py_compile
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from runs import Workspace
from test_files import list_keys


def write_all(folder: Path, texts: dict[str, str]) -> None:
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


LISTING_WORKFLOW = """
import glob, os
from pathlib import Path

NAMES = glob_wildcards("data/{name}.fq").name
LISTED = sorted(os.listdir("data")) + sorted(p.name for p in Path("data/deep").iterdir())
GLOBBED = sorted(glob.glob("../reads/*/*.txt")) + sorted(e.name for e in os.scandir("results"))
FAR = sorted(os.listdir("{far}"))

rule all:
    input: "count.txt", "results/kept.txt", "results/tree", "counted_tree.txt", "side.txt",
           "ran.txt", "shadow.txt", "loud.txt", "logged.txt"

rule count:
    output: "count.txt"
    params: names=lambda wildcards: sorted(os.listdir("data"))
    shell: "echo {NAMES} {LISTED} {GLOBBED} {FAR} {params.names} > {output}"

# Its output was there before: the name must not be in the way, nor count as made.
rule again:
    input: "data/a.fq"
    output: "results/kept.txt"
    log: "results/old.log"
    shell: "test ! -L {output}; cat {input} > {output}; echo log >> {log}"

# Left-overs of an earlier run are in the listing, not in the product.
rule tree:
    output: directory("results/tree")
    shell: "mkdir -p {output}/new; echo 1 > {output}/new/one.txt"

rule counted_tree:
    input: "results/tree"
    output: "counted_tree.txt"
    shell: "find {input} ! -name .snakemake_timestamp | sort > {output}"

# A tool makes a file whose name is listed, and reads it again.
rule side:
    input: "data/a.fq"
    output: "side.txt"
    shell: "echo index > {input}.idx; cat {input}.idx > {output}"

rule ran:
    input: "data/a.fq"
    output: "ran.txt"
    run:
        with open(output[0], "w") as out:
            out.write(" ".join(sorted(os.listdir("data"))) + " " + " ".join(sorted(NAMES)))

rule shadow:
    input: "data/a.fq"
    output: "shadow.txt"
    shadow: "full"
    shell: "cp {input} {output}; ls data >> {output}"

# What is no input cannot be read, loudly.
rule loud:
    output: "loud.txt"
    shell: "if cat data/b.fq 2> {output}; then exit 3; fi; test -s {output}"

rule logged:
    output: touch("results/touched.txt"), "logged.txt"
    shell: "ls results > {output[1]}"
"""


def test_listings_are_the_same_in_the_job(workspace: Workspace, tmp_path: Path) -> None:
    far = tmp_path / "far"
    folder = workspace.folder
    write_all(
        folder,
        {
            "Snakefile": LISTING_WORKFLOW.replace("{far}", str(far)),
            **{f"data/{name}.fq": name for name in ("a", "b", "größe")},
            "data/a.fq.idx": "of the head",
            "data/deep/er/x.txt": "x",
            "data/two words.txt": "x",
            "results/kept.txt": "old",
            "results/old.log": "old",
            "results/touched.txt": "old",
            "results/tree/old/gone.txt": "old",
            "../reads/one/r1.txt": "r",
            "../far/f.txt": "far",
        },
    )
    (folder / "data" / "folder link").symlink_to(tmp_path / "far")
    os.utime(folder / "results" / "kept.txt", (1, 1))
    run = workspace.snakemake("--forceall")
    assert run.exit_code == 0, run.output

    names = "a.fq a.fq.idx b.fq deep folder link größe.fq two words.txt"
    counted = (folder / "count.txt").read_text(encoding="utf-8")
    listed = f"a b größe {names} er ../reads/one/r1.txt kept.txt old.log touched.txt tree f.txt"
    assert sorted(counted.split()) == sorted(f"{listed} {names}".split())
    assert (folder / "results" / "kept.txt").read_text() == "a"
    assert (folder / "results" / "old.log").read_text() == "log\n"
    tree = "results/tree\nresults/tree/new\nresults/tree/new/one.txt\n"
    found = sorted(p.relative_to(folder) for p in (folder / "results" / "tree").rglob("*"))
    stamp = "results/tree/.snakemake_timestamp"
    assert [str(path) for path in found] == [stamp, *tree.split()[1:]]
    assert (folder / "counted_tree.txt").read_text() == tree
    assert (folder / "side.txt").read_text() == "index\n"
    assert (folder / "data" / "a.fq.idx").read_text() == "of the head"
    assert (folder / "ran.txt").read_text(encoding="utf-8") == f"{names} a b größe"
    assert (folder / "shadow.txt").read_text(encoding="utf-8").split("\n")[0].startswith("a")
    assert "No such file" in (folder / "loud.txt").read_text()
    assert sorted(os.listdir(far)) == ["f.txt"]


PACKAGE_WORKFLOW = """
import labtools
from labtools.deep import shout
import compiled
from tinydist import SAID
import helper

rule all:
    input: "said.txt", "ran.txt"

rule said:
    output: "said.txt"
    params: said=" ".join([labtools.VERSION, shout(labtools.TEXT), compiled.X, SAID, helper.Y])
    shell: "echo {params.said} > {output}"

rule ran:
    output: "ran.txt"
    run:
        with open(output[0], "w") as out:
            out.write(shout(labtools.TEXT))
"""

LABTOOLS = """
from importlib import metadata, resources
VERSION = metadata.version("lab-tools")
TEXT = resources.files("labtools").joinpath("data/text.txt").read_text().strip()
"""

TINYDIST = """
from importlib import metadata
import tinydep
SAID = tinydep.SAID + metadata.version("tinydist")
"""


def install(project: Path, target: Path) -> None:
    """Install a package of this test's own, from its sources alone."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    command += ["--no-build-isolation", "--target", str(target), str(project)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def make_distribution(folder: Path, name: str, text: str, dependencies: str = "[]") -> Path:
    project = folder / name
    write_all(
        project,
        {
            "pyproject.toml": (
                '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
                f'[project]\nname = "{name}"\nversion = "1.5"\ndependencies = {dependencies}\n'
                f'[project.scripts]\n{name} = "{name}:main"\n'
            ),
            f"{name}/__init__.py": text,
        },
    )
    return project


def list_times(workspace: Workspace) -> dict[str, object]:
    """Return when each archive of sources or packages was sent."""
    bucket, _, prefix = workspace.environment["SNAKEMAKE_BATCHX_S3_ROOT"][5:].partition("/")
    answer = workspace.client("s3").list_objects_v2(Bucket=bucket, Prefix=prefix)
    archives = (o for o in answer["Contents"] if o["Key"].endswith(".tar.gz"))
    return {archive["Key"]: archive["LastModified"] for archive in archives}


def test_packages_that_the_snakefile_imports(workspace: Workspace, tmp_path: Path) -> None:
    path, target = tmp_path / "path", tmp_path / "target"
    write_all(
        path,
        {
            "labtools/__init__.py": LABTOOLS,
            "labtools/deep/__init__.py": "def shout(word):\n    return word.upper()\n",
            "labtools/data/text.txt": "hello\n",
            "lab_tools-2.1.dist-info/METADATA": (
                "Metadata-Version: 2.1\nName: lab-tools\nVersion: 2.1\n"
            ),
            "lab_tools-2.1.dist-info/top_level.txt": "labtools\n",
            "compiled.py": "X = 'pyc'\n",
        },
    )
    py_compile.compile(str(path / "compiled.py"), str(path / "compiled.pyc"))
    (path / "compiled.py").unlink()
    install(make_distribution(tmp_path, "tinydep", "SAID = 'dep'\n"), target)
    install(make_distribution(tmp_path, "tinydist", TINYDIST, '["tinydep"]'), target)
    write_all(workspace.folder, {"Snakefile": PACKAGE_WORKFLOW, "helper.py": "Y = 'beside'\n"})
    environment = {"PYTHONPATH": f"{path}:{target}"}

    run = workspace.snakemake(environment=environment)
    assert run.exit_code == 0, run.output
    assert (workspace.folder / "said.txt").read_text() == "2.1 HELLO pyc dep1.5 beside\n"
    assert (workspace.folder / "ran.txt").read_text() == "HELLO"
    packed = [key for key in list_keys(workspace) if "/packages/" in key]
    assert len(packed) == 1
    before = list_times(workspace)

    # The same packages are neither packed nor sent again; another state of them is another object.
    assert workspace.snakemake("--forceall", environment=environment).exit_code == 0
    assert list_times(workspace) == before
    (path / "labtools" / "data" / "text.txt").write_text("goodbye\n")
    assert workspace.snakemake("--forceall", environment=environment).exit_code == 0
    assert (workspace.folder / "ran.txt").read_text() == "GOODBYE"
    assert len([key for key in list_keys(workspace) if "/packages/" in key]) == 2


MAIN = """
configfile: "base.yaml"
include: "../../shared/common.smk"
module other:
    snakefile: "../modules/other.smk"
    config: config
use rule * from other as other_*
workdir: "sub dir"

SHEET = open("../../samples.tsv").read().strip()
TABLE = open(workflow.source_path("../tables/größe.txt")).read().strip()

rule all:
    default_target: True
    input: "script.txt", "found.txt", "other.txt", "shell.txt", "named.txt"

rule script:
    output: "script.txt"
    params: told=f"{config['base']} {config['far']} {config['flag']} {COMMON} {SHEET}{TABLE}"
    script: "scripts/main.py"

rule named:
    output: "named.txt"
    params: tool="linked"
    script: "scripts/{params.tool}.py"

rule shell_rule:
    output: "shell.txt"
    params: tool=str(workflow.basedir) + "/../bin/tool"
    shell: "'{params.tool}' > {output}"

rule found:
    output: "found.txt"
    params: top=str(workflow.basedir) + "/.."
    shell: "find '{params.top}' -type f -printf '%P\\n' | sort > {output}"
"""


def git(folder: Path, *args: str) -> None:
    command = [
        "git",
        "-c",
        "user.name=x",
        "-c",
        "user.email=x@x",
        "-c",
        "protocol.file.allow=always",
    ]
    subprocess.run([*command, *args], cwd=folder, check=True, capture_output=True)


def make_sprawling_project(top: Path) -> Path:
    """Write a project whose parts lie all over `top`; return where Snakemake is started."""
    start = top / "proj" / "run dir"
    write_all(
        top,
        {
            "proj/run dir/base.yaml": "base: B\n",
            "proj/flow/workflow/Snakefile": MAIN,
            "proj/shared/common.smk": "COMMON = 'C'\n",
            "proj/flow/modules/other.smk": (
                "rule one:\n    output: 'other.txt'\n    params: n='b'\n"
                "    script: '../scripts/other.py'\n"
            ),
            "proj/flow/scripts/other.py": (
                "open(snakemake.output[0], 'w').write(open(snakemake.scriptdir + '/note').read())\n"
            ),
            "proj/flow/scripts/note": "noted",
            "proj/flow/tables/größe.txt": "G\n",
            "proj/flow/bin/tool": "#!/bin/sh\necho ran\n",
            "proj/flow/tracked.txt": "tracked",
            "proj/flow/gone.txt": "deleted but tracked",
            "proj/flow/workflow/scripts/main.py": (
                "import json\n"
                "from parts import helper\n"
                "text = helper.say(snakemake.params.told)\n"
                "text += str(len(json.load(open(snakemake.scriptdir + '/big.json'))))\n"
                "open(snakemake.output[0], 'w').write(text)\n"
            ),
            "proj/flow/workflow/scripts/big.json": '"' + "x" * 11_000_000 + '"',
            "proj/flow/workflow/scripts/parts/helper.py": "def say(x):\n    return x + ' '\n",
            "outside/linked.py": "open(snakemake.output[0], 'w').write('linked')\n",
            "elsewhere/far.yaml": "far: F\n",
            "proj/samples.tsv": "S\n",
            "library/lib.txt": "submodule",
        },
    )
    (top / "proj/flow/bin/tool").chmod(0o755)
    (top / "proj/flow/workflow/scripts/linked.py").symlink_to(top / "outside" / "linked.py")
    with open(top / "proj/flow/workflow/scripts/reads.bam", "wb") as reads:
        reads.truncate(300_000_000)
    git(top / "library", "init", "-q")
    git(top / "library", "add", ".")
    git(top / "library", "commit", "-qm", "x")
    git(top / "proj", "init", "-q")
    git(top / "proj", "submodule", "add", "-q", str(top / "library"), "flow/library")
    git(top / "proj", "add", "flow/tracked.txt", "flow/gone.txt", "flow/bin", "flow/library")
    (top / "proj/flow/gone.txt").unlink()
    return start


def test_sources_from_everywhere(workspace: Workspace, tmp_path: Path) -> None:
    start = make_sprawling_project(tmp_path)
    here = replace(workspace, folder=start)
    run = here.snakemake(
        *("--snakefile", "../flow/workflow/Snakefile", "--config", "flag=X"),
        *("--configfile", str(tmp_path / "elsewhere" / "far.yaml")),
    )
    assert run.exit_code == 0, run.output
    made = start / "sub dir"
    assert (made / "script.txt").read_text(encoding="utf-8") == "B F X C SG 11000000"
    assert (made / "other.txt").read_text() == "noted"
    assert (made / "named.txt").read_text() == "linked"
    assert (made / "shell.txt").read_text() == "ran\n"
    found = (made / "found.txt").read_text(encoding="utf-8").split("\n")
    assert {"workflow/scripts/main.py", "tracked.txt", "library/lib.txt"} < set(found)
    assert "workflow/scripts/reads.bam" not in found
    assert "reads.bam (300.0 MB)" in run.output
    assert "must name it as an input" in run.output


class ServedOnce(http.server.SimpleHTTPRequestHandler):
    """Serves each file a single time: who asks again finds nothing."""

    def do_GET(self) -> None:
        super().do_GET()
        Path(self.translate_path(self.path)).unlink(missing_ok=True)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def serve_once(folder: Path) -> Iterator[str]:
    handler = functools.partial(ServedOnce, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_sources_by_url_are_fetched_once(workspace: Workspace, tmp_path: Path) -> None:
    write = "open(snakemake.output[0], 'w').write('{}')\n"
    write_all(
        tmp_path / "web",
        {
            "flow/Snakefile": "rule one:\n    output: 'one.txt'\n    script: 'scripts/one.py'\n",
            "flow/scripts/one.py": write.format("one"),
            "two.py": write.format("two"),
            "0.1/bio/three/wrapper.py": write.format("three"),
        },
    )
    with serve_once(tmp_path / "web") as url:
        workspace.write(
            Snakefile=f"""
                module far:
                    snakefile: "{url}/flow/Snakefile"
                use rule * from far
                rule all:
                    default_target: True
                    input: "one.txt", "two.txt", "three.txt"
                rule two:
                    output: "two.txt"
                    script: "{url}/two.py"
                rule three:
                    output: "three.txt"
                    wrapper: "{url}/0.1/bio/three"
                """
        )
        run = workspace.snakemake()
    assert run.exit_code == 0, run.output
    for name in ("one", "two", "three"):
        assert (workspace.folder / f"{name}.txt").read_text() == name


def test_a_sheet_outside_the_project_stands_at_its_path(
    workspace: Workspace, tmp_path: Path
) -> None:
    """The folder is moved away once the first job runs, as if the second were on a host of AWS."""
    folder = tmp_path / "of the lab"
    folder.mkdir()
    sheet = folder / "samples.txt"
    sheet.write_text("x y")
    workspace.write(
        Snakefile="""
            with open(config["sheet"]) as file:
                SAMPLES = file.read().split()
            rule last:
                input: "gone.txt"
                output: "last.txt"
                params: samples=SAMPLES
                shell: "echo {params.samples} > {output}; ls {config[folder]:q} >> {output}"
            rule hide:
                input: "first.txt"
                output: "gone.txt"
                localrule: True
                shell: "rm -r {config[folder]:q}; touch {output}"
            rule first:
                output: "first.txt"
                shell: "touch {output}"
            """
    )
    run = workspace.snakemake("--config", f"sheet={sheet}", f"folder={folder}")
    assert run.exit_code == 0, run.output
    assert (workspace.folder / "last.txt").read_text() == "x y\nsamples.txt\n"
    assert not folder.exists()
