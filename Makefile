# `make run` sets up and shows Percept at work; `make test` sets up and runs every test. The rest are parts of these.
PYTHON := build/venv/bin/python
# A preset is configured once; Ninja reconfigures by itself when a CMakeLists.txt changes.
build = test -f build/$(1)/build.ninja || cmake --preset $(1) >/dev/null; cmake --build --preset $(1) -- --quiet

.PHONY: run test compile setup setup-test build demo-models models zoo reference lint format fuzz conformance conformance-sample bench soak test-% test-aarch64 test-avx512 clean install

run: setup build demo-models
	@tools/demo.sh

# First what needs no quiet: the exports, one thread each, beside the compilers. Then the tests.
test: setup-test build
	@$(MAKE) --no-print-directory -j 2 reference compile conformance-sample
	@$(MAKE) --no-print-directory test-release test-asan test-tsan fuzz
	@tools/size.sh

compile: lint
	@$(call build,asan)
	@$(call build,tsan)
	@$(call build,fuzz)

setup:
	@tools/setup.sh build
setup-test:
	@tools/setup.sh test

build: setup
	@$(call build,release)

# Text in pictures.
TEXT_MODELS := text_detection_v4 text_angle text_recognition_v4
# Speech to text, small.
SPEECH_MODELS := voice_activity whisper_tiny_en_encoder whisper_tiny_en_decoder

# English to Portuguese.
TRANSLATION_MODELS := translation_en_pt_encoder translation_en_pt_decoder

# What configs/demo.yaml names, and no more: a first run should not wait for the rest of the zoo.
demo-models: setup
	@$(PYTHON) -m models export palm_detection_lite hand_landmark_lite $(TEXT_MODELS) $(SPEECH_MODELS) $(TRANSLATION_MODELS) --flows fp32
	@$(PYTHON) -m models media stereo text --group hands,speech

# The nets that the tests need. `make zoo` exports all that models/zoo.toml names; models/README.md says what that costs.
models: setup
	@$(PYTHON) -m models export
	@$(PYTHON) -m models export $(TEXT_MODELS) $(SPEECH_MODELS) $(TRANSLATION_MODELS) translation_pt_en_encoder translation_pt_en_decoder --flows fp32
	@$(PYTHON) -m models export depth_cost depth_cost_half --flows fp32,int8
	@$(PYTHON) -m models media stereo rgbd text --group hands,speech

zoo: setup
	@$(PYTHON) -m models export --group all
	@$(PYTHON) -m models media

reference: models
	@$(PYTHON) -m models reference

test-%: setup-test models reference
	@cmake --preset $* >/dev/null # `make run` may have configured it before Check was there
	@$(call build,$*)
	ctest --test-dir build/$* --no-tests=error --output-on-failure -j $$(nproc)

# The runtime and its backends for 64-bit Arm: cross-compiled, their tests emulated. Takes minutes, so `make test` leaves it out.
test-aarch64:
	@tools/setup_aarch64.sh
	@$(call build,aarch64)
	ctest --test-dir build/aarch64 --no-tests=error --output-on-failure -j $$(nproc)

# The CPU kernels for AVX-512 in an emulated processor, under a Linux of its own, for machines that lack it. Takes an hour.
test-avx512: setup-test build
	@tools/test_avx512.sh

lint: build
	@tools/lint.sh

format:
	git ls-files '*.c' '*.h' | xargs clang-format -i

# A minute a reader of model files, 20 s any other; FUZZ_SECONDS=3600 for a long one.
FUZZ_SECONDS ?= 60
fuzz: setup-test
	@$(call build,fuzz)
	@tools/fuzz.sh $(FUZZ_SECONDS)

# ExecuTorch's own test suite, exported here: all of it in every flow takes hours, a sample of it minutes.
CONFORMANCE_FLOWS := portable xnnpack xnnpack_static_int8_per_channel xnnpack_static_int8_per_tensor \
    xnnpack_dynamic_int8_per_channel vulkan arm_tosa_fp arm_tosa_int
conformance: build
	@tests/conformance/run --jobs $$(nproc) $(CONFORMANCE_FLOWS)
conformance-sample: build
	@tests/conformance/run --every 24 portable xnnpack

# Against the peers, in turns: the runtime, the daemon's own share of the latency, IPC.
bench: build models
	bench/runtime/run
	bench/daemon/run
	bench/daemon/start
	bench/ipc/run

# What takes too long for a test: ten thousand deaths of an isolated backend's host, and attacks on the daemon's socket in full.
SOAK_KILLS := 10000
soak: setup-test build
	PERCEPT_HOST=build/release/bin/percept-host build/release/tests/soak_isolated $(SOAK_KILLS)
	PERCEPT_BIN=build/release/bin build/release/tests/test_soak_ipc --full

install: build
	cmake --install build/release

clean:
	rm -rf build/release build/debug build/asan build/tsan build/fuzz build/aarch64 build/demo
