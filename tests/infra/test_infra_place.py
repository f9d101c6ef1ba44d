import pytest

from snakemake_executor_plugin_batchx.infra.place import describe_place, name_principal


def test_where_and_who() -> None:
    identity = {"Account": "123456789012", "Arn": "arn:aws:iam::123456789012:user/team/me"}
    place = "account 123456789012 (user me), region us-east-1"
    assert describe_place(identity, "us-east-1") == place


@pytest.mark.parametrize(
    ("arn", "named"),
    [
        ("arn:aws:iam::123456789012:root", "the root user"),
        ("arn:aws-cn:sts::123456789012:assumed-role/Admin/me@example.org", "role Admin"),
        ("arn:aws:sts::123456789012:federated-user/me", "federated user me"),
        ("something new", "something new"),
    ],
)
def test_each_kind_of_principal(arn: str, named: str) -> None:
    assert name_principal(arn) == named
