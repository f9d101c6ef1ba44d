"""`container:` as an image that Batch can pull, or a sentence."""

import pytest

from snakemake_executor_plugin_batchx.errors import BatchxError
from snakemake_executor_plugin_batchx.images.reference import (
    MAX_IMAGE_CHARACTERS,
    REFUSED_SCHEMES,
    make_batch_image,
)

DIGEST = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("container", "image"),
    [
        ("docker://debian:12-slim", "debian:12-slim"),
        ("debian", "debian"),
        (
            "docker://quay.io/biocontainers/bwa:0.7.17--h5bf99c6_8",
            "quay.io/biocontainers/bwa:0.7.17--h5bf99c6_8",
        ),
        (
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com/tools/bwa:1",
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com/tools/bwa:1",
        ),
        (f"docker://localhost:5000/a/b:tag@{DIGEST}", f"localhost:5000/a/b:tag@{DIGEST}"),
        ("r/" + "a" * (MAX_IMAGE_CHARACTERS - 2), "r/" + "a" * (MAX_IMAGE_CHARACTERS - 2)),
    ],
)
def test_a_registry_reference_is_taken(container: str, image: str) -> None:
    assert make_batch_image(container, "Rule map") == image


@pytest.mark.parametrize(
    ("container", "words"),
    [
        *((scheme + "some/where", what) for scheme, what in REFUSED_SCHEMES.items()),
        ("tool.sif", "push the image"),
        ("./tool", "push the image"),
        ("../tool", "push the image"),
        ("/images/tool", "push the image"),
        ("~/tool", "push the image"),
        ("https://example.org/tool", "push the image"),
        ("docker://docker://debian", "push the image"),
        ("", "no image reference"),
        ("docker://", "no image reference"),
        ("debian:12 slim", "no image reference"),
        ("debian\n", "no image reference"),
        ("a" * (MAX_IMAGE_CHARACTERS + 1), "no image reference"),
    ],
)
def test_anything_else_is_refused_with_the_rule_and_the_fix(container: str, words: str) -> None:
    with pytest.raises(BatchxError) as caught:
        make_batch_image(container, "Rule map")
    message = str(caught.value)
    assert message.startswith(f"Rule map: container {container!r} ")
    assert words in message
    assert "docker://" in message
