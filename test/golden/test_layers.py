# Part of the Hipfuse Project, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Decode steps: the judgement accepts float32 programs and no others."""

import contextlib
import dataclasses
import io as text_io
import os
import shutil
import tempfile
import unittest

import numpy as np

import decode_layer
from hipfuse_golden import formats, io, layers
from hipfuse_golden.rope import rope, split_table
from hipfuse_golden.slots import slot_lengths, topk_slots

INPUTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..",
                      "Examples", "Inputs")
FILES = {
    "dense_layer": "deepseek_r1_decode_small.mlir",
    "moe_layer": "deepseek_r1_decode_small.mlir",
    "dense_attention_layer": "deepseek_r1_attention_small.mlir",
    "moe_attention_layer": "deepseek_r1_attention_small.mlir",
    "layer_ratio_0": "deepseek_v4_flash_decode_small.mlir",
    "layer_ratio_128": "deepseek_v4_flash_decode_small.mlir",
    "layer_ratio_4": "deepseek_v4_flash_decode_small.mlir",
    "attention_ratio_0": "deepseek_v4_attention_small.mlir",
    "attention_ratio_128": "deepseek_v4_attention_small.mlir",
    "attention_ratio_4": "deepseek_v4_attention_small.mlir",
    "layer": "llama3_decode_small.mlir",
}


def signature_of(entry):
    with open(os.path.join(INPUTS, FILES[entry])) as file:
        return layers.Signature.parse(file.read(), entry)


def reference(entry, tokens=3, seed=0, variants=layers.VARIANTS):
    signature = signature_of(entry)
    stored = layers.random_arguments(signature, tokens,
                                     np.random.default_rng(seed))
    return layers.Reference(signature, stored, seed, variants)


class Float32Program(layers.Evaluator):
    """A program that adds the products one after another in float32."""

    def product(self, x, w):
        x = formats.to_f32(x)
        w = layers.bf16_floats(w)
        total = np.zeros((x.shape[0], w.shape[0]), np.float32)
        for k in range(x.shape[1]):
            total += x[:, k:k + 1] * w[:, k]
        return total.astype(np.float64)


def judge(ref, program):
    """{result name: verdict} of a program given as an Evaluator."""
    results = ref.evaluate(None, program)
    actual = {
        name: value if name == "cache_out" else io.to_storage(
            value, kind.element)
        for (name, value), kind in zip(results.items(),
                                       ref.signature.results)
    }
    return {v.name: v for v in ref.judge(actual)}


def changed_scheme(**changes):
    class Program(layers.Evaluator):
        def __init__(self, scheme, *rest):
            super().__init__(dataclasses.replace(scheme, **changes), *rest)
    return Program


class Unquantised(layers.Evaluator):
    def quantized(self, x):
        return x


class UnroundedNorm(layers.Evaluator):
    """Quantises the float32 norm: a fusion without round_before_quant."""

    def add_norm(self, x, residual, weight):
        r = layers.add_rms_norm(x, residual, weight, epsilon=self.epsilon)
        return formats.round_to(r.pre_round.value, "f32"), r.residual_out


class NormOfRoundedSum(layers.Evaluator):
    def add_norm(self, x, residual, weight):
        r = layers.add_rms_norm(x, residual, weight, epsilon=self.epsilon,
                                norm_from_rounded_residual=True)
        return r.y, r.residual_out


class KeysNotRotated(layers.Evaluator):
    def rotate(self, x, a, columns=None, **style):
        return x if columns is None else super().rotate(x, a, columns,
                                                        **style)


class OtherPairs(layers.Evaluator):
    def rotate(self, x, a, columns=None, **style):
        style["interleaved"] = not style["interleaved"]
        return super().rotate(x, a, columns, **style)


class PositionOffByOne(layers.Evaluator):
    def rotate(self, x, a, columns=None, **style):
        return super().rotate(x, dict(a, positions=a["positions"] + 1),
                              columns, **style)


class WritesSkippedSlots(layers.Evaluator):
    def cache_write(self, latent, rope_part, a, **layout):
        free = np.setdiff1d(np.arange(32), a["slots"])[0]
        slots = np.where(a["slots"] < 0, free, a["slots"])
        return super().cache_write(latent, rope_part, dict(a, slots=slots),
                                   **layout)


class WritesOneSlotFurther(layers.Evaluator):
    def cache_write(self, latent, rope_part, a, **layout):
        slots = np.where(a["slots"] < 0, -1, a["slots"] ^ 1)
        return super().cache_write(latent, rope_part, dict(a, slots=slots),
                                   **layout)


class SwappedHalves(layers.Evaluator):
    def activation(self, x, clamp=None):
        return super().activation(np.roll(x, x.shape[1] // 2, axis=1), clamp)


class NoClamp(layers.Evaluator):
    def activation(self, x, clamp=None):
        return super().activation(x)


class RoundedPartialSums(layers.Evaluator):
    """A product that rounds its accumulator to bf16 after every 64 terms."""

    def product(self, x, w):
        total = np.zeros((x.shape[0], w.shape[0]))
        for k in range(0, x.shape[1], 64):
            total = formats.round_to(
                total + super().product(x[:, k:k + 64],
                                        np.ascontiguousarray(w[:, k:k + 64])),
                "bf16")
        return total


class NoSink(layers.Evaluator):
    def attention(self, query, scopes, sink=None, sm_scale=None):
        return super().attention(query, scopes, None, sm_scale)


class SinkPerScope(layers.Evaluator):
    """Partial results that are scaled by the sink before they are merged."""

    def attention(self, query, scopes, sink=None, sm_scale=None):
        return super().attention(query, scopes, sink + np.log(len(scopes)))


class WindowAlone(layers.Evaluator):
    def attention(self, query, scopes, sink=None, sm_scale=None):
        return super().attention(query, scopes[:1], sink)


class OldestSlotForgotten(layers.Evaluator):
    def attention(self, query, scopes, sink=None, sm_scale=None):
        return super().attention(query, [dataclasses.replace(
            scopes[-1], slots=scopes[-1].slots[:, 1:],
            lengths=scopes[-1].lengths - 1)] + scopes[:-1], sink)


class ReadsTheCacheBeforeTheWrite(layers.Evaluator):
    def cache_write(self, latent, rope_part, a, **layout):
        self.before = a["cache"]
        return super().cache_write(latent, rope_part, a, **layout)

    def attention(self, query, scopes, sink=None, sm_scale=None):
        return super().attention(query, [dataclasses.replace(
            scopes[0], cache=self.before)] + scopes[1:], sink, sm_scale)


class FirstPageForgotten(layers.Evaluator):
    def attention(self, query, scopes, sink=None, sm_scale=None):
        slots = scopes[0].slots.copy()
        slots[:, :16] = -1
        return super().attention(query, [dataclasses.replace(
            scopes[0], slots=slots)], sink, sm_scale)


class PlainScale(layers.Evaluator):
    """Logits without YaRN's factor."""

    def attention(self, query, scopes, sink=None, sm_scale=None):
        return super().attention(query, scopes, sink,
                                 sm_scale / layers.R1_MSCALE**2)


class LastTokenForgotten(layers.Evaluator):
    def gemm(self, x, w, element="bf16"):
        y = super().gemm(x, w, element)
        y[-1] = y[0]
        return y


class Judgement(unittest.TestCase):

    def test_float32_programs_agree(self):
        for entry in FILES:
            for seed in range(4):
                with self.subTest(entry, seed=seed):
                    verdicts = judge(reference(entry, 4, seed),
                                     Float32Program)
                    self.assertTrue(all(v.ok for v in verdicts.values()),
                                    "\n".join(map(str, verdicts.values())))

    def test_one_token(self):
        for entry in FILES:
            with self.subTest(entry):
                ref = reference(entry, 1)
                self.assertTrue(all(
                    v.ok for v in judge(ref, Float32Program).values()))

    def test_other_programs_differ(self):
        r1, v4, llama = ("dense_layer", "moe_layer"), (
            "layer_ratio_0", "layer_ratio_128", "layer_ratio_4"), ("layer",)
        everything = r1 + v4 + llama
        dense = ("dense_attention_layer", "moe_attention_layer")
        attention = ("attention_ratio_0", "attention_ratio_128",
                     "attention_ratio_4")
        for program, entries, result in (
            (changed_scheme(scale_rounding="floor"), r1, "down"),
            (changed_scheme(scale_rounding="ceil"), r1, "down"),
            (changed_scheme(element_rounding="half_away"), r1, "down"),
            (Unquantised, everything, "down"),
            (UnroundedNorm, r1 + llama, "down"),
            (NormOfRoundedSum, r1 + llama, "down"),
            (KeysNotRotated, r1 + v4, "cache_out"),
            (KeysNotRotated, llama, "k_rot"),
            (OtherPairs, r1 + v4, "query"),
            (OtherPairs, llama, "q_rot"),
            (PositionOffByOne, r1 + v4, "query"),
            (PositionOffByOne, v4, "o_b"),
            (WritesSkippedSlots, r1 + v4, "cache_out"),
            (WritesOneSlotFurther, r1 + v4, "cache_out"),
            (SwappedHalves, everything, "down"),
            (NoClamp, v4, "down"),
            (RoundedPartialSums, r1 + llama, "r2"),
            (RoundedPartialSums, v4, "logits"),
            (LastTokenForgotten, everything, "down"),
            (Unquantised, attention, "o_b"),
            (KeysNotRotated, attention, "cache_out"),
            (OtherPairs, attention, "o_b"),
            (PositionOffByOne, attention, "o_b"),
            (WritesOneSlotFurther, attention, "cache_out"),
            (NoSink, attention, "o_b"),
            (SinkPerScope, attention[1:], "o_b"),
            (WindowAlone, attention[1:], "o_b"),
            (OldestSlotForgotten, attention, "o_b"),
            (ReadsTheCacheBeforeTheWrite, attention, "o_b"),
            (KeysNotRotated, dense, "cache_out"),
            (OtherPairs, dense, "r2"),
            (PositionOffByOne, dense, "r2"),
            (WritesOneSlotFurther, dense, "cache_out"),
            (FirstPageForgotten, dense, "r2"),
            (PlainScale, dense, "r2"),
            (ReadsTheCacheBeforeTheWrite, dense, "r2"),
            (Unquantised, dense, "down"),
        ):
            for entry in entries:
                with self.subTest(program.__name__, entry=entry):
                    ref = reference(entry, 4)
                    verdict = judge(ref, program)[result]
                    self.assertFalse(verdict.ok, str(verdict))

    def test_nan_never_agrees(self):
        ref = reference("layer", 3)
        actual = {name: ref.stored(name, kind) for name, kind in zip(
            ref.results, ref.signature.results)}
        self.assertTrue(all(v.ok for v in ref.judge(actual)))
        actual["down"] = actual["down"].copy()
        actual["down"][1, 7] = 0x7FC0
        verdicts = {v.name: v for v in ref.judge(actual)}
        self.assertFalse(verdicts["down"].ok)
        self.assertIn("row 1", str(verdicts["down"]))
        self.assertTrue(verdicts["r2"].ok)

    def test_shapes_are_compared(self):
        ref = reference("layer", 3)
        actual = {name: ref.stored(name, kind) for name, kind in zip(
            ref.results, ref.signature.results)}
        actual["v"] = actual["v"][:2]
        verdicts = {v.name: v for v in ref.judge(actual)}
        self.assertFalse(verdicts["v"].ok)
        self.assertIn("expected shape 3x2x32", str(verdicts["v"]))


class Pieces(unittest.TestCase):

    def test_bf16_bits_are_the_encoder(self):
        x = np.random.default_rng(0).standard_normal(4096).astype(np.float32)
        x[:4] = [0.0, -0.0, 1 + 2.0**-8, 1 + 3 * 2.0**-8]
        bits = layers.bf16_bits(x)
        np.testing.assert_array_equal(bits, formats.encode(x, "bf16"))
        np.testing.assert_array_equal(layers.bf16_floats(bits),
                                      formats.decode(bits, "bf16"))

    def test_table_is_packed_as_rope_takes_it(self):
        table = layers.rotary_table((70000, 8), 1e4)
        cos, sin = split_table(table)
        self.assertEqual(float(cos[0, 0]), 1.0)
        np.testing.assert_allclose(cos[69999, 1],
                                   np.cos(69999 * 1e4**-0.25), atol=1e-7)
        x = np.random.default_rng(1).standard_normal((1, 8))
        there = rope(x, [66000], cos, sin, interleaved=True).value
        back = rope(there, [66000], cos, sin, interleaved=True,
                    inverse=True).value
        np.testing.assert_allclose(back, x, atol=1e-6)

    def test_slots(self):
        signature = signature_of("dense_layer")
        stored = layers.random_arguments(signature, 9,
                                         np.random.default_rng(3))
        slots = stored["slots"]
        self.assertEqual(slots[1], -1)
        self.assertEqual(len(set(slots)), 9)
        self.assertLess(slots.max(), len(stored["cache"]) * 16)

    def test_paged_arguments(self):
        signature = signature_of("attention_ratio_4")
        self.assertEqual(signature.window, {"window": 32, "page_size": 16})
        self.assertEqual(signature.compressed,
                         {"page_size": 64, "compress_ratio": 4})
        a = layers.paged_arguments(signature, 9, np.random.default_rng(3))
        self.assertEqual(list(a["requests"]), [0, -1, 0, 1, 1, 2, 2, 3, 3])
        self.assertEqual((a["slots"][1], a["indices"][1].max()), (-1, -1))
        self.assertEqual(len(set(a["slots"])), 9)
        for table, cache in (("window_table", "cache"),
                             ("table_4", "compressed_cache")):
            pages = a[table][a[table] >= 0]
            self.assertEqual(len(set(pages)), len(pages))
            self.assertEqual(len(pages) + 1, len(a[cache]))
            self.assertLess(pages.max(), len(a[cache]))
        for t in (0, 2, 3, 4, 5, 6, 7, 8):
            request, position = a["requests"][t], a["positions"][t]
            self.assertEqual(
                a["window_table"][request, position // 16] * 16 +
                position % 16, a["slots"][t])
            self.assertEqual(position < 33, request % 2 == 1)
            chosen = a["indices"][t][a["indices"][t] >= 0]
            entries = (position + 1) // 4
            self.assertEqual(len(set(chosen)), min(entries, 32))
            self.assertTrue((a["table_4"][request][chosen // 64] >= 0).all())
            self.assertTrue((chosen < entries).all())
        # What `full` promises, padding included.
        lengths = topk_slots(a["indices"], a["table_4"], page=64,
                             requests=a["requests"], positions=a["positions"],
                             compress_ratio=4)[1]
        self.assertEqual(lengths.tolist(), slot_lengths(
            a["positions"], window=32, compress_ratio=4).tolist())

    def test_request_arguments(self):
        signature = signature_of("dense_attention_layer")
        signature.q_len = 2
        a = layers.request_arguments(signature, 8, np.random.default_rng(3))
        self.assertEqual(a["lengths"][1], 0)
        self.assertEqual(list(a["slots"][2:4]), [-1, -1])
        self.assertTrue((a["lengths"][[0, 2]] >= 256).all())
        self.assertTrue(2 <= a["lengths"][3] < 32)
        pages = a["block_table"][a["block_table"] >= 0]
        self.assertEqual(len(set(pages)), len(pages))
        self.assertEqual(len(pages) + 1, len(a["cache"]))
        for t in (0, 1, 4, 5, 6, 7):
            position = a["lengths"][t // 2] - 2 + t % 2
            self.assertEqual(a["positions"][t], position)
            self.assertEqual(a["block_table"][t // 2, position // 16] * 16 +
                             position % 16, a["slots"][t])
        with self.assertRaisesRegex(ValueError, "7 tokens are not requests "
                                    "of 2 each"):
            layers.request_arguments(signature, 7, None)

    def test_signatures(self):
        signature = signature_of("layer_ratio_4")
        self.assertEqual(signature.page, 16)
        self.assertEqual(signature.scheme.scale_rounding, "rceil")
        self.assertEqual(signature.arguments["cache"],
                         layers.Type((None, 9792), "u8"))
        self.assertEqual(len(signature.results), 10)
        with self.assertRaisesRegex(ValueError, "there are: dense_layer, "
                                    "moe_layer"):
            with open(os.path.join(INPUTS, FILES["moe_layer"])) as file:
                layers.Signature.parse(file.read(), "layer")


class CommandLine(unittest.TestCase):

    def setUp(self):
        self.dir = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.dir)
        self.file = os.path.join(INPUTS, FILES["dense_layer"])

    def call(self, *arguments):
        out, err = text_io.StringIO(), text_io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = decode_layer.main(
                [self.file, "--dir", self.dir, *arguments])
        return status, out.getvalue(), err.getvalue()

    def test_write_then_check(self):
        entry = ("--entry", "dense_layer")
        self.assertEqual(
            self.call(*entry, "--tokens", "2", "--seed", "5"),
            (0, "dense_layer: 2 tokens, seed 5\n", ""))
        for name in ("query", "cache_out", "down", "r2"):
            shutil.copy(os.path.join(self.dir, f"ref_{name}.npy"),
                        os.path.join(self.dir, f"actual_{name}.npy"))
        status, out, _ = self.call(*entry, "--check")
        self.assertEqual(status, 0)
        self.assertTrue(out.endswith("dense_layer: agrees\n"))
        path = os.path.join(self.dir, "actual_cache_out.npy")
        cache = np.load(path)
        cache[-1, -1, -1] ^= 1
        np.save(path, cache)
        status, out, _ = self.call(*entry, "--check")
        self.assertEqual(status, 1)
        self.assertIn("1 elements outside the written rows changed", out)
        self.assertTrue(out.endswith("dense_layer: DIFFERS\n"))

    def test_bad_input(self):
        status, _, err = self.call("--entry", "nothing")
        self.assertEqual((status, err.count("\n")), (2, 1))
        status, _, err = self.call("--entry", "dense_layer", "--check")
        self.assertEqual((status, err.count("\n")), (2, 1))
        status, _, err = self.call("--entry", "dense_layer", "--run", "x.so",
                                   "--runner", "/bin/false")
        self.assertEqual((status, "status 1" in err), (2, True))


if __name__ == "__main__":
    unittest.main()
