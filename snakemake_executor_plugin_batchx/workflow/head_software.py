"""Software stays where it is used: in the jobs."""

from typing import Any


def keep_software_in_jobs(dag: Any) -> None:
    """Make Snakemake deploy no containers and environments on this machine after a checkpoint.

    At the start of a run it asks whether this machine shares its software with the jobs, and does
    not deploy if not (snakemake/workflow.py, execute). When a checkpoint has changed the DAG it
    does not ask (snakemake/dag.py, finish), and would pull every job's image, with a program that
    this machine need not have. There is no setting for it, so the two methods of this one DAG are
    replaced.
    """

    def deploy_nothing(*_: Any, **__: Any) -> None:
        return

    dag.pull_container_imgs = deploy_nothing
    dag.create_conda_envs = deploy_nothing
