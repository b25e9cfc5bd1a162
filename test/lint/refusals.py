# Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Check that docs/Diagnostics.md explains the reasons that passes give.

    refusals.py SOURCE_DIRECTORY

Each list of reasons has a section with a table; each reason of the attention
passes also has a test that pins its words.

Prints one line per violation; the exit status tells whether there was one.
"""

import os
import re
import sys

# What defines reasons, and the section that explains them.
LISTS = (
    ("include/hipfuse/Transforms/Fusion/Refusals.def", "LM_REFUSAL", "Fusion"),
    ("lib/Transforms/AttentionRefusals.def", "LM_ATTENTION_REFUSAL",
     "Attention"),
)
PAGE = "docs/Diagnostics.md"
TESTS = "test/Transforms"


def read(root, name):
    with open(os.path.join(root, name), encoding="utf-8") as stream:
        return stream.read()


def check(root, definitions, macro, section):
    """The reasons of one list, and what is wrong with them."""
    reasons = re.findall(r'^%s\(\w+,\s*"([\w-]+)"' % macro,
                         read(root, definitions), re.MULTILINE)
    text = re.search(r"^## %s.*?(?=^## |\Z)" % section, read(root, PAGE),
                     re.MULTILINE | re.DOTALL)
    rows = re.findall(r"^\| `([\w-]+)` \|(.*)\|$", text[0] if text else "",
                      re.MULTILINE)
    explained = [name for name, _ in rows]
    violations = [f"{PAGE}: does not explain {name}"
                  for name in reasons if name not in explained]
    violations += [f"{PAGE}: explains {name}, which {definitions} has not"
                   for name in explained if name not in reasons]
    violations += [f"{PAGE}: {name} has no meaning or no cure"
                   for name, text in rows
                   if len([c for c in text.split(" | ") if c.strip()]) != 2]
    if reasons != sorted(reasons):
        violations.append(f"{definitions}: reasons are not sorted")
    if explained != sorted(explained):
        violations.append(f"{PAGE}: reasons are not sorted")
    return reasons, violations


def pinned(root):
    """The reasons whose words a test has."""
    directory = os.path.join(root, TESTS)
    text = "".join(read(directory, name) for name in os.listdir(directory)
                   if name.endswith(".mlir"))
    return set(re.findall(r"// [\w-]+:.*Reason=([\w-]+), Remark=\"\w", text))


def main(root):
    count, violations = 0, []
    for definitions, macro, section in LISTS:
        reasons, problems = check(root, definitions, macro, section)
        count += len(reasons)
        violations += problems
        if section == "Attention":
            violations += [f"{TESTS}: no test has the words of {name}"
                           for name in reasons if name not in pinned(root)]
    print("\n".join(violations + [f"{count} reasons, "
                                  f"{len(violations)} violations"]))
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
