"""The flags of `docker run`: those that Batch has, and those that it has not, with the reason.

https://docs.docker.com/reference/cli/docker/container/run/ lists them all.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from snakemake_executor_plugin_batchx.plan.container_options import PLACES
from snakemake_executor_plugin_batchx.plan.docker_values import (
    Reading,
    read_boolean,
    read_device,
    read_memory_swap,
    read_size,
    read_swappiness,
    read_tmpfs,
    read_ulimit,
    read_user,
    read_variable,
)


@dataclass(frozen=True)
class Flag:
    """A flag that Batch has: its names, the field of ContainerOptions that it fills, its reader.

    Several uses of a flag must not contradict each other, but where `is_last_valid`.
    """

    names: tuple[str, ...]
    field: str
    read: Callable[[str], Reading]
    example: str
    meaning: str
    takes_value: bool = True
    is_last_valid: bool = False

    @property
    def api_path(self) -> str:
        """Where the API has it, in RegisterJobDefinition's request."""
        return f"containerProperties.{PLACES[self.field].path}"

    @property
    def is_on_fargate(self) -> bool:
        """Whether Fargate has it."""
        return PLACES[self.field].is_on_fargate


@dataclass(frozen=True)
class RefusedFlag:
    """Flags that Batch has not, for a `reason` that continues after "holds --flag, "."""

    names: tuple[str, ...]
    reason: str
    takes_value: bool = True


FLAGS: tuple[Flag, ...] = (
    Flag(
        ("--env", "-e"),
        "environment",
        read_variable,
        "--env OMP_PLACES=cores",
        "an environment variable; a name alone takes the value that the head has",
        is_last_valid=True,
    ),
    Flag(("--user", "-u"), "user", read_user, "--user 1000:1000", "the user, by name or by number"),
    Flag(
        ("--init",),
        "is_init",
        read_boolean,
        "--init",
        "a first process that hands signals on and reaps processes",
        takes_value=False,
    ),
    Flag(
        ("--read-only",),
        "is_read_only",
        read_boolean,
        "--read-only",
        "the image's files cannot be changed",
        takes_value=False,
    ),
    Flag(
        ("--privileged",),
        "is_privileged",
        read_boolean,
        "--privileged",
        "the rights of root on the instance",
        takes_value=False,
    ),
    Flag(("--shm-size",), "shared_memory_mib", read_size, "--shm-size 1g", "the size of /dev/shm"),
    Flag(
        ("--tmpfs",),
        "tmpfs",
        read_tmpfs,
        "--tmpfs /scratch:size=2g,mode=1777",
        "a folder in memory",
    ),
    Flag(
        ("--ulimit",),
        "ulimits",
        read_ulimit,
        "--ulimit nofile=65536:65536",
        "a limit, soft and hard; -1 is none",
    ),
    Flag(
        ("--device",),
        "devices",
        read_device,
        "--device /dev/fuse",
        "a device of the instance, with its path in the container and r, w, m if you like",
    ),
    Flag(
        ("--memory-swap",),
        "memory_swap_mib",
        read_memory_swap,
        "--memory-swap 64g",
        "memory and swap together, on instances that have swap",
    ),
    Flag(
        ("--memory-swappiness",),
        "swappiness",
        read_swappiness,
        "--memory-swappiness 10",
        "from 0 to 100, how readily memory is swapped; needs --memory-swap",
    ),
)

NOT_IN_BATCH = "which Batch does not have"

REFUSED_FLAGS: tuple[RefusedFlag, ...] = (
    RefusedFlag(
        ("--cap-add", "--cap-drop"),
        "and Batch has no capabilities: on EC2, --privileged gives all of them",
    ),
    RefusedFlag(
        ("--security-opt",),
        f"{NOT_IN_BATCH}: on EC2, --privileged lifts seccomp and the like",
    ),
    RefusedFlag(
        ("--cpus", "-c", "--cpu-shares", "--cpu-count", "--cpu-percent"),
        "and CPUs come from the rule's threads: set threads instead",
    ),
    RefusedFlag(
        (
            *("--cpuset-cpus", "--cpuset-mems", "--cpu-period", "--cpu-quota", "--cpu-rt-period"),
            *("--cpu-rt-runtime",),
        ),
        f"{NOT_IN_BATCH}: the rule's threads say how many CPUs it gets",
    ),
    RefusedFlag(
        ("--memory", "-m", "--memory-reservation"),
        "and memory comes from the rule's resources: set mem_mb or mem_mib instead",
    ),
    RefusedFlag(("--kernel-memory",), f"{NOT_IN_BATCH}: mem_mb counts the kernel's memory, too"),
    RefusedFlag(("--gpus",), "and GPUs come from the rule's resources: set gpu instead"),
    RefusedFlag(
        ("--volume", "-v", "--mount", "--volumes-from", "--volume-driver"),
        "and volumes have a resource of their own: set batchx_volumes instead",
    ),
    RefusedFlag(
        ("--entrypoint",),
        "but batchx clears entrypoints, and the rule's command is what runs: leave it out",
    ),
    RefusedFlag(
        ("--workdir", "-w"), "but jobs run in a folder that batchx makes for them: leave it out"
    ),
    RefusedFlag(
        (
            *("--network", "--net", "--network-alias", "--net-alias", "--link", "--link-local-ip"),
            *("--ip", "--ip6", "--mac-address"),
        ),
        "and the compute environment has the network, by its subnets and security groups: leave "
        "it out",
    ),
    RefusedFlag(
        ("--publish", "-p", "--publish-all", "-P", "--expose"),
        "and nothing connects to a job's ports: leave it out",
    ),
    RefusedFlag(
        ("--add-host", "--dns", "--dns-option", "--dns-opt", "--dns-search", "--domainname"),
        f"{NOT_IN_BATCH}: names are resolved as the compute environment's network does",
    ),
    RefusedFlag(
        ("--name", "--cidfile"), "but Batch names containers, batchx names jobs: leave it out"
    ),
    RefusedFlag(("--hostname", "-h"), f"{NOT_IN_BATCH}: Batch names the host"),
    RefusedFlag(("--rm",), "but Batch clears containers away itself: leave it out", False),
    RefusedFlag(
        ("--detach", "-d", "--interactive", "-i", "--tty", "-t", "--sig-proxy", "--quiet", "-q"),
        "but a job has no terminal, and batchx waits for it: leave it out",
        takes_value=False,
    ),
    RefusedFlag(
        ("--attach", "-a", "--detach-keys"),
        "but a job has no terminal, and batchx waits for it: leave it out",
    ),
    RefusedFlag(
        ("--platform",), "and the architecture has a resource of its own: set batchx_arch instead"
    ),
    RefusedFlag(("--env-file",), "but batchx reads no such file: give each variable by --env"),
    RefusedFlag(
        ("--label", "-l", "--label-file", "--annotation"),
        f"{NOT_IN_BATCH}: tags, by batchx_tags, are what jobs are found and billed by",
    ),
    RefusedFlag(
        ("--log-driver", "--log-opt"),
        "but logs go to CloudWatch, where batchx reads them: batchx_log_group names their group",
    ),
    RefusedFlag(
        ("--restart",), f"{NOT_IN_BATCH}: batchx_retries says how often Batch starts a job again"
    ),
    RefusedFlag(
        ("--stop-timeout", "--stop-signal"),
        f"{NOT_IN_BATCH}: a job that is stopped gets SIGTERM, and SIGKILL after the agent's time",
    ),
    RefusedFlag(("--ipc",), f"{NOT_IN_BATCH} for such jobs: --shm-size makes /dev/shm larger"),
    RefusedFlag(
        ("--pid", "--userns", "--uts", "--cgroupns", "--cgroup-parent"),
        f"{NOT_IN_BATCH} for such jobs: containers have namespaces and control groups of their own",
    ),
    RefusedFlag(
        ("--sysctl",), f"{NOT_IN_BATCH}: set it on the instances, by their launch template"
    ),
    RefusedFlag(("--group-add",), f"{NOT_IN_BATCH}: --user UID:GROUP sets one group"),
    RefusedFlag(
        ("--runtime", "--isolation"),
        f"{NOT_IN_BATCH}: resource gpu asks for instances with NVIDIA's runtime",
    ),
    RefusedFlag(
        ("--pull",),
        "but the instances' ECS agent decides that: set ECS_IMAGE_PULL_BEHAVIOR by their launch "
        "template",
    ),
    RefusedFlag(("--disable-content-trust",), f"{NOT_IN_BATCH}: leave it out", False),
    RefusedFlag(
        ("--oom-kill-disable",), f"{NOT_IN_BATCH}: give the rule more memory by mem_mb", False
    ),
    RefusedFlag(
        ("--oom-score-adj", "--pids-limit"),
        f"{NOT_IN_BATCH}: --ulimit nproc=N bounds a user's processes",
    ),
    RefusedFlag(
        ("--storage-opt",),
        f"{NOT_IN_BATCH}: the instances' launch template says how large their disks are",
    ),
    RefusedFlag(
        (
            *("--blkio-weight", "--blkio-weight-device", "--device-read-bps", "--device-read-iops"),
            *("--device-write-bps", "--device-write-iops", "--io-maxbandwidth", "--io-maxiops"),
        ),
        f"{NOT_IN_BATCH}: the instance's disks are shared by whoever runs on it",
    ),
    RefusedFlag(
        ("--device-cgroup-rule",), f"{NOT_IN_BATCH}: --device makes single devices available"
    ),
    RefusedFlag(
        (
            *("--health-cmd", "--health-interval", "--health-retries", "--health-start-interval"),
            *("--health-start-period", "--health-timeout"),
        ),
        "but nothing looks at a job's health: leave it out",
    ),
    RefusedFlag(
        ("--no-healthcheck", "--help", "--use-api-socket"),
        "which says nothing about a job: leave it out",
        takes_value=False,
    ),
)

KNOWN_FLAGS: Mapping[str, Flag | RefusedFlag] = MappingProxyType(
    {
        **{name: flag for flag in FLAGS for name in flag.names},
        **{name: refused for refused in REFUSED_FLAGS for name in refused.names},
    }
)
"""Every flag by each of its names."""
