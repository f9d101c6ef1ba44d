rule count:
    input:
        reads=get_reads,
    output:
        "results/{sample}.counts.txt",
    log:
        "logs/count/{sample}.log",
    conda:
        "../envs/count.yaml"
    params:
        group=lambda wildcards: SAMPLES[wildcards.sample]["group"],
    script:
        "../scripts/count.py"


rule collect:
    input:
        expand("results/{sample}.counts.txt", sample=SAMPLES),
    output:
        "results/all.txt",
    conda:
        "../envs/count.yaml"
    shell:
        "cat {input} > {output}"
