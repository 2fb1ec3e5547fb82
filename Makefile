# `make` alone lists what there is to do.

PYTHON3 ?= python3
OUTPUTS ?= outputs
NOTEBOOKS ?=
GPU ?=
PARAMS ?=
DEVICE ?=
# `make -j2 run` means the same as JOBS=2.
JOBS ?= $(or $(patsubst -j%,%,$(filter -j%,$(MAKEFLAGS))),1)

PYTHON    := .venv/bin/python
LOCK      := requirements$(if $(GPU),-gpu).lock
# The stamp is the last thing that an installation writes: one that was interrupted is redone.
INSTALLED := .venv/installed-$(LOCK)
RESULTS   := $(OUTPUTS)$(PARAMS:%=/%)
KNOWN     := $(patsubst notebooks/params/%.yaml,%,$(sort $(wildcard notebooks/params/*.yaml)))
COMMA     := ,
SPACE     := $(subst ,, )
LISTED    := $(subst $(SPACE),$(COMMA) ,$(KNOWN))

ifneq ($(PARAMS),)
ifneq ($(PARAMS) 1,$(filter $(KNOWN),$(PARAMS)) $(words $(PARAMS)))
$(error PARAMS: expected one of $(LISTED), received $(PARAMS))
endif
endif

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help run test pythons browser lab app site bench fingerprint clean environment outputs \
	sweeps lock

help: ## Show this list
	@echo 'batchlab: what does the batch size do to training?'
	@echo
	@echo 'First:  make run       then open $(OUTPUTS)/index.html'
	@echo
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1 @\2/p' Makefile | \
		while IFS=@ read -r target text; do printf '%-24s%s\n' "$$target" "$$text"; done
	@echo
	@echo 'Options:'
	@echo '  JOBS=2                two notebooks at a time'
	@echo '  PARAMS=video          notebooks 02 to 05 as a source ran them: $(LISTED)'
	@echo '  GPU=1                 install TensorFlow with its CUDA libraries (Linux, several GB)'
	@echo '  PYTHON3=python3.12    the Python to make the environment with: 3.11, 3.12 or 3.13'
	@echo '  OUTPUTS=folder        where executed notebooks go'
	@echo '  APP=--port=9000       for make app: another port, --no-browser'
	@echo '  DEVICE=cpu            train on the CPU, or the gpu'
	@echo
	@echo 'One notebook, other parameters: .venv/bin/batchlab run --help'

run: environment ## Execute every notebook that changed; their pages come to outputs/
	@$(PYTHON) -m batchlab run --output '$(RESULTS)' --jobs $(JOBS) $(PARAMS:%=--params %) \
		$(DEVICE:%=--device %) $(NOTEBOOKS)

test: environment ## Run all that guards the project: ruff, layers, tests, browser, nbval
	@echo '== 1/8 ruff: rules'
	@$(PYTHON) -m ruff check .
	@echo '== 2/8 ruff: format'
	@$(PYTHON) -m ruff format --check .
	@echo '== 3/8 layers: imports run down'
	@.venv/bin/lint-imports --no-logo --no-cache
	@echo '== 4/8 the other Pythons: every module imported, warnings as errors'
	@$(MAKE) --no-print-directory pythons
	@echo '== 5/8 unit tests'
	@$(PYTHON) tools/debian.py qemu-user
	@$(PYTHON) -m pytest --numprocesses=auto --dist=loadfile --no-loadscope-reorder \
		--ignore=tests/browser tests
	@echo '== 6/8 the explorer and the site in a browser'
	@$(MAKE) --no-print-directory browser
	@echo '== 7/8 fingerprint: this machine computes the published numbers'
	@$(PYTHON) -m batchlab fingerprint
	@echo '== 8/8 nbval: every stored output of every notebook comes out again'
	@$(PYTHON) -m pytest --nbval --nbval-cell-timeout=900 --numprocesses=2 --dist=loadscope notebooks
	@echo '== all passed'

pythons: environment ## Import every module under the other Pythons that are here, 3.11 to 3.13
	@$(PYTHON) tools/pythons.py

browser: environment ## Try the explorer and the site in Chromium, which Debian brings if it may
	@$(PYTHON) tools/debian.py chromium
	@$(PYTHON) -m pytest --numprocesses=2 --dist=loadfile --no-loadscope-reorder tests/browser

app: environment ## Look and play: the live explorer in the browser, on this machine only
	@$(PYTHON) -m batchlab.explorer.voila notebooks/explore.ipynb $(APP)

site: environment ## Build the site from the stored outputs; no notebook is run
	@$(PYTHON) docs/make_site.py '$(OUTPUTS)/site'

lab: environment ## Open JupyterLab on the notebooks
	@$(PYTHON) -m jupyter lab --notebook-dir=notebooks $(if $(filter 0,$(shell id -u)),--allow-root)

bench: environment ## Print how fast the engine is, beside Keras's fit
	@$(PYTHON) -m batchlab.benchmarks $(BENCH)

fingerprint: environment ## Say how far this machine computes the published numbers
	@$(PYTHON) -m batchlab fingerprint

clean: ## Leave the clone as cloned: no environment, no outputs, no caches
	@rm -rf .venv .venv-* outputs *.egg-info build .pytest_cache .ruff_cache .mypy_cache
	@find . -name .git -prune -o -type d \( -name __pycache__ -o -name .ipynb_checkpoints \) \
		-prune -exec rm -rf {} +

environment: $(INSTALLED) ## Make .venv with the pinned versions, if it is missing

outputs: environment ## For maintainers: execute the notebooks in place, to store fresh outputs
	@$(PYTHON) -m jupyter nbconvert --to notebook --execute \
		--inplace --ExecutePreprocessor.timeout=900 \
		--ExecutePreprocessor.extra_arguments=--log-level=CRITICAL \
		--ExecutePreprocessor.record_timing=False --ClearMetadataPreprocessor.enabled=True \
		--ClearMetadataPreprocessor.preserve_cell_metadata_mask=tags \
		--ClearMetadataPreprocessor.preserve_nb_metadata_mask=kernelspec \
		$(or $(NOTEBOOKS),$(sort $(wildcard notebooks/*.ipynb)))
	@$(PYTHON) tools/readme.py

sweeps: environment ## For maintainers: compute anew what the site's explorer shows (7 minutes)
	@$(PYTHON) docs/stored_sweeps.py

lock: environment ## For maintainers: resolve pyproject.toml anew (UPGRADE=1: to the newest versions)
	@resolve() { $(PYTHON) -m uv pip compile pyproject.toml --extra app \
		--extra cluster --extra notebooks --extra site --extra test --universal --python-version 3.11 --generate-hashes \
		--quiet --no-header --no-annotate --no-emit-index-url --no-emit-find-links \
		$(if $(UPGRADE),--upgrade) "$$@"; } && \
	resolve -o requirements.lock && \
	resolve --extra gpu --constraints requirements.lock -o requirements-gpu.lock
	@$(MAKE) --no-print-directory environment
	@$(PYTHON) tools/environments.py

$(INSTALLED): $(LOCK)
	@command -v '$(PYTHON3)' >/dev/null || { echo 'batchlab needs Python 3.11, 3.12 or 3.13,' \
		'but there is no $(PYTHON3); name yours: make run PYTHON3=/path/to/python' >&2; exit 1; }
	@'$(PYTHON3)' -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { \
		echo "batchlab needs Python 3.11, 3.12 or 3.13, but $(PYTHON3) is" \
		"$$('$(PYTHON3)' -V 2>&1); name another: make run PYTHON3=python3.12" >&2; exit 1; }
	@'$(PYTHON3)' -c 'import ensurepip, venv' 2>/dev/null || { \
		echo 'batchlab needs the venv module of $(PYTHON3), which is missing;' \
		'on Debian and Ubuntu: apt install python3-venv' >&2; exit 1; }
	@echo 'making the environment .venv from $(LOCK) (a minute or more, once) …'
	@'$(PYTHON3)' -m venv --clear .venv
	@# By uv, in a third of the time; by pip where uv reaches no index.
	@awk '/^[^ ]/ {own = /^uv==/} own' $(LOCK) > .venv/uv.lock
	@$(PYTHON) -m pip install -qq --require-hashes --no-deps -r .venv/uv.lock
	@$(PYTHON) -m uv pip install --quiet --require-hashes --compile-bytecode \
		--python $(PYTHON) -r $(LOCK) || $(PYTHON) -m pip install -qq --require-hashes -r $(LOCK)
	@$(PYTHON) -m pip install -qq --no-deps --no-build-isolation -e .
	@touch $@
	@echo 'made    .venv'
