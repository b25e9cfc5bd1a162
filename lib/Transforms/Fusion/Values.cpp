//===-- Values.cpp - What values stand for --------------------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Planner.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/IR/OperationSupport.h"

#define DEBUG_TYPE "lm-fuse"

using namespace mlir;
using namespace mlir::lm;
using namespace mlir::lm::fusion;

RankedTensorType fusion::getTensorType(Value value) {
  return cast<RankedTensorType>(value.getType());
}

std::string fusion::str(Type type) {
  std::string text;
  llvm::raw_string_ostream(text) << type;
  return text;
}

std::string fusion::str(ArrayRef<int64_t> shape) {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << '[';
  llvm::interleaveComma(shape, os, [&](int64_t dim) {
    if (ShapedType::isDynamic(dim))
      os << '?';
    else
      os << dim;
  });
  os << ']';
  return text;
}

std::string fusion::producerName(Value value) {
  if (Operation *op = value.getDefiningOp())
    return op->getName().getStringRef().str();
  return "a block argument";
}

//===----------------------------------------------------------------------===//
// Chains of reshapes
//===----------------------------------------------------------------------===//

Chain fusion::traceChain(Value value) {
  Chain chain;
  while (Operation *op = value.getDefiningOp()) {
    if (!isa<tensor::CollapseShapeOp, tensor::ExpandShapeOp, tensor::CastOp,
             tensor::ExtractSliceOp, arith::TruncFOp, arith::ExtFOp>(op) ||
        !isa<RankedTensorType>(op->getOperand(0).getType()))
      break;
    chain.ops.push_back(op);
    value = op->getOperand(0);
  }
  std::reverse(chain.ops.begin(), chain.ops.end());
  chain.root = value;
  return chain;
}

std::optional<Refusal> fusion::checkChain(const Chain &chain,
                                          Operation *producer,
                                          Operation *consumer,
                                          bool anyReshape) {
  StringRef from = producer->getName().getStringRef();
  StringRef to = consumer->getName().getStringRef();
  for (Operation *op : chain.ops) {
    StringRef name = op->getName().getStringRef();
    RankedTensorType in = getTensorType(op->getOperand(0));
    RankedTensorType out = getTensorType(op->getResult(0));
    if (isa<arith::TruncFOp, arith::ExtFOp>(op))
      return Refusal{RefusalReason::CastBetween,
                     {name, str(in.getElementType()), str(out.getElementType()),
                      from, to}};
    if (isa<tensor::CastOp>(op))
      return Refusal{RefusalReason::CastBetween,
                     {name, str(in), str(out), from, to}};
    if (isa<tensor::ExtractSliceOp>(op))
      return Refusal{RefusalReason::SliceBetween,
                     {name, str(out.getShape()), str(in.getShape()), from, to}};
    if (anyReshape)
      continue;
    int64_t before = in.getRank() ? in.getShape().back() : 1;
    int64_t after = out.getRank() ? out.getShape().back() : 1;
    if (before != after || ShapedType::isDynamic(after))
      return Refusal{RefusalReason::ReshapeChangesLastDim,
                     {name, before, after, from, to}};
  }
  return std::nullopt;
}

Value fusion::reapplyViews(OpBuilder &builder, ArrayRef<Operation *> views,
                           Value value) {
  for (Operation *view : views) {
    RankedTensorType in = getTensorType(view->getOperand(0));
    RankedTensorType type = getTensorType(value);
    SmallVector<int64_t> shape(getTensorType(view->getResult(0)).getShape());
    // Rows of other columns keep their own.
    bool otherColumns = in.getShape().back() != type.getShape().back();
    if (otherColumns)
      shape.back() = type.getShape().back();
    auto result = RankedTensorType::get(shape, type.getElementType());
    if (auto collapse = dyn_cast<tensor::CollapseShapeOp>(view)) {
      value = tensor::CollapseShapeOp::create(
          builder, view->getLoc(), result, value,
          collapse.getReassociationIndices());
      continue;
    }
    auto expand = cast<tensor::ExpandShapeOp>(view);
    SmallVector<OpFoldResult> sizes = expand.getMixedOutputShape();
    if (otherColumns)
      sizes.back() = builder.getIndexAttr(shape.back());
    value =
        tensor::ExpandShapeOp::create(builder, view->getLoc(), result, value,
                                      expand.getReassociationIndices(), sizes);
  }
  return value;
}

Value fusion::createEmptyRows(OpBuilder &builder, Location loc, Value rows,
                              int64_t columns, Type element, int64_t leading) {
  SmallVector<OpFoldResult> sizes = tensor::getMixedSizes(builder, loc, rows);
  sizes.erase(sizes.begin(), sizes.begin() + leading);
  sizes.back() = builder.getIndexAttr(columns);
  return tensor::EmptyOp::create(builder, loc, sizes, element);
}

//===----------------------------------------------------------------------===//
// Slices
//===----------------------------------------------------------------------===//

namespace {

/// A size: a constant, a value, or a dimension of a tensor.
struct Size {
  std::optional<int64_t> constant;
  Value value;
  int64_t dim = -1;
};

} // namespace

/// Destinations of slices and operations are followed this far.
static constexpr unsigned kMaxSizeDepth = 16;

static Size resolveSize(Value tensor, int64_t dim, unsigned depth);

static Size resolveSize(OpFoldResult size, unsigned depth) {
  if (std::optional<int64_t> constant = getConstantIntValue(size))
    return {constant, nullptr};
  Value value = cast<Value>(size);
  auto dimOp = value.getDefiningOp<tensor::DimOp>();
  if (dimOp && dimOp.getConstantIndex())
    return resolveSize(dimOp.getSource(), *dimOp.getConstantIndex(), depth);
  return {std::nullopt, value};
}

/// Follows `tensor` to what its size comes from.
static Size resolveSize(Value tensor, int64_t dim, unsigned depth) {
  for (; depth > 0; --depth) {
    auto type = dyn_cast<RankedTensorType>(tensor.getType());
    if (type && !type.isDynamicDim(dim))
      return {type.getDimSize(dim), nullptr};
    Operation *def = tensor.getDefiningOp();
    if (auto empty = dyn_cast_or_null<tensor::EmptyOp>(def))
      return resolveSize(empty.getMixedSizes()[dim], depth - 1);
    if (auto insert = dyn_cast_or_null<tensor::InsertSliceOp>(def)) {
      tensor = insert.getDest();
    } else if (auto slice = dyn_cast_or_null<tensor::ExtractSliceOp>(def);
               slice && slice.getSourceType().getRank() == type.getRank()) {
      return resolveSize(slice.getMixedSizes()[dim], depth - 1);
    } else if (def && isa<LMDialect>(def->getDialect())) {
      tensor = cast<DestinationStyleOpInterface>(def)
                   .getTiedOpOperand(cast<OpResult>(tensor))
                   ->get();
    } else {
      break;
    }
  }
  return {std::nullopt, tensor, dim};
}

static bool isSame(const Size &lhs, const Size &rhs) {
  if (lhs.constant || rhs.constant)
    return lhs.constant == rhs.constant;
  return lhs.dim == rhs.dim && isSameValue(lhs.value, rhs.value);
}

bool fusion::isSameSize(OpFoldResult lhs, OpFoldResult rhs) {
  return isSame(resolveSize(lhs, kMaxSizeDepth),
                resolveSize(rhs, kMaxSizeDepth));
}

bool fusion::areAllRows(Value tensor, ArrayRef<OpFoldResult> rows) {
  for (auto [dim, size] : llvm::enumerate(rows))
    if (!isSame(resolveSize(size, kMaxSizeDepth),
                resolveSize(tensor, dim, kMaxSizeDepth)))
      return false;
  return true;
}

std::optional<int64_t> fusion::getInsertedColumn(Operation *op) {
  auto insert = cast<tensor::InsertSliceOp>(op);
  ArrayRef<int64_t> offsets = insert.getStaticOffsets();
  SmallVector<OpFoldResult> rows = insert.getMixedSizes();
  rows.pop_back();
  if (insert.getSourceType().getRank() != insert.getType().getRank() ||
      !insert.hasUnitStride() || ShapedType::isDynamic(offsets.back()) ||
      llvm::any_of(offsets.drop_back(),
                   [](int64_t offset) { return offset != 0; }) ||
      !areAllRows(insert.getDest(), rows))
    return std::nullopt;
  return offsets.back();
}

bool fusion::isSameValue(Value lhs, Value rhs, unsigned depth) {
  if (lhs == rhs)
    return true;
  Operation *a = lhs.getDefiningOp(), *b = rhs.getDefiningOp();
  if (!a || !b || depth == 0 || a->getNumRegions() != 0 ||
      a->getName() != b->getName() || lhs.getType() != rhs.getType() ||
      cast<OpResult>(lhs).getResultNumber() !=
          cast<OpResult>(rhs).getResultNumber() ||
      !isa<tensor::TensorDialect, arith::ArithDialect, LMDialect>(
          a->getDialect()) ||
      !isMemoryEffectFree(a))
    return false;
  // Two empty tensors are as good as each other only as destinations.
  if (isa<tensor::EmptyOp>(a))
    return false;
  auto token = dyn_cast<TokenOpInterface>(a);
  return OperationEquivalence::isEquivalentTo(
      a, b,
      [&](Value x, Value y) -> LogicalResult {
        return success(isSameValue(x, y, depth - 1) ||
                       (token &&
                        isa_and_nonnull<tensor::EmptyOp>(x.getDefiningOp()) &&
                        isa_and_nonnull<tensor::EmptyOp>(y.getDefiningOp()) &&
                        x.getType() == y.getType()));
      },
      nullptr, OperationEquivalence::IgnoreLocations);
}

std::optional<Columns> fusion::getColumns(Value value) {
  Columns columns;
  columns.tensor = value;
  columns.width = getTensorType(value).getShape().back();
  while (auto slice = columns.tensor.getDefiningOp<tensor::ExtractSliceOp>()) {
    if (slice.getSourceType().getRank() != slice.getType().getRank() ||
        !slice.hasUnitStride() ||
        ShapedType::isDynamic(slice.getStaticOffsets().back()))
      break;
    if (!llvm::all_of(slice.getStaticOffsets().drop_back(),
                      [](int64_t offset) { return offset == 0; }))
      break;
    if (columns.rows.empty()) {
      columns.rows = slice.getMixedSizes();
      columns.rows.pop_back();
    }
    columns.offset += slice.getStaticOffsets().back();
    columns.tensor = slice.getSource();
  }
  if (columns.rows.empty())
    return std::nullopt;
  return columns;
}

//===----------------------------------------------------------------------===//
// The quantising end of a group
//===----------------------------------------------------------------------===//

SchemeAttr QuantizingPart::getScheme() {
  SchemeAttr scheme = quantize.getScheme();
  return shuffle ? scheme.withLayout(ScaleLayout::Cdna4Shuffled) : scheme;
}

void QuantizingPart::getNeeds(SmallVectorImpl<Value> &needs) {
  if (quantize.getInputScale())
    needs.push_back(quantize.getInputScale());
  // Reshapes need their sizes, and destinations of other rows are built anew.
  for (Operation *view : views)
    llvm::append_range(needs, view->getOperands().drop_front());
  if (views.empty())
    needs.push_back(quantize.getData());
  if (shuffle)
    needs.push_back(shuffle.getOut());
  else if (quantize.getScale() && views.empty())
    needs.push_back(quantize.getScale());
}

std::pair<Value, Value> QuantizingPart::getInits(OpBuilder &builder,
                                                 Location loc, Value rows,
                                                 int64_t leading) {
  Value data = quantize.getData();
  Value scale = shuffle ? shuffle.getOut() : quantize.getScale();
  if (views.empty())
    return {data, scale};
  auto rowsLike = [&](Value value) -> Value {
    RankedTensorType type = getTensorType(value);
    return createEmptyRows(builder, loc, rows, type.getShape().back(),
                           type.getElementType(), leading);
  };
  return {rowsLike(data), scale ? rowsLike(scale) : Value()};
}

void QuantizingPart::replace(RewriterBase &rewriter, Value data, Value scale) {
  rewriter.replaceAllUsesWith(quantize->getResult(0),
                              reapplyViews(rewriter, views, data));
  if (!scale)
    return;
  if (shuffle)
    rewriter.replaceAllUsesWith(shuffle->getResult(0), scale);
  else
    rewriter.replaceAllUsesWith(quantize->getResult(1),
                                reapplyViews(rewriter, views, scale));
}
