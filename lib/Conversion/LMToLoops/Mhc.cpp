//===-- Mhc.cpp - Lower hyper-connections to loops over tokens ------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Fused operations and their parts are built from the same functions, in the
// same order of arithmetic, so that both have equal bits.
//
//===----------------------------------------------------------------------===//

#include "Norm.h"
#include "Patterns.h"
#include "RowPattern.h"
#include "hipfuse/Conversion/RowCode/Numerics.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::lm;

//===----------------------------------------------------------------------===//
// Streams
//===----------------------------------------------------------------------===//

namespace {

/// The residual streams of a token: `[T, n, H]`, or `[T, H]` where all are one.
struct Streams {
  explicit Streams(Value residual)
      : residual(residual), hidden(columnsOf(residual)),
        isOneRow(cast<MemRefType>(residual.getType()).getRank() == 2) {}

  /// Columns of stream `stream` of a token, as f32.
  Value load(RowBuilder &b, Value token, Value stream, Value column,
             int64_t count) const {
    if (isOneRow)
      return b.loadF32(residual, {token, column}, count);
    return b.loadF32(residual, {token, stream, column}, count);
  }

  Value residual;
  int64_t hidden;
  bool isOneRow;
};

using Chunks = SmallVector<Value>;
/// Folds a chunk of columns into carried vectors.
using FoldFn = function_ref<Chunks(Value column, int64_t count, ValueRange)>;

} // namespace

/// Folds all chunks of `columns` columns.
static Chunks foldChunks(RowBuilder &b, int64_t columns, Chunks init,
                         FoldFn body) {
  int64_t width = b.getWidth(), whole = columns / width * width;
  if (whole) {
    auto loop =
        scf::ForOp::create(b, b.index(0), b.index(whole), b.index(width), init);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(loop.getBody());
    scf::YieldOp::create(
        b, body(loop.getInductionVar(), width, loop.getRegionIterArgs()));
    init = Chunks(loop.getResults());
  }
  if (whole != columns)
    init = body(b.index(whole), columns - whole, init);
  return init;
}

/// Adds, over `count` streams, the vectors that `body` computes for each.
static Chunks sumStreams(RowBuilder &b, int64_t count, Chunks zeros,
                         function_ref<Chunks(Value stream)> body) {
  if (count == 1)
    return body(b.index(0));
  auto loop =
      scf::ForOp::create(b, b.index(0), b.index(count), b.index(1), zeros);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToEnd(loop.getBody());
  Chunks sums = body(loop.getInductionVar());
  for (auto [sum, carried] : llvm::zip(sums, loop.getRegionIterArgs()))
    sum = b.addf(carried, sum);
  scf::YieldOp::create(b, sums);
  return Chunks(loop.getResults());
}

static Value sumLanes(RowBuilder &b, Value vector) {
  return b.reduce(vector, [&](Value l, Value r) { return b.addf(l, r); });
}

/// A fold of scalars over 0 to `count`.
static Value foldRange(RowBuilder &b, int64_t count, Value init,
                       function_ref<Value(Value index, Value carried)> body) {
  auto loop =
      scf::ForOp::create(b, b.index(0), b.index(count), b.index(1), init);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToEnd(loop.getBody());
  scf::YieldOp::create(b,
                       body(loop.getInductionVar(), loop.getRegionIterArg(0)));
  return loop.getResult(0);
}

//===----------------------------------------------------------------------===//
// Logits
//===----------------------------------------------------------------------===//

/// Mixes that one pass over a token's streams computes.
static constexpr int64_t kMixesPerPass = 4;
/// Partial sums of squares of a stream.
static constexpr int64_t kSquareSums = 4;

/// The products of a token with `count` rows of `fn` from `first` on. Partial
/// sums end with each stream, which keeps them short.
static Chunks projectMixes(RowBuilder &b, const Streams &streams, Value fn,
                           Value token, Value first, int64_t count) {
  Chunks zeros(count, b.splat(b.f32(0.0f)));
  Chunks sums =
      sumStreams(b, columnsOf(fn) / streams.hidden, zeros, [&](Value stream) {
        Value offset = b.muli(stream, b.index(streams.hidden));
        return foldChunks(
            b, streams.hidden, zeros,
            [&](Value column, int64_t lanes, ValueRange carried) {
              Value x = streams.load(b, token, stream, column, lanes);
              Chunks next;
              for (int64_t m = 0; m < count; ++m) {
                Value mix = m ? b.addi(first, b.index(m)) : first;
                Value weight = b.load(fn, {mix, b.addi(offset, column)},
                                      b.getWidth(), lanes);
                next.push_back(b.addf(carried[m], b.mulf(x, weight)));
              }
              return next;
            });
      });
  for (Value &sum : sums)
    sum = sumLanes(b, sum);
  return sums;
}

/// Computes the logits of a token, which `store` puts away, and returns the sum
/// of squares.
static Value buildLogits(RowBuilder &b, const Streams &streams, Value fn,
                         Value token,
                         function_ref<void(Value mix, Value logit)> store) {
  int64_t mixes = cast<MemRefType>(fn.getType()).getDimSize(0);
  int64_t whole = mixes / kMixesPerPass;
  auto pass = [&](Value first, int64_t count) {
    Chunks logits = projectMixes(b, streams, fn, token, first, count);
    for (int64_t m = 0; m < count; ++m)
      store(b.addi(first, b.index(m)), logits[m]);
  };
  b.forRange(whole, [&](Value number) {
    pass(b.muli(number, b.index(kMixesPerPass)), kMixesPerPass);
  });
  if (int64_t rest = mixes - whole * kMixesPerPass)
    pass(b.index(whole * kMixesPerPass), rest);

  // Chunks of a stream go to the partial sums in turn.
  int64_t width = b.getWidth(), step = kSquareSums * width;
  Chunks zeros(kSquareSums, b.splat(b.f32(0.0f)));
  auto square = [&](Value stream, Value column, int64_t count, Value sum) {
    Value x = streams.load(b, token, stream, column, count);
    return b.addf(sum, b.mulf(x, x));
  };
  Chunks squares =
      sumStreams(b, columnsOf(fn) / streams.hidden, zeros, [&](Value stream) {
        int64_t unrolled = streams.hidden / step * step;
        Chunks sums = zeros;
        if (unrolled) {
          auto loop = scf::ForOp::create(b, b.index(0), b.index(unrolled),
                                         b.index(step), sums);
          OpBuilder::InsertionGuard guard(b);
          b.setInsertionPointToEnd(loop.getBody());
          for (int64_t k = 0; k < kSquareSums; ++k)
            sums[k] = square(stream,
                             b.addi(loop.getInductionVar(), b.index(k * width)),
                             width, loop.getRegionIterArg(k));
          scf::YieldOp::create(b, sums);
          sums = Chunks(loop.getResults());
        }
        for (int64_t k = 0; unrolled + k * width < streams.hidden; ++k)
          sums[k] = square(
              stream, b.index(unrolled + k * width),
              std::min(width, streams.hidden - unrolled - k * width), sums[k]);
        return sums;
      });
  return sumLanes(b, b.addf(b.addf(squares[0], squares[1]),
                            b.addf(squares[2], squares[3])));
}

//===----------------------------------------------------------------------===//
// Coefficients
//===----------------------------------------------------------------------===//

namespace {

/// The attributes and inputs of `lm.mhc_coefficients`; the second half is for
/// post and comb.
struct Coefficients {
  Value scale, base;
  int64_t streams;
  int64_t columns;
  float rmsEpsilon, preEpsilon;
  bool isHead = true;
  float postMult = 0.0f, sinkhornEpsilon = 0.0f;
  int64_t iterations = 0;
};

/// Where the coefficients of a token go.
struct CoefficientStores {
  function_ref<void(Value stream, Value value)> pre;
  function_ref<void(Value stream, Value value)> post;
  function_ref<void(Value from, Value to, Value value)> comb;
};

} // namespace

/// 1 / (1 + exp(-value)).
static Value sigmoid(RowBuilder &b, Value value) {
  Value exp = exponential(b, arith::NegFOp::create(b, value));
  return b.divf(b.f32(1.0f), b.addf(b.f32(1.0f), exp));
}

/// Divides each line of `comb`, an `[n, n]` in scratch, by its sum plus
/// `epsilon`: rows, or columns.
static void normalizeLines(RowBuilder &b, Value comb, int64_t n, float epsilon,
                           bool rows) {
  b.forRange(n, [&](Value line) {
    auto at = [&](Value k) {
      return rows ? b.addi(b.muli(line, b.index(n)), k)
                  : b.addi(b.muli(k, b.index(n)), line);
    };
    Value sum = foldRange(b, n, b.f32(0.0f), [&](Value k, Value carried) {
      return b.addf(carried, b.loadScalar(comb, at(k)));
    });
    sum = b.addf(sum, b.f32(epsilon));
    b.forRange(n, [&](Value k) {
      b.storeScalar(b.divf(b.loadScalar(comb, at(k)), sum), comb, at(k));
    });
  });
}

/// Softmax of each row of `comb`, plus `epsilon`.
static void softmaxRows(RowBuilder &b, Value comb, int64_t n, float epsilon) {
  b.forRange(n, [&](Value row) {
    auto at = [&](Value k) { return b.addi(b.muli(row, b.index(n)), k); };
    Value first = b.loadScalar(comb, at(b.index(0)));
    Value max = foldRange(b, n, first, [&](Value k, Value carried) -> Value {
      return arith::MaximumFOp::create(b, carried, b.loadScalar(comb, at(k)));
    });
    Value sum = foldRange(b, n, b.f32(0.0f), [&](Value k, Value carried) {
      Value exp = exponential(b, b.subf(b.loadScalar(comb, at(k)), max));
      b.storeScalar(exp, comb, at(k));
      return b.addf(carried, exp);
    });
    b.forRange(n, [&](Value k) {
      Value share = b.divf(b.loadScalar(comb, at(k)), sum);
      b.storeScalar(b.addf(share, b.f32(epsilon)), comb, at(k));
    });
  });
}

/// The coefficients of a token from its logits, which `logit` loads.
static void buildCoefficients(RowBuilder &b, const Coefficients &c,
                              Value sqrsum, function_ref<Value(Value)> logit,
                              const CoefficientStores &stores) {
  int64_t n = c.streams;
  Value mean = b.divf(sqrsum, b.f32(static_cast<float>(c.columns)));
  Value root = math::SqrtOp::create(b, b.addf(mean, b.f32(c.rmsEpsilon)));
  Value factor = b.divf(b.f32(1.0f), root);
  // Mix `k` of the group that starts at `first` and has scale `group`.
  auto mix = [&](int64_t group, int64_t first, Value k) {
    Value index = first ? b.addi(k, b.index(first)) : k;
    Value scale = b.loadScalar(c.scale, b.index(group));
    Value value = b.mulf(b.mulf(logit(index), factor), scale);
    return b.addf(value, b.loadScalar(c.base, index));
  };

  b.forRange(n, [&](Value k) {
    stores.pre(k, b.addf(sigmoid(b, mix(0, 0, k)), b.f32(c.preEpsilon)));
  });
  if (c.isHead)
    return;
  b.forRange(n, [&](Value k) {
    stores.post(k, b.mulf(sigmoid(b, mix(1, n, k)), b.f32(c.postMult)));
  });

  Value comb = b.scratch(n * n);
  b.forRange(n * n, [&](Value k) { b.storeScalar(mix(2, 2 * n, k), comb, k); });
  softmaxRows(b, comb, n, c.sinkhornEpsilon);
  normalizeLines(b, comb, n, c.sinkhornEpsilon, /*rows=*/false);
  b.forRange(c.iterations - 1, [&](Value) {
    normalizeLines(b, comb, n, c.sinkhornEpsilon, /*rows=*/true);
    normalizeLines(b, comb, n, c.sinkhornEpsilon, /*rows=*/false);
  });
  b.forRange(n, [&](Value from) {
    b.forRange(n, [&](Value to) {
      Value index = b.addi(b.muli(from, b.index(n)), to);
      stores.comb(from, to, b.loadScalar(comb, index));
    });
  });
}

//===----------------------------------------------------------------------===//
// Collapse, post
//===----------------------------------------------------------------------===//

/// Collapses a token's streams with the weights that `weight` loads, and
/// `store`s the f32 chunks.
static void buildCollapse(RowBuilder &b, const Streams &streams, int64_t n,
                          Value token, function_ref<Value(Value)> weight,
                          function_ref<void(Value, Value, int64_t)> store) {
  SmallVector<Value> weights;
  for (int64_t i = 0; i < n; ++i)
    weights.push_back(b.splat(weight(b.index(i))));
  b.forChunks(streams.hidden, [&](Value column, int64_t count) {
    Value sum;
    for (int64_t i = 0; i < n; ++i) {
      Value x = streams.load(b, token, b.index(i), column, count);
      Value product = b.mulf(weights[i], x);
      sum = sum ? b.addf(sum, product) : product;
    }
    store(sum, column, count);
  });
}

/// Streams up to which the loop over results is unrolled.
static constexpr int64_t kMaxUnrolledStreams = 8;

/// Writes the streams of a token after a sublayer. All are read before one is
/// written.
static void buildPost(RowBuilder &b, const Streams &streams, Value x,
                      Value post, Value comb, Value out, Value token) {
  int64_t n = columnsOf(post);
  auto weight = [&](Value from, Value to) {
    return from ? b.splat(b.loadScalar(comb, {token, from, to}))
                : b.splat(b.loadScalar(post, {token, to}));
  };
  // weights[to] holds that of x and those of the streams.
  SmallVector<SmallVector<Value>> weights;
  auto weightsTo = [&](Value to) {
    SmallVector<Value> column = {weight(Value(), to)};
    for (int64_t i = 0; i < n; ++i)
      column.push_back(weight(b.index(i), to));
    return column;
  };
  if (n <= kMaxUnrolledStreams)
    for (int64_t j = 0; j < n; ++j)
      weights.push_back(weightsTo(b.index(j)));

  b.forChunks(streams.hidden, [&](Value column, int64_t count) {
    SmallVector<Value> values = {b.loadF32(x, {token, column}, count)};
    for (int64_t i = 0; i < n; ++i)
      values.push_back(streams.load(b, token, b.index(i), column, count));
    auto write = [&](Value to, ArrayRef<Value> factors) {
      Value sum = b.mulf(factors[0], values[0]);
      for (int64_t i = 1; i <= n; ++i)
        sum = b.addf(sum, b.mulf(factors[i], values[i]));
      b.storeF32(sum, out, {token, to, column}, count);
    };
    if (weights.empty())
      return b.forRange(n, [&](Value to) { write(to, weightsTo(to)); });
    for (int64_t j = 0; j < n; ++j)
      write(b.index(j), weights[j]);
  });
}

//===----------------------------------------------------------------------===//
// Pre
//===----------------------------------------------------------------------===//

template <typename OpTy>
static Coefficients getCoefficients(OpTy op, int64_t streams, int64_t columns) {
  Coefficients c;
  c.scale = op.getScale();
  c.base = op.getBase();
  c.streams = streams;
  c.columns = columns;
  c.rmsEpsilon = op.getRmsEpsilon().convertToFloat();
  c.preEpsilon = op.getPreEpsilon().convertToFloat();
  return c;
}

/// The same for an operation that has post and comb.
template <typename OpTy>
static Coefficients getPreCoefficients(OpTy op, int64_t streams) {
  Coefficients c = getCoefficients(op, streams, columnsOf(op.getFn()));
  c.isHead = false;
  c.postMult = op.getPostMult().convertToFloat();
  c.sinkhornEpsilon = op.getSinkhornEpsilon().convertToFloat();
  c.iterations = op.getSinkhornIterations();
  return c;
}

/// Computes logits and coefficients of a token; `pre` goes to `preOut` where
/// that is given. Returns scratch memory that holds `pre`.
static Value buildMixes(RowBuilder &b, const Streams &streams, Value fn,
                        const Coefficients &c, Value token, Value preOut,
                        Value post, Value comb) {
  Value logits = b.scratch(cast<MemRefType>(fn.getType()).getDimSize(0));
  Value pre = b.scratch(c.streams);
  Value sqrsum =
      buildLogits(b, streams, fn, token, [&](Value mix, Value logit) {
        b.storeScalar(logit, logits, mix);
      });
  auto storePre = [&](Value k, Value value) {
    b.storeScalar(value, pre, k);
    if (preOut)
      b.storeScalar(value, preOut, {token, k});
  };
  auto storePost = [&](Value k, Value value) {
    b.storeScalar(value, post, {token, k});
  };
  auto storeComb = [&](Value from, Value to, Value value) {
    b.storeScalar(value, comb, {token, from, to});
  };
  buildCoefficients(b, c, sqrsum,
                    [&](Value mix) { return b.loadScalar(logits, mix); },
                    {storePre, storePost, storeComb});
  return pre;
}

/// Writes the layer's input of a token: the collapsed streams, or the first
/// one, through the norm where there is one.
template <typename OpTy>
static void buildLayerInput(RowBuilder &b, OpTy op, const Streams &streams,
                            int64_t n, Value token, Value pre) {
  Value input = op.getLayerInput();
  Value row;
  if (op.getNormEpsilon()) {
    Type type = op.getRoundBeforeNorm().value_or(b.getF32Type());
    row = memref::AllocaOp::create(b, MemRefType::get({streams.hidden}, type),
                                   b.getI64IntegerAttr(64));
  }
  auto store = [&](Value chunk, Value column, int64_t count) {
    if (row)
      b.storeF32(chunk, row, column, count);
    else
      b.storeF32(chunk, input, {token, column}, count);
  };
  if (op.getPreOut() && !op.getPreIn()) {
    b.forChunks(streams.hidden, [&](Value column, int64_t count) {
      store(streams.load(b, token, b.index(0), column, count), column, count);
    });
  } else {
    auto weight = [&](Value i) {
      return op.getPreIn() ? b.loadScalar(op.getPreIn(), {token, i})
                           : b.loadScalar(pre, i);
    };
    buildCollapse(b, streams, n, token, weight, store);
  }
  if (!row)
    return;
  Norm norm;
  norm.x = row;
  norm.weight = op.getNormWeight();
  norm.epsilon = op.getNormEpsilon()->convertToFloat();
  norm.weightOffset = op.getNormWeightOffset().convertToFloat();
  norm.roundNormBeforeWeight = op.getRoundNormBeforeWeight();
  RowValues values = buildNorm(b, norm, ValueRange());
  b.forChunks(streams.hidden, [&](Value column, int64_t count) {
    b.storeF32(values.chunk(column, count), input, {token, column}, count);
  });
}

//===----------------------------------------------------------------------===//
// Patterns
//===----------------------------------------------------------------------===//

namespace {

struct MhcLogitsToLoops final : RowPattern<MhcLogitsOp> {
  using RowPattern::RowPattern;

  void lower(MhcLogitsOp op, RowBuilder &b) const override {
    Streams streams(op.getResidual());
    b.forParallel(b.dim(op.getResidual(), 0), [&](Value token) {
      Value sqrsum = buildLogits(
          b, streams, op.getFn(), token, [&](Value mix, Value logit) {
            b.storeScalar(logit, op.getLogits(), {token, mix});
          });
      b.storeScalar(sqrsum, op.getSqrsum(), token);
    });
  }
};

struct MhcCoefficientsToLoops final : RowPattern<MhcCoefficientsOp> {
  using RowPattern::RowPattern;

  void lower(MhcCoefficientsOp op, RowBuilder &b) const override {
    Coefficients c = getCoefficients(op, columnsOf(op.getPre()),
                                     static_cast<int64_t>(op.getColumns()));
    if (op.getPost()) {
      c.isHead = false;
      c.postMult = op.getPostMult()->convertToFloat();
      c.sinkhornEpsilon = op.getSinkhornEpsilon()->convertToFloat();
      c.iterations = *op.getSinkhornIterations();
    }
    b.forParallel(b.dim(op.getLogits(), 0), [&](Value token) {
      auto storePre = [&](Value k, Value value) {
        b.storeScalar(value, op.getPre(), {token, k});
      };
      auto storePost = [&](Value k, Value value) {
        b.storeScalar(value, op.getPost(), {token, k});
      };
      auto storeComb = [&](Value from, Value to, Value value) {
        b.storeScalar(value, op.getComb(), {token, from, to});
      };
      buildCoefficients(
          b, c, b.loadScalar(op.getSqrsum(), token),
          [&](Value mix) { return b.loadScalar(op.getLogits(), {token, mix}); },
          {storePre, storePost, storeComb});
    });
  }
};

struct MhcCollapseToLoops final : RowPattern<MhcCollapseOp> {
  using RowPattern::RowPattern;

  void lower(MhcCollapseOp op, RowBuilder &b) const override {
    Streams streams(op.getResidual());
    b.forParallel(b.dim(op.getResidual(), 0), [&](Value token) {
      buildCollapse(
          b, streams, columnsOf(op.getPre()), token,
          [&](Value i) { return b.loadScalar(op.getPre(), {token, i}); },
          [&](Value chunk, Value column, int64_t count) {
            b.storeF32(chunk, op.getOut(), {token, column}, count);
          });
    });
  }
};

struct MhcPostToLoops final : RowPattern<MhcPostOp> {
  using RowPattern::RowPattern;

  void lower(MhcPostOp op, RowBuilder &b) const override {
    Streams streams(op.getResidual());
    b.forParallel(b.dim(op.getResidual(), 0), [&](Value token) {
      buildPost(b, streams, op.getX(), op.getPost(), op.getComb(), op.getOut(),
                token);
    });
  }
};

struct MhcPreToLoops final : RowPattern<MhcPreOp> {
  using RowPattern::RowPattern;

  void lower(MhcPreOp op, RowBuilder &b) const override {
    Streams streams(op.getResidual());
    int64_t n = columnsOf(op.getPost());
    Coefficients c = getPreCoefficients(op, n);
    b.forParallel(b.dim(op.getResidual(), 0), [&](Value token) {
      Value pre = buildMixes(b, streams, op.getFn(), c, token, op.getPreOut(),
                             op.getPost(), op.getComb());
      buildLayerInput(b, op, streams, n, token, pre);
    });
  }
};

struct MhcPostPreToLoops final : RowPattern<MhcPostPreOp> {
  using RowPattern::RowPattern;

  void lower(MhcPostPreOp op, RowBuilder &b) const override {
    Streams before(op.getResidual());
    // What follows reads the new residual as it is stored, from cache.
    Streams after(op.getResidualOut());
    int64_t n = columnsOf(op.getPost());
    Coefficients c = getPreCoefficients(op, n);
    b.forParallel(b.dim(op.getResidual(), 0), [&](Value token) {
      buildPost(b, before, op.getX(), op.getPost(), op.getComb(),
                op.getResidualOut(), token);
      Value pre = buildMixes(b, after, op.getFn(), c, token, op.getPreOut(),
                             op.getPostOut(), op.getCombOut());
      buildLayerInput(b, op, after, n, token, pre);
    });
  }
};

struct MhcHeadToLoops final : RowPattern<MhcHeadOp> {
  using RowPattern::RowPattern;

  void lower(MhcHeadOp op, RowBuilder &b) const override {
    Streams streams(op.getResidual());
    int64_t n = cast<MemRefType>(op.getFn().getType()).getDimSize(0);
    Coefficients c = getCoefficients(op, n, columnsOf(op.getFn()));
    b.forParallel(b.dim(op.getResidual(), 0), [&](Value token) {
      Value pre = buildMixes(b, streams, op.getFn(), c, token, Value(), Value(),
                             Value());
      buildCollapse(
          b, streams, n, token, [&](Value i) { return b.loadScalar(pre, i); },
          [&](Value chunk, Value column, int64_t count) {
            b.storeF32(chunk, op.getOut(), {token, column}, count);
          });
    });
  }
};

} // namespace

void lm::populateMhcPatterns(RewritePatternSet &patterns, int64_t vectorWidth) {
  patterns
      .add<MhcLogitsToLoops, MhcCoefficientsToLoops, MhcCollapseToLoops,
           MhcPostToLoops, MhcPreToLoops, MhcPostPreToLoops, MhcHeadToLoops>(
          patterns.getContext(), vectorWidth);
}
