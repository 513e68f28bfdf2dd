# make alone prints the targets. The README's two commands are `make demo` and `make test`.
GO ?= go
LINT = github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

.PHONY: help
help: ## print the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

.PHONY: demo
demo: tools ## everything needed, then an invented province with twelve speakers
	$(GO) run ./cmd/loa demo

.PHONY: demo-once
demo-once: tools ## the main job once, without a browser, with a table of proof
	$(GO) run ./cmd/loa demo -once

.PHONY: test
test: tools-test ## everything needed, then all tests, on both databases
	$(GO) test -timeout 30m ./...

.PHONY: test-long
test-long: tools-long ## the tests that take long: crashes at random moments, a browser, fuzzing
	LOA_LONG=1 $(GO) test -timeout 60m -count=1 ./...
	./scripts/fuzz 30s

.PHONY: check
check: tools-test ## format, vet, lint, race, docs
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo "gofmt would change these"; exit 1; }
	$(GO) vet ./...
	$(GO) run $(LINT) run ./...
	$(GO) test -race -short -timeout 20m ./...

.PHONY: bench
bench: tools-test ## the figures of docs/benchmarks.md
	./scripts/bench

.PHONY: bench-pages
bench-pages: tools-test ## the main pages over a year of a large province, on both databases
	LOA_LONG=1 $(GO) test ./e2e -run TestProvincePages -v -count=1 -timeout 60m

.PHONY: bench-push
bench-push: tools-storm ## one warrant to 1,000, 5,000 and 10,000 devices, through Loa's door and through mosquitto
	LOA_STORM_LONG=1 $(GO) test ./e2e/storm -run TestPush -v -count=1 -timeout 30m

.PHONY: bench-emergency
bench-emergency: tools-storm ## two people's yes to the first sample, ten thousand devices connected, idle and under ten times an ordinary hour
	LOA_STORM_LONG=1 $(GO) test ./e2e/storm -run TestEmergency -v -count=1 -timeout 30m

.PHONY: bench-storm
bench-storm: tools-storm ## a server killed under ten thousand devices over TLS; slow links
	LOA_STORM_LONG=1 $(GO) test ./e2e/storm -run 'TestReconnect|TestSlow' -v -count=1 -timeout 30m

.PHONY: bench-agent
bench-agent: tools-test ## the program on the pole: its size, memory, processor, and what a SIM carries
	./scripts/bench-agent

.PHONY: sec
sec: ## known holes, the list of what is linked (dist/*.cdx.json), and that two builds give the same bytes
	./scripts/sec dist

.PHONY: build
build: ## the two programs, in bin/
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-s -w" -o bin/ ./cmd/loa ./cmd/loa-speaker

.PHONY: packages
packages: ## Debian packages: loa-speaker for amd64, arm64, armhf, loa for amd64, arm64, in dist/
	./scripts/packages dist

.PHONY: packages-test
packages-test: ## install, upgrade, remove and purge them in a clean Debian; needs root
	./scripts/packages-test

.PHONY: tools
tools:
	@./scripts/tools ffmpeg espeak-ng poppler-utils

.PHONY: tools-test
tools-test:
	@./scripts/tools ffmpeg espeak-ng poppler-utils postgresql gcc libc6-dev libsodium-dev libutf8proc-dev python3-nacl python3-paho-mqtt alsa-utils mosquitto-clients

.PHONY: tools-long
tools-long:
	@./scripts/tools ffmpeg espeak-ng poppler-utils postgresql gcc libc6-dev libsodium-dev libutf8proc-dev python3-nacl python3-paho-mqtt alsa-utils mosquitto-clients chromium npm brotli

.PHONY: tools-storm
tools-storm:
	@./scripts/tools ffmpeg espeak-ng poppler-utils postgresql mosquitto
