# Everything runs from .venv, which make creates and fills as far as a target needs it.
# Nothing else has to be typed, and a second run installs nothing.

VENV    := .venv
BIN     := $(VENV)/bin
# Python compiles what it imports; compiling the rest would double the time of an installation.
PIP     := $(BIN)/python -m pip --disable-pip-version-check install -qq --no-compile
READY   := $(VENV)/.ready

# The demo: a character LSTM on the text that every CPython carries.
DEMO       := runs/demo
DEMO_TRAIN := --unit char --cell lstm --hidden-size 192 --seq-len 64 --batch-size 32 \
              --optimizer adam --lr 5e-3 --schedule halve --clip-norm 1 --epochs 10 --val-fraction 0.05 --seed 1
DEMO_WRITE := --prompt "The " --length 600 --temperature 0.5 --seed 2

.DEFAULT_GOAL := help
# Two installs into one environment at once would trip over each other.
.NOTPARALLEL:
.PHONY: help demo test endurance check format bench clean

help: ## list the targets
	@echo "throughtime: recurrent networks trained by backpropagation through time"
	@echo
	@sed -n 's/^\([a-z][a-z]*\):.*## \(.*\)/\1|\2/p' Makefile | awk -F'|' '{ printf "  make %-9s %s\n", $$1, $$2 }'
	@echo
	@echo "  PYTHON=/path/to/python3.11 chooses the interpreter; ARGS=... is handed on to pytest, the benchmarks or endurance."

demo: $(READY)-run ## train on the help texts of Python itself, then let the model write
	@run=$(DEMO); n=1; \
	while [ -e "$$run" ]; do n=$$((n + 1)); run=$(DEMO)-$$n; done; \
	$(BIN)/throughtime train --out "$$run" $(DEMO_TRAIN) || exit $$?; \
	echo; echo "What it writes by itself:"; echo; \
	$(BIN)/throughtime generate "$$run" $(DEMO_WRITE) || exit $$?; \
	echo; \
	echo "The run lies in $$run. Try next:"; \
	echo "  $(BIN)/throughtime generate $$run --prompt 'class ' --temperature 0.5"; \
	echo "  $(BIN)/throughtime flow $$run"; \
	echo "  $(BIN)/throughtime train my.txt --out runs/mine"; \
	echo "  $(BIN)/throughtime article"

# A worker for each core, four at most: each imports and loads the same kernels. They begin apart and keep to the order,
# so that kernels are seldom compiled by two at once; who has done his share takes over from the others.
WORKERS := --numprocesses auto --maxprocesses 4 --dist worksteal

# The suite twice: a kernel's own lines can be seen only with the compiler off. Where PyTorch is missing the tests against
# it are skipped, so the demand on coverage is dropped with them.
test: $(READY)-suite $(READY)-oracle ## run every test, quick ones first, and hold the coverage
	@$(BIN)/python -m coverage erase
	@$(BIN)/python -m coverage run -m pytest $(WORKERS) $(ARGS); compiled=$$?; \
	echo "Once more with the compiler off:"; \
	NUMBA_DISABLE_JIT=1 $(BIN)/python -m coverage run -m pytest tests $(WORKERS) -m "kernels and not slow" --quiet; \
	uncompiled=$$?; \
	exit $$((compiled ? compiled : uncompiled))
	@$(BIN)/python -m coverage combine --quiet
	@if $(BIN)/python -c 'import torch' 2>/dev/null; then \
	  $(BIN)/python -m coverage report; \
	else \
	  echo "PyTorch is missing: the tests against it were skipped, and the coverage below is not judged."; \
	  $(BIN)/python -m coverage report --fail-under=0; \
	fi

endurance: $(READY)-suite ## kill 200 trainings, damage 1000 files, fill disks: all must end in the same bits
	$(BIN)/python -m tests.endurance --kills 200 --damages 1000 $(ARGS)

check: $(READY)-lint ## format, lint, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: $(READY)-lint ## put the code into the project's format
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(READY)-suite $(READY)-oracle $(READY)-peers ## measure every claim of speed beside PyTorch, JAX, onnxruntime
	$(BIN)/python -m benchmarks $(ARGS)

clean: ## remove what make and the tools made; runs/ stays
	rm -rf $(VENV) build dist htmlcov .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache \
	  .pytest_cache .ruff_cache
	find src tests examples benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

# ---------------------------------------------------------------- the environment

# The newest interpreter is not the best one: compiled dependencies follow it months later. So the one that
# the user calls python3 comes first, if it is new enough. A name may be a shim that only fails when it runs.
NEW_ENOUGH := -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1

$(READY)-venv:
	@if $(BIN)/python $(NEW_ENOUGH) && $(BIN)/python -c 'import pip' 2>/dev/null; then touch $@; exit; fi; \
	if [ -e $(VENV) ]; then \
	  echo "make: $(VENV) holds no Python 3.11 or newer with pip. Remove it with: make clean" >&2; exit 1; \
	fi; \
	if [ -n "$(PYTHON)" ]; then set -- "$(PYTHON)"; else set -- python3 python3.13 python3.12 python3.11 python; fi; \
	for python in "$$@"; do \
	  if "$$python" $(NEW_ENOUGH); then \
	    echo "Creating $(VENV) with $$("$$python" --version) ..."; \
	    "$$python" -m venv $(VENV) && touch $@; exit; \
	  fi; \
	done; \
	found=$$("$$1" --version 2>/dev/null) || found=none; \
	echo "make: found $$found as $$1; throughtime needs Python 3.11 or newer." \
	  "Install it, or name it: make PYTHON=/path/to/python3.11" >&2; \
	exit 1

$(READY)-run: pyproject.toml $(READY)-venv
	@echo "Installing throughtime and what it needs to run ..."
	@$(PIP) --editable . && touch $@

$(READY)-suite: pyproject.toml $(READY)-venv
	@echo "Installing throughtime and the test tools ..."
	@$(PIP) --editable '.[suite]' && touch $@ $(READY)-run

$(READY)-lint: pyproject.toml $(READY)-venv
	@echo "Installing throughtime and the checkers of format, types and layers ..."
	@$(PIP) --editable '.[lint]' && touch $@ $(READY)-run

# PyTorch has no wheel for some interpreters and processors. That is no reason not to run the other tests,
# except in CI, where a skipped oracle would be a check that no longer checks.
ORACLE := import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["oracle"])

$(READY)-oracle: pyproject.toml $(READY)-venv
	@echo "Installing PyTorch, the oracle that the tests compare with (about 1 GB) ..."
	@if $(PIP) $$($(BIN)/python -c '$(ORACLE)'); then \
	  touch $@; \
	elif [ "$$THROUGHTIME_REQUIRE_TORCH" = 1 ] || [ "$$CI" = 1 ] || [ "$$CI" = true ]; then \
	  echo "make: PyTorch could not be installed (reason above); in CI the tests against it must run." >&2; exit 1; \
	else \
	  echo "PyTorch could not be installed (reason above): the tests against it will be skipped."; \
	fi

# A peer that cannot be installed leaves its cell empty; the rest of the table stands without it.
$(READY)-peers: pyproject.toml $(READY)-venv
	@echo "Installing the peers that the benchmarks compare with ..."
	@if $(PIP) --editable '.[peers]'; then \
	  touch $@; \
	else \
	  echo "Some peers could not be installed (reason above): their cells stay empty."; \
	fi
