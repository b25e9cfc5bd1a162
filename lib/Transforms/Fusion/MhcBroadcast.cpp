//===-- MhcBroadcast.cpp - Streams that are one row -----------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//   %r = linalg.broadcast ins(%x) dimensions = [1]
//   ... = lm.mhc_pre ins(%r)                        ->   lm.mhc_pre ins(%x)
//
// Before the first sublayer all streams are the token's embedding. The
// operations take one row for all of them, which saves writing and reading
// copies, and have the same bits. A constant projection is folded to the sum
// over the streams where `fast-numerics` allows the other order of additions.
//
//===----------------------------------------------------------------------===//

#include "Planner.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

#define DEBUG_TYPE "lm-fuse"

using namespace mlir;
using namespace mlir::lm;
using namespace mlir::lm::fusion;

/// The `[T, H]` row that `value` repeats along a middle dimension, or null.
static Value getRepeatedRow(Value value) {
  Operation *op = value.getDefiningOp();
  if (auto broadcast = dyn_cast_or_null<linalg::BroadcastOp>(op))
    return broadcast.getDimensions() == ArrayRef<int64_t>{1}
               ? broadcast.getInput()
               : Value();
  if (auto generic = dyn_cast_or_null<linalg::GenericOp>(op)) {
    // A copy that reads (t, h) and writes (t, i, h).
    if (generic.getNumDpsInputs() != 1 || generic.getNumDpsInits() != 1 ||
        generic.getNumLoops() != 3 || generic.getNumParallelLoops() != 3)
      return Value();
    SmallVector<AffineMap> maps = generic.getIndexingMapsArray();
    MLIRContext *context = op->getContext();
    AffineExpr t = getAffineDimExpr(0, context),
               h = getAffineDimExpr(2, context);
    auto yield = cast<linalg::YieldOp>(generic.getBody()->getTerminator());
    if (maps[0] != AffineMap::get(3, 0, {t, h}, context) ||
        !maps[1].isIdentity() ||
        yield.getOperand(0) != generic.getBody()->getArgument(0))
      return Value();
    return generic.getDpsInputOperand(0)->get();
  }
  if (auto concat = dyn_cast_or_null<tensor::ConcatOp>(op)) {
    if (concat.getDim() != 1 || !llvm::all_equal(concat.getInputs()))
      return Value();
    auto expand =
        concat.getInputs().front().getDefiningOp<tensor::ExpandShapeOp>();
    if (!expand || expand.getSrcType().getRank() != 2 ||
        expand.getResultType().getRank() != 3 ||
        expand.getResultType().getDimSize(1) != 1)
      return Value();
    return expand.getSrc();
  }
  return Value();
}

/// The sum over the streams of a constant `fn`, or null.
static Value foldProjection(RewriterBase &rewriter, Value fn, int64_t hidden) {
  DenseFPElementsAttr elements;
  auto constant = fn.getDefiningOp<arith::ConstantOp>();
  if (!constant ||
      !(elements = dyn_cast<DenseFPElementsAttr>(constant.getValue())))
    return Value();
  ArrayRef<int64_t> shape = elements.getType().getShape();
  std::vector<double> sums(shape[0] * hidden, 0.0);
  for (auto [i, value] : llvm::enumerate(elements.getValues<float>()))
    sums[i / shape[1] * hidden + i % shape[1] % hidden] += value;
  std::vector<float> folded(sums.begin(), sums.end());
  auto type = RankedTensorType::get({shape[0], hidden}, rewriter.getF32Type());
  return arith::ConstantOp::create(
      rewriter, constant.getLoc(),
      DenseElementsAttr::get(type, ArrayRef<float>(folded)));
}

/// Adds the reads of `OpTy` operations from streams that repeat a row.
template <typename OpTy>
static void
collectRepeated(OpIndex &index,
                SmallVectorImpl<std::pair<OpOperand *, Value>> &repeated) {
  for (Operation *op : index.getOps<OpTy>()) {
    if (op->getNumResults() == 0)
      continue;
    Value residual = cast<OpTy>(op).getResidual();
    Value row = getRepeatedRow(residual);
    if (!row || getTensorType(row).isDynamicDim(1))
      continue;
    for (OpOperand &operand : op->getOpOperands())
      // Not where it is the destination as well.
      if (operand.get() == residual &&
          !cast<DestinationStyleOpInterface>(op).isDpsInit(&operand))
        repeated.push_back({&operand, row});
  }
}

void fusion::readRepeatedRows(
    OpIndex &index, RewriterBase &rewriter, bool fastNumerics,
    function_ref<void(Operation *, std::string)> record) {
  SmallVector<std::pair<OpOperand *, Value>> repeated;
  collectRepeated<MhcPreOp>(index, repeated);
  collectRepeated<MhcHeadOp>(index, repeated);
  collectRepeated<MhcPostOp>(index, repeated);
  collectRepeated<MhcPostPreOp>(index, repeated);
  for (auto [operand, row] : repeated) {
    Operation *op = operand->getOwner();
    rewriter.modifyOpInPlace(
        op, [&, operand = operand, row = row] { operand->set(row); });
    std::string detail =
        (op->getName().getStringRef() + " reads one row for all streams").str();
    OpOperand *fn = nullptr;
    if (auto pre = dyn_cast<MhcPreOp>(op))
      fn = &pre.getFnMutable();
    else if (auto head = dyn_cast<MhcHeadOp>(op))
      fn = &head.getFnMutable();
    if (fn && fastNumerics) {
      rewriter.setInsertionPoint(op);
      if (Value folded = foldProjection(rewriter, fn->get(),
                                        getTensorType(row).getDimSize(1))) {
        rewriter.modifyOpInPlace(op, [&] { fn->set(folded); });
        detail += ", its projection is folded";
      }
    }
    record(op, std::move(detail));
  }
}
