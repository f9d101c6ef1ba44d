"""What the volumes of a task may be, and where its containers may mount them.

Source: https://docs.aws.amazon.com/batch/latest/APIReference/API_Volume.html,
API_EFSVolumeConfiguration, API_EFSAuthorizationConfig, API_S3FilesVolumeConfiguration and
https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_S3FilesVolumeConfiguration.html
"""

from __future__ import annotations

from snakemake_executor_plugin_batchx.local.checks import check_bound, check_pattern
from snakemake_executor_plugin_batchx.local.errors import ClientError
from snakemake_executor_plugin_batchx.local.shapes import JsonObject

HOST, EFS, S3_FILES = "host", "efsVolumeConfiguration", "s3filesVolumeConfiguration"
KINDS = (HOST, EFS, S3_FILES)
OWN_ROOTS = (None, "", "/")
"""What rootDirectory may be where an access point names a folder itself."""


def check_volumes(
    volumes: list[JsonObject], containers: list[JsonObject], *, has_job_role: bool
) -> None:
    """Checks ``volumes`` and the ``mountPoints`` of a task's containers.

    ``has_job_role`` is true if the task has a role of its own, with which IAM is asked.

    Raises:
        ClientError: for the first rule that is broken.
    """
    names = [volume.get("name", "") for volume in volumes]
    for name in names:
        check_pattern("volume_name", name)
    if len(set(names)) < len(names):
        raise ClientError("Volume names must differ")
    for volume in volumes:
        _check_volume(volume, has_job_role=has_job_role)
    for container in containers:
        _check_mounts(container.get("mountPoints", []), names)


def _check_volume(volume: JsonObject, *, has_job_role: bool) -> None:
    kinds = [kind for kind in KINDS if kind in volume]
    if len(kinds) > 1:
        raise ClientError(f"Volume {volume['name']} is more than one of {', '.join(KINDS)}")
    source_path = volume.get(HOST, {}).get("sourcePath", "")
    if source_path:
        check_pattern("absolute_path", source_path)
    if EFS in volume:
        _check_efs(volume[EFS], has_job_role=has_job_role)
    if S3_FILES in volume:
        _check_s3_files(volume[S3_FILES], has_job_role=has_job_role)


def _check_efs(settings: JsonObject, *, has_job_role: bool) -> None:
    check_pattern("file_system", settings["fileSystemId"])
    _check_folder_and_port(settings)
    authorization = settings.get("authorizationConfig", {})
    access_point = authorization.get("accessPointId")
    has_iam = authorization.get("iam") == "ENABLED"
    if access_point is not None:
        check_pattern("access_point", access_point)
        _check_own_root(settings)
    is_encrypted = settings.get("transitEncryption") == "ENABLED"
    if (has_iam or access_point is not None) and not is_encrypted:
        raise ClientError(
            "transitEncryption must be ENABLED where an EFS volume uses IAM or an access point"
        )
    if has_iam and not has_job_role:
        raise ClientError("A job role must be specified where an EFS volume uses IAM")


def _check_s3_files(settings: JsonObject, *, has_job_role: bool) -> None:
    check_pattern("s3_file_system", settings["fileSystemArn"])
    _check_folder_and_port(settings)
    if "accessPointArn" in settings:
        check_pattern("s3_access_point", settings["accessPointArn"])
        _check_own_root(settings)
    if not has_job_role:
        raise ClientError("A job role must be specified for an S3 Files volume")


def _check_folder_and_port(settings: JsonObject) -> None:
    root = settings.get("rootDirectory", "")
    check_bound("root_directory_length", len(root))
    if root:
        check_pattern("absolute_path", root)
    if "transitEncryptionPort" in settings:
        check_bound("transit_port", settings["transitEncryptionPort"])


def _check_own_root(settings: JsonObject) -> None:
    if settings.get("rootDirectory") not in OWN_ROOTS:
        raise ClientError("rootDirectory must be omitted or / where an access point is given")


def _check_mounts(mounts: list[JsonObject], names: list[str]) -> None:
    paths = [mount.get("containerPath", "") for mount in mounts]
    for mount, path in zip(mounts, paths, strict=True):
        if mount.get("sourceVolume") not in names:
            raise ClientError(f"Unknown volume '{mount.get('sourceVolume')}'.")
        check_pattern("absolute_path", path)
        if paths.count(path) > 1:
            raise ClientError(f"Container path '{path}' is mounted more than once")
