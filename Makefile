# SPDX-License-Identifier: Apache-2.0
# The README's commands. `make help` lists them.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
RUNTIME := $(shell find firmware_bridge/runtime firmware_bridge/boards -type f 2>/dev/null)
WORKERS ?= 3

.DEFAULT_GOAL := help
.PHONY: help demo test test-long lint bench studies wheels setup clean

help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: setup ## the main job, end to end, on an emulated Cortex-M4; ends with the path of a report
	$(BIN)/tinytl demo --out build/demo

test: setup ## the everyday tests, five minutes on two idle cores
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile -m "not long"

test-long: setup ## studies, fuzzing, every power cut; SHORT=1 with a fixed seed, as CI does
	$(if $(SHORT),TINYTL_SHORT=1) $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile -m long

lint: setup ## ruff's rules and its formatter, mypy, the import rules
	$(BIN)/ruff check toolchain models firmware_bridge benchmarks command_line tests docs
	$(BIN)/ruff format --check toolchain models firmware_bridge benchmarks command_line tests docs
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup ## the shipped bundle, steps of learning, and published models where TINYTL_DATA_DIR is set, against their stored figures
	$(BIN)/tinytl bench digits --target qemu:mps2-an386 --samples 200 --compare benchmarks/baselines/digits.json
	$(BIN)/tinytl bench --suite learner --target qemu:mps2-an386 --compare benchmarks/baselines/learner.json
	$(BIN)/tinytl bench --suite learner --target qemu:mps2-an385 --compare benchmarks/baselines/learner-m3.json
	$(if $(shell command -v qemu-aarch64),$(BIN)/tinytl bench digits --target qemu-pi:cortex-a72 --samples 200 --compare benchmarks/baselines/digits-pi-a72.json,@echo "bench: qemu-aarch64 is missing, so the emulated Pi is not measured (sudo apt-get install -y qemu-user)")
	$(if $(TINYTL_DATA_DIR),$(BIN)/tinytl bench --suite mlperf-tiny --target qemu:mps2-an386 --compare benchmarks/baselines/mlperf-tiny.json)
	$(if $(TINYTL_DATA_DIR),$(BIN)/tinytl bench --suite mlperf-tiny --target qemu:mps2-an386 --optimize size --compare benchmarks/baselines/mlperf-tiny-size.json)
	$(if $(TINYTL_DATA_DIR),$(BIN)/tinytl bench --suite mlperf-tiny --target qemu:mps3-an547 --compare benchmarks/baselines/mlperf-tiny-m55.json)

studies: setup ## freeze plans against full training on the workstation, an hour or two; without TINYTL_DATA_DIR on packaged digits alone
	$(BIN)/tinytl study plans $(if $(TINYTL_DATA_DIR),,--task digits) --count-on qemu:mps2-an386 -o benchmarks/studies

wheels: ## wheels for Linux on x86_64, aarch64 and armv7l (a Raspberry Pi), into build/wheels
	@test -x build/wheel-tools/bin/python || $(PYTHON) -m venv build/wheel-tools
	@build/wheel-tools/bin/pip install --quiet --disable-pip-version-check -r firmware_bridge/linux/requirements.txt
	@build/wheel-tools/bin/python firmware_bridge/linux/make_wheels.py --install-compilers --out build/wheels

setup: $(VENV)/.installed ## virtual environment, tinytl[host], emulator and cross compiler

$(VENV)/.installed: pyproject.toml CMakeLists.txt .ci/system-packages $(RUNTIME)
	@.ci/system-packages
	@test -x $(BIN)/python || { echo "setup: making a virtual environment in $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@echo "setup: installing tinytl[host,test] (TensorFlow is a large download the first time)"
	@$(BIN)/pip install --quiet --disable-pip-version-check -e '.[host,test]'
	@touch $@

clean: ## remove the virtual environment and everything built
	rm -rf $(VENV) build
