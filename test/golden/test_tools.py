# Part of the Hipfuse Project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The command lines: every case generates, and compares as it should."""

import contextlib
import io as text_io
import os
import shutil
import tempfile
import unittest

import numpy as np

import compare as compare_tool
import generate as generate_tool
from hipfuse_golden import cases


def call(tool, *arguments):
    """(exit status, stdout, stderr) of a tool's main."""
    out, err = text_io.StringIO(), text_io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = tool.main([str(a) for a in arguments])
        except SystemExit as stop:
            status = stop.code
    return status, out.getvalue(), err.getvalue()


class Tools(unittest.TestCase):

    def setUp(self):
        self.dir = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.dir)

    def path(self, name):
        return os.path.join(self.dir, name)

    def generate(self, case, *options):
        status, out, err = call(generate_tool, case, "--out", self.dir,
                                *options)
        self.assertEqual((status, err), (0, ""))
        return out

    def actual(self):
        """--actual-X arguments naming the reference files themselves."""
        names = [f[4:-4] for f in sorted(os.listdir(self.dir))
                 if f.startswith("ref_")]
        return [a for n in names for a in (
            f"--actual-{n.replace('_', '-')}", self.path(f"ref_{n}.npy"))]

    def test_every_case_agrees_with_itself(self):
        more = {
            "quantize": [["--scheme", s] for s in (
                "mxfp8,scale_rounding=rceil", "fp8_token", "fp8_static",
                "fp8_group,layout=column_major",
                "mxfp4,layout=cdna4_shuffled")] + [
                    ["--nonfinite"], ["--n", 200], ["--n", 4, "--m", 1],
                    ["--x-type", "f32"], ["--x-type", "f16"]],
            "dequantize": [["--scheme", "fp8_static"], ["--n", 200]],
            "rms_norm_quantize": [
                ["--residual", "--emit-norm", "--second-n", 64],
                ["--no-weight", "--scheme", "fp8_token"]],
            "silu_mul_quantize": [["--parts", 3, "--clamp", 7],
                                  ["--round-activation"]],
            "rope": [["--heads", 0, "--inverse", "--no-interleaved"],
                     ["--packed-table", "--compute-type", "bf16"]],
            "mla_cache_write": [["--layout", v] for v in (
                "fp8", "ds_mla_656", "ds_mla_584")] + [
                    ["--slots", 5, "--skip-rule", "negative_or_zero",
                     "--no-nope-first"]],
            "rope_mla_cache_write": [
                ["--layout", "fp8", "--q-type", "f8E4M3FN"],
                ["--layout", "ds_mla_584", "--emit-k-rot", "--no-q-nope"]],
            "mla_decode": [
                ["--q-len", 3, "--page", 16, "--d", 512, "--heads", 8],
                ["--layout", "fp8", "--kv-scale", 0.125, "--q-type",
                 "f8E4M3FN", "--q-scale", 0.25, "--compute", "a8w8"],
                ["--requests", 1, "--page", 2, "--no-lse", "--heads", 128]],
            "sparse_mla_decode": [
                ["--layout", "ds_mla_656", "--sink", "normal"],
                ["--d", 512, "--layout", "ds_mla_584", "--extra-topk", 64,
                 "--extra-layout", "ds_mla_584", "--extra-page", 2, "--sink",
                 "mixed"],
                ["--compute", "a8w8", "--no-lengths", "--holes", 0],
                ["--layout", "fp8", "--element", "f8E4M3FNUZ", "--q-type",
                 "f8E4M3FNUZ", "--compute", "a8w8", "--extra-topk", 128]],
            "merge_attention": [["--parts", 4, "--empty", "pos_inf"],
                                ["--parts", 1]],
            "swa_slots": [["--compress-ratio", 4, "--page", 2, "--topk", 200,
                           "--requests-given"], ["--q-len", 3]],
            "topk_slots": [["--keep-holes", "--requests-given",
                            "--positions-given", "--compress-ratio", 4]],
            "slot_lengths": [["--window", 7, "--compress-ratio", 4]],
            "compact_slots": [["--no-lengths"]],
            "attention_plan": [["--q-len", 4, "--q-tile", 2],
                               ["--page", 64, "--granularity", 1],
                               ["--topk", 512, "--max-split", 2],
                               ["--topk", 100, "--extra-topk", 512,
                                "--granularity", 64]],
            "rope_quantize": [["--scheme", "fp8_group,amax_floor=1e-8"]],
        }
        for name in cases.CASES:
            for options in [[]] + more.get(name, []):
                with self.subTest(name, options=options):
                    self.generate(name, "--seed", 3, *options)
                    status, out, err = call(compare_tool, name, "--dir",
                                            self.dir, *self.actual())
                    self.assertEqual((status, err), (0, ""), out)
                    self.assertIn("ok, 0/", out)
                    for file in os.listdir(self.dir):
                        os.remove(self.path(file))

    def test_seed_decides_the_data(self):
        texts = []
        for seed in (1, 1, 2):
            out = self.generate("quantize", "--seed", seed)
            self.assertIn(f"seed {seed}:", out)
            with open(self.path("x.npy"), "rb") as file:
                texts.append(file.read())
        self.assertEqual(texts[0], texts[1])
        self.assertNotEqual(texts[0], texts[2])

    def test_a_difference_fails(self):
        self.generate("quantize")
        data = np.load(self.path("ref_data.npy"))
        data[0, 0] ^= 0x10
        np.save(self.path("bad.npy"), data)
        status, out, _ = call(
            compare_tool, "quantize", "--dir", self.dir, "--actual-data",
            self.path("bad.npy"), "--actual-scale",
            self.path("ref_scale.npy"))
        self.assertEqual(status, 1)
        self.assertIn("FAIL, 1/8704 mismatches", out)

    def test_outputs_may_not_be_forgotten(self):
        self.generate("add_rms_norm")
        y = ["--actual-y", self.path("ref_y.npy")]
        status, _, err = call(compare_tool, "add_rms_norm", "--dir", self.dir,
                              *y)
        self.assertEqual(status, 2)
        self.assertIn("no --actual-residual-out", err)
        status, out, _ = call(compare_tool, "add_rms_norm", "--dir", self.dir,
                              "--partial", *y)
        self.assertEqual(status, 0)
        self.assertIn("residual_out: not compared", out)
        status, _, err = call(compare_tool, "add_rms_norm", "--dir", self.dir,
                              "--partial")
        self.assertEqual(status, 2)

    def test_bad_input(self):
        self.generate("rms_norm")
        np.save(self.path("f4.npy"), np.zeros((17, 512), np.float32))
        np.save(self.path("short.npy"), np.zeros((16, 512), np.uint16))
        for file, message in (("f4.npy", "bf16 is stored as <u2"),
                              ("short.npy", "shape is (16, 512), expected"),
                              ("none.npy", "No such file"),
                              ("case.json", "")):
            status, out, err = call(compare_tool, "rms_norm", "--dir",
                                    self.dir, "--actual-y", self.path(file))
            self.assertEqual((status, out), (2, ""))
            self.assertEqual(len(err.splitlines()), 1)
            self.assertIn(message, err)
        status, _, err = call(compare_tool, "rope", "--dir", self.dir)
        self.assertIn("holds case rms_norm", err)
        for options in (["--scheme", "mxfp5"], ["--n", 5],
                        ["--scheme", "fp8_group", "--n", 200]):
            status, _, err = call(generate_tool, "quantize", "--out",
                                  self.path("new"), *options)
            self.assertEqual(status, 2)
            self.assertEqual(len(err.splitlines()), 1)
            self.assertFalse(os.path.exists(self.path("new")))

    def test_list(self):
        status, out, _ = call(generate_tool, "--list")
        self.assertEqual(status, 0)
        for name in cases.CASES:
            self.assertIn(f"{name}: ", out)

    def test_random_rows_hold_what_they_promise(self):
        rng = np.random.default_rng(0)
        x = cases.random_rows(rng, (400, 64), "bf16", nonfinite=True)
        finite = np.where(np.isfinite(x), np.abs(x), 0)
        self.assertTrue(np.isnan(x).any() and np.isposinf(x).any() and
                        np.isneginf(x).any())
        self.assertTrue((finite.max(axis=1) == 0).any())
        self.assertTrue(((x == 0) & np.signbit(x)).any())
        top = finite.max(axis=1)
        self.assertTrue((top[top > 0] < 2.0**-16).any())
        self.assertTrue((top > 2.0**5).any())


if __name__ == "__main__":
    unittest.main()
