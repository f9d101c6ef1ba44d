"""Wrong inputs of every kind, each with what a user is told of it: the table of a test.

The queues, the job definitions and the consumable resource that the cases name stand in
test_wrong_inputs.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

GAP = "[…]"
"""In a sentence of the table it stands for any words."""

ROLE = "arn:aws:iam::123456789012:role/tool"
ON_FARGATE = f"batchx_queue='fargate', batchx_execution_role='{ROLE}'"
HELD = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:held"
S3_FILES = "arn:aws:s3files:eu-west-1:123456789012:file-system/fs-0123456789abcdef0"
POINT = "fsap-0123456789abcdef0"
ECR = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
SECRET = "turquoise-ladder-sings"

QUEUE = "the name (letters, digits, - and _, at most 128) or the ARN of a job queue"
A_ROLE = "the ARN of an IAM role, such as arn:aws:iam::123456789012:role/me"
LOG_GROUP = "the name of a CloudWatch log group (letters, digits and _ - / . #, at most 512)"
SECRET_PLACE = (
    "must be NAME=ARN, with the ARN of a secret in Secrets Manager or of a parameter of Systems "
    "Manager (or the parameter's name with / before it), never with the secret itself"
)
TAG = "must be KEY=VALUE with a key of letters, digits, blanks and _ . : / + - @ (at most 128)"
LOGIN = (
    "must be HOST=ARN: a registry such as quay.io, and the ARN of a secret in Secrets Manager "
    "with username and password"
)
CONSUMABLE = (
    "must be NAME or NAME=QUANTITY with the name (letters, digits, - and _, at most 128) or the "
    "ARN of a consumable resource"
)
NOT_THERE = (
    f"does not exist in region us-east-1: name one that is there (batchx-local{GAP}), or check "
    "--batchx-region."
)
DISABLED = "is DISABLED: enable it, or name another."
NOT_ON_FARGATE = "which Fargate does not have: leave it out, or name a queue on EC2"
MODULE_MAP = "--batchx-module-map 'tools.yaml' is not valid"


@dataclass(frozen=True)
class WrongInput:
    """A run with something wrong in it, and the sentences that tell it, all of them, in order.

    The run has one rule, `align`, with these resources and lines, or the Snakefile given. With
    `is_among_others` Snakemake tells it, with words of its own around it. `hidden` must not be
    shown.
    """

    name: str
    says: tuple[str, ...]
    resources: str = ""
    lines: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    snakefile: str = ""
    is_among_others: bool = False
    hidden: str = ""

    def make_snakefile(self) -> str:
        """Return the workflow."""
        resources = f"resources: {self.resources}" if self.resources else ""
        lines = ['output: "one.txt"', resources, *self.lines, 'shell: "echo 1 > {output}"']
        return self.snakefile or "rule align:\n" + "".join(f"    {line}\n" for line in lines)


def rule(name: str, resources: str, *reasons: str, **more: object) -> WrongInput:
    """Return a mistake in the resources of rule align."""
    ends = ("" if reason.endswith("?") else "." for reason in reasons)
    says = tuple(f"Rule align: {reason}{end}" for reason, end in zip(reasons, ends, strict=True))
    return WrongInput(name, says, resources, **more)  # type: ignore[arg-type]


def value(option: str, given: object, *reasons: str, name: str = "") -> WrongInput:
    """Return a wrong value of a resource `batchx_…`."""
    told = [f"resource batchx_{option}={given!r} {reason}" for reason in reasons]
    return rule(name or option, f"batchx_{option}={given!r}", *told)


def setting(option: str, given: str, *reasons: str, name: str = "") -> WrongInput:
    """Return a wrong value of a setting `--batchx-…`."""
    says = tuple(f"--batchx-{option} {given!r} {reason}." for reason in reasons)
    return WrongInput(name or f"--{option}", says, args=(f"--batchx-{option}={given}",))


def options(name: str, given: str, *reasons: str) -> WrongInput:
    """Return wrong options of the container, as the resource batchx_options."""
    return value("options", given, *reasons, name=f"options {name}")


def volumes(name: str, given: str, *reasons: str) -> WrongInput:
    """Return a wrong volume, as the resource batchx_volumes."""
    told = (f"holds {given!r}, {reason}" for reason in reasons)
    return value("volumes", given, *told, name=f"volumes {name}")


def module_map(name: str, text: str, *says: str, file: str = "tools.yaml") -> WrongInput:
    """Return a module map with a mistake."""
    return WrongInput(
        f"module map {name}",
        says,
        args=(f"--batchx-module-map={file}",),
        files={file: text} if text else {},
    )


TWINS = tuple(
    case
    for option, given, reason in (
        ("fallback_queue", "no queue", f"must be {QUEUE}"),
        ("arch", "sparc", "must be amd64, arm64, x86_64 or aarch64"),
        ("job_role", "me", f"must be {A_ROLE}"),
        ("execution_role", "arn:aws:iam::123:role/x", f"must be {A_ROLE}"),
        ("memory_overhead", "65537", "must be a whole number from 0 to 65536"),
        ("priority", "10000", "must be a whole number from 0 to 9999"),
        ("share", "flu-2024", "must be a share identifier of letters and digits, at most 255"),
        ("retries", "10", "must be a whole number from 0 to 9"),
        (
            "runnable_timeout",
            "30s",
            "must be a time from 1 minute to 1 year, such as 90m, 2h or 1d",
        ),
        ("log_group", "my logs", f"must be {LOG_GROUP}"),
        ("public_ip", "maybe", "must be on or off"),
        ("array", "sometimes", "must be on or off"),
        (
            "platform_version",
            "1.4",
            "must be a platform version of Fargate: LATEST or 1.4.0",
        ),
        (
            "options",
            "--ulimit nofile",
            "holds --ulimit 'nofile', which must be NAME=SOFT or NAME=SOFT:HARD, such as "
            "nofile=1024:4096",
        ),
    )
    for case in (
        value(option, given, reason),
        setting(option.replace("_", "-"), given, reason),
    )
)
"""Each wrong once in a rule, once in the settings."""

LIST_TWINS = tuple(
    case
    for option, given, reason in (
        ("consumables", "seats=0", "whose quantity must be a whole number from 1 on"),
        ("tags", "project", f"which {TAG}"),
        (
            "volumes",
            "data:/data",
            "which names a volume of Docker, and AWS Batch has none: name a folder of the host, "
            "such as /data:/path, or a file system, such as efs://fs-0123456789abcdef0:/path",
        ),
    )
    for case in (
        value(option, given, f"holds {given!r}, {reason}"),
        setting(option, given, f"holds {given!r}, {reason}"),
    )
)
"""Likewise, where several may be given."""

RESOURCES = (
    value("queue", "no queue", f"must be {QUEUE}"),
    setting("job-queue", "no queue", f"must be {QUEUE}"),
    value(
        "image", "two words", "must be an image, such as docker://quay.io/biocontainers/bwa:0.7.17"
    ),
    rule(
        "unknown resource",
        "batchx_retry=3",
        "resource batchx_retry is none of batchx: did you mean batchx_retries?",
    ),
    rule(
        "unlike any resource",
        "batchx_colour='red'",
        f"resource batchx_colour is none of batchx: there are batchx_arch, {GAP}, batchx_volumes",
    ),
    rule(
        "path for a text",
        "batchx_volumes=Path('/ref')",
        "resource batchx_volumes=PosixPath('/ref') must be a text such as "
        "'/data:/data:ro efs://fs-0123456789abcdef0:/ref'",
    ),
    rule(
        "host cache",
        "batchx_host_cache=7",
        "resource batchx_host_cache=7 must be a text with patterns of input names, such as "
        "'ref/*' or '*'",
    ),
    value("priority", True, "must be a whole number from 0 to 9999", name="a truth for a number"),
    value("retries", "two", "must be a whole number from 0 to 9", name="a word for a number"),
    value("public_ip", 2, "must be on or off", name="a number for a switch"),
    value("tags", 7, "must be a text such as 'project=flu,owner=me'", name="a number for tags"),
)

OPTIONS = (
    options(
        "unknown",
        "--shm 1g",
        "holds --shm, which batchx does not know (did you mean --shm-size?): it can hold "
        f"--env/-e, {GAP}",
    ),
    options(
        "refused: capabilities",
        "--cap-add SYS_PTRACE",
        "holds --cap-add, and Batch has no capabilities: on EC2, --privileged gives all of them",
    ),
    options(
        "refused: GPUs",
        "--gpus all",
        "holds --gpus, and GPUs come from the rule's resources: set gpu instead",
    ),
    options(
        "refused: volumes",
        "-v /data:/data",
        "holds -v, and volumes have a resource of their own: set batchx_volumes instead",
    ),
    options(
        "refused: memory",
        "-m 2g",
        "holds -m, and memory comes from the rule's resources: set mem_mb or mem_mib instead",
    ),
    options(
        "refused: processors",
        "--cpus=2",
        "holds --cpus, and CPUs come from the rule's threads: set threads instead",
    ),
    options(
        "refused: network",
        "--network host",
        "holds --network, and the compute environment has the network, by its subnets and "
        "security groups: leave it out",
    ),
    options(
        "refused: clearing away",
        "--rm -it",
        "holds --rm, but Batch clears containers away itself: leave it out",
        "holds -i, but a job has no terminal, and batchx waits for it: leave it out",
        "holds -t, but a job has no terminal, and batchx waits for it: leave it out",
    ),
    options(
        "with an open quote",
        "--env 'A=b",
        "has a quote that is not closed or a backslash at its end, where it is split into words as "
        "a shell does",
    ),
    options(
        "without a value",
        "--init --shm-size",
        "holds --shm-size without a value: give one, as in --shm-size 1g",
    ),
    options(
        "that contradict",
        "--user 1 --user 2",
        "holds --user '1' and --user '2', which contradict each other: give one of them",
    ),
    options(
        "with an image",
        "--init ubuntu:24.04",
        "holds 'ubuntu:24.04', which is no option: quote a value that has blanks; the image and "
        "the command are the rule's own",
    ),
    options(
        "with one dash",
        "-user 1000",
        "holds -user, which docker writes with two dashes: --user",
    ),
    options(
        "with no size",
        "--shm-size huge",
        "holds --shm-size 'huge', which must be a size such as 512m or 2g, or a whole number of "
        "MiB",
    ),
    options("with a size of 0", "--shm-size 0", "holds --shm-size '0', which must be above 0"),
    options(
        "with a limit that is none",
        "--ulimit files=10",
        "holds --ulimit 'files=10', which names no limit that Batch knows: it can be core, cpu, "
        f"{GAP}, stack",
    ),
    options(
        "with limits the wrong way round",
        "--ulimit nproc=20:10",
        "holds --ulimit 'nproc=20:10', which has a soft limit above the hard one: swap them, or "
        "raise the second",
    ),
    options(
        "with endless open files",
        "--ulimit nofile=-1",
        "holds --ulimit 'nofile=-1', which must be a number, since Linux bounds open files: such "
        "as "
        "1048576",
    ),
    options(
        "with a tmpfs of no size",
        "--tmpfs /scratch",
        "holds --tmpfs '/scratch', which must have one size, which Batch demands, such as "
        "size=512m",
    ),
    options(
        "with a tmpfs over the runtime",
        "--tmpfs /batchx:size=1g,sizes",
        "holds --tmpfs '/batchx:size=1g,sizes', which begins with /batchx, as only batchx's own "
        "folders do: choose another path",
        "holds --tmpfs '/batchx:size=1g,sizes', which has 'sizes', which is no mount option that "
        f"Batch takes: size=, {GAP}, mpol=",
    ),
    options(
        "with a strange user",
        "--user Me",
        "holds --user 'Me', which must be a user's name or number, with :GROUP if you like, such "
        "as "
        "1000:1000, and Batch takes names of up to 31 lower-case letters, digits, underscores and "
        "hyphens",
    ),
    options(
        "with half a device",
        "--device fuse",
        "holds --device 'fuse', which must be HOST, HOST:CONTAINER or HOST:CONTAINER:rwm with "
        "absolute paths, such as /dev/fuse:/dev/fuse:rw",
    ),
    options(
        "with a variable of Batch's",
        "-e AWS_BATCH_JOB_ID=7",
        "holds -e 'AWS_BATCH_JOB_ID=7', which begins with AWS_BATCH, as only Batch's own "
        "variables may: choose another name",
    ),
    options(
        "with an empty variable",
        "-e A=",
        "holds -e 'A=', which has no value, and Batch drops such variables: give one, or leave "
        "it out",
    ),
    options(
        "with endless swap",
        "--memory-swap -1",
        "holds --memory-swap '-1', which asks for unlimited swap, and Batch has none: give memory "
        "and swap together, such as 8g, or leave it out",
    ),
    options(
        "with too much swappiness",
        "--memory-swappiness 101",
        "holds --memory-swappiness '101', which must be a whole number from 0 to 100",
    ),
    rule(
        "options with swap below memory",
        "mem_mib=1000, batchx_options='--memory-swap 1g'",
        "batchx_options holds --memory-swap with 1024 MiB, below the job's memory of 1256 MiB "
        "(batchx's own share included): it counts memory and swap together, so give 1256 MiB for "
        "no swap, more for some, or leave it out",
    ),
    rule(
        "options with swappiness alone",
        "mem_mib=1000, batchx_options='--memory-swappiness 10'",
        "batchx_options holds --memory-swappiness without --memory-swap, and Batch ignores it "
        "then: give memory and swap together as well, more than the job's 1256 MiB, such as "
        "--memory-swap 2512m",
    ),
    WrongInput(
        "options of the settings with a variable that is not set",
        (
            "Rule align: --batchx-options holds -e LAB_KEY, but LAB_KEY is not set on this "
            "machine: set it, or give a value (-e LAB_KEY=…).",
        ),
        args=("--batchx-options=-e LAB_KEY",),
    ),
    rule(
        "options with a variable that is not set",
        "batchx_options='-e LAB_KEY'",
        "batchx_options holds -e LAB_KEY, but LAB_KEY is not set on this machine: set it, or give "
        "a value (-e LAB_KEY=…)",
    ),
    value(
        "options",
        "",
        "must be a text with options of docker run, such as '--shm-size 1g'",
        name="options that are empty",
    ),
)

VOLUMES = (
    volumes(
        "below the current folder",
        "./ref:/ref",
        "which must be /host[:/path[:ro]], efs://ID[/folder]:/path[:OPTIONS] or "
        "s3files://ARN:/path[:OPTIONS]",
    ),
    volumes(
        "at a relative path",
        "/ref:ref",
        "whose path in the container 'ref' must be absolute, such as /data",
    ),
    volumes(
        "over the runtime",
        "/ref:/batchx",
        "but containers need their own /batchx: name another path, such as /mnt/data",
    ),
    volumes("of an unknown option", "/ref:/ref:z", "whose option 'z' is none of ro, rw"),
    value(
        "volumes",
        "/a:/ref /b:/ref",
        "mounts /ref more than once: keep one volume for each path of the container",
        name="volumes at the same path",
    ),
    volumes(
        "of EFS by a name",
        "efs://reference:/ref",
        "which must be efs://fs-ID[/folder]:/path[:OPTIONS], such as "
        "efs://fs-0123456789abcdef0/ref:/ref:ro",
    ),
    volumes(
        "of EFS without encryption",
        f"efs://fs-01234567:/ref:notls,accesspoint={POINT}",
        "whose options have both notls and accesspoint, but an access point demands encryption in "
        "transit",
    ),
    volumes(
        "of EFS in two folders",
        f"efs://fs-01234567/a:/ref:accesspoint={POINT}",
        "whose folder '/a' cannot stand with an access point, which has a folder of its own: leave "
        "one out",
    ),
    rule(
        "volumes of EFS by IAM without a role",
        "batchx_volumes='efs://fs-01234567:/ref:iam'",
        "batchx_volumes mounts the EFS file system fs-01234567, which is done with the job's role: "
        "set batchx_job_role or --batchx-job-role",
    ),
    rule(
        "volumes of S3 Files on EC2",
        f"batchx_job_role='{ROLE}', batchx_volumes='s3files://{S3_FILES}:/ref'",
        f"batchx_volumes mounts the S3 Files file system {S3_FILES} at /ref, but AWS Batch mounts "
        "S3 Files on Fargate only: use a queue for Fargate, or EFS",
    ),
    rule(
        "volumes that leave no place to work",
        "batchx_volumes='/data:/tmp:ro'",
        "batchx_volumes mounts the host's folder /data read-only at /tmp, where the job works: "
        "name another path, or another folder by --batchx-scratch",
    ),
    rule(
        "volumes over a tmpfs",
        "batchx_options='--tmpfs /ref:size=1g', batchx_volumes='/data:/ref'",
        "batchx_volumes mounts the host's folder /data at /ref, where batchx_options mounts a "
        "tmpfs: name another path",
    ),
)

SECRETS = (
    WrongInput(
        "secret in place of its ARN",
        (f"Rule align: resource batchx_secrets=TOKEN=… holds 'TOKEN=…', which {SECRET_PLACE}.",),
        f"batchx_secrets='TOKEN={SECRET}'",
        hidden=SECRET,
    ),
    WrongInput(
        "secret with a comma",
        (
            f"Rule align: resource batchx_secrets=TOKEN=…,… holds 'TOKEN=…', which {SECRET_PLACE}.",
            f"Rule align: resource batchx_secrets=TOKEN=…,… holds '…', which {SECRET_PLACE}.",
        ),
        f"batchx_secrets='TOKEN=a,{SECRET}'",
        hidden=SECRET,
    ),
    WrongInput(
        "secret in the settings",
        (f"--batchx-secrets TOKEN=… holds 'TOKEN=…', which {SECRET_PLACE}.",),
        environment={"SNAKEMAKE_BATCHX_SECRETS": f"TOKEN={SECRET}"},
        hidden=SECRET,
    ),
    rule(
        "secrets for nobody",
        f"batchx_secrets='TOKEN={HELD}'",
        "batchx_secrets: to read them, ECS needs a role: set batchx_execution_role or "
        "--batchx-execution-role",
    ),
    rule(
        "secrets in Batch's own variables",
        f"batchx_secrets='AWS_BATCH_TOKEN={HELD}'",
        f"resource batchx_secrets=AWS_BATCH_TOKEN={HELD} holds 'AWS_BATCH_TOKEN={HELD}', but AWS "
        "Batch keeps names starting AWS_BATCH for itself",
    ),
    WrongInput(
        "registry credentials of the settings",
        (f"--batchx-registry-credentials … holds '…', which {LOGIN}.",),
        args=("--batchx-registry-credentials=quay.io",),
    ),
    rule(
        "registry credentials without a host",
        f"batchx_registry_credentials='{HELD}'",
        f"resource batchx_registry_credentials={HELD} holds '{HELD}', which {LOGIN}",
    ),
    rule(
        "registry credentials for ECR",
        f"batchx_registry_credentials='{ECR}={HELD}'",
        f"resource batchx_registry_credentials={ECR}={HELD} holds '{ECR}', but ECR is read with "
        "AWS credentials and takes no other: leave it out",
    ),
    rule(
        "registry password in place of its ARN",
        f"batchx_registry_credentials='quay.io=me:{SECRET}'",
        f"resource batchx_registry_credentials=quay.io=… holds 'quay.io=…', which {LOGIN}",
        hidden=SECRET,
    ),
    rule(
        "registry password without a host",
        f"batchx_registry_credentials='me:{SECRET}'",
        f"resource batchx_registry_credentials=… holds '…', which {LOGIN}",
        hidden=SECRET,
    ),
)

NAMES = (
    rule(
        "a name of secret and variable",
        f"batchx_secrets='TOKEN={HELD}', batchx_options='-e TOKEN=x', "
        f"batchx_execution_role='{ROLE}'",
        "TOKEN is in batchx_secrets and, by -e, in batchx_options: leave one out",
    ),
    value(
        "consumables",
        "a,b,c,d,e,f",
        "has 6 consumable resources: a job takes 5 at most",
        name="consumables, too many",
    ),
    value(
        "consumables",
        "a,arn:aws:batch:eu-west-1:123456789012:consumable-resource/a",
        "names a consumable resource by name and by ARN: keep one each",
        name="consumables by name and ARN",
    ),
    value(
        "tags",
        "batchx:run=7",
        "holds 'batchx:run=7', but keys starting 'aws:' are AWS's, those starting 'batchx:' are "
        "ours",
        name="tags of batchx",
    ),
    value("tags", "a=1,a=2", "has a more than once: keep one each", name="tags of one key"),
    value(
        "tags",
        "a=1 b=2",
        "holds 'a=1 b=2', which looks like several tags in one: separate them by commas",
        name="tags without commas",
    ),
    value(
        "tags",
        "a=<b>",
        "holds 'a=<b>', whose value may hold letters, digits, blanks and _ . : / = + - @ only (at "
        "most 256)",
        name="tags of strange letters",
    ),
    rule(
        "tags, too many by rule and setting",
        "batchx_tags='" + ",".join(f"r{n}=x" for n in range(24)) + "'",
        "it has 48 tags by batchx_tags, --batchx-tags and its job definition together: at most 46 "
        "are possible, for AWS allows 50 and batchx adds 4",
        args=("--batchx-tags", *(f"s{n}=x" for n in range(24))),
    ),
    value(
        "consumables",
        "two words",
        f"holds 'two words', which {CONSUMABLE}",
        name="consumables of no name",
    ),
    WrongInput(
        "consumables that Batch has not",
        (
            "Rule align: AWS Batch has no consumable resource seats: make it, or name another in "
            "batchx_consumables.",
        ),
        "batchx_consumables='seats'",
    ),
    WrongInput(
        "consumables, more than there are",
        (
            "Rule align: it holds 4 of consumable resource licences, which has 3 in all: ask for "
            "less in batchx_consumables, or raise its quantity.",
        ),
        args=("--batchx-consumables=licences=4",),
    ),
)

NUMBERS = (
    rule("no memory", "mem_mb=0", "resource mem_mb=0 must be a positive number"),
    rule(
        "negative memory",
        "mem_mb=-5",
        "resource mem_mb=-5 must be a positive number",
    ),
    rule(
        "negative disk",
        "disk_mb=-1",
        "resource disk_mb=-1 must be a positive number",
    ),
    rule(
        "endless time",
        "runtime=99999999",
        "resource runtime=99999999 must be 35791394 at most",
    ),
    rule("no time", "runtime=0", "resource runtime=0 must be a positive number"),
    rule("no threads", "", "resource threads=0 must be a positive number", lines=("threads: 0",)),
    rule(
        "negative GPUs",
        "gpu=-1",
        "resource gpu=-1 must be 0 or a positive number",
    ),
    rule(
        "words for GPUs",
        "gpu='two'",
        "resource gpu='two' must be 0 or a positive number",
    ),
    rule(
        "no text for a GPU model",
        "gpu=1, gpu_model=100",
        "resource gpu_model=100 must be a text such as 'a100'",
    ),
    rule(
        "less memory than Batch gives",
        "mem_mib=3",
        "mem_mb is 3 MiB with an overhead of 0 MiB, but Batch gives a job 4 MiB at least: raise "
        "mem_mb",
        args=("--batchx-memory-overhead=0",),
    ),
    rule(
        "GPU model without a number",
        "gpu_model='a100'",
        "gpu_model='a100' is named without a number of GPUs: add gpu=1",
    ),
    rule(
        "GPUs of a queue without",
        "gpu=1, batchx_queue='x86'",
        "gpu=1 is asked of queue x86, whose instance types have no GPUs: name another "
        "(batchx_queue)",
    ),
    rule(
        "GPUs of Fargate",
        f"gpu=1, {ON_FARGATE}",
        "gpu=1 is asked of queue fargate, but Fargate has no GPUs: name a queue on EC2 "
        "(batchx_queue)",
    ),
    rule(
        "GPU model of another queue",
        "gpu=1, gpu_model='a100', batchx_queue='gpus'",
        "gpu_model='a100' is asked of queue gpus, whose instances have NVIDIA T4: name another "
        "(batchx_queue)",
    ),
)

FARGATE = (
    rule(
        "Fargate: too many threads",
        ON_FARGATE,
        "asks for 33 vCPU and 2,304 MiB of memory, more than a task on Fargate can have: 32 vCPU "
        "and 249,856 MiB are the most, so name a queue of EC2 instances",
        lines=("threads: 33",),
    ),
    rule(
        "Fargate: too much memory",
        f"mem_mib=250000, {ON_FARGATE.replace('fargate', 'fargate-spot')}",
        "asks for 1 vCPU and 250,256 MiB of memory, more than a task on Fargate can have: 32 vCPU "
        "and 249,856 MiB are the most, so name a queue of EC2 instances",
    ),
    rule(
        "Fargate: too much disk",
        f"disk_mib=204801, {ON_FARGATE}",
        "asks for 204,801 MiB of disk, more than a task on Fargate can have: 200 GiB (204,800 MiB) "
        "is the most, so name a queue of EC2 instances",
    ),
    rule(
        "Fargate: no execution role",
        "batchx_queue='fargate-spot'",
        "queue fargate-spot is on Fargate, where ECS needs a role: set batchx_execution_role or "
        "--batchx-execution-role",
    ),
    rule(
        "Fargate: a folder of the host",
        f"batchx_volumes='/data', {ON_FARGATE}",
        "batchx_volumes mounts the host's folder /data at /data, but Fargate has no hosts: use "
        "EFS, "
        "or a queue for EC2",
    ),
    rule(
        "Fargate: options of EC2",
        "batchx_options='--privileged --ulimit nofile=9 --shm-size 1g --tmpfs /s:size=1g --device "
        f"/dev/fuse', {ON_FARGATE}",
        *(
            f"batchx_options holds {flag}, {NOT_ON_FARGATE}"
            for flag in ("--privileged", "--ulimit", "--shm-size", "--tmpfs", "--device")
        ),
    ),
    WrongInput(
        "Fargate: the runtime of hosts",
        (
            "--batchx-runtime mount takes the runtime from a folder of the host, and queue fargate "
            "is on Fargate, which has none: use layer, or mount:efs://fs-id/path.",
        ),
        ON_FARGATE,
        args=("--batchx-runtime=mount",),
    ),
)

QUEUES = (
    WrongInput(
        "queue that is not there",
        (f"Job queue missing (batchx_queue of Rule align) {NOT_THERE}",),
        "batchx_queue='missing'",
    ),
    WrongInput(
        "queue of the settings that is not there",
        (f"Job queue missing (--batchx-job-queue) {NOT_THERE}",),
        args=("--batchx-job-queue=missing",),
    ),
    WrongInput(
        "queue that is disabled",
        (f"Job queue closed (batchx_queue of Rule align) {DISABLED}",),
        "batchx_queue='closed'",
    ),
    WrongInput(
        "fallback queue that is not there",
        (f"Job queue elsewhere (batchx_fallback_queue of Rule align) {NOT_THERE}",),
        "batchx_fallback_queue='elsewhere'",
    ),
    WrongInput(
        "fallback queue that is disabled",
        (f"Job queue closed (--batchx-fallback-queue) {DISABLED}",),
        args=("--batchx-fallback-queue=closed",),
    ),
    rule(
        "fallback queue of another processor",
        "batchx_arch='amd64', batchx_fallback_queue='graviton'",
        "batchx_arch is amd64, but the instances of queue graviton are arm64: name another queue "
        "(batchx_queue), or leave batchx_arch out",
    ),
    rule(
        "processor of another queue",
        "batchx_arch='arm64'",
        "batchx_arch is arm64, but the instances of queue batchx-local are amd64: name another "
        "queue (batchx_queue), or leave batchx_arch out",
    ),
    WrongInput(
        "processor of the settings that a queue has not",
        (
            "--batchx-arch is amd64, but the instances of queue graviton are arm64, and no queue "
            "of the run is on Fargate: leave it out.",
        ),
        "batchx_queue='graviton'",
        args=("--batchx-arch=amd64",),
    ),
    rule(
        "queue that demands a share",
        "batchx_queue='fair'",
        "queue fair has a scheduling policy and demands a share: set batchx_share or "
        "--batchx-share",
    ),
    rule(
        "share that a queue does not take",
        "batchx_share='flu'",
        "batchx_share is set, but queue batchx-local has no scheduling policy: leave it out, or "
        "name another queue (batchx_queue)",
    ),
    rule(
        "priority that a queue does not take",
        "batchx_priority=7",
        "batchx_priority is set, but queue batchx-local has no scheduling policy: leave it out, or "
        "name another queue (batchx_queue)",
    ),
    WrongInput(
        "share that no queue takes",
        (
            "--batchx-share is set, but none of the run's queues (batchx-local, x86) has a "
            "scheduling policy: leave it out.",
        ),
        "batchx_queue='x86'",
        args=("--batchx-share=flu",),
    ),
    rule(
        "public address on EC2",
        "batchx_public_ip='on'",
        "batchx_public_ip is set, but queue batchx-local is on EC2, and this is for Fargate alone: "
        "leave it out, or name another queue (batchx_queue)",
    ),
    WrongInput(
        "public address of the settings on EC2",
        (
            "--batchx-public-ip is set, but none of the run's queues (batchx-local) is on Fargate: "
            "leave it out.",
        ),
        args=("--batchx-public-ip=on",),
    ),
    WrongInput(
        "platform version of the settings on EC2",
        (
            "--batchx-platform-version is set, but none of the run's queues (batchx-local) is on "
            "Fargate: leave it out.",
        ),
        args=("--batchx-platform-version=LATEST",),
    ),
)

IMAGES = (
    rule(
        "job definition that is not there",
        "",
        "there is no active job definition missing in this region: name one as "
        "job-definition://name, …name:revision or …ARN",
        lines=('container: "job-definition://missing"',),
    ),
    rule(
        "job definition for Fargate on EC2",
        "batchx_image='job-definition://for-fargate'",
        "its job definition is for FARGATE, but queue batchx-local is on EC2: name another queue "
        "(batchx_queue) or definition",
        "its job definition is for ARM64, but the job is to run on amd64: set batchx_arch, or name "
        "another queue or definition",
    ),
    rule(
        "job definition for EC2 on Fargate",
        ON_FARGATE,
        "its job definition is for EC2, but queue fargate is on Fargate: name another queue "
        "(batchx_queue) or definition",
        lines=('container: "job-definition://for-ec2"',),
    ),
    rule(
        "job definition of another processor",
        f"batchx_image='job-definition://for-fargate', {ON_FARGATE}",
        "its job definition is for ARM64, but the job is to run on amd64: set batchx_arch, or name "
        "another queue or definition",
    ),
    rule(
        "volume over one of the job definition",
        "batchx_volumes='/data:/ref'",
        "batchx_volumes mounts the host's folder /data at /ref, where its job definition mounts "
        "something: name another path",
        lines=('container: "job-definition://for-ec2"',),
    ),
    rule(
        "image in a file",
        "",
        "container 'tool.sif' is not in a registry, so AWS Batch cannot pull it: push the image to "
        "one (ECR, say) and name it as docker://registry/name:tag",
        lines=('container: "tool.sif"',),
    ),
    rule(
        "image of another kind",
        "batchx_image='library://lab/tool:1'",
        "container 'library://lab/tool:1' cannot run on AWS Batch, which knows no Singularity "
        "Library images: name a Docker or OCI image such as docker://debian:12-slim",
    ),
)

MODULE_MAPS = (
    module_map(
        "that is not there",
        "",
        "--batchx-module-map 'tools.yaml' cannot be read (No such file or directory): name a file "
        "that is there and that you may read.",
    ),
    module_map(
        "of another ending",
        "modules: []",
        "--batchx-module-map 'tools.txt' is not valid: the file's name must end with .yaml, .yml, "
        ".json or .toml.",
        file="tools.txt",
    ),
    module_map(
        "that is no YAML",
        "modules: [",
        f"--batchx-module-map 'tools.yaml' is not sound YAML (line 1, column 11: {GAP}): mend it "
        "there.",
    ),
    module_map(
        "without modules",
        "tools: []",
        "--batchx-module-map 'tools.yaml' must hold the key 'modules' with a list of entries.",
    ),
    module_map(
        "with an unknown key",
        "modules: [{rule: align, imgae: 'a:1'}]",
        f"{MODULE_MAP} in module 1 (rule 'align'): there is no key 'imgae' (did you mean image?).",
    ),
    module_map(
        "with a number",
        "modules: [{rule: align, version: 1.17}]",
        f"{MODULE_MAP} in module 1 (rule 'align'): version is a number, but must be a text: put it "
        "in quotes.",
    ),
    module_map(
        "that contradicts itself",
        "modules: [{rule: align, image: 'a:1', definition: b}, {rule: align}]",
        f"{MODULE_MAP} in module 1 (rule 'align'): image and definition exclude each other: keep "
        "one of them.",
        f"{MODULE_MAP} in module 2 (rule 'align'): it decides nothing: give it image, definition, "
        "version or queue.",
    ),
    module_map(
        "with a queue that is not there",
        "modules: [{rule: align, queue: missing}]",
        f"Job queue missing (--batchx-module-map of Rule align) {NOT_THERE}",
    ),
)

SETTINGS = (
    setting("region", "Ireland", "is not valid: it must be an AWS region such as eu-west-1"),
    setting(
        "s3-root", "my-bucket", "is not valid: it must be an S3 URL such as s3://my-bucket/my-run"
    ),
    setting(
        "runtime",
        "mount:here",
        "is not valid: it must be layer, image, mount, mount:/path or mount:efs://fs-id/path",
    ),
    setting(
        "repository",
        "My/Tools",
        "is not valid: it must be the name of an ECR repository (my/tools), or a prefix that ends "
        "with / (batchx/), in lower case",
    ),
    setting("s3-endpoint-url", "s3.lab", "is not valid: it must be an http:// or https:// URL"),
    setting(
        "s3-addressing",
        "dns",
        "is not valid: it must be auto, path, virtual or accelerate",
    ),
    setting(
        "s3-kms-key-id",
        "my key",
        "is not valid: it must be a KMS key's id, its ARN, or alias/NAME",
    ),
    setting(
        "s3-storage-class",
        "GLACIER",
        f"is not valid: it must be one of {GAP}: the jobs that follow read what a job has written",
    ),
    setting(
        "s3-acl",
        "public-read",
        "is not valid: it must be bucket-owner-full-control, the only ACL that batchx gives",
    ),
    setting("local-runner", "podman", "is not valid: it must be auto, process or docker"),
    setting(
        "scratch",
        "scratch",
        "is not valid: it must be an absolute path inside the container, such as /scratch",
    ),
    setting(
        "host-cache",
        "/cache:much",
        "is not valid: it must be a folder of the hosts, with the most it may hold if you like, "
        "such as /mnt/batchx-cache:200GiB",
    ),
    setting(
        "host-cache",
        "/usr",
        "is not valid: /usr cannot be mounted into containers, so name a folder of its own, such "
        "as /mnt/batchx-cache",
        name="--host-cache over a system folder",
    ),
    WrongInput(
        "no queue",
        (
            "No job queue is set: give --batchx-job-queue QUEUE (or the environment variable "
            "SNAKEMAKE_BATCHX_JOB_QUEUE), even where rules name theirs; 'local' runs jobs on this "
            "machine.",
        ),
        environment={"SNAKEMAKE_BATCHX_JOB_QUEUE": ""},
    ),
    WrongInput(
        "region that is not the queue's",
        (
            "--batchx-region eu-west-1 is not the region of --batchx-job-queue (us-east-1): leave "
            "the region out, or name a queue there.",
        ),
        args=(
            "--batchx-region=eu-west-1",
            "--batchx-job-queue=arn:aws:batch:us-east-1:123456789012:job-queue/x86",
        ),
    ),
    WrongInput(
        "no S3 root",
        (
            "No S3 root is set, so jobs could get no files: give --batchx-s3-root "
            "s3://bucket/prefix (or the environment variable SNAKEMAKE_BATCHX_S3_ROOT).",
        ),
        environment={"SNAKEMAKE_BATCHX_S3_ROOT": ""},
    ),
    WrongInput(
        "bucket that is not there",
        ("S3 bucket no-such-bucket-here does not exist: create it, or name another S3 root.",),
        args=("--batchx-s3-root=s3://no-such-bucket-here/run",),
    ),
    WrongInput(
        "no region",
        (
            "No AWS region is known: set --batchx-region (or AWS_DEFAULT_REGION), such as "
            "eu-west-1.",
        ),
        environment={"AWS_REGION": "", "AWS_DEFAULT_REGION": ""},
    ),
    WrongInput(
        "no credentials",
        (
            "No AWS credentials were found: set --batchx-profile, sign in (aws configure, aws sso "
            "login), or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; --batchx-job-queue local "
            "needs none.",
        ),
        environment={
            "AWS_ACCESS_KEY_ID": "",
            "AWS_SECRET_ACCESS_KEY": "",
            "AWS_EC2_METADATA_DISABLED": "true",
        },
    ),
    WrongInput(
        "profile that is not there",
        (
            "--batchx-profile 'nobody' is not in ~/.aws/config: name one that is (aws configure "
            "list-profiles).",
        ),
        args=("--batchx-profile=nobody",),
    ),
    WrongInput(
        "setting of the environment",
        ("--batchx-retries 'ten' must be a whole number from 0 to 9.",),
        environment={"SNAKEMAKE_BATCHX_RETRIES": "ten"},
    ),
    WrongInput(
        "setting of a profile",
        ("--batchx-retries '12' must be a whole number from 0 to 9.",),
        args=("--workflow-profile=.",),
        files={"config.yaml": "batchx-retries: 12"},
    ),
    rule(
        "resource of a profile",
        "",
        "resource batchx_retries=12 must be a whole number from 0 to 9",
        args=("--workflow-profile=.",),
        files={"config.yaml": "set-resources: {align: {batchx_retries: 12}}"},
    ),
    rule(
        "default resource",
        "",
        "resource batchx_array='never' must be on or off",
        args=("--default-resources", "batchx_array=never"),
    ),
    rule(
        "resource of the command line",
        "",
        "resource batchx_public_ip=2 must be on or off",
        args=("--set-resources", "align:batchx_public_ip=2"),
    ),
    WrongInput(
        "runtime for the local queue",
        (
            "--batchx-runtime mount is for queues of AWS: leave it out with --batchx-job-queue "
            "local, which brings the runtime itself.",
        ),
        args=("--batchx-job-queue=local", "--batchx-runtime=mount"),
    ),
    WrongInput(
        "fallback for the local queue",
        (
            "--batchx-fallback-queue is for queues of AWS: leave it out with --batchx-job-queue "
            "local, which has no other.",
        ),
        args=("--batchx-job-queue=local", "--batchx-fallback-queue=x86"),
    ),
    WrongInput(
        "an account's role and log group for the local queue",
        (
            "--batchx-job-role is for queues of AWS: leave it out with --batchx-job-queue local, "
            "which brings roles of its own.",
            "--batchx-log-group is for queues of AWS: leave it out with --batchx-job-queue local, "
            "which has that of AWS Batch alone.",
        ),
        args=("--batchx-job-queue=local", f"--batchx-job-role={ROLE}", "--batchx-log-group=/lab"),
    ),
    WrongInput(
        "image of the runtime where none is used",
        (
            "--batchx-runtime-image is for --batchx-runtime layer, not mount: leave one of them "
            "out.",
        ),
        args=("--batchx-runtime=mount", "--batchx-runtime-image=lab/runtime:1"),
    ),
    WrongInput(
        "acceleration of an endpoint",
        (
            "--batchx-s3-addressing accelerate is an endpoint of AWS's own: leave "
            "--batchx-s3-endpoint-url out.",
        ),
        args=("--batchx-s3-addressing=accelerate", "--batchx-s3-endpoint-url=https://s3.lab"),
    ),
)

GROUP = """
rule two:
    input: "one.txt"
    output: "two.txt"
    group: "both"
    resources: batchx_retries=2
    shell: "cp {input} {output}"
rule one:
    output: "one.txt"
    group: "both"
    resources: batchx_retries=1
    shell: "echo 1 > {output}"
"""

OTHERS = (
    WrongInput(
        "list for a text",
        (
            "Resource 'batchx_tags' assigned invalid value ['a=b']. Must be str, int, float, Path, "
            "or callable (function).",
        ),
        "batchx_tags=['a=b']",
        is_among_others=True,
    ),
    WrongInput(
        "size that is none",
        ("Resource 'mem' with value 'lots' could not be parsed as size in MB",),
        "mem='lots'",
        is_among_others=True,
    ),
    rule(
        "function of a rule",
        "batchx_retries=lambda wildcards, attempt: attempt + 9",
        "resource batchx_retries=10 must be a whole number from 0 to 9",
    ),
    rule(
        "function of Python",
        "",
        "resource batchx_queue=max is Python's max, as Snakemake reads it: put it in quotes of its "
        "own, as in batchx_queue='\"max\"'",
        args=("--set-resources", "align:batchx_queue=max"),
    ),
    WrongInput(
        "group of different rules",
        (
            f"Group both joins rules with different batchx_retries ({GAP}), but a group is one "
            "Batch job: give its rules the same.",
        ),
        snakefile=GROUP,
        is_among_others=True,
    ),
)

WRONG_INPUTS = (
    *TWINS,
    *LIST_TWINS,
    *RESOURCES,
    *OPTIONS,
    *VOLUMES,
    *SECRETS,
    *NAMES,
    *NUMBERS,
    *FARGATE,
    *QUEUES,
    *IMAGES,
    *MODULE_MAPS,
    *SETTINGS,
    *OTHERS,
)
