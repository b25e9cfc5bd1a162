# Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Check that docs/Diagnostics.md explains the reasons in Refusals.def.

    refusals.py SOURCE_DIRECTORY

Prints one line per violation; the exit status tells whether there was one.
"""

import os
import re
import sys

DEFINITIONS = "include/hipfuse/Transforms/Fusion/Refusals.def"
PAGE = "docs/Diagnostics.md"


def read(root, name):
    with open(os.path.join(root, name), encoding="utf-8") as stream:
        return stream.read()


def main(root):
    reasons = re.findall(r'^LM_REFUSAL\(\w+,\s*"([\w-]+)"',
                         read(root, DEFINITIONS), re.MULTILINE)
    rows = re.findall(r"^\| `([\w-]+)` \|(.*)\|$", read(root, PAGE),
                      re.MULTILINE)
    explained = [name for name, _ in rows]
    violations = [f"{PAGE}: does not explain {name}"
                  for name in reasons if name not in explained]
    violations += [f"{PAGE}: explains {name}, which no fusion gives"
                   for name in explained if name not in reasons]
    violations += [f"{PAGE}: {name} has no meaning or no cure"
                   for name, text in rows
                   if len([c for c in text.split(" | ") if c.strip()]) != 2]
    if reasons != sorted(reasons):
        violations.append(f"{DEFINITIONS}: reasons are not sorted")
    if explained != sorted(explained):
        violations.append(f"{PAGE}: reasons are not sorted")
    print("\n".join(violations + [f"{len(reasons)} reasons, "
                                  f"{len(violations)} violations"]))
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
