# Targets for people; .ci/run calls check and test.
GO      ?= go
export GOFLAGS ?= -buildvcs=false
RUN      = .run
TREE     = .run/tree
PACKAGES = ./...
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
REVISION = $(shell git rev-parse HEAD 2>/dev/null)
STAMP    = github.com/idnode/idnode/cmd/internal/version
FUZZTIME ?= 10s
BENCH    = .bench
RECORDS ?= 1000000
COREDNS ?= $(BENCH)/bin/coredns

.PHONY: run run-tree build deps test check generate fuzz bench bench-peers bench-parts

## run: build, start a node on an embedded store with sample data, and print what to try
run: build
	@deploy/sample/run.sh $(RUN)

## run-tree: a stand-in for the top-level node, a secondary node and an enterprise's node on loopback, and a walk through them
run-tree: build
	$(GO) build -o bin/ ./cmd/topnode
	@deploy/tree/run.sh $(TREE)

## build: bin/idnode and bin/idctl, static (without cgo: storage/DESIGN.md, "Memory and start")
build:
	@mkdir -p bin
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-X $(STAMP).linked=$(VERSION) -X $(STAMP).revision=$(REVISION)' -o bin/ ./cmd/idnode ./cmd/idctl

## deps: what tests need beside Go, make and git (Debian packages; root or sudo)
deps:
	@deploy/deps.sh

## test: everything that asserts: a race pass, then the allocation tests without race
test: deps
	$(GO) test -race $(PACKAGES)
	$(GO) test -run 'Alloc' $(PACKAGES)

## check: static checks only
check:
	@out=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$out" ]; then echo "not gofmt-ed:"; echo "$$out"; exit 1; fi
	$(GO) vet $(PACKAGES)
	$(GO) tool staticcheck $(PACKAGES)
	$(GO) mod tidy -diff
	$(GO) tool -modfile=proto/buf.mod buf lint proto
	@$(MAKE) --no-print-directory generate
	@git diff --exit-code -- proto deploy/grafana || { echo "generated files are out of date: run make generate and commit"; exit 1; }

## generate: Go from the .proto files, Grafana's dashboards from cmd/internal/dashboards
generate:
	$(GO) generate ./cmd/internal/dashboards
	$(GO) tool -modfile=proto/buf.mod buf generate proto --template proto/buf.gen.yaml

## fuzz: each fuzz target for FUZZTIME
fuzz:
	@for pkg in $$($(GO) list $(PACKAGES)); do \
	  for f in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz'); do \
	    echo "$$pkg $$f"; $(GO) test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) $$pkg || exit 1; \
	  done; done

## bench: the node under load, tables to the screen and to .bench/results.*; RECORDS=100000000 for the large run
bench: build benchtools
	-@deploy/deps.sh bench
	$(BENCH)/bin/run --records $(RECORDS) --data $(BENCH) --out $(BENCH)/results $(BENCHFLAGS)

## bench-peers: other servers in turn with the node; those that cannot be had are named
bench-peers: build benchtools
	-@deploy/deps.sh peers
	@[ -x $(COREDNS) ] || GOBIN=$(abspath $(BENCH))/bin $(GO) install github.com/coredns/coredns@v1.12.4 || true
	$(BENCH)/bin/peers --records $(RECORDS) --dir $(BENCH) --coredns $(COREDNS) --out $(BENCH)/peers $(BENCHFLAGS)

## bench-parts: the benchmarks beside the code
bench-parts:
	$(GO) test -run '^$$' -bench . -benchtime 200ms $(PACKAGES)

.PHONY: benchtools
benchtools:
	@mkdir -p $(BENCH)/bin
	$(GO) build -o $(BENCH)/bin/ ./bench/run ./bench/peers ./bench/corpusload
