#!/usr/bin/python3
# Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Drives hipfuse-run on the runtime's test artefact.

Usage: hipfuse_run_test.py HIPFUSE_RUN ARTEFACT [DEVICE_ARTEFACT.so]
                           [unittest arguments]
"""

import json
import os
import re
import stat
import subprocess
import sys
import tempfile
import unittest

import numpy as np

PROGRAM = ARTEFACT = DEVICE_ARTEFACT = None

# Element types by the suffix of their copy function: the NumPy type of files,
# and whether they are floats.
TYPES = {
    "f64": ("<f8", True),
    "f32": ("<f4", True),
    "f16": ("<f2", True),
    "bf16": ("<u2", True),
    "i1": ("|b1", False),
    "i8": ("|i1", False),
    "i16": ("<i2", False),
    "i32": ("<i4", False),
    "i64": ("<i8", False),
    "f8e4m3fn": ("|u1", True),
    "f8e4m3fnuz": ("|u1", True),
    "f8e5m2": ("|u1", True),
    "f8e8m0fnu": ("|u1", True),
}
NAN_BITS = {
    "bf16": 0x7FC0,
    "f8e4m3fn": 0x7F,
    "f8e4m3fnuz": 0x80,
    "f8e5m2": 0x7E,
    "f8e8m0fnu": 0xFF,
}


class RunTest(unittest.TestCase):
    """Common ground: a folder of its own, and ways to run the program."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def save(self, name, array):
        np.save(self.path(name), array)
        return self.path(name)

    def write(self, name, data):
        with open(self.path(name), "wb") as file:
            file.write(data)
        return self.path(name)

    def run_program(self, *args):
        return subprocess.run([PROGRAM, *map(str, args)], timeout=60,
                              capture_output=True, text=True)

    def run_entry(self, entry, *args, status=0):
        """Runs a function and returns what was printed."""
        done = self.run_program(ARTEFACT, "--entry", entry, *args)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        if status != 2:
            self.assertEqual(done.stderr, "")
        return done.stdout

    def fails(self, *args):
        """Runs the program, expects a clean failure, returns its message."""
        before = sorted(os.listdir(self.folder.name))
        done = self.run_program(*args)
        self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
        self.assertEqual(done.stdout, "")
        # A sanitizer says so when it refuses an allocation.
        stderr = re.sub(r"(?m)^==\d+==WARNING: AddressSanitizer failed to "
                        r"allocate .*\n", "", done.stderr)
        self.assertRegex(stderr, r"\Ahipfuse-run: error: [^\n]+\n\Z")
        self.assertEqual(sorted(os.listdir(self.folder.name)), before)
        return stderr[len("hipfuse-run: error: "):-1].replace(
            self.folder.name + os.sep, "")

    def entry_fails(self, entry, *args):
        return self.fails(ARTEFACT, "--entry", entry, *args)

    def copy(self, suffix, rule, *args):
        """The elements that a rule makes for an argument of this type."""
        out = self.path("made.npy")
        self.run_entry("copy_" + suffix, "--input", rule, "--output", out,
                       *args)
        return np.load(out)


class Running(RunTest):

    def test_files_in_and_out(self):
        x = np.arange(20, dtype=np.float32).reshape(5, 4)
        y = np.full((5, 4), 0.5, np.float32)
        out = self.path("sum.npy")
        for device in ["host", "host:1", "host:3"]:
            printed = self.run_entry(
                "add", "--input", self.save("x.npy", x), "--input",
                self.save("y.npy", y), "--output", out, "--compare",
                self.save("ref.npy", x + y), "--device", device)
            self.assertEqual(
                printed, "result 0 'sum': 5x4xf32: max abs err 0, max rel err "
                "0, max ulp 0, mismatches 0/20: ok\n")
            np.testing.assert_array_equal(np.load(out), x + y)

    def test_every_type_keeps_its_bits(self):
        rng = np.random.default_rng(1)
        for suffix, (dtype, _) in TYPES.items():
            data = rng.integers(0, 256, 6 * np.dtype(dtype).itemsize, np.uint8)
            array = (data % 2 if suffix == "i1" else data).view(dtype)
            array = array.reshape(2, 3)
            source = self.save("x.npy", array)
            out = self.path("y.npy")
            self.run_entry("copy_" + suffix, "--input", source, "--output", out)
            with open(source, "rb") as a, open(out, "rb") as b:
                self.assertEqual(a.read(), b.read(), suffix)

    def test_other_files_of_the_same_type(self):
        for suffix, dtype in [("i8", "u1"), ("i32", "<u4"), ("i64", "<u8"),
                              ("bf16", "V2"), ("f8e5m2", "V1"),
                              ("f8e5m2", "i1")]:
            array = np.frombuffer(bytes(range(16)), dtype).reshape(1, -1)
            out = self.path("y.npy")
            self.run_entry("copy_" + suffix, "--input",
                           self.save("x.npy", array), "--output", out)
            self.assertEqual(np.load(out).tobytes(), bytes(range(16)))

    def test_empty_and_scalar(self):
        out = self.path("y.npy")
        self.run_entry("copy_f32", "--input",
                       self.save("x.npy", np.zeros((0, 7), "f4")), "--output",
                       out)
        self.assertEqual(np.load(out).shape, (0, 7))
        self.run_entry("scale", "--input", "zeros:9", "--input",
                       self.save("f.npy", np.float64(2)), "--output", "-",
                       "--output", out)
        self.assertEqual(np.load(out), np.int64(9))

    def test_updated_in_place(self):
        state = np.array([1.0, 2.0, 3.0])
        source = self.save("s.npy", state)
        out = self.path("out.npy")
        # Three runs; each starts from the given state.
        self.run_entry("scale", "--input", source, "--input",
                       self.save("f.npy", np.float64(10)), "--output", out,
                       "--repeat", 2, "--warmup", 1, "--compare",
                       self.save("r.npy", state * 10))
        np.testing.assert_array_equal(np.load(out), state * 10)
        np.testing.assert_array_equal(np.load(source), state)

    def test_results_are_poisoned(self):
        out = [self.path("i.npy"), self.path("f.npy")]
        self.run_entry("leave", "--output", out[0], "--output", out[1])
        self.assertEqual(np.load(out[0]).tobytes(), b"\xa5" * 24)
        self.assertTrue(np.isnan(np.load(out[1])).all())

    def test_output_replaces_a_file(self):
        out = self.write("y.npy", b"old")
        os.chmod(out, 0o600)
        self.run_entry("copy_i8", "--input", "iota:1x3", "--output", out)
        np.testing.assert_array_equal(np.load(out), [[0, 1, 2]])
        mask = os.umask(0)
        os.umask(mask)
        self.assertEqual(stat.S_IMODE(os.stat(out).st_mode), 0o666 & ~mask)
        self.assertEqual(os.listdir(self.folder.name), ["y.npy"])

    def test_time(self):
        printed = self.run_entry("copy_f32", "--input", "zeros:3x3", "--time",
                                 "--repeat", 5)
        self.assertRegex(
            printed, r"\Atime: median [\d.]+ us, min [\d.]+ us, max [\d.]+ us "
            r"over 5 runs\n\Z")

    def test_list(self):
        done = self.run_program(ARTEFACT, "--list")
        self.assertEqual(done.returncode, 0)
        lines = done.stdout.splitlines()
        self.assertEqual(lines[:4], [
            "produced by a C file; ABI version 3; device code for: none",
            "add(x: ?x4xf32, y: ?x4xf32) -> (sum: ?x4xf32)",
            "  needs: dim 0 of argument 'x' equals dim 0 of argument 'y'",
            "scale(state: ?xf64, factor: f64) -> "
            "(state: ?xf64 in argument 0, n: i64)"
        ])
        self.assertEqual(lines[-2:],
                         ["no_host(2x3xi32) -> ()", "  no code for the host"])

    def test_list_devices(self):
        done = self.run_program("--list-devices")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        lines = done.stdout.splitlines()
        self.assertRegex(lines[0], r"^host: host CPU, \d+ threads?$")
        for kind in ("hip", "cuda"):
            self.assertEqual(1, len([line for line in lines if re.match(
                rf"{kind}(:0)?: \S|no {kind} device: \S", line)]), done.stdout)

    def test_auto_says_what_it_became(self):
        # There is code for the host only, whatever GPU the machine has.
        printed = self.run_entry("copy_i8", "--input", "zeros:2x2", "--device",
                                 "auto")
        self.assertRegex(printed, r"\Adevice: host[^\n]*: host CPU, [^\n]+\n\Z")
        printed = self.run_entry("copy_i8", "--input", "zeros:2x2", "--device",
                                 "auto", "--quiet")
        self.assertEqual(printed, "")

    def test_trace(self):
        trace = self.path("trace.json")
        self.run_entry("add", "--random", "1", "--dim", "3", "--repeat", "2",
                       "--trace", trace)
        with open(trace) as file:
            events = json.load(file)
        events = events if isinstance(events, list) else events["traceEvents"]
        self.assertEqual(2, len([e for e in events if e.get("name") == "add"]))

    def test_help(self):
        done = self.run_program("--help")
        self.assertEqual(done.returncode, 0)
        self.assertIn("randint:[DIMS]:LO:HI", done.stdout)


class Devices(RunTest):
    """On every GPU of the machine, emulated ones included."""

    def setUp(self):
        super().setUp()
        if not DEVICE_ARTEFACT:
            self.skipTest("there is no artefact with code for devices")
        listed = self.run_program("--list-devices").stdout
        self.devices = re.findall(r"^((?:hip|cuda):\d+): ", listed, re.M)
        if not self.devices:
            self.skipTest("no GPU: " + " ".join(re.findall(
                r"^no \w+ device: .*", listed, re.M)))

    def on_device(self, device, entry, *args, status=0):
        done = self.run_program(DEVICE_ARTEFACT, "--entry", entry, "--device",
                                device, *args)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def test_same_as_host(self):
        x = np.random.default_rng(1).normal(size=1000).astype(np.float32)
        source, out = self.save("x.npy", x), self.path("y.npy")
        for device in self.devices + ["host"]:
            self.on_device(device, "triple", "--input", source, "--output",
                           out)
            np.testing.assert_array_equal(np.load(out), x * np.float32(3))

    def test_updated_in_place_starts_afresh(self):
        outs = []
        for device in self.devices + ["host"]:
            for repeat in (1, 3):
                out = self.path(f"{device}-{repeat}.npy")
                self.on_device(device, "steps", "--input", "iota:700",
                               "--output", out, "--repeat", repeat)
                outs.append(np.load(out))
                np.testing.assert_array_equal(outs[-1], outs[0])
        self.assertFalse(np.array_equal(outs[0], np.arange(700)))

    def test_wrong_results_are_found(self):
        for device in self.devices:
            printed = self.on_device(
                device, "triple", "--input", "iota:5", "--compare",
                self.save("ref.npy", np.array([0, 3, 6, 9, 11], np.float32)),
                status=1)
            self.assertIn("mismatches 1/5, first at [4]", printed)

    def test_auto_takes_the_device(self):
        printed = self.on_device("auto", "triple", "--input", "zeros:3")
        self.assertRegex(printed, r"\Adevice: (hip|cuda):0: ")

    def test_auto_leaves_a_device_without_code(self):
        printed = self.on_device("auto", "host_only", "--input", "zeros:3")
        self.assertRegex(printed, r"\Adevice: host[^\n]*; not \w+:0: [^\n]*"
                                  r"'host_only' has no code for device")

    def test_no_code_for_the_device(self):
        for device in self.devices:
            self.assertRegex(
                self.on_device(device, "host_only", "--input", "zeros:3",
                               status=2),
                r"\Ahipfuse-run: error: function 'host_only' has no code for "
                r"device '\w+:\d+', [^\n]+\n\Z")

    def test_trace_names_kernels(self):
        for device in self.devices:
            trace = self.path("trace.json")
            self.on_device(device, "steps", "--input", "iota:9", "--trace",
                           trace)
            with open(trace) as file:
                self.assertIn('"step"', file.read())


class Rules(RunTest):

    def test_random_is_reproducible(self):
        first = self.copy("f32", "random:50x7", "--random", 5)
        np.testing.assert_array_equal(
            first, self.copy("f32", "random:50x7", "--random", 5))
        self.assertFalse(
            np.array_equal(first, self.copy("f32", "random:50x7", "--random",
                                            6)))
        self.assertTrue((abs(first) <= 1).all())
        self.assertLess(abs(first.mean()), 0.2)
        self.assertGreater(first.std(), 0.4)

    def test_random_fills_what_is_not_given(self):
        out = self.path("sum.npy")
        printed = self.run_entry("add", "--random", 5, "--dim", 6, "--output",
                                 out)
        self.assertEqual(printed, "seed: 5\n")
        total = np.load(out)
        x = self.path("x.npy")
        self.run_entry("add", "--random", 5, "--dim", 6, "--input",
                       "random", "--input", "zeros", "--output", x)
        self.assertFalse(np.array_equal(total, 2 * np.load(x)))

    def test_random_of_every_type(self):
        for suffix, (dtype, is_float) in TYPES.items():
            if suffix in ("i16", "i32", "i64"):
                self.assertEqual(
                    self.entry_fails("copy_" + suffix, "--input", "random:2x3"),
                    f"argument 0 'x' is {suffix}: random integers need a "
                    "range, as in randint:2x3:0:100")
                continue
            made = self.copy(suffix, "random:40x40")
            self.assertEqual(made.dtype, np.dtype(dtype))
            self.assertGreater(len(np.unique(made)), 1)
            if suffix == "bf16":
                value = (made.astype(np.uint32) << 16).view(np.float32)
                self.assertTrue((abs(value) <= 1).all())
            if suffix == "f8e8m0fnu":
                self.assertEqual((made.min(), made.max()), (119, 134))

    def test_randint(self):
        made = self.copy("i64", "randint:1000x1:-3:4")
        self.assertEqual(sorted(np.unique(made)), list(range(-3, 4)))
        made = self.copy("f32", "randint:100x1:-3:4")
        self.assertLessEqual(set(np.unique(made)), set(range(-3, 4)))
        made = self.copy("i32", "randint::7:8", "--dim", 2)
        np.testing.assert_array_equal(made, [[7, 7], [7, 7]])
        self.assertEqual(
            self.entry_fails("copy_i8", "--input", "randint:1x1:0:257"),
            "argument 0 'x' is i8, which cannot hold all of [0, 257)")

    def test_perm(self):
        made = self.copy("i32", "perm:5x7")
        self.assertEqual(sorted(made.ravel()), list(range(35)))
        self.assertNotEqual(list(made.ravel()), list(range(35)))
        for bound in (40, 10**6):
            made = self.copy("i64", f"perm:5x7:{bound}")
            self.assertEqual(len(np.unique(made)), 35)
            self.assertTrue(((made >= 0) & (made < bound)).all())
        self.assertEqual(
            self.entry_fails("copy_i64", "--input", "perm:5x7:34"),
            "argument 0 'x' has 35 elements, there are only 34 different "
            "integers in [0, 34)")
        self.assertEqual(self.entry_fails("copy_f32", "--input", "perm:5x7"),
                         "argument 0 'x' is f32: perm makes integers")

    def test_cache(self):
        def f32(made):
            return np.ascontiguousarray(made).view(np.float32)

        def bf16(made):
            return f32(np.ascontiguousarray(made).view(np.uint16).astype(
                np.uint32) << 16)

        # 656 bytes: codes of e4m3 below 1, whose code is 0x38; scales; bf16.
        made = self.copy("i8", "cache:50x656").view(np.uint8)
        self.assertLessEqual((made[:, :512] & 0x7F).max(), 0x38)
        self.assertGreater(len(np.unique(made[:, :512])), 90)
        scale = f32(made[:, 512:528])
        self.assertTrue(((scale >= 0.75) & (scale < 1.25)).all())
        rope = bf16(made[:, 528:])
        self.assertTrue((abs(rope) <= 1).all())
        self.assertGreater(rope.std(), 0.4)

        # Pages of two rows: data, exponents, padding.
        made = self.copy("i8", "cache:50x1728").view(np.uint8)
        rows = made[:, :1152].reshape(100, 576)
        self.assertLessEqual((rows[:, :448] & 0x7F).max(), 0x38)
        self.assertTrue((abs(bf16(rows[:, 448:])) <= 1).all())
        scales = made[:, 1152:1168].reshape(100, 8)
        self.assertEqual(list(np.unique(scales[:, :7])), [126, 127, 128])
        self.assertFalse(scales[:, 7].any())
        self.assertFalse(made[:, 1168:].any())

        # Whole pages up to 4 MiB, then again from the start.
        made = self.copy("bf16", "cache:3000x2000")
        period = -(-2**22 // 4000)
        self.assertGreater(len(np.unique(made[:period], axis=0)), 1000)
        np.testing.assert_array_equal(made[period:], made[:-period])
        self.assertEqual(self.copy("i8", "cache:0x656").size, 0)
        for suffix, dims in (("i32", "4x656"), ("i8", "4x655"), ("i8", "4x576"),
                             ("i8", "4x600")):
            self.assertEqual(
                self.entry_fails("copy_" + suffix, "--input", "cache:" + dims),
                f"argument 0 'x' is {dims}x{suffix}: cache makes floats, i8 "
                "rows of 656 bytes, and i8 pages of 584 bytes per row, filled "
                "up to a multiple of 576")

    def test_zeros_iota_poison(self):
        for suffix, (dtype, is_float) in TYPES.items():
            self.assertFalse(self.copy(suffix, "zeros:2x3").any())
            if suffix != "i1":
                self.assertEqual(
                    self.copy(suffix, "poison:1x3").tobytes(),
                    b"\xa5" * (3 * np.dtype(dtype).itemsize))
        np.testing.assert_array_equal(self.copy("f16", "iota:1x4096"),
                                      [np.arange(4096).astype(np.float16)])
        np.testing.assert_array_equal(self.copy("f8e4m3fn", "iota:1x300"),
                                      [np.arange(300).astype(np.uint8)])
        np.testing.assert_array_equal(self.copy("i1", "iota:1x3"),
                                      [[False, True, False]])

    def test_random_rounds_one_sequence(self):
        exact = self.copy("f64", "random:100x100", "--random", 9)
        single = self.copy("f32", "random:100x100", "--random", 9)
        half = self.copy("f16", "random:100x100", "--random", 9)
        np.testing.assert_array_equal(single, exact.astype(np.float32))
        np.testing.assert_array_equal(half, exact.astype(np.float16))
        byte = self.copy("f8e5m2", "random:100x100", "--random", 9)
        near = (byte.astype(np.uint16) << 8).view(np.float16).astype("f8")
        # Half an ulp of two stored bits, or half the smallest subnormal.
        self.assertTrue((abs(near - exact) <= np.maximum(
            abs(exact) / 8, 2.0**-17)).all())

    def test_iota_rounds_bf16_to_nearest_even(self):
        made = self.copy("bf16", "iota:1x3000").ravel()
        bits = np.arange(3000, dtype=np.float32).view(np.uint32)
        even = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16
        np.testing.assert_array_equal(made, even)

    def test_nan(self):
        for suffix, (_, is_float) in TYPES.items():
            if not is_float:
                self.assertEqual(
                    self.entry_fails("copy_" + suffix, "--input", "nan:1x1"),
                    f"argument 0 'x' is {suffix}, which has no NaN")
            elif suffix in NAN_BITS:
                self.assertEqual(self.copy(suffix, "nan:1x1")[0, 0],
                                 NAN_BITS[suffix])
            else:
                self.assertTrue(np.isnan(self.copy(suffix, "nan:2x2")).all())

    def test_malformed(self):
        for rule in ("random:1x", "random:x1", "random:-1x2", "random:1x2:3",
                     "randint:1x1", "randint:1x1:0", "randint:1x1:a:b",
                     "randint:1x1:0:99999999999999999999", "perm:1x1:-1",
                     "zeros:1,2", "perm:1x1:1:1"):
            self.assertEqual(
                self.entry_fails("copy_i32", "--input", rule),
                f"input '{rule}' is malformed; see --help")
        self.assertEqual(
            self.entry_fails("copy_i32", "--input", "randint:1x1:4:4"),
            "input 'randint:1x1:4:4' has an empty range")

    def test_shapes(self):
        self.assertEqual(
            self.entry_fails("add", "--input", "zeros:2x5", "--input", "zeros"),
            "argument 0 'x' has shape ?x4, but its input is 2x5")
        self.assertEqual(
            self.entry_fails("add", "--input", "zeros:2", "--input", "zeros"),
            "argument 0 'x' has shape ?x4, but its input is 2")
        self.assertEqual(
            self.entry_fails("add", "--random", 1),
            "argument 0 'x' has shape ?x4: give its dynamic dimensions in the "
            "input, as in random:17x7168, or with --dim")
        huge = "9223372036854775807"
        self.assertEqual(
            self.entry_fails("copy_f64", "--input", f"zeros:{huge}x2"),
            f"argument 0 'x' has shape {huge}x2, which is more than memory can "
            "hold")
        self.assertEqual(
            self.entry_fails("copy_f64", "--input", "zeros:1000000x1000000000"),
            "argument 0 'x' has shape 1000000x1000000000, which is more than "
            "memory can hold")


class Comparing(RunTest):

    def compare(self, suffix, found, expected, *args, status):
        """The comparison's line without the name of the result."""
        printed = self.run_entry(
            "copy_" + suffix, "--input", self.save("x.npy", found), "--compare",
            self.save("ref.npy", expected), *args, status=status)
        self.assertTrue(printed.startswith("result 0 'y': ") or not printed)
        return printed[len("result 0 'y': "):-1]

    def test_first_mismatch(self):
        x = np.zeros((2, 3), np.float32)
        y = x.copy()
        y[1, 2] = 0.25
        y[1, 1] = -0.5
        self.assertEqual(
            self.compare("f32", x, y, status=1),
            "2x3xf32: max abs err 0.5, max rel err 1, max ulp 1056964608, "
            "mismatches 2/6, first at [1,1]: found 0 (0x00000000), expected "
            "-0.5 (0xbf000000): FAILED")

    def test_outputs_are_written_for_a_failed_comparison(self):
        out = self.path("y.npy")
        self.run_entry("copy_i8", "--input", "zeros:1x1", "--output", out,
                       "--compare", self.save("r.npy", np.ones((1, 1), "i1")),
                       status=1)
        self.assertEqual(np.load(out), 0)

    def test_ulp(self):
        x = np.array([[1, 65504, 0]], np.float16)
        y = (x.view(np.uint16) + np.array([[0, 0, 2]], "u2")).view(np.float16)
        self.compare("f16", x, y, "--ulp", 1, status=1)
        line = self.compare("f16", x, y, "--ulp", 2, status=0)
        self.assertIn("max ulp 2, mismatches 0/3: ok", line)
        # Across zero, and zeros of both signs.
        x = np.array([[0x0001, 0x0000]], "u2")
        y = np.array([[0x8001, 0x8000]], "u2")
        self.compare("bf16", x, y, "--ulp", 1, status=1)
        self.compare("bf16", x, y, "--ulp", 2, status=0)
        self.compare("bf16", x[:, 1:], y[:, 1:], "--ulp", 0, status=0)
        self.compare("bf16", x[:, 1:], y[:, 1:], status=1)
        # One below infinity is not near infinity.
        x = np.array([[np.finfo(np.float16).max]], np.float16)
        y = np.array([[np.inf]], np.float16)
        self.compare("f16", x, y, "--ulp", 5, "--rtol", 1, status=1)
        self.compare("f16", y, y, status=0)
        # The whole line of 64-bit floats.
        x, y = np.array([[-np.finfo("f8").max]]), np.array([[np.finfo("f8").max]])
        line = self.compare("f64", x, y, status=1)
        self.assertIn("max ulp 18437736874454810622,", line)

    def test_one_byte_floats(self):
        # All values next to each other: one ulp apart.
        for suffix, codes in [("f8e4m3fn", range(0, 0x7E)),
                              ("f8e4m3fnuz", range(0, 0x7F)),
                              ("f8e5m2", range(0, 0x7B)),
                              ("f8e8m0fnu", range(0, 0xFE))]:
            x = np.array([codes], np.uint8)
            line = self.compare(suffix, x, x + np.uint8(1), "--ulp", 1,
                                status=0)
            self.assertIn(f"max ulp 1, mismatches 0/{len(codes)}: ok", line)
        # Largest values: 448, 240, 57344, 2^127; compared with zero or 1.
        for suffix, code, other, error in [("f8e4m3fn", 0x7E, 0, "448"),
                                           ("f8e4m3fnuz", 0x7F, 0, "240"),
                                           ("f8e5m2", 0x7B, 0, "57344"),
                                           ("f8e8m0fnu", 128, 127, "1")]:
            line = self.compare(suffix, np.array([[code]], "u1"),
                                np.array([[other]], "u1"), status=1)
            self.assertIn(f"max abs err {error},", line)

    def test_atol_and_rtol(self):
        x = np.array([[1.0, 100.0]])
        y = np.array([[1.125, 101.0]])
        self.compare("f64", x, y, "--atol", 0.124, status=1)
        self.compare("f64", x, y, "--atol", 0.125, status=1)
        self.compare("f64", x, y, "--atol", 0.125, "--rtol", 0.01, status=0)
        self.compare("f64", x, y, "--atol", 1, status=0)
        self.compare("f64", x, y, "--rtol", 0.1, status=1)
        self.compare("f64", x, y, "--rtol", 0.112, status=0)

    def test_tolerance_is_for_floats(self):
        x = np.array([[1, 2]], np.int32)
        line = self.compare("i32", x, x + 1, "--atol", 5, "--ulp", 5, status=1)
        self.assertEqual(
            line, "1x2xi32: max abs err 1, max rel err 0.5, mismatches 2/2, "
            "first at [0,0]: found 1, expected 2: FAILED")

    def test_int64_is_exact(self):
        x = np.array([[2**62]])
        line = self.compare("i64", x, x + 1, status=1)
        self.assertIn("max abs err 1, ", line)
        self.assertIn(f"found {2**62}, expected {2**62 + 1}", line)

    def test_allow_mismatch(self):
        x = np.zeros((1, 100), np.int8)
        y = x.copy()
        y[0, :3] = 1
        self.compare("i8", x, y, "--allow-mismatch", 0.02, status=1)
        line = self.compare("i8", x, y, "--allow-mismatch", 0.03, status=0)
        self.assertIn("mismatches 3/100, first at [0,0]: found 0, expected 1: "
                      "ok", line)

    def test_nan(self):
        x = np.array([[np.nan, 1]], np.float32)
        line = self.compare("f32", x, x, "--ulp", 100, "--atol", 1e30, status=1)
        self.assertIn("mismatches 1/2, NaN in 1, first at [0,0]", line)
        self.compare("f32", x, x, "--nan-equal", status=0)
        self.compare("f32", x, x[:, ::-1].copy(), "--nan-equal", status=1)
        for suffix, bits in NAN_BITS.items():
            x = np.array([[bits]], TYPES[suffix][0])
            self.compare(suffix, x, x, status=1)
            self.compare(suffix, x, x, "--nan-equal", status=0)

    def test_large_results(self):
        # Equal blocks are passed by; what differs or is NaN must not be.
        for suffix, (dtype, is_float) in TYPES.items():
            x = np.zeros((3, 1025), dtype)
            self.assertIn("mismatches 0/3075: ok",
                          self.compare(suffix, x, x, status=0))
            for at in (0, 1023, 1024, 2047, 2048, 3071, 3072, 3074):
                y = x.copy()
                y.ravel()[at] = 1
                line = self.compare(suffix, x, y, status=1)
                self.assertIn(
                    f"mismatches 1/3075, first at [{at // 1025},{at % 1025}]:",
                    line)
                if is_float:
                    y.ravel()[at] = NAN_BITS.get(suffix, np.nan)
                    self.assertIn("mismatches 1/3075, NaN in 1, first at",
                                  self.compare(suffix, y, y, status=1))

    def test_quiet(self):
        x = np.zeros((1, 1), np.float32)
        self.assertEqual(self.compare("f32", x, x, "--quiet", status=0), "")
        self.assertIn(
            "FAILED", self.compare("f32", x, x + 1, "--quiet", status=1))

    def test_skipped(self):
        self.run_entry("leave", "--compare", "-", "--compare",
                       self.save("r.npy", np.zeros((2, 3), "f4")), status=1)
        self.run_entry("leave", "--compare", "-", "--compare", "-")


class BadUse(RunTest):

    def test_command_line(self):
        self.assertEqual(self.fails(), "artefact is required (--help explains)")
        for args in (["--nope"], ["--ulp", "-1"], ["--ulp", "x"],
                     ["--atol", "-1"], ["--atol", "nan"], ["--rtol", "inf"],
                     ["--allow-mismatch", "1.5"], ["--repeat", "0"],
                     ["--random", "-1"], ["--dim", "-1"], ["second.so"],
                     ["--device"]):
            self.assertIn("(--help explains)", self.fails(ARTEFACT, *args))
        self.assertEqual(
            self.fails(ARTEFACT),
            "the artefact has 18 functions; choose one with --entry (--list "
            "shows them)")
        self.assertTrue(
            self.entry_fails("nope").startswith(
                "no function 'nope'; the artefact has: add, scale, "))
        self.assertEqual(
            self.fails(ARTEFACT, "--device", "gpu", "--list"),
            "unknown device 'gpu'; this runtime has: host, hip, cuda, auto")

    def test_counts(self):
        self.assertEqual(
            self.entry_fails("copy_i8", "--input", "zeros", "--input", "zeros"),
            "--input is given 2 times, but 'copy_i8' has 1 arguments")
        self.assertEqual(
            self.entry_fails("fail", "--input", "zeros", "--output", "o.npy"),
            "--output is given 1 times, but 'fail' has 0 results")
        self.assertEqual(
            self.entry_fails("fail", "--input", "zeros", "--compare", "o.npy"),
            "--compare is given 1 times, but 'fail' has 0 results")
        self.assertEqual(
            self.entry_fails("copy_i8"),
            "argument 0 'x' has no input; give one with --input, or --random")
        out = self.path("o.npy")
        self.assertEqual(
            self.entry_fails("leave", "--output", out, "--output", out),
            "'o.npy' is given as --output twice")

    def test_failed_run_writes_nothing(self):
        self.assertEqual(self.entry_fails("fail", "--input", "zeros"),
                         "function 'fail' failed with code 42")
        self.assertEqual(
            self.entry_fails("no_host", "--input", "zeros", "--device",
                             "host:1"),
            "function 'no_host' has no code for device 'host:1'")

    def test_no_code_for_a_device(self):
        # Either there is no such device or there is no code for it.
        for device in ("hip", "cuda", "hip:0"):
            self.assertRegex(
                self.entry_fails("copy_i8", "--input", "zeros:2x2", "--device",
                                 device), r"hip|cuda|HIP|CUDA")
        self.assertIn("tpu", self.entry_fails("copy_i8", "--device", "tpu"))

    def test_trace_cannot_be_written(self):
        self.assertIn("none/t.json", self.entry_fails(
            "copy_i8", "--input", "zeros:2x2", "--trace",
            self.path("none/t.json")))

    def test_constraint(self):
        self.assertEqual(
            self.entry_fails("add", "--input", "zeros:3x4", "--input",
                             "zeros:2x4", "--output", self.path("o.npy")),
            "'add' needs that dim 0 of argument 'x' equals dim 0 of argument "
            "'y'; its arguments are 3x4, 2x4")

    def test_artefacts(self):
        self.assertEqual(
            self.fails(self.path("none.so"), "--list"),
            "cannot open artefact 'none.so': No such file or directory")
        with open(ARTEFACT, "rb") as file:
            data = file.read()
        cut = self.write("cut.so", data[:-100])
        self.assertEqual(
            self.fails(cut, "--list"),
            f"artefact 'cut.so' is truncated: file has {len(data) - 100} "
            f"bytes, its note says {len(data)}")
        middle = len(data) // 2
        damaged = bytearray(data)
        damaged[middle] ^= 1
        self.assertRegex(
            self.fails(self.write("bad.so", damaged), "--list"),
            "^artefact 'bad.so' is damaged: its checksum is [0-9a-f]{8}, its "
            "note says [0-9a-f]{8}$")
        self.assertEqual(self.fails(self.write("text.so", b"hello\n" * 20)),
                         "'text.so' is not an artefact: not an ELF file")

    def test_output_path(self):
        self.assertEqual(
            self.entry_fails("copy_i8", "--input", "zeros:1x1", "--output",
                             self.path("no/y.npy")),
            "cannot write 'no/y.npy': No such file or directory")
        self.assertEqual(
            self.entry_fails("copy_i8", "--input", "zeros:1x1", "--output",
                             "/dev/null"),
            "cannot write '/dev/null': it is not a regular file")
        # The first output could be written, the second not: neither is.
        self.assertEqual(
            self.entry_fails("leave", "--output", self.path("i.npy"),
                             "--output", self.path("no/f.npy")),
            "cannot write 'no/f.npy': No such file or directory")


class NpyFiles(RunTest):

    def header(self, text, version=1):
        size = len(text).to_bytes(2 if version == 1 else 4, "little")
        return b"\x93NUMPY" + bytes([version, 0]) + size + text.encode("latin1")

    def error(self, data, entry="copy_f32"):
        return self.entry_fails(entry, "--input", self.write("x.npy", data),
                                "--output", self.path("y.npy"))

    def good(self, shape="(1, 2)", descr="'<f4'", order="False"):
        return ("{'descr': %s, 'fortran_order': %s, 'shape': %s, }\n" %
                (descr, order, shape))

    def test_versions_and_spelling(self):
        out = self.path("y.npy")
        data = np.array([[1, 2]], np.float32)
        for head in [
                self.header(self.good()),
                self.header(self.good(), 2),
                self.header(self.good(), 3),
                self.header('{"shape":(1L,2L,),"descr":"<f4",'
                            '"fortran_order":False}'),
        ]:
            self.run_entry("copy_f32", "--input",
                           self.write("x.npy", head + data.tobytes()),
                           "--output", out)
            np.testing.assert_array_equal(np.load(out), data)

    def test_not_npy(self):
        self.assertEqual(
            self.entry_fails("copy_f32", "--input", self.path("none.npy")),
            "cannot open 'none.npy': No such file or directory")
        self.assertEqual(
            self.entry_fails("copy_f32", "--input", self.folder.name),
            f"'{self.folder.name}' is a directory")
        self.assertEqual(self.entry_fails("copy_f32", "--input", "/dev/zero"),
                         "'/dev/zero' is not a regular file")
        for data in (b"", b"\x93NUM", b"hello, this is text"):
            self.assertEqual(self.error(data), "'x.npy' is not a .npy file")
        self.assertEqual(
            self.error(b"\x93NUMPY\x04\x00" + b"\0" * 100),
            "'x.npy' is of .npy version 4.0; known are 1.0, 2.0, 3.0")

    def test_truncated_anywhere(self):
        data = self.header(self.good()) + bytes(8)
        for size in range(6, len(data)):
            message = self.error(data[:size])
            if size < len(data) - 8:
                self.assertEqual(message,
                                 "'x.npy' is truncated in its .npy header")
            else:
                self.assertEqual(
                    message, f"'x.npy' has {size - len(data) + 8} bytes of "
                    "data, its shape 1x2 needs 8")
        self.assertEqual(
            self.error(data + b"\0"),
            "'x.npy' has 9 bytes of data, its shape 1x2 needs 8")

    def test_malformed_headers(self):
        good = self.good()
        cases = [good[:cut] for cut in range(len(good) - 2)]
        cases += [
            self.good(shape=shape)
            for shape in ("()x", "(-1, 2)", "(1, 2", "1, 2", "(1 2)", "(a,)",
                          "(99999999999999999999, 1)", "(1.0, 2)", "None")
        ]
        cases += [
            self.good(order="0"),
            self.good(descr="<f4"),
            "{'descr': '<f4', 'fortran_order': False}",
            "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, "
            "'shape': (1, 2)}", good.replace("shape", "shapes"), "[]",
            "\0" * 50, good + "x"
        ]
        for text in cases:
            self.assertEqual(self.error(self.header(text) + bytes(8)),
                             "'x.npy' has a malformed .npy header", text)
        huge = b"\x93NUMPY\x02\x00\xff\xff\xff\xff" + bytes(100)
        self.assertEqual(self.error(huge),
                         "'x.npy' is truncated in its .npy header")

    def test_huge_shapes(self):
        for shape in ("(9223372036854775807, 9223372036854775807)",
                      "(4611686018427387904, 4)"):
            message = self.error(self.header(self.good(shape)) + bytes(8))
            self.assertTrue(message.endswith("needs more than any file has"))
        message = self.error(
            self.header(self.good("(1000000000, 1000000000)")) + bytes(8))
        self.assertEqual(
            message, "'x.npy' has 8 bytes of data, its shape "
            "1000000000x1000000000 needs 4000000000000000000")
        many = "(" + "1, " * 500 + ")"
        self.assertIn("argument 0 'x' has shape ?x?, but 'x.npy' has 1x1x1",
                      self.error(self.header(self.good(many)) + bytes(4)))

    def test_order_and_endianness(self):
        array = np.asfortranarray(np.zeros((2, 3), "f4"))
        self.assertEqual(
            self.entry_fails("copy_f32", "--input", self.save("x.npy", array)),
            "'x.npy' is in Fortran order; only C order can be read "
            "(numpy.ascontiguousarray)")
        self.assertEqual(
            self.entry_fails("copy_f32", "--input",
                             self.save("x.npy", np.zeros((2, 3), ">f4"))),
            "'x.npy' is big-endian ('>f4'); only little-endian files can be "
            "read")
        records = np.zeros((1, 2), [("a", "f4")])
        self.assertEqual(
            self.entry_fails("copy_f32", "--input", self.save("x.npy",
                                                              records)),
            "'x.npy' holds structured elements")

    def test_wrong_type_and_shape(self):
        source = self.save("x.npy", np.zeros((2, 3), "f8"))
        self.assertEqual(
            self.entry_fails("copy_bf16", "--input", source),
            "argument 0 'x' is bf16, but 'x.npy' holds '<f8'; allowed: '<u2', "
            "'|V2', '<V2'")
        self.assertEqual(
            self.entry_fails("add", "--input",
                             self.save("f.npy", np.zeros((2, 3), "f4")),
                             "--input", "zeros:2x4"),
            "argument 0 'x' has shape ?x4, but 'f.npy' has 2x3")
        self.assertEqual(
            self.entry_fails("copy_i64", "--input", "zeros:1x1", "--compare",
                             source),
            "result 0 'y' is i64, but 'x.npy' holds '<f8'; allowed: '<i8', "
            "'<u8'")
        self.assertEqual(
            self.entry_fails("copy_f64", "--input", "zeros:3x3", "--output",
                             self.path("y.npy"), "--compare", source),
            "result 0 'y' has shape 3x3, but 'x.npy' has 2x3")

    def test_truth_values(self):
        data = self.header(self.good(descr="'|b1'")) + b"\1\2"
        self.assertEqual(
            self.error(data, "copy_i1"),
            "'x.npy' holds a truth value that is neither 0 nor 1 at 1")


if __name__ == "__main__":
    PROGRAM, ARTEFACT, *rest = sys.argv[1:]
    if rest and rest[0].endswith(".so"):
        DEVICE_ARTEFACT = rest.pop(0)
    unittest.main(argv=sys.argv[:1] + rest)
