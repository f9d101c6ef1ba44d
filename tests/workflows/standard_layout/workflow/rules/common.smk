wildcard_constraints:
    sample="|".join(SAMPLES),


def get_reads(wildcards):
    return SAMPLES[wildcards.sample]["reads"]
