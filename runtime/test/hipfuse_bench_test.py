#!/usr/bin/python3
# Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Drives hipfuse-bench on the runtime's test artefact.

Usage: hipfuse_bench_test.py HIPFUSE_BENCH ARTEFACT [DEVICE_ARTEFACT.so]
                             [unittest arguments]
"""

import csv
import io
import json
import re
import subprocess
import sys
import unittest

PROGRAM = ARTEFACT = DEVICE_ARTEFACT = None

# Few and small: what is tested is what is printed, not how fast it was.
QUICK = ["--replays", "4", "--warmup", "1"]


class BenchTest(unittest.TestCase):

    def run_program(self, *args):
        return subprocess.run([PROGRAM, *map(str, args)], timeout=120,
                              capture_output=True, text=True)

    def bench(self, *args, rows=100, copy=65536, quick=QUICK):
        """Times `add`; returns what was printed."""
        done = self.run_program(ARTEFACT, "--entry", "add", "--random", 1,
                                "--dim", rows, "--copy", copy, *quick, *args)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        return done.stdout

    def fails(self, *args):
        done = self.run_program(*args)
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertRegex(done.stderr, r"\Ahipfuse-bench: error: [^\n]+\n\Z")
        return done.stderr

    def test_text(self):
        self.assertRegex(
            self.bench("--calls", 6, "--sets", 3),
            r"\Aadd\(100x4xf32, 100x4xf32\)\n"
            r"device: host:\d+: host CPU, \d+ threads?\n"
            r"method: 4 replays of (a graph of|single launches,) 6 calls, "
            r"3 sets of 0\.005 MB\n"
            r"time: median \S+ us, min \S+ us, p10 \S+ us, p90 \S+ us\n"
            r"rate: \S+ GB/s of 0\.005 MB, \S+ % of a copy's \S+ GB/s\n\Z")

    def check_values(self, values):
        low, p10, median, p90 = (float(values[key]) for key in (
            "min_us", "p10_us", "median_us", "p90_us"))
        self.assertTrue(0 < low <= p10 <= median <= p90, values)
        self.assertEqual(int(values["bytes"]), 3 * 1600)
        self.assertEqual(int(values["set_bytes"]), 3 * 1600)
        # The printed time has four decimals.
        self.assertAlmostEqual(float(values["gb_per_s"]),
                               4800 / median * 1e-3, delta=0.02 + 1 / median)
        self.assertAlmostEqual(
            float(values["share_of_copy"]),
            float(values["gb_per_s"]) / float(values["copy_gb_per_s"]),
            delta=0.01 * float(values["share_of_copy"]) + 0.001)
        self.assertEqual(values["label"], 'a "case", named')
        self.assertEqual(values["arguments"], "100x4xf32, 100x4xf32")
        self.assertEqual((int(values["calls"]), int(values["replays"]),
                          int(values["sets"])), (5, 4, 1))

    def test_csv(self):
        lines = list(csv.DictReader(io.StringIO(self.bench(
            "--csv", "--label", 'a "case", named', "--calls", 5))))
        self.assertEqual(len(lines), 1)
        self.check_values(lines[0])

    def test_json(self):
        self.check_values(json.loads(self.bench(
            "--json", "--label", 'a "case", named', "--calls", 5)))

    def test_bytes(self):
        values = json.loads(self.bench("--json", "--bytes", 12345))
        self.assertEqual(values["bytes"], 12345)
        self.assertEqual(values["set_bytes"], 4800)

    def test_flops(self):
        values = json.loads(self.bench("--json", "--flops", 10**9))
        # The printed time has four decimals, the rate three.
        median, rate = float(values["median_us"]), float(values["tflop_per_s"])
        self.assertAlmostEqual(rate, 1e3 / median,
                               delta=6e-4 + rate * 0.6e-4 / median)
        self.assertIsNone(json.loads(self.bench("--json"))["tflop_per_s"])
        self.assertRegex(self.bench("--flops", 10**9),
                         r" GB/s, \S+ TFLOP/s\n\Z")

    def test_results_in_place_count_as_read_and_written(self):
        done = self.run_program(ARTEFACT, "--entry", "scale", "--input",
                                "zeros:10", "--input", "zeros:", "--json",
                                "--copy", 0, *QUICK)
        self.assertEqual(done.stderr, "")
        # The state is read and written, the factor read, the count written.
        self.assertEqual(json.loads(done.stdout)["bytes"], 2 * 80 + 8 + 8)

    def test_no_ceiling(self):
        values = json.loads(self.bench("--json", copy=0))
        self.assertIsNone(values["copy_gb_per_s"])
        self.assertIsNone(values["share_of_copy"])
        self.assertNotIn("copy", self.bench(copy=0))

    def test_chosen_calls_use_all_sets_equally(self):
        values = json.loads(self.bench("--json", "--sets", 7))
        self.assertEqual(values["sets"], 7)
        self.assertEqual(values["calls"] % 7, 0)
        self.assertLessEqual(values["calls"], 1006)

    def test_no_more_sets_than_calls(self):
        values = json.loads(self.bench("--json", "--sets", 7, "--calls", 2))
        self.assertEqual((values["sets"], values["calls"]), (2, 2))

    def test_large_sets_leave_the_cache(self):
        told = subprocess.run(["getconf", "LEVEL3_CACHE_SIZE"],
                              capture_output=True, text=True).stdout.strip()
        cache = int(told) if told.isdigit() else 0
        if cache == 0:
            self.skipTest("the system does not tell the size of its cache")
        limit = cache // 16 // 48
        for rows, sets in ((100, 1), (limit, 1), (limit + 1, 32)):
            values = json.loads(self.bench(
                "--json", "--calls", 33, rows=rows,
                quick=["--replays", "1", "--warmup", "0"]))
            self.assertEqual(values["sets"], sets, rows)

    def test_auto_says_what_it_became(self):
        self.assertRegex(self.bench("--device", "auto"), r"\ndevice: host")

    def test_devices(self):
        if not DEVICE_ARTEFACT:
            self.skipTest("there is no artefact with code for devices")
        listed = self.run_program("--list-devices").stdout
        devices = re.findall(r"^((?:hip|cuda):\d+): ", listed, re.M)
        if not devices:
            self.skipTest("no GPU: " + " ".join(re.findall(
                r"^no \w+ device: .*", listed, re.M)))
        for device in devices:
            done = self.run_program(
                DEVICE_ARTEFACT, "--entry", "triple", "--input", "iota:1000",
                "--device", device, "--calls", 4, "--sets", 2, "--copy", 65536,
                "--json", *QUICK)
            self.assertEqual(done.stderr, "")
            values = json.loads(done.stdout)
            self.assertEqual((values["device"], values["method"]),
                             (device, "graph"))
            self.assertGreater(values["median_us"], 0)

    def test_lists(self):
        done = self.run_program(ARTEFACT, "--list")
        self.assertIn("add(x: ?x4xf32", done.stdout)
        done = self.run_program("--list-devices")
        self.assertIn("host: host CPU", done.stdout)

    def test_wrong_use(self):
        entry = [ARTEFACT, "--entry", "add"]
        self.assertIn("artefact is required", self.fails())
        for args in (["--replays", "0"], ["--sets", "0"], ["--calls", "-1"],
                     ["--bytes", "-1"], ["--csv", "--json"], ["--nope"]):
            self.assertIn("(--help explains)", self.fails(*entry, *args))
        self.assertIn("has no input", self.fails(*entry))
        self.assertIn("with --dim", self.fails(*entry, "--random", 1))
        self.assertIn("choose one with --entry", self.fails(ARTEFACT))
        self.assertIn("needs that dim 0", self.fails(
            *entry, "--input", "zeros:2x4", "--input", "zeros:3x4"))
        self.assertIn("unknown device", self.fails(*entry, "--device", "tpu"))
        self.assertIn("cannot open", self.fails("/nowhere.so"))

    def test_failing_code(self):
        self.assertIn("'fail'", self.fails(
            ARTEFACT, "--entry", "fail", "--input", "zeros", *QUICK))

    def test_help(self):
        done = self.run_program("--help")
        self.assertEqual(done.returncode, 0)
        self.assertIn("randint:[DIMS]:LO:HI", done.stdout)


if __name__ == "__main__":
    PROGRAM, ARTEFACT, *rest = sys.argv[1:]
    if rest and rest[0].endswith(".so"):
        DEVICE_ARTEFACT = rest.pop(0)
    unittest.main(argv=sys.argv[:1] + rest)
