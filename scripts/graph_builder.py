# Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
# Exceptions. See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Builds the text of lm programs: values, functions, activation schemes."""

from collections import namedtuple

DYNAMIC = None

# name -> (text, columns per scale, element type, columns per stored element,
# scale's element type)
Scheme = namedtuple("Scheme", "text block element packing scale")
SCHEMES = {
    "none": None,
    "mxfp4": Scheme(
        "element = f4E2M1FN, granularity = block, block = 32, "
        "scale_rounding = even", 32, "i8", 2, "f8E8M0FNU"),
    "fp8-group128": Scheme(
        "element = f8E4M3FN, granularity = block, block = 128, "
        "amax_floor = 1.0e-10 : f32", 128, "f8E4M3FN", 1, "f32"),
    "fp8-ue8m0": Scheme(
        "element = f8E4M3FN, granularity = block, block = 128, "
        "scale_rounding = rceil, nonfinite = saturate, "
        "amax_floor = 1.0e-4 : f32", 128, "f8E4M3FN", 1, "f8E8M0FNU"),
}


class Value(namedtuple("Value", "name shape element")):
    """An SSA value that is a ranked tensor."""

    @property
    def type(self):
        """The tensor type as text."""
        dims = ["?" if d is DYNAMIC else str(d) for d in self.shape]
        return "tensor<%s>" % "x".join(dims + [self.element])


def wrap(parts, indent):
    """Join the parts of an operation; long ones continue on the next lines."""
    lines, line = [], " " * indent
    for part in parts:
        if len(line) + len(part) > 98 and line.strip():
            lines.append(line.rstrip())
            line = " " * (indent + 4)
        line += part + " "
    return "\n".join(lines + [line.rstrip()])


class Function:
    """Builds one function; the first argument's rows are the tokens."""

    def __init__(self, name, scheme, epsilon):
        self.name, self.scheme, self.epsilon = name, scheme, epsilon
        self.suffix = ""
        self.args, self.body, self.results = [], [], []
        self.names = set()
        # Values whose rows are counted by another value than %t.
        self.rows = {}

    # Names and arguments.

    def fresh(self, name):
        """A name that no other value has."""
        base = "%" + name + self.suffix
        result, i = base, 1
        while result in self.names:
            result, i = "%s_%d" % (base, i), i + 1
        self.names.add(result)
        return result

    def arg(self, name, shape, element="bf16", shared=False):
        """Append an argument; a shared one belongs to no layer."""
        suffix, self.suffix = self.suffix, "" if shared else self.suffix
        value = Value(self.fresh(name), tuple(shape), element)
        self.suffix = suffix
        if not self.args:
            self.emit("%c0 = arith.constant 0 : index")
            self.emit("%%t = tensor.dim %s, %%c0 : %s"
                      % (value.name, value.type))
            self.emit("%zero = arith.constant 0.0 : f32")
        self.args.append(value)
        return value

    def tokens(self, name, *columns, **kwargs):
        """Append an argument with one row per token."""
        return self.arg(name, (DYNAMIC,) + columns, **kwargs)

    def comment(self, text):
        """A comment on a line of its own."""
        self.body.append("\n    // " + text)

    def emit(self, *parts):
        """Append one operation."""
        self.body.append(wrap(parts, 4))

    def result(self, *values):
        """Append results."""
        self.results.extend(values)

    # Upstream operations.

    def value(self, name, shape, element="bf16"):
        """A new value."""
        return Value(self.fresh(name), tuple(shape), element)

    def sizes(self, shape, like=None):
        """Sizes of a shape, whose dynamic one is that of `like`: the number of
        tokens, in the words of the argument that `like` is a part of."""
        return "[%s]" % ", ".join(self.row_count(like) if d is DYNAMIC
                                  else str(d) for d in shape)

    def row_count(self, like=None):
        """The number of rows of `like`."""
        if like in self.args[1:] and like.name not in self.rows:
            rows = self.fresh("t_" + like.name[1:].replace(self.suffix, ""))
            self.emit("%s = tensor.dim %s, %%c0 : %s"
                      % (rows, like.name, like.type))
            self.rows[like.name] = rows
        return self.rows.get(like.name, "%t") if like else "%t"

    def same_rows(self, out, like):
        """`out` has the rows of `like`."""
        if like.name in self.rows:
            self.rows[out.name] = self.rows[like.name]
        return out

    def empty(self, name, shape, element="bf16"):
        """A destination."""
        out = self.value(name + "_init", shape, element)
        dynamic = "%t" if DYNAMIC in out.shape else ""
        self.emit("%s = tensor.empty(%s) : %s" % (out.name, dynamic, out.type))
        return out

    def slice(self, name, x, offset, size):
        """Columns [offset, offset + size) of x: a view."""
        out = self.value(name, x.shape[:-1] + (size,), x.element)
        rank = len(x.shape)
        sizes = self.sizes(out.shape, x)
        self.emit("%s = tensor.extract_slice %s[%s]" %
                  (out.name, x.name,
                   ", ".join(["0"] * (rank - 1) + [str(offset)])),
                  "%s [%s]" % (sizes, ", ".join(["1"] * rank)),
                  ": %s to %s" % (x.type, out.type))
        return self.same_rows(out, x)

    def insert(self, name, x, into, offset):
        """`into` with its columns from offset on replaced by x."""
        out = self.value(name, into.shape, into.element)
        rank = len(x.shape)
        self.emit("%s = tensor.insert_slice %s into %s[%s]" %
                  (out.name, x.name, into.name,
                   ", ".join(["0"] * (rank - 1) + [str(offset)])),
                  "%s [%s]" % (self.sizes(x.shape, into),
                               ", ".join(["1"] * rank)),
                  ": %s into %s" % (x.type, into.type))
        return self.same_rows(out, into)

    def expand(self, name, x, *columns):
        """Split the columns of x [T, N]."""
        out = self.value(name, x.shape[:1] + columns, x.element)
        groups = "[[0], [%s]]" % ", ".join(
            str(i + 1) for i in range(len(columns)))
        self.emit("%s = tensor.expand_shape %s %s" % (out.name, x.name, groups),
                  "output_shape %s : %s into %s" %
                  (self.sizes(out.shape, x), x.type, out.type))
        return self.same_rows(out, x)

    def collapse(self, name, x):
        """Rows of x [T, A, B] as [T, A*B]."""
        out = self.value(name, (x.shape[0], x.shape[1] * x.shape[2]), x.element)
        self.emit("%s = tensor.collapse_shape %s [[0], [1, 2]]" %
                  (out.name, x.name), ": %s into %s" % (x.type, out.type))
        return self.same_rows(out, x)

    def transpose(self, name, x):
        """x [A, B, C] as [B, A, C]."""
        out = self.empty(name, (x.shape[1], x.shape[0], x.shape[2]), x.element)
        result = self.value(name, out.shape, x.element)
        self.emit("%s = linalg.transpose ins(%s : %s)" %
                  (result.name, x.name, x.type),
                  "outs(%s : %s) permutation = [1, 0, 2]" %
                  (out.name, out.type))
        return result

    def concat(self, name, a, b):
        """Columns of a and b side by side."""
        out = self.value(name, a.shape[:-1] + (a.shape[-1] + b.shape[-1],),
                         a.element)
        self.emit("%s = tensor.concat dim(%d) %s, %s" %
                  (out.name, len(a.shape) - 1, a.name, b.name),
                  ": (%s, %s) -> %s" % (a.type, b.type, out.type))
        return out

    def add(self, name, a, b):
        """a + b."""
        out = self.value(name, a.shape, a.element)
        self.emit("%s = arith.addf %s, %s : %s" %
                  (out.name, a.name, b.name, out.type))
        return out

    def product(self, name, op, maps, shape, x, w, element):
        """A matrix product in f32, rounded once."""
        init = self.empty(name, shape, "f32")
        zero = self.value(name + "_zero", shape, "f32")
        self.emit("%s = linalg.fill ins(%%zero : f32)" % zero.name,
                  "outs(%s : %s) -> %s" % (init.name, init.type, zero.type))
        wide = self.value(name if element == "f32" else name + "_f32", shape,
                          "f32")
        self.emit("%s = linalg.%s%s" % (wide.name, op, maps),
                  "ins(%s, %s : %s, %s)" % (x.name, w.name, x.type, w.type),
                  "outs(%s : %s) -> %s" % (zero.name, zero.type, wide.type))
        if element == "f32":
            return wide
        out = self.value(name, shape, element)
        self.emit("%s = arith.truncf %s : %s to %s" %
                  (out.name, wide.name, wide.type, out.type))
        return out

    def gemm(self, name, x, columns, element="bf16"):
        """x [T, K] times the transposed weight [N, K]."""
        w = self.arg("w_" + name, (columns, x.shape[1]))
        return self.product(name, "matmul",
                            " indexing_maps = [#rows, #weight, #result]",
                            (x.shape[0], columns), x, w, element)

    def batch_gemm(self, name, x, columns):
        """x [B, T, K] times the weight [B, K, N]."""
        w = self.arg("w_" + name, (x.shape[0], x.shape[2], columns))
        return self.product(name, "batch_matmul", "",
                            x.shape[:2] + (columns,), x, w, "bf16")

    # lm operations.

    def norm(self, name, x, weighted=True):
        """rms_norm."""
        weight = ""
        if weighted:
            w = self.arg("g_" + name, x.shape[-1:])
            weight = "weight(%s : %s)" % (w.name, w.type)
        out = self.empty(name, x.shape)
        result = self.value(name, x.shape)
        self.emit("%s = lm.rms_norm {epsilon = %s : f32}" %
                  (result.name, self.epsilon),
                  "ins(%s : %s)" % (x.name, x.type),
                  *([weight] if weight else []),
                  "outs(%s : %s)" % (out.name, out.type))
        return result

    def add_norm(self, name, x, residual, residual_name):
        """add_rms_norm: the norm and the new residual."""
        w = self.arg("g_" + name, x.shape[-1:])
        out = self.empty(name, x.shape)
        residual_out = self.empty(residual_name, x.shape)
        y = self.value(name, x.shape)
        r = self.value(residual_name, x.shape)
        self.emit("%s, %s = lm.add_rms_norm {epsilon = %s : f32}" %
                  (y.name, r.name, self.epsilon),
                  "ins(%s, %s : %s, %s)" %
                  (x.name, residual.name, x.type, residual.type),
                  "weight(%s : %s)" % (w.name, w.type),
                  "outs(%s, %s : %s, %s)" % (out.name, residual_out.name,
                                             out.type, residual_out.type))
        return y, r

    def quantized(self, x):
        """What the matrix product reads: x quantised, and dequantised again."""
        scheme = self.scheme
        if scheme is None:
            return x
        name = x.name[1:-len(self.suffix)] if self.suffix else x.name[1:]
        columns = x.shape[-1]
        if columns % scheme.block != 0:
            raise SystemExit("error: %d columns of '%s' are no multiple of %d"
                             % (columns, name, scheme.block))
        data = self.empty(name + "_q", x.shape[:-1] +
                          (columns // scheme.packing,), scheme.element)
        scale = self.empty(name + "_s", x.shape[:-1] +
                           (columns // scheme.block,), scheme.scale)
        q = self.value(name + "_q", data.shape, data.element)
        s = self.value(name + "_s", scale.shape, scale.element)
        self.emit("%s, %s = lm.quantize #scheme" % (q.name, s.name),
                  "ins(%s : %s)" % (x.name, x.type),
                  "outs(%s, %s : %s, %s)" %
                  (data.name, scale.name, data.type, scale.type))
        init = self.empty(name + "_d", x.shape)
        out = self.value(name + "_d", x.shape)
        self.emit("%s = lm.dequantize #scheme" % out.name,
                  "ins(%s, %s : %s, %s)" % (q.name, s.name, q.type, s.type),
                  "outs(%s : %s)" % (init.name, init.type))
        return out

    def silu_mul(self, name, x, clamp=None):
        """silu_mul."""
        out = self.empty(name, x.shape[:-1] + (x.shape[-1] // 2,))
        result = self.value(name, out.shape)
        attributes = " {clamp = %s : f32}" % clamp if clamp else ""
        self.emit("%s = lm.silu_mul%s ins(%s : %s)" %
                  (result.name, attributes, x.name, x.type),
                  "outs(%s : %s)" % (out.name, out.type))
        return result

    def rope(self, name, x, style, positions, table):
        """rope."""
        out = self.empty(name, x.shape)
        result = self.value(name, x.shape)
        self.emit("%s = lm.rope %s ins(%s : %s)" %
                  (result.name, style, x.name, x.type),
                  "positions(%s : %s)" % (positions.name, positions.type),
                  "tables(%s : %s)" % (table.name, table.type),
                  "outs(%s : %s)" % (out.name, out.type))
        return result

    def cache_write(self, layout, latent, rope, slots, cache, page_size=None):
        """mla_cache_write."""
        out = self.value("cache_out", cache.shape, cache.element)
        page = ", page_size = %d : i64" % page_size if page_size else ""
        self.emit("%s = lm.mla_cache_write %s" % (out.name, layout),
                  "{skip_rule = #lm.skip_rule<negative>%s}" % page,
                  "ins(%s, %s : %s, %s)" %
                  (latent.name, rope.name, latent.type, rope.type),
                  "slots(%s : %s)" % (slots.name, slots.type),
                  "outs(%s : %s)" % (cache.name, cache.type))
        return out

    def slots(self, op, name, rows, table, requests, columns, attributes,
              positions=None):
        """swa_slots or topk_slots: slots and their number."""
        init = [self.empty(name + "_slots", (DYNAMIC, columns), "i32"),
                self.empty(name + "_lengths", (DYNAMIC,), "i32")]
        out = [self.value(name + "_slots", init[0].shape, "i32"),
               self.value(name + "_lengths", init[1].shape, "i32")]
        self.emit("%s, %s = lm.%s {%s}" % (out[0].name, out[1].name, op,
                                           attributes),
                  "ins(%s : %s)" % (rows.name, rows.type),
                  "block_table(%s : %s)" % (table.name, table.type),
                  "requests(%s : %s)" % (requests.name, requests.type),
                  *(["positions(%s : %s)" % (positions.name, positions.type)]
                    if positions else []),
                  "outs(%s, %s : %s, %s)" % (init[0].name, init[1].name,
                                             init[0].type, init[1].type))
        return out

    def dense_decode(self, name, q, cache, block_table, lengths, columns,
                     sm_scale, q_len):
        """mla_decode over a paged bf16 cache."""
        out = self.empty(name, q.shape[:-1] + (columns,))
        result = self.value(name, out.shape)
        more = ", q_len = %d" % q_len if q_len > 1 else ""
        self.emit("%s = lm.mla_decode bf16" % result.name,
                  "{sm_scale = %.8e : f32%s}" % (sm_scale, more),
                  "ins(%s : %s)" % (q.name, q.type),
                  "cache(%s : %s)" % (cache.name, cache.type),
                  "block_table(%s : %s)" % (block_table.name,
                                            block_table.type),
                  "lengths(%s : %s)" % (lengths.name, lengths.type),
                  "outs(%s : %s)" % (out.name, out.type))
        return result

    def sparse_decode(self, name, q, scopes, pages, sink):
        """sparse_mla_decode over the (cache, slots, lengths) of each scope."""
        out = self.empty(name, q.shape)
        result = self.value(name, q.shape)
        extra = (", extra_layout = #lm.cache_layout<ds_mla_584>, "
                 "extra_page_size = %d" % pages[1] if len(scopes) > 1 else "")
        operands = ["%s%s(%s : %s)" % (prefix, kind, x.name, x.type)
                    for prefix, scope in zip(("", "extra_"), scopes)
                    for kind, x in zip(("cache", "slots", "lengths"), scope)]
        self.emit("%s = lm.sparse_mla_decode ds_mla_584" % result.name,
                  "{sm_scale = %.8e : f32, page_size = %d%s}" %
                  (q.shape[-1]**-0.5, pages[0], extra),
                  "ins(%s : %s)" % (q.name, q.type), *operands,
                  "sink(%s : %s)" % (sink.name, sink.type),
                  "outs(%s : %s)" % (out.name, out.type))
        return result

    def text(self):
        """The function."""
        args = ",\n".join("    %s: %s" % (a.name, a.type) for a in self.args)
        types = wrap([r.type + "," for r in self.results[:-1]]
                     + [self.results[-1].type + ") {"], 4).lstrip()
        values = wrap([r.name + "," for r in self.results[:-1]]
                      + [self.results[-1].name], 4)
        return "  func.func @%s(\n%s\n  ) -> (%s\n%s\n    return %s\n      : %s\n  }\n" % (
            self.name, "\n".join("  " + l for l in args.split("\n")),
            types, "\n".join(self.body), values.strip(),
            wrap([r.type + "," for r in self.results[:-1]]
                 + [self.results[-1].type], 6).strip())
