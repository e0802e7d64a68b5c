# kith: every task of the project. `make` alone lists them.
GO      ?= go
TOOL     = $(GO) tool -modfile=.tools/go.mod
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unreleased)
COMMIT  ?= $(shell git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)
LDFLAGS  = -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)
ARGS    ?=
FUZZTIME ?= 20s

.DEFAULT_GOAL := help
.PHONY: help run build install test race bench bench-parts lint generate fuzz vuln check clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: build ## build and start the node; leads through the first run
	@./bin/kith $(ARGS)

build: ## build bin/kith
	@mkdir -p bin
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/kith ./cmd/kith

install: ## install kith into GOBIN
	$(GO) install -trimpath -ldflags '$(LDFLAGS)' ./cmd/kith

test: ## pass every test (TESTFLAGS=-race for the race detector)
	$(GO) test -timeout 25m $(TESTFLAGS) ./...

race: ## pass every test under the race detector
	$(MAKE) test TESTFLAGS=-race

bench: ## measure the whole program beside references in the same run: about 15 minutes
	$(GO) test -run '^$$' -bench . -benchtime 1x -timeout 20m ./node ./cmd/kith
	KITH_BENCH_N=1000000 $(GO) test -run '^$$' -bench FullStore -benchtime 2s -timeout 20m ./node/store

bench-parts: ## measure the parts one by one, for whoever makes them faster
	$(GO) test -run '^$$' -bench . -benchtime 2s -timeout 60m ./identity/... ./pubsub/... ./node/...

lint: ## vet, staticcheck, gofumpt
	$(GO) vet ./...
	$(TOOL) staticcheck ./...
	@out=$$($(TOOL) gofumpt -l $$(git ls-files '*.go' | grep -v -e '\.pb\.go$$' -e '\.connect\.go$$')); \
	  if [ -n "$$out" ]; then echo "not formatted (run gofumpt -w):"; echo "$$out"; exit 1; fi

generate: ## make the generated code again
	$(TOOL) buf generate --template .tools/buf.gen.yaml

fuzz: ## run every fuzz target for FUZZTIME
	@set -e; for d in $$(git grep -l '^func Fuzz' -- '*_test.go' | xargs -n1 dirname | sort -u); do \
	  for f in $$(grep -ho '^func Fuzz[A-Za-z0-9_]*' $$d/*_test.go | sed 's/^func //'); do \
	    echo "$$d $$f"; $(GO) test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) ./$$d; \
	  done; done

vuln: ## look for known vulnerabilities that kith's code reaches
	$(TOOL) govulncheck ./...

check: lint race ## all that CI runs
	.ci/generated

clean: ## remove what was built
	rm -rf bin

.PHONY: picture
picture: ## draw the picture of the screen for the README
	@KITH_PICTURE=$(CURDIR)/ui/tui/testdata/screen.svg go test -count=1 -run TestPicture ./ui/tui
