import pytest

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.infra.options import StackOptions, check_options

VPC, SUBNET = "vpc-0123456789abcdef0", "subnet-0123456789abcdef0"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (StackOptions(name="1st"), "--stack '1st'"),
        (StackOptions(name="a--b"), "--stack 'a--b' gives the prefix 'a--b-images/', which ECR"),
        (StackOptions(name="Lab"), "--stack 'Lab' gives the prefix 'lab-images/', as the same"),
        (StackOptions(name="x", repository="Lab/"), "--repository 'Lab/'"),
        (StackOptions(repository="lab"), "--repository 'lab'"),
        (StackOptions(vpc="vpc-1"), "--vpc 'vpc-1' is no id of a VPC"),
        (StackOptions(vpc=VPC), "add --subnet"),
        (StackOptions(subnets=("subnet-1",)), "--subnet 'subnet-1' is no id of a subnet"),
        (StackOptions(subnets=(SUBNET,)), "add --vpc"),
        (StackOptions(vpc=VPC, subnets=(SUBNET,), zones=3), "leave --zones out"),
        (StackOptions(instance_types=()), "--instance-types names none"),
        (StackOptions(arm_instance_types=("m7g",)), "m7g is for the queue of --arm: add it"),
        (StackOptions(gpu_instance_types=("g6",)), "g6 is for the queue of --gpu: add it"),
        (StackOptions(instance_types=("m6g",)), "--instance-types m6g has no x86-64 processors"),
        (StackOptions(is_arm=True, arm_instance_types=("m6i",)), "m6i has no Graviton"),
        (StackOptions(is_gpu=True, gpu_instance_types=("g5", "c6i.large")), "c6i.large has no NV"),
        (StackOptions(is_gpu=True, gpu_instance_types=("g5g",)), "g5g has no NVIDIA GPUs beside"),
        (StackOptions(is_gpu=True, gpu_instance_types=("g4ad",)), "g4ad has no NVIDIA GPUs"),
        (StackOptions(pulled_repositories=("Lab/x",)), "--pull 'Lab/x' is no repository of ECR"),
        (StackOptions(zones=1), "--zones 1 must be from 2 to 3"),
        (StackOptions(max_vcpus=0), "--max-vcpus 0"),
        (StackOptions(disk_gib=8), "--disk-gib 8 must be from 30"),
        (StackOptions(expire_days=0), "--expire-days 0"),
        (StackOptions(log_days=31), "--log-days 31 must be one of CloudWatch's: 1, 3"),
    ],
)
def test_what_is_wrong_is_said(options: StackOptions, words: str) -> None:
    with pytest.raises(BatchxError) as caught:
        check_options(options)
    assert words in str(caught.value)


def test_all_mistakes_are_said_at_once() -> None:
    with pytest.raises(BatchxError) as caught:
        check_options(StackOptions(zones=9, log_days=2))
    assert "--zones" in str(caught.value)
    assert "--log-days" in str(caught.value)


def test_the_prefix_of_repositories_is_the_stacks_name() -> None:
    assert check_options(StackOptions(name="lab-2")).prefix == "lab-2-images/"
    assert check_options(StackOptions(name="Lab", repository="lab/bx/")).prefix == "lab/bx/"
    assert check_options(StackOptions(repository="tools/bx/")).prefix == "tools/bx/"


@pytest.mark.parametrize(
    "options",
    [
        StackOptions(vpc="vpc-01234567", subnets=("subnet-01234567",)),
        StackOptions(instance_types=("optimal", "m6id", "c7a.large", "default_x86_64")),
        StackOptions(is_arm=True, arm_instance_types=("c7gn", "default_arm64")),
        StackOptions(is_gpu=True, gpu_instance_types=("p5", "g4dn.xlarge", "p4de", "g6e")),
        StackOptions(pulled_repositories=("*", "lab/*", "lab/tool")),
    ],
)
def test_what_aws_takes_is_taken(options: StackOptions) -> None:
    assert check_options(options) == options


def test_instances_of_each_processor_are_the_default() -> None:
    check_options(StackOptions(is_arm=True, is_gpu=True))
