"""Checksums: those of the specifications, and parts' that make the whole's."""

import base64
import hashlib
import itertools
import os
import tempfile
from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from snakemake_executor_plugin_batchx.storage.checksums import (
    CRC64_HEADER,
    READ_BYTES,
    TYPE_HEADER,
    AwsChecksums,
    PlainChecksums,
    Span,
    choose_checksums,
    combine_crc64,
    compute_crc64,
    encode_crc64,
    is_aws_endpoint,
    iter_content,
    read_kept,
)

CHECK = 0xAE8B14860A799888
"""Of b"123456789": https://reveng.sourceforge.io/crc-catalogue/all.htm, CRC-64/NVME."""


@pytest.fixture
def descriptor() -> Iterator[int]:
    with tempfile.TemporaryFile() as file:
        yield file.fileno()


def test_the_known_value() -> None:
    assert compute_crc64(b"123456789") == CHECK
    assert compute_crc64(b"56789", compute_crc64(b"1234")) == CHECK
    assert AwsChecksums().tell(b"123456789").params == {"ChecksumCRC64NVME": "rosUhgp5mIg="}
    assert encode_crc64(0) == base64.b64encode(bytes(8)).decode()


@given(st.binary(max_size=4096), st.lists(st.integers(0, 4096), max_size=8))
@example(b"", [])
@example(b"", [0, 0])
@example(b"a", [0, 1])
def test_any_cut_combines_to_the_whole(content: bytes, cuts: list[int]) -> None:
    places = [0, *sorted(min(cut, len(content)) for cut in cuts), len(content)]
    parts = [content[a:b] for a, b in itertools.pairwise(places)]
    assert combine_crc64((compute_crc64(p), len(p)) for p in parts) == compute_crc64(content)
    told = [(AwsChecksums().tell(part), len(part)) for part in parts]
    assert AwsChecksums().end_parts(told) == {
        **AwsChecksums().tell(content).params,
        "ChecksumType": "FULL_OBJECT",
    }


@pytest.mark.parametrize(
    ("offset", "size"), [(0, 0), (0, 1), (7, READ_BYTES), (1, READ_BYTES + 1), (0, 2 * READ_BYTES)]
)
@pytest.mark.parametrize("checksums", [AwsChecksums(), PlainChecksums()])
def test_files_have_the_checksums_of_their_content(
    descriptor: int, offset: int, size: int, checksums: AwsChecksums | PlainChecksums
) -> None:
    content = os.urandom(offset + size + 5)
    os.write(descriptor, content)
    span = Span(descriptor, offset, size)
    assert b"".join(iter_content(span)) == content[offset : offset + size]
    assert checksums.tell(span) == checksums.tell(content[offset : offset + size])


def test_a_file_that_becomes_shorter_is_told(descriptor: int) -> None:
    os.write(descriptor, b"short")
    with pytest.raises(OSError, match="has become shorter"):
        compute_crc64(Span(descriptor, 0, 6))


@given(st.binary(max_size=64))
@example(b"")
def test_content_md5_is_of_rfc_1864(content: bytes) -> None:
    wanted = base64.b64encode(hashlib.md5(content).digest()).decode()
    assert PlainChecksums().tell(content).params == {"ContentMD5": wanted}
    assert PlainChecksums().begin_parts() == PlainChecksums().end_parts([]) == {}


@pytest.mark.parametrize(
    ("url", "is_aws"),
    [
        ("https://s3.amazonaws.com", True),
        ("https://bucket.s3.eu-west-1.amazonaws.com/key", True),
        ("https://S3.EU-WEST-1.AMAZONAWS.COM:443", True),
        ("https://bucket.s3.dualstack.eu-west-1.amazonaws.com", True),
        ("https://bucket.s3-accelerate.amazonaws.com", True),
        ("https://bucket.vpce-1a2b.s3.us-east-1.vpce.amazonaws.com", True),
        ("https://s3.cn-north-1.amazonaws.com.cn", True),
        ("https://bucket.s3express-use1-az4.us-east-1.amazonaws.com", True),
        ("https://s3.us-east-1.api.aws", True),
        ("http://127.0.0.1:5000", False),
        ("http://[::1]:5000/amazonaws.com", False),
        ("https://s3.lab", False),
        ("https://s3.notamazonaws.com", False),
        ("https://s3.amazonaws.com.evil.example", False),
        ("https://s3.amazonaws.com@evil.example", False),
        ("https://storage.googleapis.com", False),
        ("", False),
    ],
)
def test_aws_gets_crc64_and_others_md5(url: str, is_aws: bool) -> None:
    assert is_aws_endpoint(url) is is_aws
    assert isinstance(choose_checksums(url), AwsChecksums if is_aws else PlainChecksums)


DATA = b"123456789"
MD5 = hashlib.md5(DATA).hexdigest()
KEPT = {
    CRC64_HEADER: "rosUhgp5mIg=",
    "x-amz-checksum-crc32": "y/Q5Jg==",
    "x-amz-checksum-crc32c": "4waSgw==",
    "x-amz-checksum-sha1": base64.b64encode(hashlib.sha1(DATA).digest()).decode(),
    "x-amz-checksum-sha256": base64.b64encode(hashlib.sha256(DATA).digest()).decode(),
    "etag": f'"{MD5}"',
}


@pytest.mark.parametrize("name", KEPT)
def test_whatever_s3_keeps_is_compared(name: str) -> None:
    kept = read_kept({name: KEPT[name]})
    assert kept is not None
    assert kept.fits(DATA)
    assert not kept.fits(DATA + b"0")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"etag": f'"{MD5}-1"'},
        {"etag": f'"{MD5}"', "x-amz-server-side-encryption": "aws:kms"},
        {CRC64_HEADER: KEPT[CRC64_HEADER], TYPE_HEADER: "COMPOSITE"},
        {"x-amz-checksum-sha256": KEPT["x-amz-checksum-sha256"] + "-3"},
    ],
)
def test_what_says_nothing_of_the_content_is_not_compared(headers: dict[str, str]) -> None:
    assert read_kept(headers) is None
