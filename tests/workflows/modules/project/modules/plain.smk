rule plain_report:
    input:
        "data/reads.txt",
    output:
        "results/plain.txt",
    params:
        title=config.get("title", "no title"),
    shell:
        "echo {params.title} > {output}; cat {input} >> {output}"
