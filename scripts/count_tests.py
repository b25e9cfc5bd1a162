"""Adds up the results of all test suites and prints one closing line.

Usage: count_tests.py DIRECTORY, which holds golden.txt (unittest's output),
unit.xml (ctest's JUnit report) and lit.json (lit's report). A report that is
missing or unreadable counts as one failure: nothing passes by not running.
"""

import json
import os
import re
import sys
import xml.etree.ElementTree


def count_unittest(path):
    """Returns (passed, failed, skipped) of unittest's textual output."""
    with open(path) as file:
        text = file.read()
    ran = int(re.search(r"^Ran (\d+) tests?", text, re.M).group(1))
    detail = re.search(r"^(?:OK|FAILED)(?: \((.*)\))?$", text, re.M).group(1) or ""
    numbers = {key: int(value)
               for key, value in re.findall(r"([a-z ]+?)=(\d+)", detail)}
    failed = sum(value for key, value in numbers.items()
                 if key.strip() in ("failures", "errors", "unexpected successes"))
    skipped = sum(value for key, value in numbers.items()
                  if key.strip() == "skipped")
    return ran - failed - skipped, failed, skipped


def count_junit(path):
    """Returns (passed, failed, skipped) of a JUnit report."""
    suite = xml.etree.ElementTree.parse(path).getroot()
    total = int(suite.get("tests"))
    failed = int(suite.get("failures"))
    skipped = int(suite.get("skipped", 0)) + int(suite.get("disabled", 0))
    return total - failed - skipped, failed, skipped


def count_lit(path):
    """Returns (passed, failed, skipped) of lit's JSON report."""
    with open(path) as file:
        codes = [test["code"] for test in json.load(file)["tests"]]
    passed = sum(code in ("PASS", "FLAKYPASS", "XFAIL") for code in codes)
    skipped = sum(code in ("UNSUPPORTED", "SKIPPED", "EXCLUDED") for code in codes)
    return passed, len(codes) - passed - skipped, skipped


def main():
    directory = sys.argv[1]
    totals = [0, 0, 0]
    for name, count in (("golden.txt", count_unittest),
                        ("unit.xml", count_junit), ("lit.json", count_lit)):
        try:
            result = count(os.path.join(directory, name))
            if sum(result) == 0:
                raise ValueError("no test ran")
        except Exception as error:
            print(f"{name}: cannot be counted: {error}")
            result = (0, 1, 0)
        print("{}: {} passed, {} failed, {} skipped".format(
            os.path.splitext(name)[0], *result))
        totals = [a + b for a, b in zip(totals, result)]
    line = "{} passed, {} failed".format(*totals[:2])
    if totals[2]:
        line += f", {totals[2]} skipped"
    print(line)
    return 1 if totals[1] or not totals[0] else 0


if __name__ == "__main__":
    sys.exit(main())
