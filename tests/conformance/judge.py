"""Hold a flow's results against the list of what is known to fail: judge.py FLOW MANIFEST RESULT SPECIFIED KNOWN

RESULT is against PyTorch. SPECIFIED, which may be empty, is against the own engine of the delegate's format: a program that
differs from PyTorch as that engine does is right, and counted apart.
"""

import json
import re
import sys


def lines(path):
    with open(path) as file:
        return [json.loads(line) for line in file if line.strip()]


def known_failures(path, flow):
    """Patterns of the flow, and whether such a program always fails: `FLOW PATTERN  reason`; FLOW may be `*`.

    Not always, where PATTERN begins with `?`: a sum that lies so close to half-way between two codes that the order in which
    a processor's kernel adds decides.
    """
    known = []
    with open(path) as file:
        for line in file:
            if line.strip() and not line.startswith("#"):
                of, pattern, _ = line.split(None, 2)
                if of in ("*", flow):
                    known.append((re.compile(pattern.removeprefix("?")), not pattern.startswith("?")))
    return known


def main():
    flow, manifest, result, specified, known_path = sys.argv[1:]
    tests = {test["test"]: test for test in lines(manifest)}
    results = [line for line in lines(result) if "test" in line]
    specified = {line["test"]: line["passed"] for line in lines(specified) if "test" in line}
    known = known_failures(known_path, flow)
    not_exported = sum(1 for test in tests.values() if "pte" not in test)
    failed = [line for line in results if not line["passed"] and not specified.get(line["test"])]
    as_specified = sum(1 for line in results if not line["passed"] and specified.get(line["test"]))
    unexpected = [line for line in failed if not any(pattern.fullmatch(line["test"]) for pattern, _ in known)]
    stale = [
        line for line in results if line not in failed and any(always and p.fullmatch(line["test"]) for p, always in known)
    ]
    refused = sum(1 for test in tests.values() if test.get("executorch"))
    passed = len(results) - len(failed)
    share = 100 * passed / len(results) if results else 0
    print(
        f"{flow}: {passed} of {len(results)} programs pass ({share:.1f} %); {len(failed) - len(unexpected)} known to fail, "
        f"{len(unexpected)} unexpected; ExecuTorch itself refuses {refused}; {not_exported} were not exported"
    )
    if specified:
        print(
            f"  {sum(specified.values())} of {len(specified)} agree with the format's own engine; "
            f"{as_specified} of these differ from PyTorch, as it does"
        )
    for line in unexpected:
        print(f"  FAIL {line['test']}: {line['message']}")
    for line in stale:
        print(f"  listed as failing, but passes: {line['test']}")
    sys.exit(bool(unexpected or stale or not results))


if __name__ == "__main__":
    main()
