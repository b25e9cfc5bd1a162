# Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Check the rules of the source tree that no compiler checks.

    source_rules.py SOURCE_DIRECTORY

Prints one line per violation; the exit status tells whether there was one.
"""

import os
import re
import shutil
import subprocess
import sys

ROOT_ENTRIES = {
    ".ci", ".clang-format", ".clang-tidy", ".gitattributes", ".gitignore",
    "CMakeLists.txt", "CONTRIBUTING.md", "LICENSE", "README.md", "cmake",
    "docs", "examples", "include", "lib", "runtime", "scripts", "test",
    "tools",
}
CXX = (".cpp", ".h")
MAX_LINES = 1000
LICENSE = "SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception"
# Directories below which a path names one developer's machine.
MACHINE_PATH = re.compile(r"(?<![\w.$}])/(?:home|Users|work)/\w")


def list_files(root):
    """The files of the tree: what git does not ignore, else all."""
    if os.path.exists(os.path.join(root, ".git")):
        output = subprocess.run(
            ["git", "-C", root, "ls-files", "-z", "--cached", "--others",
             "--exclude-standard"],
            capture_output=True, text=True, check=True).stdout
        files = [f for f in output.split("\0") if f]
    else:
        files = []
        for directory, subdirectories, names in os.walk(root):
            subdirectories[:] = [d for d in subdirectories
                                 if not d.startswith("build")]
            files += [os.path.relpath(os.path.join(directory, n), root)
                      for n in names]
    return sorted(f for f in set(files)
                  if os.path.isfile(os.path.join(root, f)))


class Tree:
    """The files, their text, and the violations found."""

    def __init__(self, root):
        self.root, self.violations, self.texts = root, [], {}
        self.files = list_files(root)
        for name in self.files:
            with open(os.path.join(root, name), "rb") as stream:
                data = stream.read()
            if b"\0" not in data[:4096]:
                self.texts[name] = data.decode("utf-8", errors="replace")

    def report(self, name, message, line=None):
        """Note a violation."""
        where = name if line is None else "%s:%d" % (name, line)
        self.violations.append("%s: %s" % (where, message))

    def matching(self, prefixes, suffixes):
        """Text files below `prefixes` whose names end with `suffixes`."""
        return [(n, t) for n, t in self.texts.items()
                if n.startswith(prefixes) and n.endswith(suffixes)]

    def ban(self, prefixes, suffixes, pattern, message):
        """No line of these files matches `pattern`."""
        for name, text in self.matching(prefixes, suffixes):
            for number, line in enumerate(text.split("\n"), 1):
                if re.search(pattern, line):
                    self.report(name, message, number)


def check_root(tree):
    """The root holds what is known and nothing that was left behind."""
    for entry in sorted({f.split("/")[0] for f in tree.files}):
        if entry not in ROOT_ENTRIES:
            tree.report(entry, "is not one of the root's entries")


def check_headers(tree):
    """Banner and license of C++ and TableGen files."""
    for name, text in tree.matching(("include", "lib", "runtime", "tools",
                                     "test"), CXX + (".td",)):
        base = os.path.basename(name)
        first = text.split("\n", 1)[0]
        # C headers have a C comment and name their include directory.
        if not re.match(r"(//|/\*)===-- ([\w-]+/)?%s " % re.escape(base), first):
            tree.report(name, "the banner does not name the file: " + first, 1)
        if LICENSE not in "\n".join(text.split("\n")[:10]):
            tree.report(name, "has no license header", 1)


def check_size(tree):
    """No file is too long to be read."""
    for name, text in tree.matching(("lib", "runtime", "tools"), (".cpp",)):
        lines = text.count("\n")
        if lines > MAX_LINES:
            tree.report(name, "has %d lines, more than %d" % (lines, MAX_LINES))


OPTION = re.compile(r'\b(?!Statistic)\w+<\s*"\w+",\s*"([\w-]+)",')


def check_passes(tree):
    """Passes and their options are tested; DEBUG_TYPE is a pass's flag."""
    flags = {}
    tests = [t for n, t in tree.matching(("test",), (".mlir", ".test"))]

    def users(flag):
        # A flag that is a part of another one is a different pass.
        pattern = r"(?:^|[^\w-]|--)%s(?![\w-])" % re.escape(flag)
        return [t for t in tests if re.search(pattern, t, re.M)]

    def check_options(name, options, passes):
        texts = [t for flag in passes for t in users(flag)]
        for option in options:
            pattern = r"(?<![\w-])%s(=|[ }\"'])" % re.escape(option)
            if not any(re.search(pattern, t) for t in texts):
                tree.report(name, "no test sets the option %s of %s"
                            % (option, " or ".join(passes)))

    for name, text in tree.matching(("include", "lib"), ("Passes.td",)):
        lists = dict(re.findall(r"^defvar (\w+) = (\[.*?^\]);", text,
                                re.M | re.S))
        sharers = {shared: [] for shared in lists}
        for body in re.split(r"^(?=def )", text, flags=re.M):
            match = re.match(r'def \w+\s*:\s*\w*Pass\w*<\s*"([\w-]+)"', body)
            if not match:
                continue
            flag = match.group(1)
            flags[flag] = name
            if not users(flag):
                tree.report(name, "no test runs the pass " + flag)
            check_options(name, OPTION.findall(body), [flag])
            # An option that passes share is tested with one of them.
            for shared in lists:
                if re.search(r"\b%s\b" % shared, body):
                    sharers[shared].append(flag)
        for shared, members in lists.items():
            check_options(name, OPTION.findall(members), sharers[shared])
    for name, text in tree.matching(("lib",), CXX):
        for match in re.finditer(r'^#define DEBUG_TYPE "(.*)"', text, re.M):
            if match.group(1) not in flags:
                tree.report(name, "DEBUG_TYPE %s is no pass's flag"
                            % match.group(1))


def check_bans(tree):
    """What has a better way in this project."""
    compiler = ("lib/", "include/")
    tree.ban(compiler, CXX, r"\bcl::(opt|list)\b",
             "options of passes are declared in TableGen, not with cl::opt")
    tree.ban(compiler, CXX, r"\bgetenv\b|\bGetEnv\b",
             "the compiler reads no environment variables")
    tree.ban(("lib/Dialect/", "lib/Transforms/", "lib/Conversion/"), CXX,
             r"\berrs\(\)", "use diagnostics or LDBG, not errs()")
    tree.ban(("lib/Transforms/Fusion/",), (".cpp",), r"\breturn failure\(\);",
             "a refusal has a reason: no bare return failure()")
    own = ("test/lint/",)
    for name, text in tree.texts.items():
        if name.startswith(own):
            continue
        for number, line in enumerate(text.split("\n"), 1):
            if re.search(r"\b(TODO|FIXME|XXX)\b", line):
                tree.report(name, "unfinished work is an issue, not a comment",
                            number)
            if MACHINE_PATH.search(line):
                tree.report(name, "names a path of one machine", number)


def check_format(tree):
    """C++ is formatted, where the tool is there."""
    tool = next((t for t in ("clang-format-22", "clang-format")
                 if shutil.which(t)), None)
    if tool is None or ".clang-format" not in tree.files:
        return
    version = subprocess.run([tool, "--version"], capture_output=True,
                             text=True, check=True).stdout
    if " 22." not in version:
        return
    for name, text in tree.matching(("include", "lib", "runtime", "tools",
                                     "test", "cmake"), CXX):
        formatted = subprocess.run(
            [tool, "--assume-filename", os.path.join(tree.root, name)],
            input=text, capture_output=True, text=True, check=True).stdout
        if formatted != text:
            tree.report(name, "is not formatted (clang-format -i)")


def main():
    """Entry point."""
    tree = Tree(sys.argv[1])
    for check in (check_root, check_headers, check_size, check_passes,
                  check_bans, check_format):
        check(tree)
    for violation in tree.violations:
        print(violation)
    print("%d files, %d violations" % (len(tree.files), len(tree.violations)))
    sys.exit(1 if tree.violations or not tree.files else 0)


if __name__ == "__main__":
    main()
