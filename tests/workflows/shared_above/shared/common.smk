from pathlib import Path


include: "rules/scripted.smk"


def list_references():
    listing = Path(workflow.basedir, "..", "..", "shared", "references.txt")
    return listing.read_text().split()
