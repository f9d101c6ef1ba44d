from . import constants


def name_result(sample):
    return f"results/{sample}{constants.SUFFIX}"


def find_reads(sample):
    return f"data/{sample}.txt"


def make_title(sample):
    return f"# {sample.upper()}"
