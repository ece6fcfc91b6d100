# Everything a person or a machine does with this tree. All targets work on a fresh Debian or Ubuntu with the .NET 10 SDK, as root.
#
#   make demo       a real SSH session through the firewall, in network namespaces made for it
#   make test       lint and all tests
#   make publish    the executable at artifacts/firewall
#   make help       the rest

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

CONFIGURATION ?= Release
ARTIFACTS := $(CURDIR)/artifacts
RID ?= linux-x64
export DOTNET_CLI_TELEMETRY_OPTOUT := 1
export DOTNET_NOLOGO := 1

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | sort | expand -t 18

.PHONY: deps
deps: ## installs the Debian packages that are missing
	@build/install-packages.sh

.PHONY: build
build: ## compiles everything
	dotnet build Firewall.sln -c $(CONFIGURATION) --nologo -v q

.PHONY: publish
publish: deps ## one self-contained executable at artifacts/firewall
	dotnet publish src/Firewall/Firewall.csproj -c Release -r $(RID) -p:PublishAot=true -o $(ARTIFACTS)/publish --nologo -v q
	@install -D $(ARTIFACTS)/publish/firewall $(ARTIFACTS)/firewall
	@ls -l $(ARTIFACTS)/firewall | awk '{ print "artifacts/firewall", $$5, "bytes" }'

.PHONY: lint
lint: ## formatting and code style, changes nothing
	dotnet format Firewall.sln --verify-no-changes

.PHONY: test
test: deps lint publish build ## lint and all tests
	@tests/run.sh $(CONFIGURATION)

# The executable for those who only need it to be there and up to date.
$(ARTIFACTS)/firewall: $(shell find src -name '*.cs' -o -name '*.csproj' -o -path '*/Admin/*' -type f) Directory.Build.props Directory.Packages.props
	@echo "# publishing artifacts/firewall"
	@$(MAKE) --no-print-directory publish

.PHONY: demo
demo: ## a real SSH session through the firewall, in network namespaces made for it (root)
	@tests/demo/seed-story.sh --check
	@$(MAKE) -s --no-print-directory $(ARTIFACTS)/firewall
	@tests/demo/seed-story.sh

.PHONY: test-container
test-container: ## builds the Dockerfile and runs docker/compose.yaml in an engine of its own (root)
	@tests/container/run.sh --check
	@$(MAKE) -s --no-print-directory $(ARTIFACTS)/firewall
	@tests/container/run.sh

.PHONY: publish-windows
publish-windows: ## artifacts/windows/firewall.exe, self-contained, for win-x64; wintun.dll is not in it (native/README.md)
	dotnet publish src/Firewall/Firewall.csproj -c Release -r win-x64 -p:PublishSingle=true -o $(ARTIFACTS)/publish-windows --nologo -v q
	@install -D $(ARTIFACTS)/publish-windows/firewall.exe $(ARTIFACTS)/windows/firewall.exe
	@ls -l $(ARTIFACTS)/windows/firewall.exe | awk '{ print "artifacts/windows/firewall.exe", $$5, "bytes" }'

# NativeAOT needs a linker and libraries of the target; where they are not at hand the runtime comes along in one trimmed file.
.PHONY: publish-all
publish-all: publish publish-windows ## executables for linux-x64, linux-arm64, linux-musl-x64 and win-x64 in artifacts
	@for rid in linux-arm64 linux-musl-x64; do \
	    dotnet publish src/Firewall/Firewall.csproj -c Release -r $$rid -p:PublishSingle=true -o $(ARTIFACTS)/publish-$$rid --nologo -v q && \
	    install -D $(ARTIFACTS)/publish-$$rid/firewall $(ARTIFACTS)/$$rid/firewall && \
	    ls -l $(ARTIFACTS)/$$rid/firewall | awk '{ print "'artifacts/$$rid/firewall'", $$5, "bytes" }' || exit 1; \
	done

.PHONY: test-windows
test-windows: ## the Windows executable on Wine, over a stand-in for wintun.dll, with a real SSH session (root)
	@tests/windows/run.sh --check
	@if command -v wine > /dev/null && command -v x86_64-w64-mingw32-gcc > /dev/null; then \
	    $(MAKE) -s --no-print-directory $(ARTIFACTS)/firewall publish-windows && \
	    $(MAKE) -s --no-print-directory -C native/wintun-standin all dll OUT=$(ARTIFACTS)/windows && \
	    dotnet publish tests/Firewall.Tests/Firewall.Tests.csproj -c Release -r win-x64 --self-contained -o $(ARTIFACTS)/windows-tests --nologo -v q && \
	    cp $(ARTIFACTS)/windows/wintun.dll $(ARTIFACTS)/windows-tests/; \
	fi
	@tests/windows/run.sh

FUZZ_SECONDS ?= 900
.PHONY: fuzz
fuzz: ## coverage-guided fuzzing, FUZZ_SECONDS for each target (900); installs AFL++
	@tests/Firewall.Fuzz/run.sh $(FUZZ_SECONDS) $(FUZZ)

.PHONY: clean
clean: ## removes what was built
	rm -rf $(ARTIFACTS)
	find src tests bench -type d \( -name bin -o -name obj \) -prune -exec rm -rf {} +

.PHONY: bench-native
bench-native: deps ## flows, rules and reload measured as they ship, in NativeAOT
	dotnet publish bench/Firewall.Bench.Native -c Release -r $(RID) -p:PublishAot=true -o $(ARTIFACTS)/bench-native --nologo -v q
	taskset -c 1 $(ARTIFACTS)/bench-native/Firewall.Bench.Native figures || true
	$(ARTIFACTS)/bench-native/Firewall.Bench.Native rules
	$(ARTIFACTS)/bench-native/Firewall.Bench.Native reload 40

.PHONY: bench
bench: ## in-process benchmarks; BENCH=filter chooses
	dotnet run -c Release --project bench/Firewall.Bench -- --filter '$(or $(BENCH),*)' --artifacts $(ARTIFACTS)/bench

.PHONY: allocations
allocations: ## what each benchmark allocates, held against bench/allocations.json
	dotnet run -c Release --project bench/Firewall.Bench -- allocations bench/allocations.json

.PHONY: bench-datapath
bench-datapath: publish ## kernel, empty C loop, Open vSwitch, NFQUEUE and this in turn (root); ROUNDS (5) of SECONDS (3) for each load
	bench/datapath/run.sh $(or $(ROUNDS),5) $(or $(SECONDS),3)

.PHONY: bench-integrity
bench-integrity: publish ## 10 GB and ten million datagrams held against what was sent; collections; time to the first packet (root)
	bench/datapath/integrity.sh
