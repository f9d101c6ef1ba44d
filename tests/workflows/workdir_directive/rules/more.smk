rule more:
    input:
        "results/a.txt",
    output:
        "results/more.txt",
    params:
        greeting=open(workflow.source_path("greeting.txt")).read().strip(),
    shell:
        "echo {params.greeting} | cat - {input} > {output}"
