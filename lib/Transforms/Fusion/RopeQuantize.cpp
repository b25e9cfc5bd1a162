//===-- RopeQuantize.cpp - rope of trailing columns, then quantize --------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//   %t = extract_slice %o the last R columns     %d, %s = lm.rope_quantize
//   %r = rope(%t)                           ->     ins(%o) ...
//   %o1 = insert_slice %r into %o
//   %d, %s = quantize(view of %o1)
//
// also as a concatenation of the unrotated columns and %r, and as the rope of
// whole heads.
//
//===----------------------------------------------------------------------===//

#include "Planner.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

#define DEBUG_TYPE "lm-fuse"

using namespace mlir;
using namespace mlir::lm;
using namespace mlir::lm::fusion;

namespace {

class RopeQuantizeGroup final : public Group {
public:
  RopeQuantizeGroup() : Group(FusionKind::RopeQuantize) {}

  void getNeeds(SmallVectorImpl<Value> &needs) override {
    needs.append({x, rope.getPositions()});
    llvm::append_range(needs, rope.getTables());
    part.getNeeds(needs);
  }

  void apply(RewriterBase &rewriter) override {
    Location loc =
        rewriter.getFusedLoc({rope.getLoc(), part.quantize.getLoc()});
    auto [data, scale] = part.getInits(rewriter, loc, x);
    auto fused = RopeQuantizeOp::create(
        rewriter, loc, x, rope.getPositions(), rope.getTables(),
        part.quantize.getInputScale(), data, scale, rope.getStyleAttr(),
        rope.getInverseAttr(), rope.getComputeAttr(), part.getScheme());
    part.replace(rewriter, fused->getResult(0),
                 scale ? Value(fused->getResult(1)) : Value());
  }

  StringRef getFusedName() const override {
    return RopeQuantizeOp::getOperationName();
  }
  QuantizingPart *getQuantizingPart() override { return &part; }

  RopeOp rope;
  /// The heads, of which the rope rotates the trailing columns.
  Value x;
  /// The view is part of the fused operation: `part.views` stays empty.
  QuantizingPart part;
};

/// Heads with rotated columns; no rope where there are none.
struct RotatedHeads {
  RotatedHeads() = default;
  RotatedHeads(Refusal refusal) : refusal(std::move(refusal)) {}
  RotatedHeads(RopeOp rope, Value x, int64_t column, Operation *assembly)
      : rope(rope), x(x), column(column), assembly(assembly) {}

  RopeOp rope;
  Value x;
  /// Where the rotated columns start.
  int64_t column = 0;
  /// Puts the rotated columns back; null for whole heads.
  Operation *assembly = nullptr;
  /// Why columns that are taken out, rotated and put back are not such heads.
  std::optional<Refusal> refusal;
};

} // namespace

/// Columns that `value` takes out of heads, if it is such a slice.
static std::optional<Columns> getHeadColumns(Value value) {
  auto slice = value.getDefiningOp<tensor::ExtractSliceOp>();
  if (!slice)
    return std::nullopt;
  std::optional<Columns> columns = getColumns(value);
  // Only one slice deep: what is put back goes into its source.
  if (!columns || columns->offset != slice.getStaticOffsets().back())
    columns = std::nullopt;
  if (columns)
    columns->tensor = slice.getSource();
  return columns;
}

/// The slice whose columns `rope` rotates, if it takes them out of `tensor`.
static tensor::ExtractSliceOp getSliceOf(RopeOp rope, Value tensor) {
  auto slice = rope.getX().getDefiningOp<tensor::ExtractSliceOp>();
  return slice && isSameValue(slice.getSource(), tensor)
             ? slice
             : tensor::ExtractSliceOp();
}

static Refusal refuseSlice(Operation *slice, Type part, Value whole) {
  return {RefusalReason::ColumnsNotWhole,
          {slice->getName().getStringRef(),
           str(cast<RankedTensorType>(part).getShape()),
           str(getTensorType(whole).getShape())}};
}

static RotatedHeads takeInsert(tensor::InsertSliceOp insert) {
  auto rope = insert.getSource().getDefiningOp<RopeOp>();
  if (!rope)
    return {};
  auto slice = getSliceOf(rope, insert.getDest());
  if (!slice)
    return {};
  std::optional<Columns> columns = getHeadColumns(rope.getX());
  if (!columns)
    return refuseSlice(slice, slice.getType(), slice.getSource());
  std::optional<int64_t> column = getInsertedColumn(insert);
  if (!column)
    return refuseSlice(insert, insert.getSourceType(), insert.getDest());
  if (columns->offset != *column)
    return Refusal{RefusalReason::ColumnsMoved, {columns->offset, *column}};
  return {rope, insert.getDest(), *column, insert};
}

static RotatedHeads takeConcat(tensor::ConcatOp concat) {
  if (concat.getInputs().size() != 2 ||
      static_cast<int64_t>(concat.getDim()) + 1 != concat.getRank())
    return {};
  auto kept = concat.getInputs()[0].getDefiningOp<tensor::ExtractSliceOp>();
  auto rope = concat.getInputs()[1].getDefiningOp<RopeOp>();
  if (!kept || !rope)
    return {};
  Value heads = kept.getSource();
  auto slice = getSliceOf(rope, heads);
  if (!slice)
    return {};
  for (tensor::ExtractSliceOp part : {kept, slice}) {
    std::optional<Columns> columns = getHeadColumns(part);
    if (!columns || !areAllRows(heads, columns->rows))
      return refuseSlice(part, part.getType(), heads);
  }
  int64_t column = slice.getStaticOffsets().back();
  int64_t width = kept.getType().getShape().back();
  if (kept.getStaticOffsets().back() != 0 || column != width)
    return Refusal{RefusalReason::ColumnsMoved, {column, width}};
  if (getTensorType(heads) != concat.getType())
    return refuseSlice(concat, concat.getType(), heads);
  return {rope, heads, column, concat};
}

static RotatedHeads getRotatedHeads(Value value) {
  if (auto rope = value.getDefiningOp<RopeOp>())
    return {rope, rope.getX(), 0, nullptr};
  if (auto insert = value.getDefiningOp<tensor::InsertSliceOp>())
    return takeInsert(insert);
  if (auto concat = value.getDefiningOp<tensor::ConcatOp>())
    return takeConcat(concat);
  return {};
}

/// Checks what lm.rope_quantize demands of heads, view and scheme.
static std::optional<Refusal> checkQuantize(const RotatedHeads &heads,
                                            QuantizeOp quantize) {
  StringRef fused = RopeQuantizeOp::getOperationName();
  RankedTensorType type = getTensorType(heads.x);
  if (type.getRank() != 3)
    return Refusal{RefusalReason::OperandRank,
                   {"the rotated tensor", type.getRank(), fused, 3}};
  RopeOp rope = heads.rope;
  Type in = getTensorType(rope.getX()).getElementType();
  Type out = getTensorType(rope.getOut()).getElementType();
  if (in != out)
    return Refusal{RefusalReason::ElementTypeChanges,
                   {rope->getName().getStringRef(), str(in), str(out), fused}};
  int64_t head = type.getDimSize(2);
  int64_t rotated = getTensorType(rope.getX()).getShape().back();
  if (ShapedType::isDynamic(head) || heads.column + rotated != head)
    return Refusal{RefusalReason::NotTrailingColumns,
                   {heads.column, fused, rotated, head}};

  ArrayRef<int64_t> rows = getTensorType(quantize.getX()).getShape();
  int64_t elements = type.getDimSize(1) * head;
  int64_t product = 1;
  bool isStatic = !type.isDynamicDim(1);
  for (int64_t dim : rows.drop_front()) {
    isStatic &= !ShapedType::isDynamic(dim);
    product *= dim;
  }
  if (rows.size() > 3 || !isStatic || product != elements)
    return Refusal{RefusalReason::ViewNotRows,
                   {str(rows), type.isDynamicDim(1) ? int64_t(0) : elements}};
  SchemeAttr scheme = quantize.getScheme();
  if (scheme.getGranularity() == Granularity::Token ||
      (scheme.isDynamic() && head % scheme.getBlock() != 0))
    return Refusal{RefusalReason::SchemeCrossesHeads,
                   {stringifyGranularity(scheme.getGranularity()),
                    scheme.getBlock(), head}};
  return std::nullopt;
}

static void planQuantize(Planner &planner, QuantizeOp quantize,
                         const Chain &chain) {
  constexpr FusionKind kind = FusionKind::RopeQuantize;
  auto refuse = [&](Refusal refusal) {
    planner.refuse(kind, quantize, std::move(refusal));
  };
  RotatedHeads heads = getRotatedHeads(chain.root);
  if (planner.getGroup(quantize))
    return;
  if (heads.refusal)
    return refuse(*heads.refusal);
  if (!heads.rope)
    return;
  if (std::optional<Refusal> refusal = planner.checkUnclaimed(heads.rope))
    return refuse(*refusal);
  if (std::optional<Refusal> refusal =
          checkChain(chain, heads.rope, quantize, /*anyReshape=*/true))
    return refuse(*refusal);
  if (std::optional<Refusal> refusal = checkQuantize(heads, quantize))
    return refuse(*refusal);

  auto group = std::make_unique<RopeQuantizeGroup>();
  group->rope = heads.rope;
  group->x = heads.x;
  group->part.quantize = quantize;
  group->members = {quantize, heads.rope};
  if (heads.assembly)
    group->members.push_back(heads.assembly);
  llvm::append_range(group->members, chain.ops);
  for (Operation *member : group->members)
    if (member != quantize && !member->hasOneUse())
      return refuse(
          {RefusalReason::ExtraUses,
           {("the result of " + member->getName().getStringRef()).str(),
            static_cast<int64_t>(llvm::range_size(member->getUses())),
            group->getFusedName()}});
  std::string detail =
      "lm.rope + lm.quantize -> " + group->getFusedName().str() + ", columns " +
      std::to_string(heads.column) + "+" +
      std::to_string(getTensorType(heads.rope.getX()).getShape().back());
  planner.plan(std::move(group), quantize, heads.x, detail);
}

void fusion::planRopeQuantize(Planner &planner) {
  for (ArrayRef<QuantizedRows> list :
       {planner.getQuantized<RopeOp>(),
        planner.getQuantized<tensor::InsertSliceOp>(),
        planner.getQuantized<tensor::ConcatOp>()})
    for (const QuantizedRows &rows : list)
      planQuantize(planner, rows.quantize, rows.chain);
}
