#!/usr/bin/env bash
# The example of docs/python.md finds hands in the demo's input, and the pages show what there is.
. "$(dirname "$0")/../daemon/lib.sh"
[ -x "$PERCEPT_PYTHON" ] || skip "no $PERCEPT_PYTHON (make setup)"
need "${PERCEPT_MODELS:-}/palm_detection_lite.fp32.pte"
need "${PERCEPT_MODELS:-}/hand_landmark_lite.fp32.pte"
need "${PERCEPT_MEDIA:-}/hands/fingers-lq.gif"
sed 's/loop: [0-9]*/loop: 1/' "$PERCEPT_SOURCE_DIR/configs/demo.yaml" >"$work/demo.yaml"

start_at_rest "$work/demo.yaml"
"$PERCEPT_PYTHON" "$PERCEPT_SOURCE_DIR/examples/fingertips.py" >"$work/tips" 2>"$work/err" &
example=$!
go 1
wait "$example" || fail "the example: exit $?"
daemon_ends 0
grep -qE '^frame [0-9]+, [0-9.]+ ms: (left|right) index finger at [0-9]+, [0-9]+$' "$work/tips" || fail "no finger: $(head -n 3 "$work/tips")"

# docs/python.md and README.md show code that at least is Python, and names that there are.
"$PERCEPT_PYTHON" - "$PERCEPT_SOURCE_DIR/docs/python.md" "$PERCEPT_SOURCE_DIR/README.md" <<'PYTHON' || fail "a page shows what there is not"
import ast, re, sys
import percept
blocks = [block for name in sys.argv[1:] for block in re.findall(r"```python\n(.*?)```", open(name).read(), re.S)]
assert len(blocks) >= 5, len(blocks)
for block in blocks:
    for node in ast.walk(ast.parse(block)):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "percept":
            assert hasattr(percept, node.attr), node.attr
PYTHON
