NAMES = ["reads"]


rule trim:
    input:
        "data/{name}.txt",
    output:
        "alignment/data/{name}.txt",
    script:
        "../scripts/trim.py"
