# Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Print the table of fusions in docs/Models.md, as the generator does.

    model_counts.py MODELS_MD MODEL
"""

import re
import sys


def main():
    """Entry point."""
    path, model = sys.argv[1:]
    with open(path, encoding="utf-8") as stream:
        text = stream.read()
    table = re.search(r"^\| fusion \|(.*)\|\n\|[-|]+\|\n((?:\|.*\|\n)+)", text,
                      re.M)
    column = [cell.strip() for cell in table.group(1).split("|")].index(model)
    counts = []
    for row in table.group(2).strip().split("\n"):
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        counts.append("%s:%s" % (cells[0].strip("`"), cells[column + 1]))
    print(",".join(counts))


if __name__ == "__main__":
    main()
