//===-- LMAttentionVerify.cpp - Verifiers of the attention operations -----===//
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

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::lm;
using namespace mlir::lm::detail;

static LogicalResult verifyRank(Operation *op, StringRef name, Value value,
                                int64_t rank) {
  if (!value || shaped(value).getRank() == rank)
    return success();
  return op->emitOpError() << name << " has rank " << shaped(value).getRank()
                           << ", but must have rank " << rank;
}

static LogicalResult verifyPositive(Operation *op, StringRef name,
                                    std::optional<int64_t> value) {
  if (!value || *value > 0)
    return success();
  return op->emitOpError() << name << " is " << *value
                           << ", but must be positive";
}

/// Checks `count`, called `name`, against `factor` times the other plus
/// `addend`, as far as both are static.
static LogicalResult verifyCount(Operation *op, StringRef name, int64_t count,
                                 int64_t other, int64_t factor, int64_t addend,
                                 bool atLeast) {
  if (ShapedType::isDynamic(count) || ShapedType::isDynamic(other))
    return success();
  int64_t expected = other * factor + addend;
  if (count == expected || (atLeast && count > expected))
    return success();
  return op->emitOpError() << name << " has " << count
                           << " rows, but must have "
                           << (atLeast ? "at least " : "") << expected;
}

//===----------------------------------------------------------------------===//
// Decode attention
//===----------------------------------------------------------------------===//

static bool isFp8(Type type) {
  return isa<Float8E4M3FNType, Float8E4M3FNUZType>(type);
}

/// Checks `x [T, H, D]` with static H and D.
static LogicalResult verifyHeads(Operation *op, StringRef name, Value x) {
  if (failed(verifyRank(op, name, x, 3)) || failed(verifyRows(op, name, x)))
    return failure();
  if (shaped(x).isDynamicDim(1) || shaped(x).getDimSize(1) == 0)
    return op->emitOpError()
           << name << " has the shape " << str(shaped(x).getShape())
           << ", but needs a static number of heads";
  return success();
}

static LogicalResult verifyQuery(Operation *op, Value q, Value out, Value lse,
                                 const APFloat &smScale) {
  if (failed(verifySemantics(op)) || failed(verifyHeads(op, "q", q)) ||
      failed(verifyHeads(op, "out", out)))
    return failure();
  ArrayRef<int64_t> shape = shaped(q).getShape();
  int64_t columns = shape[2], values = shaped(out).getDimSize(2);
  if ((columns != 576 && columns != 512) || values != 512)
    return op->emitOpError()
           << "has " << columns << " query and " << values
           << " value columns, but takes 576 and 512, or 512 and 512";
  if (failed(verifyShape(op, "out", out, withLastDim(shape, values))) ||
      failed(verifyShape(op, "lse", lse, shape.drop_back())))
    return failure();
  if (!smScale.isFinite() || smScale.isNegative() || smScale.isZero()) {
    SmallString<16> text;
    smScale.toString(text);
    return op->emitOpError()
           << "sm_scale is " << text << ", but must be finite and positive";
  }
  return success();
}

static LogicalResult verifyQScale(Operation *op, Value q, Value scale,
                                  AttentionCompute compute) {
  bool fp8 = isFp8(shaped(q).getElementType());
  if (fp8 && !scale)
    return op->emitOpError("an FP8 q needs q_scale");
  if (!fp8 && scale && compute != AttentionCompute::A8W8)
    return op->emitOpError("q_scale needs an FP8 q or compute a8w8");
  return verifyScalar(op, "q_scale", scale);
}

static LogicalResult verifyKvScale(Operation *op, StringRef prefix, Value q,
                                   Value cache, CacheLayout layout, Value scale,
                                   AttentionCompute compute) {
  bool fp8 = layout == CacheLayout::Fp8;
  std::string name = (prefix + "kv_scale").str();
  if (fp8 && !scale)
    return op->emitOpError() << "layout fp8 needs " << name;
  if (!fp8 && scale && compute != AttentionCompute::A8W8)
    return op->emitOpError() << name << " needs layout fp8 or compute a8w8";
  Type qType = shaped(q).getElementType();
  Type type = shaped(cache).getElementType();
  if (fp8 && isFp8(qType) && qType != type)
    return op->emitOpError() << "q has element type " << qType << ", but "
                             << prefix << "cache has " << type;
  return verifyScalar(op, name, scale);
}

/// Checks the five results of lm.attention_plan, or none.
static LogicalResult verifyPlan(Operation *op, StringRef name,
                                OperandRange plan) {
  if (plan.empty())
    return success();
  if (plan.size() != 5)
    return op->emitOpError() << name << " has " << plan.size()
                             << " operands, but needs the five results of "
                                "lm.attention_plan";
  constexpr int64_t kDynamic = ShapedType::kDynamic;
  if (failed(
          verifyShape(op, (name + "'s works").str(), plan[0], {kDynamic, 8})) ||
      failed(verifyRank(op, (name + "'s work_indptr").str(), plan[1], 1)) ||
      failed(verifyRank(op, (name + "'s reduce_indptr").str(), plan[2], 1)) ||
      failed(verifyShape(op, (name + "'s reduce_final_map").str(), plan[3],
                         {kDynamic, 2})) ||
      failed(
          verifyRank(op, (name + "'s reduce_partial_map").str(), plan[4], 1)))
    return failure();
  return success();
}

LogicalResult MlaDecodeOp::verify() {
  if (failed(verifyQuery(*this, getQ(), getOut(), getLse(), getSmScale())))
    return failure();
  if (getLayout() != CacheLayout::Bf16 && getLayout() != CacheLayout::Fp8)
    return emitOpError() << "layout " << stringifyCacheLayout(getLayout())
                         << " is not possible, only bf16 and fp8";
  if (failed(verifyCache(*this, "", getCache(), getLayout(),
                         shaped(getQ()).getDimSize(2), std::nullopt)) ||
      failed(verifyPositive(*this, "q_len", getQLen())) ||
      failed(verifyRank(*this, "block_table", getBlockTable(), 2)) ||
      failed(verifyDims(*this, "lengths", getLengths(),
                        {shaped(getBlockTable()).getDimSize(0)})) ||
      failed(verifyCount(*this, "q", shaped(getQ()).getDimSize(0),
                         shaped(getLengths()).getDimSize(0), getQLen(), 0,
                         /*atLeast=*/false)) ||
      failed(verifyQScale(*this, getQ(), getQScale(), getCompute())) ||
      failed(verifyKvScale(*this, "", getQ(), getCache(), getLayout(),
                           getKvScale(), getCompute())))
    return failure();
  return verifyPlan(*this, "plan", getPlan());
}

/// Checks slots `[T, K]` and lengths `[T]` of a scope.
static LogicalResult verifySlots(Operation *op, StringRef prefix,
                                 int64_t tokens, Value slots, Value lengths) {
  std::string name = (prefix + "slots").str();
  if (failed(verifyRank(op, name, slots, 2)) ||
      failed(verifyRows(op, name, slots)) ||
      failed(
          verifyDims(op, name, slots, {tokens, shaped(slots).getDimSize(1)})))
    return failure();
  return verifyDims(op, (prefix + "lengths").str(), lengths, {tokens});
}

LogicalResult SparseMlaDecodeOp::verify() {
  if (failed(verifyQuery(*this, getQ(), getOut(), getLse(), getSmScale())))
    return failure();
  bool extra = static_cast<bool>(getExtraCache());
  if (extra != static_cast<bool>(getExtraSlots()) ||
      extra != getExtraLayout().has_value())
    return emitOpError(
        "extra_cache, extra_slots and extra_layout must be given together");
  if (!extra && (getExtraLengths() || getExtraKvScale() || getExtraPageSize() ||
                 !getExtraPlan().empty()))
    return emitOpError("extra_lengths, extra_kv_scale, extra_page_size and "
                       "extra_plan need extra_cache");

  ArrayRef<int64_t> q = shaped(getQ()).getShape();
  auto verifyScope = [&](StringRef prefix, Value cache, CacheLayout layout,
                         std::optional<uint64_t> pageSize, Value slots,
                         Value lengths, Value kvScale,
                         OperandRange plan) -> LogicalResult {
    if ((layout == CacheLayout::DsMla656 && q[2] != 576) ||
        (layout == CacheLayout::DsMla584 && q[2] != 512))
      return emitOpError() << "layout " << stringifyCacheLayout(layout)
                           << " has "
                           << (layout == CacheLayout::DsMla656 ? 576 : 512)
                           << " columns, but q has " << q[2];
    if (failed(verifyCache(*this, prefix, cache, layout, q[2], pageSize)) ||
        failed(verifySlots(*this, prefix, q[0], slots, lengths)) ||
        failed(verifyKvScale(*this, prefix, getQ(), cache, layout, kvScale,
                             getCompute())) ||
        failed(verifyPlan(*this, (prefix + "plan").str(), plan)))
      return failure();
    if (!plan.empty() && !lengths)
      return emitOpError() << prefix << "plan needs " << prefix << "lengths";
    return success();
  };
  if (failed(verifyScope("", getCache(), getLayout(), getPageSize(), getSlots(),
                         getLengths(), getKvScale(), getPlan())))
    return failure();
  if (extra &&
      failed(verifyScope("extra_", getExtraCache(), *getExtraLayout(),
                         getExtraPageSize(), getExtraSlots(), getExtraLengths(),
                         getExtraKvScale(), getExtraPlan())))
    return failure();
  if (extra && !getPlan().empty() && getExtraPlan().empty() &&
      !getExtraLengths())
    return emitOpError("a plan of both scopes needs extra_lengths");
  if (failed(verifyQScale(*this, getQ(), getQScale(), getCompute())))
    return failure();
  return verifyDims(*this, "sink", getSink(), {q[1]});
}

//===----------------------------------------------------------------------===//
// Partial results
//===----------------------------------------------------------------------===//

LogicalResult MergeAttentionOp::verify() {
  if (failed(verifySemantics(*this)) ||
      failed(verifyHeads(*this, "out", getOut())))
    return failure();
  if (getX().empty() || getX().size() != getLse().size())
    return emitOpError() << "has " << getX().size() << " partial results and "
                         << getLse().size()
                         << " lse, but needs one lse for each of one or more";
  ArrayRef<int64_t> shape = shaped(getOut()).getShape();
  for (auto [x, lse] : llvm::zip(getX(), getLse()))
    if (failed(verifyShape(*this, "x", x, shape)) ||
        failed(verifyShape(*this, "lse", lse, shape.drop_back())))
      return failure();
  return verifyShape(*this, "lse_out", getLseOut(), shape.drop_back());
}

LogicalResult ApplySinkOp::verify() {
  if (failed(verifySemantics(*this)) || failed(verifyHeads(*this, "x", getX())))
    return failure();
  ArrayRef<int64_t> shape = shaped(getX()).getShape();
  if (failed(verifyShape(*this, "out", getOut(), shape)) ||
      failed(verifyShape(*this, "lse", getLse(), shape.drop_back())))
    return failure();
  return verifyDims(*this, "sink", getSink(), {shape[1]});
}

//===----------------------------------------------------------------------===//
// Slots
//===----------------------------------------------------------------------===//

/// Checks the operands that say where the tokens of a row are.
static LogicalResult verifyRequests(Operation *op, StringRef rowsName,
                                    Value rows, Value blockTable,
                                    Value requests, int64_t qLen) {
  int64_t tokens = shaped(rows).getDimSize(0);
  if (failed(verifyRank(op, "block_table", blockTable, 2)) ||
      failed(verifyDims(op, "requests", requests, {tokens})))
    return failure();
  if (requests)
    return success();
  return verifyCount(op, rowsName, tokens, shaped(blockTable).getDimSize(0),
                     qLen, 0, /*atLeast=*/false);
}

LogicalResult SwaSlotsOp::verify() {
  if (failed(verifySemantics(*this)) ||
      failed(verifyPositive(*this, "window", getWindow())) ||
      failed(verifyPositive(*this, "page_size", getPageSize())) ||
      failed(verifyPositive(*this, "compress_ratio", getCompressRatio())) ||
      failed(verifyPositive(*this, "q_len", getQLen())) ||
      failed(verifyRank(*this, "positions", getPositions(), 1)) ||
      failed(verifyRequests(*this, "positions", getPositions(), getBlockTable(),
                            getRequests(), getQLen())) ||
      failed(verifySlots(*this, "", shaped(getPositions()).getDimSize(0),
                         getSlots(), getLengths())))
    return failure();
  int64_t columns = shaped(getSlots()).getDimSize(1);
  if (columns < static_cast<int64_t>(getWindow()))
    return emitOpError() << "slots has " << columns
                         << " columns, but the window has " << getWindow();
  return success();
}

LogicalResult TopkSlotsOp::verify() {
  if (failed(verifySemantics(*this)) ||
      failed(verifyPositive(*this, "page_size", getPageSize())) ||
      failed(verifyPositive(*this, "compress_ratio", getCompressRatio())) ||
      failed(verifyPositive(*this, "q_len", getQLen())) ||
      failed(verifyRank(*this, "indices", getIndices(), 2)) ||
      failed(verifyRequests(*this, "indices", getIndices(), getBlockTable(),
                            getRequests(), getQLen())))
    return failure();
  ArrayRef<int64_t> shape = shaped(getIndices()).getShape();
  if (failed(verifySlots(*this, "", shape[0], getSlots(), getLengths())) ||
      failed(verifyShape(*this, "indices", getIndices(),
                         {shape[0], shaped(getSlots()).getDimSize(1)})) ||
      failed(verifyDims(*this, "positions", getPositions(), {shape[0]})))
    return failure();
  if (getFull() && !getPositions())
    return emitOpError("full needs positions");
  if (getFull() && getKeepHoles())
    return emitOpError("full and keep_holes exclude each other");
  return success();
}

LogicalResult SlotLengthsOp::verify() {
  if (failed(verifySemantics(*this)) ||
      failed(verifyPositive(*this, "window", getWindow())) ||
      failed(verifyPositive(*this, "compress_ratio", getCompressRatio())) ||
      failed(verifyRank(*this, "positions", getPositions(), 1)))
    return failure();
  return verifyDims(*this, "lengths", getLengths(),
                    {shaped(getPositions()).getDimSize(0)});
}

LogicalResult CompactSlotsOp::verify() {
  if (failed(verifySemantics(*this)) ||
      failed(verifyRank(*this, "slots", getSlots(), 2)) ||
      failed(verifySlots(*this, "", shaped(getSlots()).getDimSize(0),
                         getSlots(), getLengths())))
    return failure();
  ArrayRef<int64_t> shape = shaped(getSlots()).getShape();
  if (failed(verifyShape(*this, "packed", getPacked(), shape)))
    return failure();
  return verifyDims(*this, "packed_lengths", getPackedLengths(), {shape[0]});
}

//===----------------------------------------------------------------------===//
// Plan
//===----------------------------------------------------------------------===//

LogicalResult AttentionPlanOp::verify() {
  if (failed(verifySemantics(*this)) ||
      failed(verifyPositive(*this, "num_clusters", getNumClusters())) ||
      failed(verifyPositive(*this, "q_len", getQLen())) ||
      failed(verifyPositive(*this, "q_tile", getQTile())) ||
      failed(verifyPositive(*this, "overhead", getOverhead())) ||
      failed(verifyPositive(*this, "topk", getTopk())) ||
      failed(verifyPositive(*this, "extra_topk", getExtraTopk())) ||
      failed(verifyPositive(*this, "max_split", getMaxSplit())))
    return failure();
  if (getTileRows() > static_cast<int64_t>(getQLen()))
    return emitOpError() << "q_tile is " << getTileRows() << ", but q_len is "
                         << getQLen();
  for (auto [name, value] : {std::pair("page_size", getPageSize()),
                             std::pair("granularity", getGranularity())})
    if (!llvm::isPowerOf2_64(value))
      return emitOpError() << name << " is " << static_cast<int64_t>(value)
                           << ", but must be a power of two";
  if (getTopk() && (getPageSize() != 1 || getQLen() != 1))
    return emitOpError("topk needs page_size 1 and q_len 1");
  if (!getExtraLengths() != !getExtraTopk())
    return emitOpError("extra_lengths and extra_topk must be given together");
  if (getExtraTopk() && !getTopk())
    return emitOpError("extra_topk needs topk");
  if (getExtraTopk() && static_cast<int64_t>(getGranularity()) < kListAlignment)
    return emitOpError() << "granularity is " << getGranularity()
                         << ", but must be at least " << kListAlignment
                         << " for two lists";

  if (failed(verifyRank(*this, "lengths", getLengths(), 1)))
    return failure();
  int64_t requests = shaped(getLengths()).getDimSize(0);
  if (getExtraLengths() && failed(verifyShape(*this, "extra_lengths",
                                              getExtraLengths(), {requests})))
    return failure();
  int64_t clusters = getNumClusters();
  constexpr int64_t kDynamic = ShapedType::kDynamic;
  if (failed(verifyShape(*this, "works", getWorks(), {kDynamic, 8})) ||
      failed(verifyCount(*this, "works", shaped(getWorks()).getDimSize(0),
                         requests, getTiles(), clusters - 1,
                         /*atLeast=*/true)) ||
      failed(
          verifyShape(*this, "work_indptr", getWorkIndptr(), {clusters + 1})) ||
      failed(verifyRank(*this, "reduce_indptr", getReduceIndptr(), 1)) ||
      failed(verifyCount(*this, "reduce_indptr",
                         shaped(getReduceIndptr()).getDimSize(0), requests,
                         getTiles(), 1, /*atLeast=*/false)) ||
      failed(verifyShape(*this, "reduce_final_map", getReduceFinalMap(),
                         {kDynamic, 2})) ||
      failed(verifyCount(*this, "reduce_final_map",
                         shaped(getReduceFinalMap()).getDimSize(0), requests,
                         getTiles(), 0, /*atLeast=*/false)) ||
      failed(verifyRank(*this, "reduce_partial_map", getReducePartialMap(), 1)))
    return failure();
  int64_t partials = shaped(getReducePartialMap()).getDimSize(0);
  int64_t needed = std::max<int64_t>(1, 2 * (clusters - 1));
  if (ShapedType::isDynamic(partials) || partials < needed)
    return emitOpError() << "reduce_partial_map has the shape "
                         << str({partials}) << ", but must have at least "
                         << needed << " rows, a static number";
  return success();
}
