"""Export ExecuTorch's own backend test suite instead of running it.

A pytest plugin: it takes the place of the function with which the suite's fixture runs one model, so that the suite's
own collection, parameters, recipes and seeds stay what they are. For each model it writes, into OUT,

    TEST.pte, TEST.inN.bin, TEST.outN.bin   the program, raw row-major inputs, and what the model itself computes for them
    manifest.jsonl                          an object a line, as `percept model verify` reads it
    reference_model/                        the same once more where the format's own engine says what a program is, not PyTorch:
                                            TOSA's reference model for its blobs, to the bit in integers; XNNPACK for int8: its files have
                                            codes for biases too, and PyTorch's model numbers; and in dynamic int8 each image has a
                                            range of its own, in PyTorch all of them one

Options: --out OUT, --every N (of the tests collected, each N-th), --resume (leave what the manifest of an earlier run has), --jobs N (export so
many at once). Each model is exported in a process of its own, with a time limit, so that one that crashes or hangs costs itself only; its line then has
a "status" other than "ok" and no "pte".
"""

import contextlib
import copy
import functools
import gc
import hashlib
import json
import os
import random
import resource
import signal
import typing
from pathlib import Path

import executorch.backends.test.suite.runner as suite_runner
import pytest
import torch
import torch._export.utils as export_utils
import torch.export.decomp_utils as decomp_utils
import torch.export.exported_program as exported_program
from executorch.backends.test.harness.stages import StageType
from executorch.backends.test.harness.tester import Tester
from executorch.backends.test.suite.reporting import TestCaseSummary, TestResult
from torch.fx.traceback import NodeSource
from torch.utils import _pytree as pytree

LIMIT_S = 120  # of a processor's time; of the clock's ten times that, for the machine may be busy with other things
out = Path()
jobs = 1
running = {}  # record of a child's model, by the child
there = set()  # names of models that an earlier run has dealt with
warm = set()  # names of flows
# The stock runtime, for the backends of ours that it has: what it makes of a program is stated beside the reference.
RUNNABLE = {"XnnpackBackend"}


def pytest_addoption(parser):
    parser.addoption("--out", required=True, help="folder for the programs and the manifest")
    parser.addoption("--every", type=int, default=1, help="take each N-th test only")
    parser.addoption("--jobs", type=int, default=1, help="export N models at once")
    parser.addoption("--resume", action="store_true", help="go on where an earlier run ended")


def summary(flow, test_name, test_base_name, subtest_index, params):
    """What the suite wants to hear of a model: that all is well."""
    return TestCaseSummary(
        backend=flow.backend,
        base_name=test_base_name,
        subtest_index=subtest_index,
        flow=flow.name,
        name=test_name,
        params=params,
        result=TestResult.SUCCESS,
        error=None,
        tensor_error_statistics=[],
    )


def pytest_configure(config):
    global out, jobs
    out = Path(config.getoption("--out"))
    jobs = config.getoption("--jobs")
    out.mkdir(parents=True, exist_ok=True)
    if config.getoption("--resume"):
        if (out / "manifest.jsonl").exists():  # whole lines: each is one write
            there.update(json.loads(line)["test"] for line in (out / "manifest.jsonl").read_text().splitlines())
    else:
        for manifest in out.glob("**/manifest.jsonl"):
            manifest.unlink()
    torch.set_num_threads(1)
    # Programs of the suite use marks of plugins that are not needed here.
    config.addinivalue_line("markers", "timeout: of pytest-timeout, which is not used")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config, items):
    every = config.getoption("--every")
    dropped = [item for i, item in enumerate(items) if i % every]
    # Numbers with their bits turned round: wherever a run is stopped, what it did is spread evenly over the suite.
    turned = {item: f"{i:016b}"[::-1] for i, item in enumerate(items[::every])}
    items[:] = sorted(turned, key=turned.get)
    config.hook.pytest_deselected(items=dropped)


def set_seed(name):
    seed = int.from_bytes(hashlib.md5(name.encode()).digest()[:4], "little")
    torch.manual_seed(seed)
    random.seed(seed)


def pytest_runtest_setup(item):
    """A test's weights and inputs are the same each time, whatever ran before it: what fails fails again."""
    set_seed(item.nodeid)


def cached_pattern(trace):
    """A function that traces patterns, with a memory: those are alike that are the same code about the same things."""
    traced = {}

    def cached(pattern, inputs, *options):
        cells = tuple(cell.cell_contents for cell in pattern.fn.__closure__)
        key = (pattern.fn.__code__, cells, tuple(tuple(value.shape) for value in inputs), options)
        if key not in traced:
            traced[key] = trace(pattern, inputs, *options)
        return copy.deepcopy(traced[key])  # matching changes it

    return cached


def with_memory(override):
    """A context manager that lends hundreds of operators a dozen kernels each, with a memory of what it lends an operator for a decomposition."""
    from torch._subclasses.fake_impls import op_implementations_dict as rules

    lent = {}

    @contextlib.contextmanager
    def remembered(decompositions):
        new = {op: how for op, how in decompositions.items() if (op, how) not in lent}
        with override(new):
            lent.update({(op, how): (dict(op.py_kernels), rules[op]) for op, how in new.items()})
        before = {op: dict(op.py_kernels) for op in decompositions}
        for op, how in decompositions.items():
            kernels, rules[op] = lent[op, how]
            op.py_kernels.update(kernels)
            op._dispatch_cache.clear()
        try:
            yield
        finally:
            for op, kernels in before.items():
                op.py_kernels.clear()
                op.py_kernels.update(kernels)
                op._dispatch_cache.clear()
                del rules[op]

    return remembered


def warm_up(flow):
    """Do once, in this process, what each export by this flow would begin with: every child inherits it."""
    if flow.name in warm:
        return
    warm.add(flow.name)
    if flow.backend == "vulkan":
        # Graphs of what the partitioner looks for. It means to keep them, but asks the function below its cache: 20 s a program.
        from executorch.backends.vulkan.patterns import fusable_patterns

        for entry in fusable_patterns.values():
            entry.get_graphs_fn = entry.get_graphs_fn and functools.cache(entry.get_graphs_fn)

    if flow.backend == "xnnpack" and flow.quantize:
        # Of what its quantiser looks for too, each time anew: two thirds of an export.
        from executorch.backends.xnnpack.quantizer import xnnpack_quantizer_utils as quantizer

        quantizer._get_aten_graph_module_for_pattern = cached_pattern(quantizer._get_aten_graph_module_for_pattern)

    # Lists of operators, and what is lent to them: the same for each program, and made several times for each.
    export_utils._collect_all_valid_cia_ops_for_namespace = functools.cache(export_utils._collect_all_valid_cia_ops_for_namespace)
    decomp_utils._get_decomp_for_cia = functools.cache(decomp_utils._get_decomp_for_cia)
    exported_program._override_composite_implicit_decomp = with_memory(exported_program._override_composite_implicit_decomp)
    # Where a node comes from is copied, all its history, at each step of each pass; nobody changes it.
    NodeSource.__deepcopy__ = lambda self, memo: self

    class Sum(torch.nn.Module):
        def forward(self, x, y):
            return x + y

    pair = (torch.ones(2, 3), torch.ones(2, 3))
    stock_result(lower(Sum(), pair, flow, {}).get_artifact(), pair)
    # Annotations within functions are evaluated at each call. Of these there are thousands an export; typing's remember what they made.
    torch._ops.Callable = typing.Callable
    # A child ends before it has made much garbage; to look for it costs a quarter of its time, and a copy of each page it looks at.
    gc.disable()


def plain_name(test_name, flow_name, subtest_index):
    """abs_dtype[portable-float32] -> abs_dtype[float32]: the folder says the flow."""
    name = test_name.removeprefix("test_").replace(f"[{flow_name}-", "[").replace(f"[{flow_name}]", "")
    return name.replace("/", "_") + (f"_{subtest_index}" if subtest_index else "")


def write_values(values, folder, stem, tag):
    """Write each tensor to a file of its own in the folder; returns the manifest's entries."""
    entries = []
    for i, value in enumerate(values):
        if not isinstance(value, torch.Tensor):
            entries.append({"kind": type(value).__name__, "value": value})
            continue
        name = f"{stem}.{tag}{i}.bin"
        rows = value.detach().contiguous().reshape(-1)
        rows = rows.to(torch.uint8) if rows.dtype == torch.bool else rows.view(torch.uint8)
        (folder / name).write_bytes(rows.numpy().tobytes())
        entries.append(
            {
                "kind": "tensor",
                "dtype": str(value.dtype).removeprefix("torch."),
                "shape": list(value.shape),
                "dim_order": list(value.dim_order()),
                "file": name,
            }
        )
    return entries


def stock_result(program, inputs):
    """What ExecuTorch's own runtime makes of the same program: outputs and None, or None and its error."""
    if any(d.id not in RUNNABLE for plan in program.executorch_program.execution_plan for d in plan.delegates):
        return None, "a delegate that the stock runtime does not have"
    import executorch.kernels.quantized  # noqa: F401  registers operators
    from executorch.extension.pybindings._portable_lib import _load_for_executorch_from_buffer

    try:
        loaded = _load_for_executorch_from_buffer(bytes(program.buffer))
        outputs = loaded.run_method("forward", tuple(inputs))
        return [v.clone() if isinstance(v, torch.Tensor) else v for v in outputs], None
    except Exception as error:
        return None, str(error)[:200]


def add_line(folder, record):
    with open(folder / "manifest.jsonl", "a") as manifest:
        manifest.write(json.dumps(record, default=str) + "\n")


def write_specified(expected, record):
    """The program once more, with what the format's own engine computes for it."""
    folder = out / "reference_model"
    folder.mkdir(exist_ok=True)
    for name in [record["pte"], *(entry["file"] for entry in record["inputs"] if "file" in entry)]:
        (folder / name).unlink(missing_ok=True)
        os.link(out / name, folder / name)
    outputs = write_values(pytree.tree_flatten(expected)[0], folder, record["test"], "out")
    add_line(folder, {**record, "outputs": outputs})


def lower(model, inputs, flow, record, dynamic_shapes=None):
    """One model, lowered by the flow's recipe; the record says how far it is."""
    tester = flow.tester_factory(model, inputs)
    if flow.quantize:
        record["status"] = "not quantised"
        tester.quantize(flow.quantize_stage_factory() if flow.quantize_stage_factory else None)
    record["status"] = "not exported"
    tester.export(tester._get_default_stage(StageType.EXPORT, dynamic_shapes=dynamic_shapes))
    record["status"] = "not lowered"
    tester.to_edge_transform_and_lower()
    tester.to_executorch()
    return tester


def export(model, inputs, flow, name, base, dynamic_shapes, random_inputs, record):
    """Write one model's program, inputs and references; fills the record as it gets on."""
    set_seed(base)
    model.eval()
    model(*inputs)
    tester = lower(model, inputs, flow, record, dynamic_shapes)
    program = tester.get_artifact()
    given = inputs
    if random_inputs:
        try:
            given = next(tester.generate_random_inputs())
        except (AssertionError, RuntimeError):
            pass  # inputs that it can't make up: those of the test do
    record["status"] = "no reference"
    flat_inputs, _ = pytree.tree_flatten(given)
    expected, _ = Tester._calculate_reference_output(tester.stages[StageType.EXPORT].artifact, given)
    record["inputs"] = write_values(flat_inputs, out, name, "in")
    record["outputs"] = write_values(pytree.tree_flatten(expected)[0], out, name, "out")
    record["delegates"] = sorted({d.id for plan in program.executorch_program.execution_plan for d in plan.delegates})
    (out / f"{name}.pte").write_bytes(bytes(program.buffer))
    record["pte"] = f"{name}.pte"
    record["status"] = "ok"
    stock, record["executorch"] = stock_result(program, flat_inputs)
    if "TOSABackend" in record["delegates"]:
        write_specified(tester.stages[StageType.TO_EXECUTORCH].run_artifact(given), record)
    elif stock and flow.quantize:
        write_specified(stock, record)


def child(record, arguments):
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CPU, (LIMIT_S, LIMIT_S))
    signal.alarm(10 * LIMIT_S)
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    try:
        export(*arguments, record)
    except Exception as error:
        record["error"] = f"{type(error).__name__}: {error}"[:400]
    add_line(out, record)


def wait_for_all_but(count):
    while len(running) > count:
        pid, status = os.wait()
        record = running.pop(pid, None)
        if record and os.WIFSIGNALED(status):
            record["status"] = f"signal {os.WTERMSIG(status)}"
            add_line(out, record)


def pytest_sessionfinish():
    wait_for_all_but(0)


def run_test(
    model,
    inputs,
    flow,
    test_name,
    test_base_name,
    subtest_index,
    params,
    dynamic_shapes=None,
    generate_random_test_inputs=True,
    **_,
):
    name = plain_name(test_name, flow.name, subtest_index)
    record = {"test": name, "flow": flow.name, "status": "not run"}
    done = summary(flow, test_name, test_base_name, subtest_index, params)
    if name in there:
        return done
    warm_up(flow)
    wait_for_all_but(jobs - 1)
    pid = os.fork()
    if pid == 0:
        try:
            child(record, (model, inputs, flow, name, test_base_name, dynamic_shapes, generate_random_test_inputs))
        finally:
            os._exit(0)
    running[pid] = record
    return done


# Before the suite's conftest imports it by name.
suite_runner.run_test = run_test
