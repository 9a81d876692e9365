# The commands of this project; `make` lists them. Each does its own set-up and can be repeated.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory

STEP := hack/tools/step.sh
LOCKED := $(if $(filter true,$(CI)),--locked)
# The packages that need an API server, pods, the real restic and what it backs up, or real model servers; everything else is
# a unit test.
API_TESTS := zentoria-api-tests
JOB_TESTS := zentoria-job
MODELS_TESTS := zentoria-models
PODS_TESTS := zentoria-e2e-tests

.PHONY: help need build generate check test test-unit test-fakepve test-api test-job test-models test-pods test-all test-demo demo demo-down clean-demo bench

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

need:
	@hack/tools/need.sh cargo cc python3 openssl flock

demo: need ## control plane, Proxmox VE, operator and the estate of 17 containers; NODES=3: three nodes; TIER=pods: real backups, too; MODELS=0: no Ollama
	@NODES=$(NODES) TIER=$(TIER) MODELS=$(MODELS) hack/demo/up.sh

demo-down: ## end what `make demo` started
	@hack/demo/down.sh

clean-demo: demo-down ## and remove its logs
	@rm -rf .demo

build: need ## the operator (debug)
	@$(STEP) "build" cargo build $(LOCKED) -p zentoria-operator

generate: need ## CRDs and what else is derived from the code
	@$(STEP) "generate" cargo run $(LOCKED) --quiet -p xtask -- gen

test: check test-unit test-fakepve test-api test-job test-models ## everything that CI runs

test-all: test test-pods test-demo ## and what takes longer: backups in real pods, the demo up and down

check: need ## format, lints, generated files, layers, licences and bans, shell scripts
	@$(STEP) "format" cargo fmt --all -- --check
	@$(STEP) "lints" cargo clippy $(LOCKED) --workspace --all-targets -- -D warnings
	@$(STEP) "generated files and layers" cargo run $(LOCKED) --quiet -p xtask -- check
	@$(STEP) "licences, bans, sources" hack/tools/lint.sh deny
	@$(STEP) "shell scripts" hack/tools/lint.sh shell

test-unit: need ## all tests that need no API server and no other real programs
	@$(STEP) "unit tests" cargo test $(LOCKED) --workspace --exclude $(API_TESTS) --exclude $(JOB_TESTS) --exclude $(MODELS_TESTS) --exclude $(PODS_TESTS)

test-fakepve: need ## the Proxmox VE double against the recorded answers of a real one
	@$(STEP) "the double's own tests" hack/fakepve/run --self-test

test-api: need ## the operator against a real API server and the double; T=NAME runs some
	@hack/tools/test-api.sh $(T)

test-job: need ## the Jobs of backups with the real restic, its servers and sources; T=NAME runs some
	@hack/tools/test-job.sh $(T)

test-models: need ## the clients of model servers with a real Ollama, registry, Hugging Face client and Whisper; T=NAME runs some
	@hack/tools/test-models.sh $(T)

test-pods: need ## backups from end to end in real pods (needs root); T=NAME runs some
	@hack/tools/test-pods.sh $(T)

test-demo: need ## make demo and make demo-down, in a directory of their own, on one node and on three
	@$(STEP) "demo up and down" hack/tools/demo-smoke.sh
	@$(STEP) "demo on three nodes" env NODES=3 hack/tools/demo-smoke.sh

bench: need ## release build with 17, 100 and 500 containers against a bare client, over 3 and 10 nodes, and backups beside restic
	@hack/bench/run
