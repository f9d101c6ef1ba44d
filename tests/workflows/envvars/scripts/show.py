import os

with open(snakemake.output[0], "w") as out:
    print(os.environ["API_TOKEN"], repr(os.environ["EMPTY_OPTION"]), file=out)
