rule scripted:
    output:
        "results/script.txt",
    script:
        "../scripts/write.py"
