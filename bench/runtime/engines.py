"""The peers' side of the bench: `engines.py ENGINE` serves turns over its standard input and output.

ENGINE is executorch, litert, onnxruntime or ctranslate2. A turn is one JSON line {"file", "precision", "shape", "threads",
"runs"} answered by one {"median_ms", "p99_ms", "min_ms", "cpu_ms", "load_ms", "threads",
"cpus"}; cpu_ms is the least CPU time of a run, on all threads. Each turn loads the file anew, warms it up and times `runs` inferences; between turns the process sleeps
in read(). It lives through the bench because importing torch takes seconds and is nobody's inference time.

What is timed is inference and nothing around it, as `percept model bench` does for ours: the input is set once
outside, ExecuTorch's Method::execute and LiteRT's invoke are called bare, onnxruntime runs on bound inputs and outputs,
and no output is copied or cloned. CTranslate2's encode is given its features ready and keeps what it returns.
"""

import json
import os
import sys
import tempfile
import time
from pathlib import Path

WARMUP_RUNS, WARMUP_SECONDS = 10, 0.2


def measure(run, runs: int) -> dict:
    started = time.perf_counter()
    done = 0
    while done < WARMUP_RUNS and (done == 0 or time.perf_counter() - started < WARMUP_SECONDS):
        run()
        done += 1
    times, worked = [], []
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(runs):
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
    from executorch.extension.pybindings import portable_lib

    def turn(file: str, precision: str, shape: list, threads: int, runs: int) -> dict:
        # The pool is ExecuTorch's own, of as many threads as the machine has cores unless it is made anew. A program loaded
        # afterwards uses the new one; "threads" below is the pool's answer, and "cpus" what the kernel counted.
        portable_lib._unsafe_reset_threadpool(threads)
        start = time.perf_counter()
        program = portable_lib._load_program(file)
        method = program.load_method("forward")
        load = (time.perf_counter() - start) * 1e3
        sizes = method.method_meta().input_tensor_meta(0).sizes()
        method.set_inputs([torch.rand(*sizes)])
        result = measure(method.execute, runs)
        return result | {"load_ms": load, "threads": portable_lib._threadpool_get_thread_count()}

    return turn


def litert():
    import numpy
    from ai_edge_litert.interpreter import Interpreter

    def turn(file: str, precision: str, shape: list, threads: int, runs: int) -> dict:
        start = time.perf_counter()
        interpreter = Interpreter(file, num_threads=threads)
        interpreter.allocate_tensors()
        load = (time.perf_counter() - start) * 1e3
        detail = interpreter.get_input_details()[0]
        interpreter.set_tensor(detail["index"], numpy.random.default_rng(0).random(detail["shape"], numpy.float32))
        return measure(interpreter.invoke, runs) | {"load_ms": load, "threads": threads}

    return turn


def onnxruntime():
    import numpy
    import onnxruntime as ort

    def turn(file: str, precision: str, shape: list, threads: int, runs: int) -> dict:
        start = time.perf_counter()
        options = ort.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "1")
        session = ort.InferenceSession(file, options, providers=["CPUExecutionProvider"])
        load = (time.perf_counter() - start) * 1e3
        binding = session.io_binding()
        name = session.get_inputs()[0].name
        binding.bind_cpu_input(name, numpy.random.default_rng(0).random(shape, numpy.float32))
        for output in session.get_outputs():
            binding.bind_output(output.name)
        result = measure(lambda: session.run_with_iobinding(binding), runs)
        return result | {"load_ms": load, "threads": threads}

    return turn


def ctranslate2():
    import ctranslate2 as ct
    import numpy

    def turn(file: str, precision: str, shape: list, threads: int, runs: int) -> dict:
        source, types = Path(file), {"fp32": "float32", "int8": "int8"}
        with tempfile.TemporaryDirectory() as folder:
            # It wants a folder of fixed names: model.bin, config.json, vocabulary.txt ...
            for part in source.parent.glob(source.stem + ".*"):
                name = part.name.removeprefix(source.stem + ".")
                (Path(folder) / ("model.bin" if part == source else name)).symlink_to(part.resolve())
            start = time.perf_counter()
            model = ct.models.Whisper(
                folder, compute_type=types[precision], intra_threads=threads, inter_threads=1
            )
            load = (time.perf_counter() - start) * 1e3
        mel = numpy.random.default_rng(0).random(shape, numpy.float32)
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
