rule index:
    output:
        "results/index.txt",
    shell:
        "echo index > {output}"
