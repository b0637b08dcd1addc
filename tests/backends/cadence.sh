#!/usr/bin/env bash
# Programs that call Cadence's quantised operators give what its own reference kernels give: every code on the CPU, but where a sum
# lies half-way between two; on the remote processor, which computes in fixed point, at most one code beside it.
. "$(dirname "$0")/../daemon/lib.sh"
kept=$PERCEPT_SOURCE_DIR/build/cadence
python=$PERCEPT_SOURCE_DIR/build/venv/bin/python
export_script=$PERCEPT_SOURCE_DIR/tests/backends/cadence_export.py

# Exported anew when the exporter has changed; complete or not there.
if ! cmp -s "$export_script" "$kept/made_by"; then
    [ -x "$python" ] || skip "no exporter in build/venv; tools/setup.sh gets it"
    rm -rf "$kept"
    PYTHONDONTWRITEBYTECODE=1 expect 0 "$python" "$export_script" "$kept"
    cp "$export_script" "$kept/made_by"
fi
all=$(wc -l <"$kept/manifest.jsonl")
[ "$all" -ge 100 ] || fail "$all programs"
expect 0 "$percept" model verify "$kept" --backend cpu
grep -qx "$all passed, 0 failed" "$work/out" || fail "not all are right on the CPU"

cp -rL "$kept" "$work/near"
sed -i 's/"atol": 0/"atol": 1/' "$work/near/manifest.jsonl"
expect 0 "$percept" model verify "$work/near" --backend dsp
grep -qx "$all passed, 0 failed" "$work/out" || fail "not all are near on the remote processor"
"$percept" model verify "$kept" --backend dsp >"$work/exact" || true
right=$(sed -n 's/ passed, .*//p' "$work/exact")
whole=0
for program in "$kept"/*.pte; do
    case $(basename "$program") in reals_*.pte) continue ;; esac # floats are the host's
    "$percept" model inspect "$program" --backend dsp >"$work/inspected"
    grep -q ' in 1 segments on dsp,' "$work/inspected" || fail "$program is not on the remote processor as a whole"
    whole=$((whole + 1))
done
echo "$all programs; on the remote processor $whole whole, $right with every code"

# A code that is off is seen.
"$python" -c 'import sys; p = sys.argv[1]; d = bytearray(open(p, "rb").read()); d[0] ^= 2; open(p, "wb").write(d)' "$work/near/nchw_s.output"
expect 1 "$percept" model verify "$work/near" --only nchw_s
