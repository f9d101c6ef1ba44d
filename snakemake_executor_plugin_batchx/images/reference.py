"""What `container:` may name: an image in a registry, in parts and as AWS Batch takes it."""

import re
from dataclasses import dataclass

from snakemake_executor_plugin_batchx.errors import BatchxError

MAX_IMAGE_CHARACTERS = 255
"""https://docs.aws.amazon.com/batch/latest/APIReference/API_ContainerProperties.html (image)."""

DOCKER_HUB = "docker.io"
DOCKER_HUB_NAMES = frozenset({DOCKER_HUB, "index.docker.io", "registry-1.docker.io"})
DOCKER_HUB_API = "registry-1.docker.io"
LOCAL_HOST = re.compile(r"(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?")

REFUSED_SCHEMES = {
    "shub://": "Singularity Hub images",
    "library://": "Singularity Library images",
    "oras://": "Singularity images in OCI registries",
}

# https://github.com/distribution/reference/blob/main/regexp.go
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_HOST = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9a-fA-F:]+\])(?::[0-9]+)?")
_TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")

# As amazon-ecr-credential-helper knows them:
# https://github.com/awslabs/amazon-ecr-credential-helper/blob/main/ecr-login/api/client.go
_ECR_HOST = re.compile(
    r"(?P<account>\d{12})\.dkr[.-]ecr(?:-fips)?\.(?P<region>[a-z0-9][a-z0-9-]*)\."
    r"(?:amazonaws\.(?:com(?:\.cn)?|eu)|on\.(?:aws|amazonwebservices\.com\.cn)"
    r"|sc2s\.sgov\.gov|c2s\.ic\.gov|cloud\.adc-e\.uk|csp\.hci\.ic\.gov)",
    re.ASCII,
)


@dataclass(frozen=True)
class EcrHost:
    """The account and region of a private ECR registry, however its host is spelled."""

    account: str
    region: str


def parse_ecr_host(host: str) -> EcrHost | None:
    """Return account and region if `host` is a private ECR registry, else None."""
    match = _ECR_HOST.fullmatch(host)
    return EcrHost(match["account"], match["region"]) if match else None


@dataclass(frozen=True)
class ImageReference:
    """An image in a registry.

    `host` is lower-case, `docker.io` for Docker Hub. `tag` is empty where only a digest was named,
    `digest` where none was.
    """

    host: str
    repository: str
    tag: str
    digest: str

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.host}/{self.repository}{tag}{digest}"

    @property
    def locator(self) -> str:
        """What names the manifest within its repository: the digest if there is one."""
        return self.digest or self.tag

    def at(self, digest: str) -> "ImageReference":
        """Return the same repository's image of a digest."""
        return ImageReference(self.host, self.repository, "", digest)


def is_digest(text: str) -> bool:
    """Return True for a SHA-256 digest as registries write it, the only kind that they use."""
    return _DIGEST.fullmatch(text) is not None


def is_local_host(host: str) -> bool:
    """Return True for a registry on this machine: the only ones that are asked by plain HTTP."""
    return LOCAL_HOST.fullmatch(host) is not None


def parse_reference(text: str) -> ImageReference | None:
    """Return the parts of a reference as Docker reads it, None where it is none.

    Without a host it is Docker Hub's, without tag and digest its tag is `latest`.
    """
    name, at, digest = text.partition("@")
    first, slash, rest = name.partition("/")
    has_host = bool(slash) and (
        any(c in first for c in ".:[") or first == "localhost" or first != first.lower()
    )
    host, path = (first, rest) if has_host else (DOCKER_HUB, name)
    repository, colon, tag = path.partition(":")
    if host.lower() in DOCKER_HUB_NAMES:
        host = DOCKER_HUB
        repository = repository if "/" in repository else f"library/{repository}"
    is_sound = (
        _HOST.fullmatch(host)
        and _REPOSITORY.fullmatch(repository)
        and (not colon or _TAG.fullmatch(tag))
        and (not at or _DIGEST.fullmatch(digest))
    )
    if not is_sound:
        return None
    return ImageReference(host.lower(), repository, tag or ("" if digest else "latest"), digest)


def read_container(container: str, label: str) -> ImageReference:
    """Return the image that a rule's `container:` names.

    `label` names the rule in the error ("Rule align").
    Raises BatchxError for what no container engine can pull: a .sif file, another scheme, a path,
    a name in upper case.
    """
    image = make_batch_image(container, label)
    reference = parse_reference(image)
    if reference is None:
        raise BatchxError(
            f"{label}: container {container!r} is no image reference: it must be like "
            "docker://registry/name:tag or docker://registry/name@sha256:…, the name in lower case."
        )
    return reference


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
