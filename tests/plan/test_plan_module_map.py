"""What a module map decides for a rule, and what is told of one that makes no sense."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakemake_executor_plugin_batchx.plan.module_map import (
    EFFECTS,
    EMPTY_MAP,
    KEYS,
    Module,
    ModuleMap,
    make_module_map,
)
from snakemake_executor_plugin_batchx.plan.values import WrongValueError

DIGEST = "sha256:" + "0a" * 32
DEFINITION_ARN = "arn:aws:batch:eu-west-1:123456789012:job-definition/gatk:3"
QUEUE_ARN = "arn:aws-cn:batch:cn-north-1:123456789012:job-queue/spot"
SAMTOOLS = "docker://quay.io/biocontainers/samtools:1.19--h50ea8bc_0"
SITE_MAP = make_module_map(
    {
        "modules": [
            {"rule": "align_*", "queue": "big-memory"},
            {"container": "*/biocontainers/samtools", "version": "1.17--h00cdaf9_0"},
            {"container": "quay.io/biocontainers/gatk4:*", "definition": "gatk-prod:12"},
            {
                "rule": "call",
                "container": "*/gatk4",
                "image": "docker://123456789012.dkr.ecr.eu-west-1.amazonaws.com/site/gatk4:4.5",
                "queue": QUEUE_ARN,
            },
            {"container": "*", "queue": "all"},
        ]
    }
)


@pytest.mark.parametrize(
    ("rule", "container", "expected", "queue"),
    [
        (
            "sort",
            SAMTOOLS,
            "docker://quay.io/biocontainers/samtools:1.17--h00cdaf9_0",
            "all",
        ),
        (
            "align_reads",
            "quay.io/biocontainers/samtools",
            "quay.io/biocontainers/samtools:1.17--h00cdaf9_0",
            "big-memory",
        ),
        ("call", "quay.io/biocontainers/gatk4:4.1", "job-definition://gatk-prod:12", QUEUE_ARN),
        (
            "call",
            "quay.io/biocontainers/gatk4",
            "docker://123456789012.dkr.ecr.eu-west-1.amazonaws.com/site/gatk4:4.5",
            QUEUE_ARN,
        ),
        ("Align_reads", "bwa:1", "bwa:1", "all"),
        ("align_reads", "", "", "big-memory"),
        ("report", "", "", None),
        ("report", "job-definition://samtools", "job-definition://samtools", None),
    ],
)
def test_a_sites_map_decides_images_and_queues(
    rule: str, container: str, expected: str, queue: str | None
) -> None:
    assert SITE_MAP.choose_container(rule, container) == expected
    assert SITE_MAP.choose_queue(rule, container) == queue


@pytest.mark.parametrize(
    ("pattern", "container", "does_fit"),
    [
        ("*/samtools", SAMTOOLS, True),
        ("*/samtools:*", SAMTOOLS, True),
        ("*/samtools:*", "quay.io/biocontainers/samtools", False),
        ("*/samtools:1.1?--*", SAMTOOLS, True),
        ("*/samtools:1.2*", SAMTOOLS, False),
        ("docker://quay.io/*", SAMTOOLS, True),
        (SAMTOOLS, SAMTOOLS.removeprefix("docker://"), True),
        ("*/Samtools", SAMTOOLS, False),
        ("samtools", SAMTOOLS, False),
        ("bwa", "bwa:1", True),
        ("docker.io/library/bwa", "bwa:1", False),
        ("localhost:5000/bwa", "localhost:5000/bwa:1", True),
        ("localhost:5000/bwa", "localhost:5000/bwa", True),
        ("localhost", "localhost:5000/bwa", False),
        ("site/bwa", f"site/bwa@{DIGEST}", True),
        ("site/bwa:2", f"site/bwa:2@{DIGEST}", True),
        (f"site/bwa@{DIGEST}", f"site/bwa@{DIGEST}", True),
        ("*@sha256:*", "site/bwa:2", False),
        ("*.sif", "/shared/bwa.sif", True),
        ("*", "", False),
        ("*", "job-definition://bwa", False),
    ],
)
def test_patterns_are_compared_with_and_without_tag_and_digest(
    pattern: str, container: str, does_fit: bool
) -> None:
    assert Module(container=pattern, queue="q").is_for("a", container) is does_fit


@pytest.mark.parametrize(
    ("effect", "container", "expected"),
    [
        ({"version": "2"}, "bwa", "bwa:2"),
        ({"version": "2"}, "docker://localhost:5000/bwa:1", "docker://localhost:5000/bwa:2"),
        ({"version": "2"}, f"site/bwa:1@{DIGEST}", "site/bwa:2"),
        ({"version": DIGEST}, "site/bwa:1", f"site/bwa@{DIGEST}"),
        ({"version": DIGEST, "image": "docker://my/bwa"}, "bwa:1", f"docker://my/bwa@{DIGEST}"),
        ({"version": "2", "image": "localhost:5000/bwa"}, "", "localhost:5000/bwa:2"),
        ({"image": "my/bwa"}, "", "my/bwa"),
        ({"definition": DEFINITION_ARN}, "bwa:1", f"job-definition://{DEFINITION_ARN}"),
        ({"definition": "gatk"}, "", "job-definition://gatk"),
    ],
)
def test_an_entry_names_what_jobs_run_in(
    effect: dict[str, str], container: str, expected: str
) -> None:
    chosen = make_module_map({"modules": [{"rule": "a", **effect}]})
    assert chosen.choose_container("a", container) == expected
    assert chosen.choose_container("b", container) == container
    assert chosen.choose_queue("a", container) is None


@pytest.mark.parametrize("container", ["", "job-definition://bwa:3", "/shared/bwa.sif", "shub://a"])
def test_a_version_decides_nothing_where_there_is_no_image(container: str) -> None:
    chosen = ModuleMap((Module(rule="a", version="2"), Module(rule="*", image="site/bwa:3")))
    assert chosen.choose_container("a", container) == "site/bwa:3"
    assert chosen.choose_container("a", "bwa") == "bwa:2"


def test_the_first_entry_that_decides_counts() -> None:
    chosen = ModuleMap(
        (
            Module(rule="a*", queue="first"),
            Module(rule="ab", image="x:1", queue="second"),
            Module(rule="*", definition="last"),
        )
    )
    assert chosen.choose_container("ab", "") == "x:1"
    assert chosen.choose_queue("ab", "") == "first"
    assert chosen.choose_container("ac", "") == "job-definition://last"
    assert chosen.choose_queue("b", "") is None


def list_reasons(data: Any) -> tuple[str, ...]:
    with pytest.raises(WrongValueError) as caught:
        make_module_map(data)
    return caught.value.reasons


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"rule": "a", "qeue": "q"}, "(rule 'a'): there is no key 'qeue' (did you mean queue?)"),
        (
            {"rule": "a", "queue": "q", "x": 1},
            "(rule 'a'): there is no key 'x' (known are rule, container, image, definition, "
            "version, queue)",
        ),
        (
            {"rule": "a", "queue": "q", 1: 1},
            "(rule 'a'): a key is a number, but must be one of rule, container, image, "
            "definition, version, queue",
        ),
        (
            {"container": "*/bwa", "version": 1.1},
            "(container '*/bwa'): version is a number, but must be a text: put it in quotes",
        ),
        (
            {"rule": True, "queue": "q"},
            ": rule is true or false, but must be a text: put it in quotes",
        ),
        ({"rule": "a", "queue": None}, "(rule 'a'): queue is empty, but must be a text"),
        ({"rule": ["a"], "queue": "q"}, ": rule is a list, but must be a text"),
        (
            {"rule": "a b", "queue": "q"},
            "(rule 'a b'): rule 'a b' must be a pattern without blanks, such as align_*",
        ),
        (
            {"container": "", "queue": "q"},
            "(container ''): container '' must be a pattern without blanks, such as */samtools",
        ),
        *(
            (
                {"rule": "a", "image": image},
                f"(rule 'a'): image {image!r} must be an image such as registry/name:tag or "
                "registry/name@sha256:…, the name in lower case",
            )
            for image in ("", "BWA:1", "bwa:1 ", "job-definition://x", "x.sif/", "bwa@sha256:12")
        ),
        *(
            (
                {"rule": "a", "definition": name},
                f"(rule 'a'): definition {name!r} must be the name, name:revision or ARN of a job "
                "definition",
            )
            for name in ("job-definition://gatk", "gatk:0", "-x", "gatk:latest", QUEUE_ARN)
        ),
        (
            {"rule": "a", "version": ":1"},
            "(rule 'a'): version ':1' must be a tag (letters, digits and _ . -, at most 128) or "
            "sha256: with 64 hex digits",
        ),
        (
            {"rule": "a", "queue": "my queue"},
            "(rule 'a'): queue 'my queue' must be the name (letters, digits, - and _, at most "
            "128) or the ARN of a job queue",
        ),
        (
            {"rule": "a", "queue": "local"},
            "(rule 'a'): queue 'local' is for --batchx-job-queue alone: name a queue of AWS",
        ),
        ({"queue": "q"}, ": it does not say which jobs it is for: give it rule or container"),
        (
            {"rule": "a", "container": "b"},
            "(rule 'a', container 'b'): it decides nothing: give it image, definition, version or "
            "queue",
        ),
        (
            {"rule": "a", "image": "b", "definition": "c"},
            "(rule 'a'): image and definition exclude each other: keep one of them",
        ),
        (
            {"rule": "a", "version": "b", "definition": "c"},
            "(rule 'a'): a definition has its image and version itself: leave version out",
        ),
        *(
            (
                {"rule": "a", "version": "1", "image": image},
                f"(rule 'a'): image {image!r} has a tag or digest already: leave version out, or "
                "that",
            )
            for image in ("bwa:1", f"docker://x.io/bwa@{DIGEST}")
        ),
        (
            "samtools",
            ": it is a text, but must be a table of keys (rule, container, image, definition, "
            "version, queue)",
        ),
    ],
)
def test_a_mistake_is_told_with_its_entry(entry: Any, expected: str) -> None:
    reasons = list_reasons({"modules": [{"rule": "fine", "queue": "q"}, entry]})
    separator = "" if expected.startswith(":") else " "
    assert reasons == (f"is not valid in module 2{separator}{expected}",)


def test_all_mistakes_are_told_together() -> None:
    entries = [{}, {"rule": "a", "queue": "q"}, {"container": "*", "image": "X", "queue": 1}]
    assert list_reasons({"modules": entries, "module": []}) == (
        "is not valid: there is no key 'module' (did you mean modules?)",
        "is not valid in module 1: it does not say which jobs it is for: give it rule or container",
        "is not valid in module 1: it decides nothing: give it image, definition, version or queue",
        "is not valid in module 3 (container '*'): image 'X' must be an image such as "
        "registry/name:tag or registry/name@sha256:…, the name in lower case",
        "is not valid in module 3 (container '*'): queue is a number, but must be a text: put it "
        "in quotes",
    )


@pytest.mark.parametrize("data", [None, [], "modules", {}, {"module": []}])
def test_a_map_without_its_list_is_told(data: Any) -> None:
    assert list_reasons(data) == ("must hold the key 'modules' with a list of entries",)


@pytest.mark.parametrize(
    ("value", "kind"), [(None, "empty"), ({"a": 1}, "a table of keys"), ("x", "a text")]
)
def test_modules_that_are_no_list_are_told(value: Any, kind: str) -> None:
    expected = f"is not valid: 'modules' is {kind}, but must be a list of entries"
    assert list_reasons({"modules": value}) == (expected,)


def test_a_list_without_entries_is_the_empty_map() -> None:
    assert make_module_map({"modules": []}) == EMPTY_MAP


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.dates()
    | st.text()
    | st.sampled_from(["x", "*/bwa", "local", "bwa:1", DIGEST])
)
WILD = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(SCALARS, inner, max_size=3),
    max_leaves=10,
)
WILD_ENTRIES = st.dictionaries(st.sampled_from([*KEYS, "qeue", 3]), WILD, max_size=6) | WILD
WILD_MAPS = WILD | st.fixed_dictionaries({"modules": st.lists(WILD_ENTRIES, max_size=4)})


@given(WILD_MAPS)
def test_wild_data_is_a_map_or_told(data: Any) -> None:
    reasons: tuple[str, ...] = ()
    made = EMPTY_MAP
    try:
        made = make_module_map(data)
    except WrongValueError as error:
        reasons = error.reasons
    assert all(any(getattr(each, effect) for effect in EFFECTS) for each in made.modules)
    assert reasons or len(made.modules) == len(data["modules"])
    assert not any(reason.endswith(".") for reason in reasons)


@given(st.text(), st.text())
def test_the_empty_map_decides_nothing(rule: str, container: str) -> None:
    assert EMPTY_MAP.choose_container(rule, container) == container
    assert EMPTY_MAP.choose_queue(rule, container) is None


PATTERN_TEXTS = st.text("ab[]!-^\\*?:/@.")


@given(PATTERN_TEXTS, PATTERN_TEXTS, PATTERN_TEXTS)
def test_any_pattern_can_be_compared(pattern: str, rule: str, container: str) -> None:
    chosen = ModuleMap((Module(rule=pattern, queue="r"), Module(container=pattern, queue="c")))
    expected = {"r", "c", None} if container else {"r", None}
    assert chosen.choose_queue(rule, container) in expected


NAMES = st.from_regex(r"(docker://)?[a-z]{1,3}(:[0-9]{1,3})?/[a-z]{1,3}", fullmatch=True)


@given(NAMES, st.sampled_from(["", ":1.0", f"@{DIGEST}", f":1.0@{DIGEST}"]))
def test_a_version_replaces_whatever_was_there(name: str, old: str) -> None:
    tagged, digested = (Module(rule="*", version=version) for version in ("2.0", DIGEST))
    assert tagged.replace_container(name + old) == f"{name}:2.0"
    assert digested.replace_container(name + old) == f"{name}@{DIGEST}"
