"""What `container:` may name, as an image that AWS Batch can pull."""

from snakemake_executor_plugin_batchx.errors import BatchxError

MAX_IMAGE_CHARACTERS = 255
"""https://docs.aws.amazon.com/batch/latest/APIReference/API_ContainerProperties.html (image)."""

REFUSED_SCHEMES = {
    "shub://": "Singularity Hub images",
    "library://": "Singularity Library images",
    "oras://": "Singularity images in OCI registries",
}


def make_batch_image(container: str, label: str) -> str:
    """Turn a rule's `container:` into the image of a job definition.

    `docker://` is dropped; everything else must be a registry reference as Docker takes it.
    `label` names the rule in the error ("Rule align").
    Raises BatchxError for what no container engine can pull: a .sif file, another scheme, a path.
    """
    for scheme, what in REFUSED_SCHEMES.items():
        if container.startswith(scheme):
            raise BatchxError(
                f"{label}: container {container!r} cannot run on AWS Batch, which knows no "
                f"{what}: name a Docker or OCI image such as docker://debian:12-slim."
            )
    image = container.removeprefix("docker://")
    if "://" in image or image.endswith(".sif") or image.startswith((".", "/", "~")):
        raise BatchxError(
            f"{label}: container {container!r} is not in a registry, so AWS Batch cannot pull "
            "it: push the image to one (ECR, say) and name it as docker://registry/name:tag."
        )
    if not image or len(image) > MAX_IMAGE_CHARACTERS or any(c.isspace() for c in image):
        raise BatchxError(
            f"{label}: container {container!r} is no image reference: it must be like "
            f"docker://registry/name:tag, no blanks, at most {MAX_IMAGE_CHARACTERS} characters."
        )
    return image
