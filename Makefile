# The two commands a newcomer needs are `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO ?= demo-run
PYTEST_FLAGS ?= -n 2
ROUNDS ?= 3
TRIALS ?= 50

.PHONY: help demo docs test test-faults lint format reference clean dist release release-check release-notes bench-start bench-s3 bench-images bench-head bench-calls bench-staging

help:
	@echo "make demo         install into $(VENV) and run a real workflow on the embedded Batch"
	@echo "make test         lint, type checks and the whole test suite"
	@echo "make test-faults  kill and interrupt the head among faults of all kinds (SEED=n TRIALS=n)"
	@echo "make lint         lint, types, import rules and workflow files only"
	@echo "make bench-start  time what batchx adds to a job, against plain Snakemake"
	@echo "make bench-s3     time a job in S3 mode, against Snakemake's own s3 storage plugin"
	@echo "make bench-images time what any image costs, and what a job in it adds (needs Docker, root)"
	@echo "make bench-calls  how often AWS Batch is called, beside others' rules"
	@echo "make bench-head   what thousands of jobs cost the head, against doing nothing with them"
	@echo "make bench-staging time files to and from S3, against s5cmd, AWS CLI and the s3 storage plugin"
	@echo "make format       rewrite the code as the linter wants it"
	@echo "make docs         build the documentation as a site, in build/docs"
	@echo "make reference    write the tables in docs/ anew from the code"
	@echo "make dist         build wheel and sdist into dist/, and check them"
	@echo "make release      what is unreleased becomes a version, of today (VERSION=x.y.z)"
	@echo "make release-check  version, changelog and tag agree (TAG=vx.y.z)"
	@echo "make release-notes  what changed in a version (TAG=vx.y.z)"
	@echo "make clean        remove what the above made"

# A stamp an extra: pip runs again only when the package's metadata has changed.
$(VENV)/.installed-%: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$*]'
	touch $@

demo: $(VENV)/.installed-local
	$(BIN)/batchx demo $(DEMO)

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/bug.yml .github/ISSUE_TEMPLATE/wish.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml

# As in an activated environment: notebooks of the workflows run by tests need papermill.
test: lint
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pytest $(PYTEST_FLAGS)

test-faults: $(VENV)/.installed-test
	PYTHONPATH=tests $(BIN)/python -m faults --trials $(TRIALS) $(if $(SEED),--seed $(SEED))

bench-start: $(VENV)/.installed-local
	$(BIN)/python benchmarks/job_start.py

bench-s3: $(VENV)/.installed-test
	$(BIN)/python benchmarks/s3_mode.py

bench-images: $(VENV)/.installed-test
	$(BIN)/python benchmarks/images.py

bench-calls: $(VENV)/.installed-test
	$(BIN)/python benchmarks/calls.py

bench-head: $(VENV)/.installed-bench
	$(BIN)/python benchmarks/head.py --rounds $(ROUNDS)

# In an environment of its own: it wants one version of botocore, and the s3 plugin another.
$(VENV)-awscli/bin/aws:
	$(PYTHON) -m venv $(VENV)-awscli
	$(VENV)-awscli/bin/python -m pip install --quiet --disable-pip-version-check awscli

bench-staging: $(VENV)/.installed-bench $(VENV)-awscli/bin/aws
	$(BIN)/python benchmarks/staging.py --rounds $(ROUNDS)

format: $(VENV)/.installed-test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Warnings are errors, and so are references that lead nowhere.
docs: $(VENV)/.installed-docs
	$(BIN)/python -m sphinx -W --keep-going -n -b html docs build/docs

reference: $(VENV)/.installed-local
	$(BIN)/python -m snakemake_executor_plugin_batchx.reference docs/*.md

dist: $(VENV)/.installed-test
	rm -rf dist
	$(BIN)/python -m build --outdir dist
	$(BIN)/python -m twine check --strict dist/*

release: $(VENV)/.installed-test
	$(BIN)/python -m housekeeping.release set $(VERSION)

release-check: $(VENV)/.installed-test
	$(BIN)/python -m housekeeping.release check $(TAG)

release-notes: $(VENV)/.installed-test
	@$(BIN)/python -m housekeeping.release notes $(TAG)

clean:
	rm -rf $(VENV) $(VENV)-awscli $(DEMO) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
