"""How the instances of a stack start: their disks, and who may ask them for credentials."""

from importlib.resources import files

from snakemake_executor_plugin_batchx.infra.options import StackOptions
from snakemake_executor_plugin_batchx.infra.part import (
    Part,
    Values,
    make_parameter,
    make_ref,
    make_tags,
)

SCRIPT = "local_disks.sh"
BOUNDARY = "==BATCHX=="

ROOT_DEVICE = "/dev/xvda"
"""Of the ECS-optimized images of Amazon Linux 2023, GPU's among them."""


def plan_instances(options: StackOptions) -> Part:
    """Plan the launch template."""
    return Part(
        "Instances",
        "Each has a root volume of DiskGib, encrypted, for images and for jobs' files. Where the "
        "instance type has NVMe disks of its own, these are used instead. Credentials are given "
        "out by IMDSv2 only, and not through another network than the instance's own.",
        {
            "LaunchTemplate": {
                "Type": "AWS::EC2::LaunchTemplate",
                "Properties": {
                    "LaunchTemplateData": _make_data(),
                    "TagSpecifications": [{"ResourceType": "launch-template", "Tags": make_tags()}],
                },
            }
        },
        parameters={
            "DiskGib": make_parameter(
                "Number", "GiB of each instance's root volume", options.disk_gib, MinValue=30
            )
        },
    )


def _make_data() -> Values:
    """Return what Batch takes of a launch template.

    Jobs of Batch share the instance's network, so one hop is enough for those without a job role.
    https://docs.aws.amazon.com/batch/latest/userguide/launch-templates.html
    """
    volume = {
        "VolumeType": "gp3",
        "VolumeSize": make_ref("DiskGib"),
        "Encrypted": True,
        "DeleteOnTermination": True,
    }
    return {
        "BlockDeviceMappings": [{"DeviceName": ROOT_DEVICE, "Ebs": volume}],
        "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 1},
        "TagSpecifications": [{"ResourceType": "volume", "Tags": make_tags()}],
        "UserData": {"Fn::Base64": make_user_data()},
    }


def read_script() -> str:
    """Return the script that puts local disks to use."""
    return files(__package__).joinpath(SCRIPT).read_text(encoding="ascii")


def make_user_data() -> str:
    """Return what cloud-init gets: a boothook, which runs before Docker starts.

    Batch adds its own, so it must be of several parts.
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/bootstrap_container_instance.html
    """
    return "\n".join(
        (
            "MIME-Version: 1.0",
            f'Content-Type: multipart/mixed; boundary="{BOUNDARY}"',
            "",
            f"--{BOUNDARY}",
            'Content-Type: text/cloud-boothook; charset="us-ascii"',
            "",
            read_script(),
            f"--{BOUNDARY}--",
            "",
        )
    )
