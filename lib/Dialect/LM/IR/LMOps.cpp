//===-- LMOps.cpp - Operations of the lm dialect --------------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "hipfuse/Dialect/LM/IR/LM.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace mlir::lm;

//===----------------------------------------------------------------------===//
// Assembly
//===----------------------------------------------------------------------===//

// The enumerations that name an operation's variant are bare keywords, so that
// they read as part of the operation's name.
template <typename AttrT, typename EnumT>
static ParseResult
parseKeywordEnum(OpAsmParser &parser, AttrT &attr,
                 std::optional<EnumT> (*symbolize)(StringRef), StringRef what) {
  StringRef keyword;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseKeyword(&keyword))
    return failure();
  std::optional<EnumT> value = symbolize(keyword);
  if (!value)
    return parser.emitError(loc)
           << "unknown " << what << " '" << keyword << "'";
  attr = AttrT::get(parser.getContext(), *value);
  return success();
}

static ParseResult parseRopeStyle(OpAsmParser &parser, RopeStyleAttr &attr) {
  return parseKeywordEnum(parser, attr, symbolizeRopeStyle, "rope style");
}

static void printRopeStyle(OpAsmPrinter &printer, Operation *,
                           RopeStyleAttr attr) {
  printer << stringifyRopeStyle(attr.getValue());
}

static ParseResult parseCacheLayout(OpAsmParser &parser,
                                    CacheLayoutAttr &attr) {
  return parseKeywordEnum(parser, attr, symbolizeCacheLayout, "cache layout");
}

static void printCacheLayout(OpAsmPrinter &printer, Operation *,
                             CacheLayoutAttr attr) {
  printer << stringifyCacheLayout(attr.getValue());
}

#define GET_OP_CLASSES
#include "hipfuse/Dialect/LM/IR/LMOps.cpp.inc"

//===----------------------------------------------------------------------===//
// Interfaces that every operation implements alike
//===----------------------------------------------------------------------===//

// On memrefs inputs are read and destinations written; a destination that keeps
// a part of its content is read as well.
static void getDpsEffects(
    Operation *op,
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects) {
  auto dps = cast<DestinationStyleOpInterface>(op);
  auto tokenOp = cast<TokenOpInterface>(op);
  for (OpOperand &operand : op->getOpOperands()) {
    if (!isa<MemRefType>(operand.get().getType()))
      continue;
    bool isInit = dps.isDpsInit(&operand);
    if (!isInit || tokenOp.keepsDestination(operand))
      effects.emplace_back(MemoryEffects::Read::get(), &operand, 0, false,
                           SideEffects::DefaultResource::get());
    if (isInit)
      effects.emplace_back(MemoryEffects::Write::get(), &operand, 0, false,
                           SideEffects::DefaultResource::get());
  }
}

// A result has the shape of its destination.
static LogicalResult
reifyDpsResultShapes(Operation *op, OpBuilder &builder,
                     ReifiedRankedShapedTypeDims &reifiedReturnShapes) {
  auto dps = cast<DestinationStyleOpInterface>(op);
  for (OpResult result : op->getResults())
    reifiedReturnShapes.push_back(tensor::getMixedSizes(
        builder, op->getLoc(), dps.getTiedOpOperand(result)->get()));
  return success();
}

// Caches are written row by row, shuffled scales keep their padding rows.
static bool keepsPartOf(Operation *op, Value destination) {
  return llvm::TypeSwitch<Operation *, bool>(op)
      .Case([&](ShuffleScaleOp op) { return destination == op.getOut(); })
      .Case<MlaCacheWriteOp, RopeMlaCacheWriteOp>(
          [&](auto op) { return destination == op.getCache(); })
      .Case<QuantizeOp, RmsNormQuantizeOp, SiluMulQuantizeOp, RopeQuantizeOp>(
          [&](auto op) {
            return destination == op.getScale() &&
                   op.getScheme().getLayout() == ScaleLayout::Cdna4Shuffled;
          })
      .Default(false);
}

#define LM_DEFINE_COMMON_METHODS(OpTy)                                         \
  void OpTy::getEffects(                                                       \
      SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>      \
          &effects) {                                                          \
    getDpsEffects(getOperation(), effects);                                    \
  }                                                                            \
  LogicalResult OpTy::reifyResultShapes(OpBuilder &builder,                    \
                                        ReifiedRankedShapedTypeDims &dims) {   \
    return reifyDpsResultShapes(getOperation(), builder, dims);                \
  }                                                                            \
  bool OpTy::keepsDestination(OpOperand &operand) {                            \
    return keepsPartOf(getOperation(), operand.get());                         \
  }

LM_DEFINE_COMMON_METHODS(RmsNormOp)
LM_DEFINE_COMMON_METHODS(AddRmsNormOp)
LM_DEFINE_COMMON_METHODS(QuantizeOp)
LM_DEFINE_COMMON_METHODS(DequantizeOp)
LM_DEFINE_COMMON_METHODS(ShuffleScaleOp)
LM_DEFINE_COMMON_METHODS(SiluMulOp)
LM_DEFINE_COMMON_METHODS(SplitKReduceOp)
LM_DEFINE_COMMON_METHODS(RopeOp)
LM_DEFINE_COMMON_METHODS(MlaCacheWriteOp)
LM_DEFINE_COMMON_METHODS(RmsNormQuantizeOp)
LM_DEFINE_COMMON_METHODS(DualRmsNormOp)
LM_DEFINE_COMMON_METHODS(SiluMulQuantizeOp)
LM_DEFINE_COMMON_METHODS(RopeMlaCacheWriteOp)
LM_DEFINE_COMMON_METHODS(RopeQuantizeOp)
LM_DEFINE_COMMON_METHODS(MlaDecodeOp)
LM_DEFINE_COMMON_METHODS(SparseMlaDecodeOp)
LM_DEFINE_COMMON_METHODS(MergeAttentionOp)
LM_DEFINE_COMMON_METHODS(ApplySinkOp)
LM_DEFINE_COMMON_METHODS(SwaSlotsOp)
LM_DEFINE_COMMON_METHODS(TopkSlotsOp)
LM_DEFINE_COMMON_METHODS(SlotLengthsOp)
LM_DEFINE_COMMON_METHODS(CompactSlotsOp)
LM_DEFINE_COMMON_METHODS(AttentionPlanOp)
LM_DEFINE_COMMON_METHODS(MhcLogitsOp)
LM_DEFINE_COMMON_METHODS(MhcCoefficientsOp)
LM_DEFINE_COMMON_METHODS(MhcCollapseOp)
LM_DEFINE_COMMON_METHODS(MhcPostOp)
LM_DEFINE_COMMON_METHODS(MhcPreOp)
LM_DEFINE_COMMON_METHODS(MhcPostPreOp)
LM_DEFINE_COMMON_METHODS(MhcHeadOp)

#undef LM_DEFINE_COMMON_METHODS

//===----------------------------------------------------------------------===//
// Dimension constraints
//===----------------------------------------------------------------------===//

namespace {

/// Collects the dimension constraints of one operation by value; operands that
/// are absent are passed over.
class DimConstraintBuilder {
public:
  DimConstraintBuilder(Operation *op, SmallVectorImpl<DimConstraint> &out)
      : op(op), out(out) {}

  void equal(Value lhs, int64_t lhsDim, Value rhs, int64_t rhsDim,
             int64_t factor = 1, int64_t addend = 0) {
    add({DimConstraint::Kind::Equal, 0, lhsDim, 0, rhsDim, factor, addend}, lhs,
        rhs);
  }

  void atLeast(Value lhs, int64_t lhsDim, Value rhs, int64_t rhsDim,
               int64_t factor = 1, int64_t addend = 0) {
    add({DimConstraint::Kind::AtLeast, 0, lhsDim, 0, rhsDim, factor, addend},
        lhs, rhs);
  }

  /// All but the last dimensions of both are equal.
  void equalRows(Value lhs, Value rhs) {
    if (!lhs || !rhs)
      return;
    for (int64_t dim = 0, e = rank(lhs) - 1; dim < e; ++dim)
      equal(lhs, dim, rhs, dim);
  }

  /// The rows of `x`, behind the splits of a split-K product if it has them,
  /// are those of `out`.
  void inputRows(Value x, Value out, bool hasSplits) {
    for (int64_t dim = 0, e = rank(out) - 1; dim < e; ++dim)
      equal(x, dim + hasSplits, out, dim);
  }

  /// The scale operand of a quantisation of rows of `x`.
  void scaleRows(Value x, Value scale, SchemeAttr scheme) {
    if (!scale || !scheme.isDynamic())
      return;
    switch (scheme.getLayout()) {
    case ScaleLayout::RowMajor:
      return equalRows(x, scale);
    case ScaleLayout::ColumnMajor:
      return equal(x, 0, scale, 1);
    case ScaleLayout::Cdna4Shuffled:
      return atLeast(scale, 0, x, 0);
    }
  }

  /// The tables of a rotation have equally many positions.
  void tables(ValueRange tables) {
    if (tables.size() == 2)
      equal(tables[0], 0, tables[1], 0);
  }

private:
  static int64_t rank(Value value) {
    return cast<ShapedType>(value.getType()).getRank();
  }

  void add(DimConstraint constraint, Value lhs, Value rhs) {
    if (!lhs || !rhs || lhs == rhs)
      return;
    if (!cast<ShapedType>(lhs.getType()).isDynamicDim(constraint.lhsDim) &&
        !cast<ShapedType>(rhs.getType()).isDynamicDim(constraint.rhsDim))
      return;
    constraint.lhs = indexOf(lhs);
    constraint.rhs = indexOf(rhs);
    out.push_back(constraint);
  }

  unsigned indexOf(Value value) {
    return llvm::find(op->getOperands(), value) - op->operand_begin();
  }

  Operation *op;
  SmallVectorImpl<DimConstraint> &out;
};

} // namespace

void RmsNormOp::getDimConstraints(SmallVectorImpl<DimConstraint> &out) {
  DimConstraintBuilder(*this, out).equalRows(getX(), getOut());
}

void AddRmsNormOp::getDimConstraints(SmallVectorImpl<DimConstraint> &out) {
  DimConstraintBuilder builder(*this, out);
  for (Value other : {getResidual(), getOut(), getResidualOut()})
    builder.equalRows(getX(), other);
}

void QuantizeOp::getDimConstraints(SmallVectorImpl<DimConstraint> &out) {
  DimConstraintBuilder builder(*this, out);
  builder.equalRows(getX(), getData());
  builder.scaleRows(getX(), getScale(), getScheme());
}

void DequantizeOp::getDimConstraints(SmallVectorImpl<DimConstraint> &out) {
  DimConstraintBuilder builder(*this, out);
  builder.equalRows(getOut(), getData());
  builder.scaleRows(getOut(), getScale(), getScheme());
}

void ShuffleScaleOp::getDimConstraints(SmallVectorImpl<DimConstraint> &out) {
  DimConstraintBuilder(*this, out).atLeast(getOut(), 0, getScale(), 0);
}

void SiluMulOp::getDimConstraints(SmallVectorImpl<DimConstraint> &out) {
  DimConstraintBuilder(*this, out).equalRows(getX(), getOut());
}

void SplitKReduceOp::getDimConstraints(SmallVectorImpl<DimConstraint> &out) {
  DimConstraintBuilder builder(*this, out);
  for (int64_t d = 0, e = cast<ShapedType>(getOut().getType()).getRank(); d < e;
       ++d)
    builder.equal(getX(), d + 1, getOut(), d);
}

void RopeOp::getDimConstraints(SmallVectorImpl<DimConstraint> &out) {
  DimConstraintBuilder builder(*this, out);
  builder.equalRows(getX(), getOut());
  builder.equal(getX(), 0, getPositions(), 0);
  builder.tables(getTables());
}

void MlaCacheWriteOp::getDimConstraints(SmallVectorImpl<DimConstraint> &out) {
  DimConstraintBuilder builder(*this, out);
  builder.equal(getKvC(), 0, getKPe(), 0);
  builder.atLeast(getKvC(), 0, getSlots(), 0);
}

void RmsNormQuantizeOp::getDimConstraints(SmallVectorImpl<DimConstraint> &out) {
  DimConstraintBuilder builder(*this, out);
  for (Value other : {getResidual(), getNormOut(), getResidualOut(),
                      getSecondX(), getSecondOut()})
    builder.equalRows(getData(), other);
  builder.inputRows(getX(), getData(), getSplitKType().has_value());
  builder.scaleRows(getData(), getScale(), getScheme());
}

void DualRmsNormOp::getDimConstraints(SmallVectorImpl<DimConstraint> &out) {
  DimConstraintBuilder builder(*this, out);
  for (Value other : {getSecondX(), getOut(), getSecondOut()})
    builder.equalRows(getX(), other);
}

void SiluMulQuantizeOp::getDimConstraints(SmallVectorImpl<DimConstraint> &out) {
  DimConstraintBuilder builder(*this, out);
  builder.inputRows(getX(), getData(), getSplitKType().has_value());
  builder.scaleRows(getData(), getScale(), getScheme());
}

void RopeMlaCacheWriteOp::getDimConstraints(
    SmallVectorImpl<DimConstraint> &out) {
  DimConstraintBuilder builder(*this, out);
  for (Value other :
       {getQNope(), getKvC(), getKPe(), getPositions(), getQOut(), getKRot()})
    builder.equal(getQPe(), 0, other, 0);
  for (int64_t d = 1, e = cast<ShapedType>(getQPe().getType()).getRank() - 1;
       d < e; ++d) {
    builder.equal(getQPe(), d, getQNope(), d);
    builder.equal(getQPe(), d, getQOut(), d);
  }
  builder.tables(getTables());
  builder.atLeast(getKvC(), 0, getSlots(), 0);
}

void RopeQuantizeOp::getDimConstraints(SmallVectorImpl<DimConstraint> &out) {
  DimConstraintBuilder builder(*this, out);
  builder.equal(getX(), 0, getPositions(), 0);
  builder.equal(getX(), 0, getData(), 0);
  builder.scaleRows(getData(), getScale(), getScheme());
  builder.tables(getTables());
}

//===----------------------------------------------------------------------===//
// Dimension constraints of attention
//===----------------------------------------------------------------------===//

void MlaDecodeOp::getDimConstraints(SmallVectorImpl<DimConstraint> &out) {
  DimConstraintBuilder builder(*this, out);
  builder.equal(getQ(), 0, getOut(), 0);
  builder.equal(getQ(), 0, getLse(), 0);
  builder.equal(getBlockTable(), 0, getLengths(), 0);
  builder.equal(getQ(), 0, getLengths(), 0, getQLen());
}

void SparseMlaDecodeOp::getDimConstraints(SmallVectorImpl<DimConstraint> &out) {
  DimConstraintBuilder builder(*this, out);
  for (Value other : {getOut(), getLse(), getSlots(), getLengths(),
                      getExtraSlots(), getExtraLengths()})
    builder.equal(getQ(), 0, other, 0);
}

void MergeAttentionOp::getDimConstraints(SmallVectorImpl<DimConstraint> &out) {
  DimConstraintBuilder builder(*this, out);
  for (auto [x, lse] : llvm::zip(getX(), getLse()))
    for (int64_t dim : {0, 1}) {
      builder.equal(getOut(), dim, x, dim);
      builder.equal(getOut(), dim, lse, dim);
    }
  for (int64_t dim : {0, 1})
    builder.equal(getOut(), dim, getLseOut(), dim);
}

void ApplySinkOp::getDimConstraints(SmallVectorImpl<DimConstraint> &out) {
  DimConstraintBuilder builder(*this, out);
  builder.equal(getX(), 0, getOut(), 0);
  builder.equal(getX(), 0, getLse(), 0);
}

void SwaSlotsOp::getDimConstraints(SmallVectorImpl<DimConstraint> &out) {
  DimConstraintBuilder builder(*this, out);
  for (Value other : {getRequests(), getSlots(), getLengths()})
    builder.equal(getPositions(), 0, other, 0);
  if (!getRequests())
    builder.equal(getPositions(), 0, getBlockTable(), 0, getQLen());
}

void TopkSlotsOp::getDimConstraints(SmallVectorImpl<DimConstraint> &out) {
  DimConstraintBuilder builder(*this, out);
  for (Value other : {getRequests(), getPositions(), getSlots(), getLengths()})
    builder.equal(getIndices(), 0, other, 0);
  if (!getRequests())
    builder.equal(getIndices(), 0, getBlockTable(), 0, getQLen());
}

void SlotLengthsOp::getDimConstraints(SmallVectorImpl<DimConstraint> &out) {
  DimConstraintBuilder builder(*this, out);
  builder.equal(getPositions(), 0, getLengths(), 0);
}

bool SlotLengthsOp::areLengthsOf(TopkSlotsOp op) {
  return op.getFull() && op.getPositions() == getPositions() &&
         op.getCompressRatio() == getCompressRatio() &&
         op.getColumns() == static_cast<int64_t>(getWindow());
}

void CompactSlotsOp::getDimConstraints(SmallVectorImpl<DimConstraint> &out) {
  DimConstraintBuilder builder(*this, out);
  for (Value other : {getLengths(), getPacked(), getPackedLengths()})
    builder.equal(getSlots(), 0, other, 0);
}

void AttentionPlanOp::getDimConstraints(SmallVectorImpl<DimConstraint> &out) {
  DimConstraintBuilder builder(*this, out);
  int64_t tiles = getTiles();
  builder.equal(getExtraLengths(), 0, getLengths(), 0);
  builder.atLeast(getWorks(), 0, getLengths(), 0, tiles, getNumClusters() - 1);
  builder.equal(getReduceIndptr(), 0, getLengths(), 0, tiles, 1);
  builder.equal(getReduceFinalMap(), 0, getLengths(), 0, tiles);
}

//===----------------------------------------------------------------------===//
// Dimension constraints of hyper-connections
//===----------------------------------------------------------------------===//

// Streams and columns are static; all else counts tokens.
static void addTokenConstraints(Operation *op, Value tokens,
                                ArrayRef<Value> others,
                                SmallVectorImpl<DimConstraint> &out) {
  DimConstraintBuilder builder(op, out);
  for (Value other : others)
    builder.equal(tokens, 0, other, 0);
}

void MhcLogitsOp::getDimConstraints(SmallVectorImpl<DimConstraint> &out) {
  addTokenConstraints(*this, getResidual(), {getLogits(), getSqrsum()}, out);
}

void MhcCoefficientsOp::getDimConstraints(SmallVectorImpl<DimConstraint> &out) {
  addTokenConstraints(*this, getLogits(),
                      {getSqrsum(), getPre(), getPost(), getComb()}, out);
}

void MhcCollapseOp::getDimConstraints(SmallVectorImpl<DimConstraint> &out) {
  addTokenConstraints(*this, getResidual(), {getPre(), getOut()}, out);
}

void MhcPostOp::getDimConstraints(SmallVectorImpl<DimConstraint> &out) {
  addTokenConstraints(*this, getResidual(),
                      {getX(), getPost(), getComb(), getOut()}, out);
}

void MhcPreOp::getDimConstraints(SmallVectorImpl<DimConstraint> &out) {
  addTokenConstraints(
      *this, getResidual(),
      {getPreIn(), getLayerInput(), getPost(), getComb(), getPreOut()}, out);
}

void MhcPostPreOp::getDimConstraints(SmallVectorImpl<DimConstraint> &out) {
  addTokenConstraints(*this, getResidual(),
                      {getX(), getPost(), getComb(), getPreIn(),
                       getResidualOut(), getLayerInput(), getPostOut(),
                       getCombOut(), getPreOut()},
                      out);
}

void MhcHeadOp::getDimConstraints(SmallVectorImpl<DimConstraint> &out) {
  addTokenConstraints(*this, getResidual(), {getOut()}, out);
}
