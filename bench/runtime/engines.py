"""The peers' side of the bench: `engines.py executorch|litert` serves turns over its standard input and output.

A turn is one JSON line {"file", "threads", "runs"} answered by one {"median_ms", "p99_ms", "min_ms", "load_ms",
"threads", "cpus"}. Each turn loads the file anew, warms it up and times `runs` inferences; between turns the process sleeps
in read(). It lives through the bench because importing torch takes seconds and is nobody's inference time.

What is timed is inference and nothing around it, as `percept model bench` does for ours: the input is set once
outside, ExecuTorch's Method::execute and LiteRT's invoke are called bare, and no output is copied or cloned.
"""

import json
import os
import sys
import time

WARMUP_RUNS, WARMUP_SECONDS = 10, 0.2


def measure(run, runs: int) -> dict:
    started = time.perf_counter()
    done = 0
    while done < WARMUP_RUNS and (done == 0 or time.perf_counter() - started < WARMUP_SECONDS):
        run()
        done += 1
    times = []
    cpu, wall = time.process_time(), time.perf_counter()
    for _ in range(runs):
        start = time.perf_counter()
        run()
        times.append((time.perf_counter() - start) * 1e3)
    wall = time.perf_counter() - wall
    times.sort()
    return {
        "median_ms": times[len(times) // 2],
        "p99_ms": times[min(len(times) - 1, len(times) * 99 // 100)],
        "min_ms": times[0],
        "cpus": (time.process_time() - cpu) / wall,
    }


def executorch():
    import executorch.kernels.quantized  # noqa: F401  the q/dq operators of plain int8 files
    import torch
    from executorch.extension.pybindings import portable_lib

    def turn(file: str, threads: int, runs: int) -> dict:
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

    def turn(file: str, threads: int, runs: int) -> dict:
        start = time.perf_counter()
        interpreter = Interpreter(file, num_threads=threads)
        interpreter.allocate_tensors()
        load = (time.perf_counter() - start) * 1e3
        detail = interpreter.get_input_details()[0]
        interpreter.set_tensor(detail["index"], numpy.random.default_rng(0).random(detail["shape"], numpy.float32))
        return measure(interpreter.invoke, runs) | {"load_ms": load, "threads": threads}

    return turn


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")  # the engines print on what used to be standard output
    os.dup2(2, 1)
    turn = {"executorch": executorch, "litert": litert}[sys.argv[1]]()
    print(json.dumps({"ready": sys.argv[1]}), file=answers, flush=True)
    for line in sys.stdin:
        print(json.dumps(turn(**json.loads(line))), file=answers, flush=True)


if __name__ == "__main__":
    main()
