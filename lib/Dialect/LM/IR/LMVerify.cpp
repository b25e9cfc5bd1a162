//===-- LMVerify.cpp - Verifiers of the lm dialect's operations -----------===//
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

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

bool lm::detail::dimsMatch(int64_t lhs, int64_t rhs) {
  return ShapedType::isDynamic(lhs) || ShapedType::isDynamic(rhs) || lhs == rhs;
}

bool lm::detail::shapesMatch(ArrayRef<int64_t> lhs, ArrayRef<int64_t> rhs) {
  return lhs.size() == rhs.size() &&
         llvm::all_of(llvm::zip(lhs, rhs), [](auto dims) {
           return dimsMatch(std::get<0>(dims), std::get<1>(dims));
         });
}

std::string lm::detail::str(ArrayRef<int64_t> shape) {
  std::string text = "[";
  for (auto [i, dim] : llvm::enumerate(shape)) {
    if (i)
      text += ", ";
    text += ShapedType::isDynamic(dim) ? "?" : std::to_string(dim);
  }
  return text + "]";
}

LogicalResult lm::detail::verifySemantics(Operation *op) {
  bool tensors = false, memrefs = false;
  for (Type type : op->getOperandTypes()) {
    tensors |= isa<RankedTensorType>(type);
    memrefs |= isa<MemRefType>(type);
  }
  if (tensors && memrefs)
    return op->emitOpError("mixes tensor and memref operands");
  llvm::SmallPtrSet<Value, 4> destinations;
  for (Value init : cast<DestinationStyleOpInterface>(op).getDpsInits())
    if (isa<MemRefType>(init.getType()) && !destinations.insert(init).second)
      return op->emitOpError("writes two results into one memref");
  return success();
}

LogicalResult lm::detail::verifyDims(Operation *op, StringRef name, Value value,
                                     ArrayRef<int64_t> expected) {
  if (!value || shapesMatch(shaped(value).getShape(), expected))
    return success();
  return op->emitOpError() << name << " has the shape "
                           << str(shaped(value).getShape())
                           << ", but must have " << str(expected);
}

LogicalResult lm::detail::verifyShape(Operation *op, StringRef name,
                                      Value value, ArrayRef<int64_t> expected) {
  if (!value)
    return success();
  if (failed(verifyDims(op, name, value, expected)))
    return failure();
  if (!expected.empty() && !ShapedType::isDynamic(expected.back()) &&
      ShapedType::isDynamic(shaped(value).getShape().back()))
    return op->emitOpError()
           << name << " has a dynamic last dimension, but must have "
           << str(expected);
  return success();
}

LogicalResult lm::detail::verifyRows(Operation *op, StringRef name, Value value,
                                     int64_t minRank) {
  ShapedType type = shaped(value);
  if (type.getRank() < minRank)
    return op->emitOpError()
           << name << " has rank " << type.getRank() << ", but must have rank "
           << minRank << " or more";
  if (type.isDynamicDim(type.getRank() - 1))
    return op->emitOpError()
           << name << " has a dynamic last dimension, but it must be static";
  if (type.getShape().back() == 0)
    return op->emitOpError() << name << " has an empty last dimension";
  return success();
}

LogicalResult lm::detail::verifyScalar(Operation *op, StringRef name,
                                       Value value) {
  return verifyShape(op, name, value, {1});
}

SmallVector<int64_t> lm::detail::withLastDim(ArrayRef<int64_t> shape,
                                             int64_t last) {
  SmallVector<int64_t> result(shape.drop_back());
  result.push_back(last);
  return result;
}

//===----------------------------------------------------------------------===//
// Norms
//===----------------------------------------------------------------------===//

LogicalResult lm::detail::verifyEpsilon(Operation *op, StringRef name,
                                        const APFloat &epsilon) {
  if (epsilon.isFinite() && !epsilon.isNegative() && !epsilon.isZero())
    return success();
  SmallString<16> text;
  epsilon.toString(text);
  return op->emitOpError() << name << " is " << text
                           << ", but must be finite and positive";
}

static LogicalResult verifyNorm(Operation *op, Value x, Value weight,
                                const APFloat &epsilon,
                                const APFloat &weightOffset) {
  if (failed(verifySemantics(op)) || failed(verifyRows(op, "x", x)) ||
      failed(verifyShape(op, "weight", weight,
                         shaped(x).getShape().take_back())) ||
      failed(verifyEpsilon(op, "epsilon", epsilon)))
    return failure();
  if (!weightOffset.isFinite())
    return op->emitOpError("weight_offset must be finite");
  if (!weight && !weightOffset.isZero())
    return op->emitOpError("weight_offset is given, but weight is not");
  return success();
}

static LogicalResult verifyResidual(Operation *op, ArrayRef<int64_t> shape,
                                    Value residual, Value residualOut) {
  if (failed(verifyShape(op, "residual", residual, shape)) ||
      failed(verifyShape(op, "residual_out", residualOut, shape)))
    return failure();
  Type found = shaped(residualOut).getElementType();
  Type expected = shaped(residual).getElementType();
  if (found != expected)
    return op->emitOpError() << "residual_out has element type " << found
                             << ", but residual has " << expected;
  return success();
}

LogicalResult RmsNormOp::verify() {
  if (failed(verifyNorm(*this, getX(), getWeight(), getEpsilon(),
                        getWeightOffset())))
    return failure();
  return verifyShape(*this, "out", getOut(), shaped(getX()).getShape());
}

LogicalResult AddRmsNormOp::verify() {
  if (failed(verifyNorm(*this, getX(), getWeight(), getEpsilon(),
                        getWeightOffset())) ||
      failed(verifyResidual(*this, shaped(getX()).getShape(), getResidual(),
                            getResidualOut())))
    return failure();
  return verifyShape(*this, "out", getOut(), shaped(getX()).getShape());
}

LogicalResult DualRmsNormOp::verify() {
  ArrayRef<int64_t> shape = shaped(getX()).getShape();
  if (failed(verifyNorm(*this, getX(), getWeight(), getEpsilon(),
                        getWeightOffset())) ||
      failed(verifyShape(*this, "out", getOut(), shape)) ||
      failed(verifyRows(*this, "second_x", getSecondX())))
    return failure();
  int64_t columns = shaped(getSecondX()).getShape().back();
  if (failed(verifyShape(*this, "second_x", getSecondX(),
                         withLastDim(shape, columns))) ||
      failed(
          verifyShape(*this, "second_weight", getSecondWeight(), {columns})) ||
      failed(verifyShape(*this, "second_out", getSecondOut(),
                         withLastDim(shape, columns))))
    return failure();
  if (!getSecondWeight() && !getWeightOffset().isZero())
    return emitOpError("weight_offset is given, but second_weight is not");
  return verifyEpsilon(*this, "second_epsilon", getSecondEpsilon());
}

//===----------------------------------------------------------------------===//
// Quantisation
//===----------------------------------------------------------------------===//

/// Checks data and scale of a quantisation of rows of shape `shape`.
static LogicalResult verifyQuantized(Operation *op, SchemeAttr scheme,
                                     ArrayRef<int64_t> shape, Value data,
                                     Value scale, Value inputScale) {
  int64_t columns = shape.back();
  if (scheme.isFp4() && columns % 2 != 0)
    return op->emitOpError()
           << "has " << columns << " columns, but FP4 needs an even number";
  if (!scheme.hasE8M0Scale() && scheme.getGranularity() == Granularity::Block &&
      columns % scheme.getBlock() != 0)
    return op->emitOpError() << "has " << columns
                             << " columns, but f32 scales need a multiple of "
                             << scheme.getBlock();
  Type dataType = shaped(data).getElementType();
  if (dataType != scheme.getStorageType())
    return op->emitOpError()
           << "data has element type " << dataType << ", but the scheme stores "
           << scheme.getStorageType();
  if (failed(verifyShape(
          op, "data", data,
          withLastDim(shape, scheme.isFp4() ? columns / 2 : columns))))
    return failure();

  if (!scheme.isDynamic()) {
    if (scale)
      return op->emitOpError(
          "scale is given, but with granularity tensor it is an operand");
    if (!inputScale)
      return op->emitOpError("granularity tensor needs input_scale");
    return verifyScalar(op, "input_scale", inputScale);
  }
  if (inputScale)
    return op->emitOpError("input_scale needs granularity tensor");
  if (!scale)
    return op->emitOpError("the scheme computes scales, but scale is missing");
  Type scaleType = shaped(scale).getElementType();
  if (scaleType != scheme.getScaleType())
    return op->emitOpError()
           << "scale has element type " << scaleType << ", but the scheme's is "
           << scheme.getScaleType();
  int64_t scales = scheme.getScalesPerRow(columns);
  if (scheme.getLayout() == ScaleLayout::RowMajor)
    return verifyShape(op, "scale", scale, withLastDim(shape, scales));
  if (shape.size() != 2)
    return op->emitOpError()
           << "scale layout " << stringifyScaleLayout(scheme.getLayout())
           << " needs rank 2, but the rank is " << shape.size();
  if (scheme.getLayout() == ScaleLayout::ColumnMajor)
    return verifyDims(op, "scale", scale, {scales, shape[0]});
  if (failed(verifyShape(
          op, "scale", scale,
          {ShapedType::kDynamic, (int64_t)llvm::alignTo(scales, 8)})))
    return failure();
  int64_t rows = shaped(scale).getShape()[0];
  if (!ShapedType::isDynamic(rows) &&
      (rows % 32 != 0 || (!ShapedType::isDynamic(shape[0]) && rows < shape[0])))
    return op->emitOpError() << "scale has " << rows
                             << " rows, but cdna4_shuffled needs a multiple of "
                                "32, and no fewer than the data's";
  return success();
}

LogicalResult QuantizeOp::verify() {
  if (failed(verifySemantics(*this)) || failed(verifyRows(*this, "x", getX())))
    return failure();
  return verifyQuantized(*this, getScheme(), shaped(getX()).getShape(),
                         getData(), getScale(), getInputScale());
}

LogicalResult DequantizeOp::verify() {
  if (failed(verifySemantics(*this)) ||
      failed(verifyRows(*this, "out", getOut())))
    return failure();
  ArrayRef<int64_t> shape = shaped(getOut()).getShape();
  if (getScheme().isDynamic())
    return verifyQuantized(*this, getScheme(), shape, getData(), getScale(),
                           Value());
  if (!shaped(getScale()).getElementType().isF32())
    return emitOpError("scale must be f32 with granularity tensor");
  if (failed(verifyScalar(*this, "scale", getScale())))
    return failure();
  return verifyQuantized(*this, getScheme(), shape, getData(), Value(),
                         getScale());
}

LogicalResult ShuffleScaleOp::verify() {
  if (failed(verifySemantics(*this)) ||
      failed(verifyRows(*this, "scale", getScale(), 2)))
    return failure();
  ArrayRef<int64_t> in = shaped(getScale()).getShape();
  ArrayRef<int64_t> out = shaped(getOut()).getShape();
  if (in.size() != 2 || out.size() != 2)
    return emitOpError() << "scale and out have ranks " << in.size() << " and "
                         << out.size() << ", but must have rank 2";
  if (failed(verifyShape(
          *this, "out", getOut(),
          {ShapedType::kDynamic, (int64_t)llvm::alignTo(in[1], 8)})))
    return failure();
  if (!ShapedType::isDynamic(out[0]) &&
      (out[0] % 32 != 0 || (!ShapedType::isDynamic(in[0]) && out[0] < in[0])))
    return emitOpError() << "out has " << out[0]
                         << " rows, but needs a multiple of 32, and no fewer "
                            "than scale";
  return success();
}

static LogicalResult verifySplitK(Operation *op, Value x) {
  if (failed(verifyRows(op, "x", x, 2)))
    return failure();
  if (shaped(x).isDynamicDim(0) || shaped(x).getDimSize(0) < 1)
    return op->emitOpError(
        "x needs a static leading dimension of at least 1 (the splits)");
  if (!shaped(x).getElementType().isF32())
    return op->emitOpError("split-K partials must be f32");
  return success();
}

ArrayRef<int64_t> RmsNormQuantizeOp::getRowShape() {
  return shaped(getX()).getShape().drop_front(getSplitKType() ? 1 : 0);
}

static LogicalResult verifyNormSecond(RmsNormQuantizeOp op) {
  if (!op.getSecondX()) {
    if (op.getSecondOut() || op.getSecondWeight() || op.getSecondEpsilon())
      return op.emitOpError(
          "second_out and second_epsilon need the second input");
    return success();
  }
  if (!op.getSecondOut() || !op.getSecondEpsilon())
    return op.emitOpError(
        "the second input needs second_out and second_epsilon");
  if (failed(verifyRows(op, "second input", op.getSecondX())))
    return failure();
  int64_t columns = shaped(op.getSecondX()).getShape().back();
  SmallVector<int64_t> shape = withLastDim(op.getRowShape(), columns);
  if (failed(verifyShape(op, "second input", op.getSecondX(), shape)) ||
      failed(
          verifyShape(op, "second weight", op.getSecondWeight(), {columns})) ||
      failed(verifyShape(op, "second_out", op.getSecondOut(), shape)))
    return failure();
  if (!op.getSecondWeight() && !op.getWeightOffset().isZero())
    return op.emitOpError("weight_offset is given, but the second weight is "
                          "not");
  return verifyEpsilon(op, "second_epsilon", *op.getSecondEpsilon());
}

LogicalResult RmsNormQuantizeOp::verify() {
  if (failed(verifyNorm(*this, getX(), getWeight(), getEpsilon(),
                        getWeightOffset())) ||
      (getSplitKType() && failed(verifySplitK(*this, getX()))))
    return failure();
  ArrayRef<int64_t> shape = getRowShape();
  if (!getResidual() != !getResidualOut())
    return emitOpError("residual and residual_out must be given together");
  if (getResidual() &&
      failed(verifyResidual(*this, shape, getResidual(), getResidualOut())))
    return failure();
  if (!getResidual() &&
      (getNormFromRoundedResidual() || getRoundSumBeforeResidual()))
    return emitOpError("norm_from_rounded_residual and "
                       "round_sum_before_residual need a residual");
  if (failed(verifyShape(*this, "norm_out", getNormOut(), shape)))
    return failure();
  if (getNormOut() && getRoundBeforeQuant() &&
      shaped(getNormOut()).getElementType() != *getRoundBeforeQuant())
    return emitOpError() << "norm_out has element type "
                         << shaped(getNormOut()).getElementType()
                         << ", but round_before_quant is "
                         << *getRoundBeforeQuant();
  if (failed(verifyNormSecond(*this)))
    return failure();
  return verifyQuantized(*this, getScheme(), shape, getData(), getScale(),
                         getInputScale());
}

//===----------------------------------------------------------------------===//
// Activation, split-K
//===----------------------------------------------------------------------===//

static LogicalResult verifyClamp(Operation *op, std::optional<APFloat> clamp) {
  if (clamp && (!clamp->isFinite() || clamp->isNegative() || clamp->isZero()))
    return op->emitOpError("clamp must be finite and positive");
  return success();
}

static LogicalResult verifySiluInput(Operation *op, Value x,
                                     std::optional<APFloat> clamp) {
  if (failed(verifySemantics(op)) || failed(verifyRows(op, "x", x)) ||
      failed(verifyClamp(op, clamp)))
    return failure();
  if (shaped(x).getShape().back() % 2 != 0)
    return op->emitOpError() << "x has " << shaped(x).getShape().back()
                             << " columns, but needs gate and up of equal "
                                "width";
  return success();
}

LogicalResult SiluMulOp::verify() {
  if (failed(verifySiluInput(*this, getX(), getClamp())))
    return failure();
  ArrayRef<int64_t> shape = shaped(getX()).getShape();
  return verifyShape(*this, "out", getOut(),
                     withLastDim(shape, shape.back() / 2));
}

LogicalResult SplitKReduceOp::verify() {
  if (failed(verifySemantics(*this)) || failed(verifySplitK(*this, getX())))
    return failure();
  return verifyShape(*this, "out", getOut(),
                     shaped(getX()).getShape().drop_front());
}

LogicalResult SiluMulQuantizeOp::verify() {
  if (failed(verifySiluInput(*this, getX(), getClamp())))
    return failure();
  ArrayRef<int64_t> shape = shaped(getX()).getShape();
  if (getSplitKType()) {
    if (failed(verifySplitK(*this, getX())))
      return failure();
    shape = shape.drop_front();
  }
  return verifyQuantized(*this, getScheme(),
                         withLastDim(shape, shape.back() / 2), getData(),
                         getScale(), getInputScale());
}

//===----------------------------------------------------------------------===//
// Rotary embedding, KV cache
//===----------------------------------------------------------------------===//

/// Checks positions and tables; returns the number of rotated columns.
static FailureOr<int64_t> verifyTables(Operation *op, Value x, Value positions,
                                       ValueRange tables) {
  if (failed(verifyDims(op, "positions", positions,
                        shaped(x).getShape().take_front())))
    return failure();
  if (tables.empty() || tables.size() > 2)
    return op->emitOpError() << "has " << tables.size()
                             << " tables, but needs one packed table or "
                                "cosines and sines";
  ShapedType first = shaped(tables[0]);
  if (first.getRank() != 2 || first.isDynamicDim(1))
    return op->emitOpError()
           << "the table has the shape " << str(first.getShape())
           << ", but must be [P, columns] with static "
              "columns";
  if (first.getDimSize(0) == 0)
    return op->emitOpError("the table has no positions");
  if (tables.size() == 2 &&
      (shaped(tables[1]).getElementType() != first.getElementType() ||
       !shapesMatch(shaped(tables[1]).getShape(), first.getShape())))
    return op->emitOpError("cosines and sines must have one type");
  int64_t columns = first.getDimSize(1) * (int64_t)tables.size();
  if (columns == 0 || columns % 2 != 0)
    return op->emitOpError()
           << "the tables rotate " << columns
           << " columns, but must rotate an even number of them";
  return columns;
}

LogicalResult RopeOp::verify() {
  if (failed(verifySemantics(*this)) ||
      failed(verifyRows(*this, "x", getX(), 2)) ||
      failed(verifyShape(*this, "out", getOut(), shaped(getX()).getShape())))
    return failure();
  FailureOr<int64_t> columns =
      verifyTables(*this, getX(), getPositions(), getTables());
  if (failed(columns))
    return failure();
  if (*columns != shaped(getX()).getShape().back())
    return emitOpError() << "x has " << shaped(getX()).getShape().back()
                         << " columns, but the tables rotate " << *columns;
  return success();
}

LogicalResult lm::detail::verifyCache(Operation *op, StringRef prefix,
                                      Value cache, CacheLayout layout,
                                      int64_t columns,
                                      std::optional<uint64_t> pageSize) {
  StringRef name = stringifyCacheLayout(layout);
  std::string cacheName = (prefix + "cache").str();
  std::string pageName = (prefix + "page_size").str();
  Type element = shaped(cache).getElementType();
  bool elementOk = false;
  SmallVector<int64_t> expected;
  switch (layout) {
  case CacheLayout::Bf16:
    elementOk = element.isBF16();
    expected = {ShapedType::kDynamic, ShapedType::kDynamic, columns};
    break;
  case CacheLayout::Fp8:
    elementOk = isa<Float8E4M3FNType, Float8E4M3FNUZType>(element);
    expected = {ShapedType::kDynamic, ShapedType::kDynamic, columns};
    break;
  case CacheLayout::DsMla656:
    elementOk = element.isInteger(8);
    expected = {ShapedType::kDynamic, ShapedType::kDynamic, 656};
    break;
  case CacheLayout::DsMla584:
    elementOk = element.isInteger(8);
    expected = {ShapedType::kDynamic, ShapedType::kDynamic};
    break;
  }
  if (!elementOk)
    return op->emitOpError() << cacheName << " has element type " << element
                             << ", which layout " << name << " does not allow";
  if (failed(verifyShape(op, cacheName, cache, expected)))
    return failure();
  bool packed584 = layout == CacheLayout::DsMla584;
  for (int64_t d = packed584 ? 1 : 2, e = shaped(cache).getRank(); d < e; ++d)
    if (shaped(cache).isDynamicDim(d))
      return op->emitOpError() << cacheName
                               << " has a dynamic last dimension, but it must "
                                  "be static";
  if (packed584 != pageSize.has_value())
    return pageSize
               ? op->emitOpError()
                     << pageName << " is given, but the cache's shape has it"
               : op->emitOpError() << "layout ds_mla_584 needs " << pageName;
  if (packed584) {
    int64_t page = static_cast<int64_t>(*pageSize);
    int64_t stride = shaped(cache).getShape()[1];
    if (page <= 0)
      return op->emitOpError() << pageName << " must be positive";
    if (stride % 576 != 0 || page > stride / 584)
      return op->emitOpError()
             << cacheName << " has pages of " << stride
             << " bytes, but ds_mla_584 with " << pageName << " " << page
             << " needs a multiple of 576, at least 584 per token";
  }
  return success();
}

/// Checks a write of `latent` + `rope` columns into `cache`.
static LogicalResult verifyCacheWrite(Operation *op, Value kv, Value pe,
                                      Value slots, Value cache, Value scale,
                                      CacheLayout layout, bool ropeFirst,
                                      std::optional<uint64_t> pageSize) {
  if (failed(verifyRows(op, "kv_c", kv)) || failed(verifyRows(op, "k_pe", pe)))
    return failure();
  if (shaped(kv).getRank() != 2 || shaped(pe).getRank() != 2)
    return op->emitOpError()
           << "kv_c and k_pe have ranks " << shaped(kv).getRank() << " and "
           << shaped(pe).getRank() << ", but must have rank 2";
  int64_t latent = shaped(kv).getShape()[1], rope = shaped(pe).getShape()[1];
  int64_t tokens = shaped(kv).getShape()[0];
  if (failed(verifyShape(op, "k_pe", pe, {tokens, rope})))
    return failure();
  if (shaped(slots).getRank() != 1)
    return op->emitOpError() << "slots has rank " << shaped(slots).getRank()
                             << ", but must have rank 1";
  int64_t numSlots = shaped(slots).getDimSize(0);
  if (!ShapedType::isDynamic(numSlots) && !ShapedType::isDynamic(tokens) &&
      numSlots > tokens)
    return op->emitOpError()
           << "has " << numSlots << " slots for " << tokens << " tokens";

  StringRef name = stringifyCacheLayout(layout);
  bool packed584 = layout == CacheLayout::DsMla584;
  bool packed656 = layout == CacheLayout::DsMla656;
  if ((packed584 && (latent != 448 || rope != 64)) ||
      (packed656 && (latent != 512 || rope != 64)))
    return op->emitOpError()
           << "layout " << name << " takes " << (packed584 ? 448 : 512)
           << " latent and 64 rope columns, but got " << latent << " and "
           << rope;
  if (failed(verifyCache(op, "", cache, layout, latent + rope, pageSize)))
    return failure();
  if ((layout == CacheLayout::Fp8) != static_cast<bool>(scale))
    return op->emitOpError()
           << (scale ? "scale needs layout fp8" : "layout fp8 needs scale");
  if (ropeFirst && (packed584 || packed656))
    return op->emitOpError() << "rope_first is not possible in layout " << name;
  return verifyScalar(op, "scale", scale);
}

LogicalResult MlaCacheWriteOp::verify() {
  if (failed(verifySemantics(*this)))
    return failure();
  return verifyCacheWrite(*this, getKvC(), getKPe(), getSlots(), getCache(),
                          getScale(), getLayout(), getRopeFirst(),
                          getPageSize());
}

LogicalResult RopeMlaCacheWriteOp::verify() {
  if (failed(verifySemantics(*this)) ||
      failed(verifyRows(*this, "q_pe", getQPe(), 2)))
    return failure();
  FailureOr<int64_t> columns =
      verifyTables(*this, getQPe(), getPositions(), getTables());
  if (failed(columns) ||
      failed(verifyCacheWrite(*this, getKvC(), getKPe(), getSlots(), getCache(),
                              getScale(), getLayout(), getRopeFirst(),
                              getPageSize())))
    return failure();
  ArrayRef<int64_t> q = shaped(getQPe()).getShape();
  if (*columns != q.back() || *columns != shaped(getKPe()).getShape().back())
    return emitOpError() << "q_pe and k_pe have " << q.back() << " and "
                         << shaped(getKPe()).getShape().back()
                         << " columns, but the tables rotate " << *columns;
  if (failed(verifyShape(*this, "k_pe", getKPe(), {q[0], *columns})) ||
      failed(verifyShape(*this, "k_rot", getKRot(), {q[0], *columns})))
    return failure();

  int64_t nope = 0;
  if (getQNope()) {
    if (failed(verifyRows(*this, "q_nope", getQNope(), 2)))
      return failure();
    nope = shaped(getQNope()).getShape().back();
    if (failed(verifyShape(*this, "q_nope", getQNope(), withLastDim(q, nope))))
      return failure();
    if (shaped(getQNope()).getElementType() !=
        shaped(getQPe()).getElementType())
      return emitOpError("q_nope and q_pe must have one element type");
  }
  if (failed(verifyShape(*this, "q_out", getQOut(),
                         withLastDim(q, nope + *columns))))
    return failure();
  Type out = shaped(getQOut()).getElementType();
  if (isa<Float8E4M3FNType, Float8E4M3FNUZType>(out)) {
    if (!getQScale())
      return emitOpError("an FP8 q_out needs q_scale");
    if (getLayout() != CacheLayout::Fp8)
      return emitOpError("an FP8 q_out needs layout fp8");
    return verifyScalar(*this, "q_scale", getQScale());
  }
  if (getQScale())
    return emitOpError("q_scale needs an FP8 q_out");
  if (out != shaped(getQPe()).getElementType())
    return emitOpError() << "q_out has element type " << out
                         << ", but q_pe has "
                         << shaped(getQPe()).getElementType();
  return success();
}

LogicalResult RopeQuantizeOp::verify() {
  if (failed(verifySemantics(*this)) ||
      failed(verifyRows(*this, "x", getX(), 3)) ||
      failed(verifyRows(*this, "data", getData(), 2)))
    return failure();
  FailureOr<int64_t> columns =
      verifyTables(*this, getX(), getPositions(), getTables());
  if (failed(columns))
    return failure();
  ArrayRef<int64_t> x = shaped(getX()).getShape();
  if (x.size() != 3 || ShapedType::isDynamic(x[1]))
    return emitOpError() << "x has the shape " << str(x)
                         << ", but must be [T, H, D] with static H and D";
  if (*columns > x[2])
    return emitOpError() << "the tables rotate " << *columns
                         << " columns, but a head has " << x[2];
  SchemeAttr scheme = getScheme();
  SmallVector<int64_t> row(shaped(getData()).getShape());
  if (scheme.isFp4())
    row.back() *= 2;
  int64_t elements = 1;
  for (int64_t dim : ArrayRef<int64_t>(row).drop_front())
    elements = ShapedType::isDynamic(dim) ? -1 : elements * dim;
  if (!dimsMatch(row[0], x[0]) || elements != x[1] * x[2] || row.size() > 3)
    return emitOpError() << "data has rows of the shape " << str(row)
                         << ", but must be [T, " << x[1] * x[2]
                         << "] or [T, G, " << x[1] * x[2] << "/G]";
  if (scheme.getGranularity() == Granularity::Token ||
      (scheme.isDynamic() && x[2] % scheme.getBlock() != 0))
    return emitOpError() << "the scheme needs granularity block with a block "
                            "that divides the head size "
                         << x[2];
  return verifyQuantized(*this, scheme, row, getData(), getScale(),
                         getInputScale());
}
