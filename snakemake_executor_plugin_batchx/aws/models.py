"""botocore's models of AWS's services, as files."""

from pathlib import Path

import botocore

FILES = ("service-2", "endpoint-rule-set-1", "paginators-1", "waiters-2")


def find_model_files(service: str) -> dict[str, Path]:
    """Return the files of a service's newest model by their names below its folder.

    That is where a botocore looks for it which AWS_DATA_PATH shows another folder
    (https://botocore.amazonaws.com/v1/documentation/api/latest/reference/loaders.html).
    """
    top = Path(botocore.__file__).parent / "data" / service
    versions = sorted(path for path in top.iterdir() if path.is_dir())
    return {
        path.relative_to(top).as_posix(): path
        for path in sorted(versions[-1].iterdir())
        if path.name.startswith(FILES)
    }
