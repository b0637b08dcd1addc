#!/usr/bin/env bash
# The JSON Schema of configurations: the copy in the tree is what the program prints, and it takes what is right and finds what is
# wrong. The validator here knows just the words that the schema uses, and fails at others.
. "$(dirname "$0")/../daemon/lib.sh"
unset PERCEPT_NODES
expect 0 "$percept" check --schema
cmp "$work/out" "$PERCEPT_SOURCE_DIR/configs/percept.schema.json" ||
    fail "configs/percept.schema.json is out of date: percept check --schema >configs/percept.schema.json"
python=$PERCEPT_SOURCE_DIR/build/venv/bin/python
{ [ -x "$python" ] && "$python" -c 'import yaml' 2>/dev/null; } || skip "no Python with yaml; the copies are equal"
"$python" - "$work/out" "$PERCEPT_SOURCE_DIR/configs" <<'PYTHON'
import glob, json, re, sys, yaml
schema = json.load(open(sys.argv[1]))
TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int, "number": (int, float)}
def is_type(value, name):
    return isinstance(value, TYPES[name]) and not (name in ("integer", "number") and isinstance(value, bool))
def errors(rule, value, at=""):
    """Where the value breaks the rule."""
    known = {"$schema", "title", "definitions", "description", "type", "properties", "additionalProperties", "required", "propertyNames",
             "pattern", "enum", "const", "anyOf", "allOf", "if", "then", "items", "minItems", "minLength", "minimum", "maximum", "$ref"}
    assert set(rule) <= known, set(rule) - known
    if "$ref" in rule:
        yield from errors(schema["definitions"][rule["$ref"].rsplit("/", 1)[1]], value, at)
    types = rule.get("type", [])
    if types and not any(is_type(value, t) for t in ([types] if isinstance(types, str) else types)):
        yield at
        return
    if "enum" in rule and value not in rule["enum"] or "const" in rule and value != rule["const"]:
        yield at
    if isinstance(value, str) and ("pattern" in rule and not re.search(rule["pattern"], value) or len(value) < rule.get("minLength", 0)):
        yield at
    if isinstance(value, (int, float)) and not isinstance(value, bool) and not rule.get("minimum", value) <= value <= rule.get("maximum", value):
        yield at
    if "anyOf" in rule and all(list(errors(r, value, at)) for r in rule["anyOf"]):
        yield at
    for r in rule.get("allOf", []):
        yield from errors(r, value, at)
    if "if" in rule and not list(errors(rule["if"], value, at)):
        yield from errors(rule["then"], value, at)
    if isinstance(value, list):
        if len(value) < rule.get("minItems", 0):
            yield at
        for i, item in enumerate(value):
            yield from errors(rule.get("items", {}), item, f"{at}/{i}")
    if isinstance(value, dict):
        for name in rule.get("required", []):
            if name not in value:
                yield f"{at}/{name}"
        for name, item in value.items():
            yield from errors(rule.get("propertyNames", {}), name, f"{at}/{name}")
            more = rule.get("additionalProperties", {})
            if name in rule.get("properties", {}):
                yield from errors(rule["properties"][name], item, f"{at}/{name}")
            elif more is False:
                yield f"{at}/{name}"
            else:
                yield from errors(more, item, f"{at}/{name}")
files = [f for f in glob.glob(sys.argv[2] + "/**/*.yaml", recursive=True) if not f.endswith("_policy.yaml")]
assert len(files) >= 6, files
for file in files:
    found = list(errors(schema, yaml.safe_load(open(file))))
    assert not found, (file, found)
NODE = "pipelines: {a: {nodes: [%s]}}"
for text, where in [
        ("verson: 1", "/verson"), ("version: 2", "/version"), ("daemon: {threads: many}", "/daemon/threads"), ("daemon: {threads: 257}", "/daemon/threads"),
        ("models: {A: {file: x}}", "/models/A"), ("models: {a: {fiel: x}}", "/models/a/fiel"), ("models: {a: {precision: fp8}}", "/models/a/precision"),
        ("pipelines: {a: {source: {type: tape}}}", "/pipelines/a/source/type"), ("pipelines: {a: {source: {type: camera, paths: x}}}", "/pipelines/a/source/paths"),
        (NODE % "{node: palm}", "/pipelines/a/nodes/0/node"), (NODE % "{name: a}", "/pipelines/a/nodes/0/node"),
        (NODE % "{node: one_euro, betta: 1, inputs: {hands: a}}", "/pipelines/a/nodes/0/betta"), (NODE % "{node: one_euro}", "/pipelines/a/nodes/0/inputs"),
        (NODE % "{node: one_euro, inputs: {hand: a}}", "/pipelines/a/nodes/0/inputs/hands"), (NODE % "{node: model, inputs: {frame: source}}", "/pipelines/a/nodes/0/model"),
        (NODE % "{node: model, model: m, mean: [a], inputs: {frame: source}}", "/pipelines/a/nodes/0/mean"),
        (NODE % "{node: one_euro, inputs: {hands: {previos: a}}}", "/pipelines/a/nodes/0/inputs/hands"),
        ("backends: {cpu: {isolate: maybe}}", "/backends/cpu/isolate"), ("include: []", "/include"), ("plugins: {a: b}", "/plugins")]:
    assert where in list(errors(schema, yaml.safe_load(text))), (text, list(errors(schema, yaml.safe_load(text))))
for text in ["daemon: {threads: '${THREADS:-2}'}", "include: a.yaml", "backends: {vulkan: {device: 0}}", NODE % "{node: one_euro, inputs: {hands: {previous: a.b}}}",
             NODE % "{node: model, model: m, mean: 0.5, std: [1, 2, 3], inputs: {}}", "pipelines: {a: {source: {rate: 3}}}"]:
    assert not list(errors(schema, yaml.safe_load(text))), text
PYTHON
