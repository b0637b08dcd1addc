"""The peers' side of the bench: `engines.py ENGINE` serves turns over its standard input and output.

ENGINE is executorch, litert, onnxruntime or ctranslate2. A turn is one JSON line {"file", "precision", "inputs", "threads",
"runs"}, inputs being a list of [type, sizes], answered by one {"median_ms", "p99_ms", "min_ms", "cpu_ms", "load_ms", "threads",
"cpus"}; cpu_ms is the least CPU time of a run, on all threads. Each turn loads the file anew, warms it up and times `runs` inferences; between turns the process sleeps
in read(). It lives through the bench because importing torch takes seconds and is nobody's inference time.

What is timed is inference and nothing around it, as `percept model bench` does for ours: the input is set
outside (for ExecuTorch before each run, which may overwrite it), Method::execute and LiteRT's invoke are called bare, onnxruntime runs on bound inputs and outputs,
and no output is copied or cloned. CTranslate2's encode is given its features ready and keeps what it returns.
"""

import json
import os
import sys
import time

WARMUP_RUNS, WARMUP_SECONDS = 10, 0.2
RATE = 16000  # of sound, where a net asks


def measure(run, runs: int, prepare=lambda: None) -> dict:
    """`prepare` comes before each run, and is not timed."""
    started = time.perf_counter()
    done = 0
    while done < WARMUP_RUNS and (done == 0 or time.perf_counter() - started < WARMUP_SECONDS):
        prepare()
        run()
        done += 1
    times, worked = [], []
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(runs):
        prepare()
        begun, start = time.process_time(), time.perf_counter()
        run()
        times.append((time.perf_counter() - start) * 1e3)
        worked.append((time.process_time() - begun) * 1e3)
    wall = time.perf_counter() - wall
    times.sort()
    return {
        "median_ms": times[len(times) // 2],
        "p99_ms": times[min(len(times) - 1, len(times) * 99 // 100)],
        "min_ms": times[0],
        "cpu_ms": min(worked),
        "cpus": (time.process_time() - cpu) / wall,
    }


def executorch():
    import executorch.kernels.quantized  # noqa: F401  the q/dq operators of plain int8 files
    import torch
    from executorch.extension.llm.custom_ops import custom_ops  # noqa: F401  llama::update_cache and custom_sdpa
    from executorch.extension.pybindings import portable_lib

    def turn(file: str, precision: str, inputs: list, threads: int, runs: int) -> dict:
        # The pool is ExecuTorch's own, of as many threads as the machine has cores unless it is made anew. A program loaded
        # afterwards uses the new one; "threads" below is the pool's answer, and "cpus" what the kernel counted.
        portable_lib._unsafe_reset_threadpool(threads)
        start = time.perf_counter()
        program = portable_lib._load_program(file)
        method = program.load_method("forward")
        load = (time.perf_counter() - start) * 1e3
        tensors = [torch.rand(sizes).to(getattr(torch, dtype)) for dtype, sizes in inputs]
        # A program may plan its inputs' memory, and then uses it for other things once it has read them.
        result = measure(method.execute, runs, lambda: method.set_inputs(tensors))
        return result | {"load_ms": load, "threads": portable_lib._threadpool_get_thread_count()}

    return turn


def litert():
    import numpy
    from ai_edge_litert.interpreter import Interpreter

    def turn(file: str, precision: str, inputs: list, threads: int, runs: int) -> dict:
        start = time.perf_counter()
        interpreter = Interpreter(file, num_threads=threads)
        interpreter.allocate_tensors()
        load = (time.perf_counter() - start) * 1e3
        detail = interpreter.get_input_details()[0]
        interpreter.set_tensor(detail["index"], numpy.random.default_rng(0).random(detail["shape"]).astype(detail["dtype"]))
        return measure(interpreter.invoke, runs) | {"load_ms": load, "threads": threads}

    return turn


def onnxruntime():
    import numpy
    import onnxruntime as ort

    def turn(file: str, precision: str, inputs: list, threads: int, runs: int) -> dict:
        start = time.perf_counter()
        options = ort.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "1")
        session = ort.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        load = (time.perf_counter() - start) * 1e3
        binding = session.io_binding()
        types = {"tensor(float)": numpy.float32, "tensor(int64)": numpy.int64}
        for i, each in enumerate(session.get_inputs()):  # only the first is ours, too: others hold states
            sizes = [size if isinstance(size, int) else 1 for size in each.shape] if i else inputs[0][1]
            numbers = numpy.random.default_rng(0).random(sizes) if each.type == "tensor(float)" else numpy.full(sizes, RATE)
            binding.bind_cpu_input(each.name, numbers.astype(types[each.type]))
        for output in session.get_outputs():
            binding.bind_output(output.name)
        result = measure(lambda: session.run_with_iobinding(binding), runs)
        return result | {"load_ms": load, "threads": threads}

    return turn


def ctranslate2():
    import ctranslate2 as ct
    import numpy

    def turn(file: str, precision: str, inputs: list, threads: int, runs: int) -> dict:
        types = {"fp32": "float32", "int8": "int8"}
        start = time.perf_counter()
        model = ct.models.Whisper(file, compute_type=types[precision], intra_threads=threads, inter_threads=1)
        load = (time.perf_counter() - start) * 1e3
        mel = numpy.random.default_rng(0).random(inputs[0][1], numpy.float32)
        features = ct.StorageView.from_array(mel)
        return measure(lambda: model.encode(features), runs) | {"load_ms": load, "threads": threads}

    return turn


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")  # the engines print on what used to be standard output
    os.dup2(2, 1)
    engines = {"executorch": executorch, "litert": litert, "onnxruntime": onnxruntime, "ctranslate2": ctranslate2}
    turn = engines[sys.argv[1]]()
    print(json.dumps({"ready": sys.argv[1]}), file=answers, flush=True)
    for line in sys.stdin:
        print(json.dumps(turn(**json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()
