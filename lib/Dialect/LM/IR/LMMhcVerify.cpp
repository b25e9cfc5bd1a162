//===-- LMMhcVerify.cpp - Verifiers of hyper-connections ------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The labels (c1), (c2), ... are those of the operations' descriptions.
//
//===----------------------------------------------------------------------===//

#include "LMVerify.h"

using namespace mlir;
using namespace mlir::lm;
using namespace mlir::lm::detail;

namespace {

/// The sizes of residual streams.
struct Streams {
  int64_t tokens = 0;
  /// 0 where the residual is one row for all streams.
  int64_t count = 0;
  int64_t hidden = 0;
};

} // namespace

/// Reads the sizes of a residual `[T, n, H]` or `[T, H]`.
static FailureOr<Streams> getStreams(Operation *op, Value residual) {
  ArrayRef<int64_t> shape = shaped(residual).getShape();
  if (failed(verifySemantics(op)))
    return failure();
  if (shape.size() != 2 && shape.size() != 3)
    return op->emitOpError() << "residual has the shape " << str(shape)
                             << ", but must be [T, n, H] or [T, H]";
  if (failed(verifyRows(op, "residual", residual)))
    return failure();
  Streams streams{shape[0], 0, shape.back()};
  if (shape.size() == 3) {
    streams.count = shape[1];
    if (ShapedType::isDynamic(streams.count) || streams.count < 1)
      return op->emitOpError() << "residual has the shape " << str(shape)
                               << ", but needs a static number of streams";
  }
  return streams;
}

/// Checks that `value` has the shape `expected`, of which all dimensions but
/// the first are static. An absent value passes.
static LogicalResult verifyTokens(Operation *op, StringRef name, Value value,
                                  ArrayRef<int64_t> expected) {
  if (!value)
    return success();
  if (failed(verifyDims(op, name, value, expected)))
    return failure();
  if (shaped(value).getShape().drop_front() == expected.drop_front())
    return success();
  return op->emitOpError() << name << " has the shape "
                           << str(shaped(value).getShape())
                           << ", but only the first dimension may be dynamic";
}

/// Checks `fn [M, K]` and returns `M`.
static FailureOr<int64_t> verifyProjection(Operation *op, Value fn,
                                           const Streams &streams) {
  ArrayRef<int64_t> shape = shaped(fn).getShape();
  if (shape.size() != 2 || llvm::any_of(shape, ShapedType::isDynamic) ||
      shape[0] < 1)
    return op->emitOpError() << "fn has the shape " << str(shape)
                             << ", but must be [M, K], both static";
  int64_t columns = streams.count * streams.hidden;
  if (streams.count && shape[1] != columns)
    return op->emitOpError() << "fn has " << shape[1] << " columns, but "
                             << streams.count << " streams have " << columns;
  if (shape[1] % streams.hidden != 0 || shape[1] == 0)
    return op->emitOpError()
           << "fn has " << shape[1] << " columns, but needs a multiple of "
           << streams.hidden;
  return shape[0];
}

/// The number of streams that have `mixes` mixes: n with n*n + 2n of them.
static FailureOr<int64_t> getStreamsOfMixes(Operation *op, int64_t mixes) {
  int64_t n = 1;
  while (n * n + 2 * n < mixes)
    ++n;
  if (n * n + 2 * n != mixes)
    return op->emitOpError()
           << "has " << mixes << " mixes, but n streams have n*n + 2n";
  return n;
}

/// Checks what `mhc_coefficients` takes and gives. `head`: there is only pre.
static LogicalResult verifyCoefficients(Operation *op, bool head, int64_t mixes,
                                        int64_t n, int64_t tokens, Value scale,
                                        Value base, Value pre, Value post,
                                        Value comb, StringRef postName,
                                        StringRef combName) {
  if (failed(verifyShape(op, "scale", scale, {head ? 1 : 3})) ||
      failed(verifyShape(op, "base", base, {mixes})) ||
      failed(verifyTokens(op, "pre", pre, {tokens, n})) ||
      failed(verifyTokens(op, postName, post, {tokens, n})))
    return failure();
  return verifyTokens(op, combName, comb, {tokens, n, n});
}

static LogicalResult verifyRmsPre(Operation *op, const APFloat &rms,
                                  const APFloat &pre) {
  if (failed(verifyEpsilon(op, "rms_epsilon", rms)))
    return failure();
  return verifyEpsilon(op, "pre_epsilon", pre);
}

static LogicalResult verifySinkhorn(Operation *op, const APFloat &postMult,
                                    const APFloat &epsilon,
                                    int64_t iterations) {
  if (failed(verifyEpsilon(op, "sinkhorn_epsilon", epsilon)))
    return failure();
  if (!postMult.isFinite())
    return op->emitOpError("post_mult must be finite");
  if (iterations < 1)
    return op->emitOpError() << "sinkhorn_iterations is " << iterations
                             << ", but must be positive";
  return success();
}

LogicalResult MhcLogitsOp::verify() {
  FailureOr<Streams> streams = getStreams(*this, getResidual());
  if (failed(streams))
    return failure();
  FailureOr<int64_t> mixes = verifyProjection(*this, getFn(), *streams);
  if (failed(mixes) || failed(verifyTokens(*this, "logits", getLogits(),
                                           {streams->tokens, *mixes})))
    return failure();
  return verifyDims(*this, "sqrsum", getSqrsum(), {streams->tokens});
}

LogicalResult MhcCoefficientsOp::verify() {
  ArrayRef<int64_t> logits = shaped(getLogits()).getShape();
  if (failed(verifySemantics(*this)) ||
      failed(verifyRows(*this, "logits", getLogits())))
    return failure();
  if (logits.size() != 2)
    return emitOpError() << "logits has the shape " << str(logits)
                         << ", but must be [T, M]";
  if (failed(verifyDims(*this, "sqrsum", getSqrsum(), {logits[0]})))
    return failure();
  bool head = !getPost();
  if (!getComb() != head || !getPostMult() != head ||
      !getSinkhornEpsilon() != head || !getSinkhornIterations() != head)
    return emitOpError("post, comb, post_mult, sinkhorn_epsilon and "
                       "sinkhorn_iterations must be given together");
  int64_t n = logits[1];
  if (!head) {
    FailureOr<int64_t> streams = getStreamsOfMixes(*this, logits[1]);
    if (failed(streams))
      return failure();
    n = *streams;
  }
  if (failed(verifyCoefficients(*this, head, logits[1], n, logits[0],
                                getScale(), getBase(), getPre(), getPost(),
                                getComb(), "post", "comb")) ||
      failed(verifyRmsPre(*this, getRmsEpsilon(), getPreEpsilon())))
    return failure();
  if (static_cast<int64_t>(getColumns()) < 1)
    return emitOpError() << "columns is " << static_cast<int64_t>(getColumns())
                         << ", but must be positive";
  if (head)
    return success();
  return verifySinkhorn(*this, *getPostMult(), *getSinkhornEpsilon(),
                        *getSinkhornIterations());
}

LogicalResult MhcCollapseOp::verify() {
  FailureOr<Streams> streams = getStreams(*this, getResidual());
  if (failed(streams))
    return failure();
  ArrayRef<int64_t> pre = shaped(getPre()).getShape();
  if (pre.size() != 2 || ShapedType::isDynamic(pre[1]) || pre[1] < 1)
    return emitOpError() << "pre has the shape " << str(pre)
                         << ", but must be [T, n] with a static n";
  int64_t n = streams->count ? streams->count : pre[1];
  if (failed(verifyTokens(*this, "pre", getPre(), {streams->tokens, n})))
    return failure();
  return verifyTokens(*this, "out", getOut(),
                      {streams->tokens, streams->hidden});
}

/// Checks an `mhc_post` whose destination is called `outName`; returns the
/// number of streams.
static FailureOr<int64_t> verifyPost(Operation *op, const Streams &streams,
                                     Value x, Value residual, Value post,
                                     Value comb, Value out, StringRef outName) {
  ArrayRef<int64_t> shape = shaped(post).getShape();
  if (shape.size() != 2 || ShapedType::isDynamic(shape[1]) || shape[1] < 1)
    return op->emitOpError() << "post has the shape " << str(shape)
                             << ", but must be [T, n] with a static n";
  int64_t n = streams.count ? streams.count : shape[1];
  int64_t tokens = streams.tokens, hidden = streams.hidden;
  if (failed(verifyTokens(op, "x", x, {tokens, hidden})) ||
      failed(verifyTokens(op, "post", post, {tokens, n})) ||
      failed(verifyTokens(op, "comb", comb, {tokens, n, n})) ||
      failed(verifyTokens(op, outName, out, {tokens, n, hidden})))
    return failure();
  Type found = shaped(out).getElementType();
  Type expected = shaped(residual).getElementType();
  if (found != expected)
    return op->emitOpError() << outName << " has element type " << found
                             << ", but residual has " << expected;
  return n;
}

LogicalResult MhcPostOp::verify() {
  FailureOr<Streams> streams = getStreams(*this, getResidual());
  if (failed(streams))
    return failure();
  return verifyPost(*this, *streams, getX(), getResidual(), getPost(),
                    getComb(), getOut(), "out");
}

/// Checks the fused norm of `op`, an mhc_pre or mhc_post_pre.
template <typename OpTy>
static LogicalResult verifyPreNorm(OpTy op, int64_t hidden) {
  if (!op.getNormEpsilon()) {
    if (op.getNormWeight() || op.getRoundNormBeforeWeight() ||
        op.getRoundBeforeNorm() || !op.getNormWeightOffset().isZero())
      return op.emitOpError("norm_weight, norm_weight_offset, "
                            "round_norm_before_weight and round_before_norm "
                            "need norm_epsilon");
    return success();
  }
  if (failed(verifyEpsilon(op, "norm_epsilon", *op.getNormEpsilon())) ||
      failed(verifyShape(op, "norm_weight", op.getNormWeight(), {hidden})))
    return failure();
  if (!op.getNormWeightOffset().isFinite())
    return op.emitOpError("norm_weight_offset must be finite");
  if (!op.getNormWeight() && !op.getNormWeightOffset().isZero())
    return op.emitOpError("norm_weight_offset is given, but norm_weight is "
                          "not");
  return success();
}

/// Checks the pre part of `op`, whose destinations are `post` and `comb`.
template <typename OpTy>
static LogicalResult verifyPre(OpTy op, const Streams &streams, Value post,
                               Value comb, StringRef postName,
                               StringRef combName) {
  FailureOr<int64_t> mixes = verifyProjection(op, op.getFn(), streams);
  if (failed(mixes))
    return failure();
  FailureOr<int64_t> n = getStreamsOfMixes(op, *mixes);
  if (failed(n))
    return failure();
  if (streams.count && *n != streams.count)
    return op.emitOpError() << "fn has the " << *mixes << " mixes of " << *n
                            << " streams, but there are " << streams.count;
  int64_t tokens = streams.tokens;
  if (failed(verifyCoefficients(op, /*head=*/false, *mixes, *n, tokens,
                                op.getScale(), op.getBase(), Value(), post,
                                comb, postName, combName)) ||
      failed(verifyTokens(op, "layer_input", op.getLayerInput(),
                          {tokens, streams.hidden})))
    return failure();
  if (op.getPreIn() && !op.getPreOut())
    return op.emitOpError("pre_in is given, but pre_out is not");
  if (failed(verifyTokens(op, "pre_in", op.getPreIn(), {tokens, *n})) ||
      failed(verifyTokens(op, "pre_out", op.getPreOut(), {tokens, *n})) ||
      failed(verifyRmsPre(op, op.getRmsEpsilon(), op.getPreEpsilon())) ||
      failed(verifySinkhorn(op, op.getPostMult(), op.getSinkhornEpsilon(),
                            op.getSinkhornIterations())))
    return failure();
  return verifyPreNorm(op, streams.hidden);
}

LogicalResult MhcPreOp::verify() {
  FailureOr<Streams> streams = getStreams(*this, getResidual());
  if (failed(streams))
    return failure();
  return verifyPre(*this, *streams, getPost(), getComb(), "post", "comb");
}

LogicalResult MhcPostPreOp::verify() {
  FailureOr<Streams> streams = getStreams(*this, getResidual());
  if (failed(streams))
    return failure();
  FailureOr<int64_t> n =
      verifyPost(*this, *streams, getX(), getResidual(), getPost(), getComb(),
                 getResidualOut(), "residual_out");
  if (failed(n))
    return failure();
  streams->count = *n;
  return verifyPre(*this, *streams, getPostOut(), getCombOut(), "post_out",
                   "comb_out");
}

LogicalResult MhcHeadOp::verify() {
  FailureOr<Streams> streams = getStreams(*this, getResidual());
  if (failed(streams))
    return failure();
  FailureOr<int64_t> mixes = verifyProjection(*this, getFn(), *streams);
  if (failed(mixes))
    return failure();
  if (streams->count && *mixes != streams->count)
    return emitOpError() << "fn has " << *mixes << " mixes, but there are "
                         << streams->count << " streams";
  if (failed(verifyCoefficients(*this, /*head=*/true, *mixes, *mixes,
                                streams->tokens, getScale(), getBase(), Value(),
                                Value(), Value(), "post", "comb")) ||
      failed(verifyRmsPre(*this, getRmsEpsilon(), getPreEpsilon())))
    return failure();
  return verifyTokens(*this, "out", getOut(),
                      {streams->tokens, streams->hidden});
}
