"""Commands of the documentation that are run otherwise than they stand there, or not at all."""

OWN_ENVIRONMENT = "the tests' own environment is used"
ITSELF = "runs the tests, these among them"
EMBEDDED = "the page's account is an embedded one already"
REGISTRY = "needs a registry: tests/e2e/test_private_images.py has one, tests/cli the command"

NOT_RUN: dict[str, dict[str, str]] = {
    "README.md": {
        "make demo": "installs, then is what tests/cli/test_cli_demo.py runs",
        "make test": ITSELF,
        "pip install": OWN_ENVIRONMENT,
    },
    "account.md": {"batchx local up": EMBEDDED, "eval": EMBEDDED},
    "further.md": {
        "batchx image": REGISTRY,
        "batchx runtime push": REGISTRY,
        "tar -xzf": "writes to the machine's root folder",
        "batchx local down": "what follows on the page is for before it; it is done at the end",
    },
    "howto-good-images.md": {"docker buildx": "pushes to a registry"},
    "tutorial.md": {
        "python3 -m venv": OWN_ENVIRONMENT,
        ". ~/batchx-venv": OWN_ENVIRONMENT,
        "pip install": OWN_ENVIRONMENT,
        "aws sso login": "opens a browser",
    },
}
"""Page → how commands begin → why they are not run."""

UP_ANSWERED = {"batchx infra up": "batchx infra up --yes"}
ANSWERED = {**UP_ANSWERED, "batchx infra down": "batchx infra down --yes"}
"""Questions are answered beforehand: there is no terminal to answer on."""
ANY_SETTINGS = {"…": "--jobs 4"}
"""The other settings that `…` stands for come from the environment."""
A_RUN = "$(basename .snakemake/batchx/*.jsonl .jsonl)"

REPLACEMENTS: dict[str, dict[str, str]] = {
    "account.md": {
        **ANSWERED,
        "NAME": "me",
        " ARN": " $(find_policy)",
        "vpc-0123456789abcdef0": "$VPC",
        "subnet-0123456789abcdef0": "$SUBNET0",
        "subnet-0123456789abcdef1": "$SUBNET1",
    },
    "definitions.md": {
        "bx-align-0123456789abcdef": "$DEFINITION",
        "--older-than 90": "--older-than 90 --yes",
    },
    # The registry of BioContainers is not asked by tests.
    "doctor.md": {"--image quay.io/biocontainers/bwa:0.7.17--h5bf99c6_8": ""},
    "further.md": {
        "20261121T163739-5feffb": A_RUN,
        "cd ~/.cache/batchx/runtime": "(cd ~/.cache/batchx/runtime)",
        "batchx local up": "batchx local up --runner process",
    },
    **dict.fromkeys(("howto-fargate.md", "howto-gpu.md", "howto-spot.md"), UP_ANSWERED),
    "howto-private-images.md": {
        **UP_ANSWERED,
        "--image 123456789012.dkr.ecr.eu-west-1.amazonaws.com/lab/caller:2.1": "",
    },
    "journal.md": {"<run>": "*"},
    "logs.md": {"JOB": "$JOB"},
    "many-jobs.md": {**ANY_SETTINGS, "RUN": A_RUN},
    "module-map.md": ANY_SETTINGS,
    "options.md": {**ANY_SETTINGS, "/mnt/nvme": "$PWD/nvme"},
    # The embedded AWS has a policy of that name.
    "permissions.md": {"batchx-head": "lab-head"},
    "tutorial.md": ANSWERED,
}
"""Page → what stands in commands → what is run in its place."""

EXIT_CODES: dict[str, int] = {
    "snakemake --executor batchx --jobs 100 results/ant.longest.fa": 1,
}
"""What ends otherwise than well, on purpose."""

NO_SETTINGS = "unset ${!SNAKEMAKE_BATCHX_@}; export SNAKEMAKE_BATCHX_LOCAL_RUNNER=process"
RUN_ONCE = "snakemake --executor batchx --jobs 4 >&2"

PREPARATIONS: dict[str, str] = {
    "README.md": NO_SETTINGS,
    "account.md": r"""
        aws iam create-user --user-name me
        find_policy() { aws cloudformation describe-stacks --stack-name batchx --output text \
            --query "Stacks[0].Outputs[?OutputKey=='HeadPolicyArn'].OutputValue"; }
        VPC=$(aws ec2 create-vpc --cidr-block 10.9.0.0/16 --query Vpc.VpcId --output text)
        make_subnet() { aws ec2 create-subnet --vpc-id $VPC --cidr-block $1 --availability-zone $2 \
            --query Subnet.SubnetId --output text; }
        SUBNET0=$(make_subnet 10.9.0.0/24 us-east-1a)
        SUBNET1=$(make_subnet 10.9.1.0/24 us-east-1b)""",
    "definitions.md": f"""
        {RUN_ONCE}
        DEFINITION=$(batchx definitions list | grep -o 'bx-align-[0-9a-f]*' | head -n 1)""",
    "detached.md": "export SNAKEMAKE_BATCHX_S3_ROOT=s3://my-bucket/run1",
    "further.md": f"""
        {RUN_ONCE}
        batchx runtime build
        export TOKEN=secret""",
    "howto-big-data.md": "mkdir reads && date > reads/S7.fq",
    "howto-costs.md": RUN_ONCE,
    "howto-good-images.md": NO_SETTINGS,
    "journal.md": RUN_ONCE,
    "logs.md": f"""
        {RUN_ONCE}
        JOB=$(batchx jobs list --all | grep -om1 '[0-9a-f]*-[0-9a-f]*-4[0-9a-f]*-[0-9a-f-]*')""",
    "many-jobs.md": RUN_ONCE,
    "module-map.md": """
        mkdir -p ~/site
        awk '/^```/ { on = /yaml/ && ++n == 1; next } on' "$DOCS/module-map.md" > ~/site/tools.yaml
        test -s ~/site/tools.yaml""",
    "moving-genepattern.md": r"""
        page="$DOCS/moving-genepattern.md"
        awk '/^```/ { on = /yaml/ && ++n == 2; next } on' "$page" > modules.yaml
        test -s modules.yaml""",
    "permissions.md": """
        aws iam create-user --user-name me || true
        aws iam delete-role-policy --role-name batchx-job --policy-name all
        aws iam delete-role --role-name batchx-job
        aws iam delete-role-policy --role-name batchx-execution --policy-name all
        aws iam delete-role --role-name batchx-execution""",
    "report.md": RUN_ONCE,
    "sync.md": """
        mkdir data && date > data/a.vcf.gz
        batchx sync data s3://my-bucket/project/results
        batchx sync data s3://my-bucket/data""",
}
"""What is there before a page's commands, beside a workflow of one job."""
