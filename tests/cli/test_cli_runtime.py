"""`batchx runtime`: what it tells, of a runtime that is built and of one that is not."""

from pathlib import Path

import pytest
from docker_registry import run_registry

from snakemake_executor_plugin_batchx.cli import main
from snakemake_executor_plugin_batchx.local.launch import launch_embedded_aws, make_environment
from snakemake_executor_plugin_batchx.runtime.build import Runtime


def test_show_before_it_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert main(["runtime", "show"]) == 0
    out = capsys.readouterr().out
    assert "snakemake 9." in out
    assert "not built yet: batchx runtime build" in out
    assert list(tmp_path.iterdir()) == []


def test_build_and_show(
    runtime_now: Runtime,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "batchx").symlink_to(runtime_now.base_tree.parents[2])
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert main(["runtime", "build"]) == 0
    built = capsys.readouterr()
    assert "ready" in built.err
    assert "Building" not in built.err  # it was in the cache
    assert main(["runtime", "show"]) == 0
    assert capsys.readouterr().out == built.out
    for layer in runtime_now.layers:
        assert f"{layer.digest}  {layer.size / 1e6:.1f} MB" in built.out


def test_push_gives_an_image_that_others_name(
    runtime: Runtime,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "batchx").symlink_to(runtime.base_tree.parents[2])
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    storage = tmp_path / "registry"
    storage.mkdir()
    with run_registry(storage) as registry, launch_embedded_aws(registry=registry.access) as aws:
        for name, value in make_environment(aws).items():
            monkeypatch.setenv(name, value)
        assert main(["runtime", "push"]) == 0
        told = capsys.readouterr()
        image = told.out.strip()
        assert image.startswith(f"{aws.registry_host}/batchx/runtime@sha256:")
        # Two layers, a config and a manifest.
        assert registry.count_blobs() == 4
        assert main(["runtime", "push"]) == 0
        assert capsys.readouterr().out.strip() == image
        assert registry.count_blobs() == 4
