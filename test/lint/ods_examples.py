# Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Parse the examples of the operation descriptions.

Every operation's description has an example in a block of MLIR; its operands
become arguments of a function, their types read from the operation's clauses.
So are the schemes that the attribute's description spells out.

    ods_examples.py SOURCE_DIRECTORY HIPFUSE_OPT
"""

import os
import re
import subprocess
import sys

CLAUSE = re.compile(r"\(((?:%\w+(?:, )?\s*)+) : ")


def closing(text, start):
    """Index of the bracket that closes the one before `start`."""
    depth = 1
    for i in range(start, len(text)):
        if text[i] in "(<[{":
            depth += 1
        elif text[i] in ")]}" or (text[i] == ">" and text[i - 1] != "-"):
            depth -= 1
            if depth == 0:
                return i
    raise ValueError("unbalanced brackets")


def split_types(text):
    """Split a list of types at its outer commas."""
    types, depth, current = [], 0, ""
    for char in text:
        depth += (char in "<([") - (char in ">)]")
        if char == "," and depth == 0:
            types.append(current.strip())
            current = ""
        else:
            current += char
    return types + [current.strip()]


def function(example):
    """The example as a function that takes its free values as arguments."""
    arguments = {}
    for match in CLAUSE.finditer(example):
        names = re.findall(r"%\w+", match.group(1))
        end = closing(example, match.end())
        types = split_types(example[match.end():end])
        if len(names) != len(types):
            raise ValueError("%d values have %d types"
                             % (len(names), len(types)))
        for name, type_ in zip(names, types):
            arguments.setdefault(name, " ".join(type_.split()))
    for match in re.finditer(r"^\s*((?:%\w+(?:, )?)+) =", example, re.M):
        for name in re.findall(r"%\w+", match.group(1)):
            arguments.pop(name, None)
    return "func.func @example(%s) {\n%s\n  return\n}\n" % (
        ", ".join("%s: %s" % item for item in arguments.items()), example)


def parse(tool, text):
    """The tool's complaint about `text`, or nothing."""
    result = subprocess.run([tool, "-"], input=text, capture_output=True,
                            text=True, check=False, timeout=60)
    return "" if result.returncode == 0 else result.stderr.strip() or "failed"


def main():
    """Entry point."""
    source, tool = sys.argv[1:]
    failures, count = [], 0
    for directory, _, files in os.walk(os.path.join(source, "include")):
        for name in sorted(files):
            if not name.endswith(".td"):
                continue
            path = os.path.join(directory, name)
            with open(path, encoding="utf-8") as stream:
                text = stream.read()
            for definition in re.split(r"^(?=def )", text, flags=re.M):
                op = re.match(r'def \w+ : LM_(?:Fused)?Op<"(\w+)"', definition)
                if not op:
                    continue
                where = "%s: lm.%s" % (name, op.group(1))
                blocks = re.findall(r"```mlir\n(.*?)```", definition, re.S)
                if not any("lm." + op.group(1) in block for block in blocks):
                    failures.append(where + ": the description has no example")
                for block in blocks:
                    try:
                        complaint = parse(tool, function(block))
                    except ValueError as error:
                        complaint = str(error)
                    count += 1
                    if complaint:
                        failures.append("%s: %s" % (where, complaint))
            for scheme in re.findall(r"`(#lm\.scheme<.*?>)`", text, re.S):
                count += 1
                complaint = parse(tool, "module attributes {lm.example = %s} {}"
                                  % scheme)
                if complaint:
                    failures.append("%s: %s" % (name, complaint))
    for failure in failures:
        print(failure)
    print("%d examples, %d failures" % (count, len(failures)))
    sys.exit(1 if failures or count == 0 else 0)


if __name__ == "__main__":
    main()
