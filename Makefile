# make app    set up where needed, start the app
# make test   set up where needed, run all tests that need no GPU
# make soak SECONDS=20  damaged files, kills and full disks, each kind for so long; it stops by itself
# make gpu    the tests that need a CUDA device
# make device MINUTES=10 OUT=FOLDER DATA=FOLDER  prove and measure the kernels on a CUDA device, train with what time is left
# make bench  measure speed and memory, write docs/speed.md
# make models FAMILY=english|chinese|code|dna|all DATA=FOLDER [BYTES=...] [JOBS=...] [DEVICE=auto|cpu|cuda]
#             train, measure and bundle a family of models; a second call goes on where the first one stopped
# make results [DATA=FOLDER]  write docs/results.md and docs/sweeps.md from what trainings left; with DATA, measure those that are new
# make format  the style of Python, JavaScript and CSS (the last two need npm, which brings prettier)
# make findings DATA=FOLDER  what the bundled models have learned: compute docs/findings/ and write docs/findings.md
#
# Set-up is a virtual environment in .venv with the packages of requirements.txt. It is done when
# .venv/requirements.installed equals requirements.txt; then nothing here touches pip or the network.
# PYTHON=/path/to/python chooses the interpreter, ARGS="..." is passed on. DATA is a folder with text/, code/, dna/ and
# segmentation/, as docs/findings.md describes it.

SHELL := /bin/sh
BIN := .venv/bin
PIP_FLAGS := --disable-pip-version-check --no-input $(if $(CI),--progress-bar off)
# Usable: the right version, and able to make a virtual environment (Debian splits that off).
USABLE := import sys, ensurepip, venv; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))

.PHONY: app test soak gpu device bench models results findings format web setup
.DEFAULT_GOAL := app

app: setup
	@$(BIN)/python -m app $(ARGS)

test: setup
	@$(BIN)/python -m pytest -m "not gpu and not soak" -n auto --maxprocesses 8 --dist loadfile --durations 25 $(ARGS)

soak: setup
	@SOAK_SECONDS=$(or $(SECONDS),20) $(BIN)/python -m pytest -m soak -rP tests/faults $(ARGS)

gpu: setup
	@$(BIN)/python -m pytest -m gpu $(ARGS)

device: setup
	@$(BIN)/python -m hnet_core.lab.device --minutes "$(MINUTES)" --out "$(OUT)" --data "$(DATA)" $(ARGS)

bench: setup
	@for script in tests/bench/bench_*.py; do PYTHONPATH=. $(BIN)/python "$$script" $(ARGS) || exit 1; done

format: setup web
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .
	@tests/web/node_modules/.bin/prettier --config tests/web/package.json --write app/static tests/web/package.json

# What tests need of npm, as tests/web/package.json pins it; without npm the tests that need it are skipped.
web:
	@cmp -s tests/web/package.json tests/web/node_modules/installed.json || { cd tests/web && \
		npm install --no-package-lock --no-audit --no-fund --loglevel error && \
		cp package.json node_modules/installed.json; }

findings: setup
	@$(BIN)/python -m analysis findings --data "$(DATA)" --out docs/findings.md $(ARGS)

models: setup
	@$(BIN)/python -m hnet_core.lab.train_families $(FAMILY) $(if $(DATA),--data "$(DATA)") \
		$(if $(BYTES),--bytes $(BYTES)) $(if $(JOBS),--jobs $(JOBS)) $(if $(DEVICE),--device $(DEVICE)) $(ARGS)

results: setup
	@$(if $(DATA),$(BIN)/python -m hnet_core.lab.train_families experiments --data "$(DATA)" --finished-only)
	@$(BIN)/python -m hnet_core.lab.results $(ARGS)

# .venv/unfinished is there from before the first change to .venv until after the last: found at the start, the
# environment is half made and is made anew. A moved or upgraded-away interpreter has the same effect.
setup:
	@set -e; found=; \
	if [ ! -e .venv/unfinished ] && $(BIN)/python -c "$(USABLE)" 2>/dev/null; then \
		if cmp -s requirements.txt .venv/requirements.installed; then exit 0; fi; \
	else \
		for python in $(or $(PYTHON),python3.12 python3.11 python3 python); do \
			if "$$python" -c "$(USABLE)" 2>/dev/null; then found=$$python; break; fi; \
		done; \
		if [ -z "$$found" ]; then \
			echo "error: no usable Python 3.11 or 3.12 (tried: $(or $(PYTHON),python3.12 python3.11 python3 python));" \
				"install one with its venv module, or say make PYTHON=/path/to/python3.12" >&2; \
			exit 2; \
		fi; \
		rm -rf .venv; mkdir .venv; : > .venv/unfinished; \
		echo "setting up .venv with $$("$$found" --version)"; \
		"$$found" -m venv .venv; \
	fi; \
	: > .venv/unfinished; \
	$(BIN)/python -m pip install $(PIP_FLAGS) -r requirements.txt; \
	cp requirements.txt .venv/requirements.installed; \
	rm .venv/unfinished
