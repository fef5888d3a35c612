# Everything here needs only Go; bench also needs python3 and the network.
export CGO_ENABLED = 0

.PHONY: build test levels race generate lint bench bench-peers bench-metamer contact fuzz soak cuda emulator cuda-test calibrate calibrate-plenoptic gpu-kit

build:
	go build -o bin/percept ./cmd/percept

test:
	go test ./...

# The tests at every level of CPU features below that of this CPU, which test runs them
# at, and without assembly at all. Those of the kernels go through the levels by
# themselves, so that here the short ones will do.
LEVELS = purego $(shell grep -qs avx512f /proc/cpuinfo && echo avx2)
levels:
	for level in $(LEVELS); do \
		PERCEPT_CPU_LEVEL=$$level go test -count=1 ./autograd/... ./models ./optim ./synth && \
		PERCEPT_CPU_LEVEL=$$level go test -count=1 -short ./kernels || exit 1; done
	go test -tags purego ./kernels ./autograd ./models

# Where threads meet: the pool, the steps it runs, and the command's signals.
race:
	CGO_ENABLED=1 go test -race -short -skip 'Accuracy|Exp|Elementwise' ./kernels
	CGO_ENABLED=1 go test -race -short -skip '^TestOps$$|OnDevice|AgainstLoops' ./autograd
	CGO_ENABLED=1 go test -race -short -run 'Run|Twice' ./models
	CGO_ENABLED=1 go test -race -short -run 'Batch|Steps|Move' ./synth
	CGO_ENABLED=1 go test -race -short -run 'Interrupt|Signal|Serve|Control|Batch|Progress' ./cli

generate:
	go generate ./kernels

lint:
	test -z "$$(gofmt -l .)"
	go vet ./...
	GOARCH=arm64 go vet ./...
	go run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...

# The GPU kernels, embedded by go build -tags cuda (docs/cuda.md). NVCC=… names a
# compiler; where there is none, a pinned one is fetched.
cuda:
	go run ./cuda/build -o cuda/bin

# The same kernels on the CPU: an emulator of the GPU and its driver.
EMULATOR = PERCEPT_LIBCUDA=$(CURDIR)/build/emu/libcuda.so.1 PERCEPT_CUDA_KERNELS=$(CURDIR)/build/emu/kernels.fatbin \
	FAKECUDA_GUARD=1 FAKECUDA_ORDER=random
emulator:
	cuda/emu/build.sh build/emu

# Tests of the GPU backend, on the emulator; and that they fail where a kernel lacks
# a barrier.
cuda-test: emulator
	env=$$(go run ./cuda/build -env) && eval "$$env" && go vet -tags cuda ./cuda/... ./cli && \
		$(EMULATOR) go test -tags cuda ./cuda/... && $(EMULATOR) cuda/emu/mutate.sh

# A folder for a machine with an NVIDIA driver and nothing else: ./gpu-check there
# checks and measures (docs/cuda.md). At most 60 MB.
KIT = build/gpu-kit
gpu-kit: cuda
	rm -rf $(KIT) && mkdir -p $(KIT)
	env=$$(go run ./cuda/build -env) && eval "$$env" && go build -tags cuda -trimpath -ldflags '-s -w' -o $(KIT)/gpu ./bench/gpu
	cp bench/gpu/gpu-check bench/gpu/torch_compare.py $(KIT)/
	python3 -m pip install -q --no-deps --no-compile --only-binary :all: --target $(KIT)/python -r bench/gpu/python.txt
	size=$$(du -sm $(KIT) | cut -f1) && echo "$(KIT): $$size MB" && test $$size -le 60

# Every family of kernels, beside what this machine can do.
bench: build
	bin/percept bench

# percept and its peers side by side, into bench/RESULTS.md. Makes a Python
# environment with plenoptic and PyTorch on first use; FFTW and OpenBLAS are
# timed where Debian's libfftw3-double3, libfftw3-single3 and libopenblas0 are.
bench-peers:
	python3 bench/compare.py -o bench/RESULTS.md
	python3 bench/compare.py --scaling --append -o bench/RESULTS.md
	python3 bench/compare.py --fft-lengths --append -o bench/RESULTS.md

# A metamer from white noise to plenoptic's loss, five seeds: the better part of
# an hour.
bench-metamer:
	python3 bench/compare.py --metamer --append -o bench/RESULTS.md

fuzz:
	go test ./autograd -run '^$$' -fuzz FuzzGraph -fuzztime 60s -fuzzminimizetime 1x

# Long runs: results must not drift, memory must not grow.
soak:
	go test ./autograd -run TestFuzzGraph -count 50
	go test ./synth -run Resume -count 20
	go test ./synth -run Memory -soak 10000

# The pictures of the documentation: metamers of example textures and of
# photographs, given as PHOTOS=….
PHOTOS =
contact: build
	for i in example:pebbles example:skin example:weave example:grass example:bark $(PHOTOS); do \
		bin/percept metamer $$i --force -o build/contact/$$(basename $${i#example:} .png) || exit 1; done
	go run ./bench/contact -start -o docs/metamer.png build/contact/pebbles
	go run ./bench/contact -o docs/contact.png $$(ls -d build/contact/*/ | grep -v pebbles)

# How often percept check is right, on runs of known quality. The part on
# plenoptic's runs is made by itself, with a Python environment of plenoptic.
calibrate:
	go run ./bench/calibrate > docs/calibration.md.new
	sed -n '/^## Runs of plenoptic/,$$p' docs/calibration.md >> docs/calibration.md.new
	mv docs/calibration.md.new docs/calibration.md

calibrate-plenoptic:
	sed '/^## Runs of plenoptic/,$$d' docs/calibration.md > docs/calibration.md.new
	python3 bench/calibrate/peer_runs.py >> docs/calibration.md.new
	mv docs/calibration.md.new docs/calibration.md
