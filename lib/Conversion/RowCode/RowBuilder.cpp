//===-- RowBuilder.cpp - Loops and vectors over the rows of memrefs -------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "hipfuse/Conversion/RowCode/RowBuilder.h"

#include "hipfuse/Conversion/RowCode/Numerics.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/bit.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace mlir::lm;

SmallVector<Value> lm::withColumn(ValueRange indices, Value last) {
  SmallVector<Value> all(indices);
  all.push_back(last);
  return all;
}

Type lm::elementOf(Value value) { return getElementTypeOrSelf(value); }

int64_t lm::columnsOf(Value memref) {
  return cast<MemRefType>(memref.getType()).getShape().back();
}

/// `element`, or a vector of it where `like` is a vector.
static Type likeType(Value like, Type element) {
  if (auto vector = dyn_cast<VectorType>(like.getType()))
    return vector.clone(element);
  return element;
}

static TypedAttr likeAttr(Value like, Attribute scalar) {
  auto typed = cast<TypedAttr>(scalar);
  if (auto vector = dyn_cast<VectorType>(like.getType()))
    return DenseElementsAttr::get(vector.clone(typed.getType()), scalar);
  return typed;
}

//===----------------------------------------------------------------------===//
// Constants and arithmetic
//===----------------------------------------------------------------------===//

Value RowBuilder::index(int64_t value) {
  return arith::ConstantIndexOp::create(*this, value);
}

Value RowBuilder::i32(int64_t value) {
  return arith::ConstantOp::create(
      *this, getI32IntegerAttr(static_cast<int32_t>(value)));
}

Value RowBuilder::i32(int64_t value, Value like) {
  return arith::ConstantOp::create(
      *this, likeAttr(like, getI32IntegerAttr(static_cast<int32_t>(value))));
}

Value RowBuilder::f32(float value) {
  return arith::ConstantOp::create(*this, getF32FloatAttr(value));
}

Value RowBuilder::f32(float value, Value like) {
  return arith::ConstantOp::create(*this,
                                   likeAttr(like, getF32FloatAttr(value)));
}

Value RowBuilder::f32Bits(float value, Value like) {
  return i32(llvm::bit_cast<int32_t>(value), like);
}

Value RowBuilder::addi(Value lhs, Value rhs) {
  return arith::AddIOp::create(*this, lhs, rhs);
}
Value RowBuilder::subi(Value lhs, Value rhs) {
  return arith::SubIOp::create(*this, lhs, rhs);
}
Value RowBuilder::muli(Value lhs, Value rhs) {
  return arith::MulIOp::create(*this, lhs, rhs);
}
Value RowBuilder::andi(Value lhs, Value rhs) {
  return arith::AndIOp::create(*this, lhs, rhs);
}
Value RowBuilder::ori(Value lhs, Value rhs) {
  return arith::OrIOp::create(*this, lhs, rhs);
}

/// An integer constant of the type of `like`.
static Value constantLike(RowBuilder &b, Value like, int64_t value) {
  return arith::ConstantOp::create(
      b, likeAttr(like, b.getIntegerAttr(elementOf(like), value)));
}

Value RowBuilder::addi(Value lhs, int64_t rhs) {
  return addi(lhs, constantLike(*this, lhs, rhs));
}
Value RowBuilder::muli(Value lhs, int64_t rhs) {
  return muli(lhs, constantLike(*this, lhs, rhs));
}
Value RowBuilder::shli(Value value, int64_t amount) {
  return arith::ShLIOp::create(*this, value,
                               constantLike(*this, value, amount));
}
Value RowBuilder::shrui(Value value, int64_t amount) {
  return arith::ShRUIOp::create(*this, value,
                                constantLike(*this, value, amount));
}
Value RowBuilder::divui(Value value, int64_t divisor) {
  return arith::DivUIOp::create(*this, value,
                                constantLike(*this, value, divisor));
}
Value RowBuilder::remui(Value value, int64_t divisor) {
  return arith::RemUIOp::create(*this, value,
                                constantLike(*this, value, divisor));
}
Value RowBuilder::minsi(Value lhs, Value rhs) {
  return arith::MinSIOp::create(*this, lhs, rhs);
}
Value RowBuilder::maxsi(Value lhs, Value rhs) {
  return arith::MaxSIOp::create(*this, lhs, rhs);
}
Value RowBuilder::umin(Value lhs, Value rhs) {
  return arith::MinUIOp::create(*this, lhs, rhs);
}
Value RowBuilder::umax(Value lhs, Value rhs) {
  return arith::MaxUIOp::create(*this, lhs, rhs);
}
Value RowBuilder::addf(Value lhs, Value rhs) {
  return arith::AddFOp::create(*this, lhs, rhs);
}
Value RowBuilder::subf(Value lhs, Value rhs) {
  return arith::SubFOp::create(*this, lhs, rhs);
}
Value RowBuilder::mulf(Value lhs, Value rhs) {
  return arith::MulFOp::create(*this, lhs, rhs);
}
Value RowBuilder::divf(Value lhs, Value rhs) {
  return arith::DivFOp::create(*this, lhs, rhs);
}
Value RowBuilder::cmpi(arith::CmpIPredicate predicate, Value lhs, Value rhs) {
  return arith::CmpIOp::create(*this, predicate, lhs, rhs);
}
Value RowBuilder::cmpf(arith::CmpFPredicate predicate, Value lhs, Value rhs) {
  return arith::CmpFOp::create(*this, predicate, lhs, rhs);
}
Value RowBuilder::select(Value condition, Value ifTrue, Value ifFalse) {
  return arith::SelectOp::create(*this, condition, ifTrue, ifFalse);
}

Value RowBuilder::bitcast(Value value, Type element) {
  if (elementOf(value) == element)
    return value;
  return arith::BitcastOp::create(*this, likeType(value, element), value);
}

Value RowBuilder::toBits(Value value) { return bitcast(value, getI32Type()); }
Value RowBuilder::fromBits(Value bits) { return bitcast(bits, getF32Type()); }

Value RowBuilder::shuffle(Value lhs, Value rhs, ArrayRef<int64_t> lanes) {
  return vector::ShuffleOp::create(*this, lhs, rhs, lanes);
}

Value RowBuilder::splat(Value scalar) {
  return vector::BroadcastOp::create(*this, vectorOf(scalar.getType()), scalar);
}

Value RowBuilder::reduce(Value vector,
                         function_ref<Value(Value, Value)> combine) {
  int64_t lanes = cast<VectorType>(vector.getType()).getNumElements();
  while (lanes > 1) {
    lanes /= 2;
    SmallVector<int64_t> low = llvm::to_vector(llvm::seq<int64_t>(0, lanes));
    SmallVector<int64_t> high =
        llvm::to_vector(llvm::seq<int64_t>(lanes, 2 * lanes));
    vector =
        combine(shuffle(vector, vector, low), shuffle(vector, vector, high));
  }
  return vector::ExtractOp::create(*this, vector, ArrayRef<int64_t>{0});
}

Value RowBuilder::clearTail(Value vector, int64_t count) {
  auto type = cast<VectorType>(vector.getType());
  if (count >= type.getNumElements())
    return vector;
  SmallVector<bool> kept(type.getNumElements(), false);
  std::fill_n(kept.begin(), count, true);
  Value mask = arith::ConstantOp::create(
      *this, DenseElementsAttr::get(type.clone(getI1Type()), kept));
  Value zero = arith::ConstantOp::create(*this, type, getZeroAttr(type));
  return select(mask, vector, zero);
}

VectorType RowBuilder::vectorOf(Type element, int64_t lanes) {
  return VectorType::get({lanes ? lanes : width}, element);
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

/// True if consecutive columns are known to be adjacent in memory.
static bool hasUnitStride(Value memref) {
  auto type = cast<MemRefType>(memref.getType());
  SmallVector<int64_t> strides;
  int64_t offset;
  return succeeded(type.getStridesAndOffset(strides, offset)) &&
         strides.back() == 1;
}

/// `indices` advanced by `lane` along the last dimension.
static SmallVector<Value> advanced(RowBuilder &b, ValueRange indices,
                                   int64_t lane) {
  SmallVector<Value> result(indices);
  if (lane)
    result.back() = b.addi(result.back(), b.index(lane));
  return result;
}

Value RowBuilder::dim(Value memref, int64_t dim) {
  auto type = cast<MemRefType>(memref.getType());
  if (!type.isDynamicDim(dim))
    return index(type.getDimSize(dim));
  return memref::DimOp::create(*this, memref, dim);
}

Value RowBuilder::load(Value memref, ValueRange indices, int64_t lanes,
                       int64_t count) {
  VectorType type = vectorOf(elementOf(memref), lanes);
  if (hasUnitStride(memref)) {
    if (count >= lanes)
      return vector::LoadOp::create(*this, type, memref, indices);
    Value mask = vector::ConstantMaskOp::create(
        *this, vectorOf(getI1Type(), lanes), ArrayRef<int64_t>{count});
    Value zero = arith::ConstantOp::create(*this, type, getZeroAttr(type));
    return vector::MaskedLoadOp::create(*this, type, memref, indices, mask,
                                        zero);
  }
  SmallVector<Value> elements;
  Value zero;
  for (int64_t lane = 0; lane < lanes; ++lane) {
    if (lane < count) {
      elements.push_back(loadScalar(memref, advanced(*this, indices, lane)));
      continue;
    }
    if (!zero)
      zero = arith::ConstantOp::create(*this, type.getElementType(),
                                       getZeroAttr(type.getElementType()));
    elements.push_back(zero);
  }
  return vector::FromElementsOp::create(*this, type, elements);
}

Value RowBuilder::loadF32(Value memref, ValueRange indices, int64_t count) {
  return extendToF32(*this, load(memref, indices, width, count));
}

void RowBuilder::store(Value vector, Value memref, ValueRange indices,
                       int64_t count) {
  int64_t lanes = cast<VectorType>(vector.getType()).getNumElements();
  if (hasUnitStride(memref)) {
    if (count >= lanes) {
      vector::StoreOp::create(*this, vector, memref, indices);
      return;
    }
    Value mask = vector::ConstantMaskOp::create(
        *this, vectorOf(getI1Type(), lanes), ArrayRef<int64_t>{count});
    vector::MaskedStoreOp::create(*this, memref, indices, mask, vector);
    return;
  }
  for (int64_t lane = 0; lane < std::min(lanes, count); ++lane)
    storeScalar(vector::ExtractOp::create(*this, vector, ArrayRef{lane}),
                memref, advanced(*this, indices, lane));
}

void RowBuilder::storeF32(Value vector, Value memref, ValueRange indices,
                          int64_t count) {
  store(truncateTo(*this, vector, elementOf(memref)), memref, indices, count);
}

Value RowBuilder::loadScalar(Value memref, ValueRange indices) {
  return memref::LoadOp::create(*this, memref, indices);
}

void RowBuilder::storeScalar(Value scalar, Value memref, ValueRange indices) {
  memref::StoreOp::create(*this, bitcast(scalar, elementOf(memref)), memref,
                          indices);
}

Value RowBuilder::scratch(int64_t columns) {
  auto type = MemRefType::get(
      {static_cast<int64_t>(llvm::alignTo(columns, width))}, getF32Type());
  return memref::AllocaOp::create(*this, type, getI64IntegerAttr(64));
}

//===----------------------------------------------------------------------===//
// Loops
//===----------------------------------------------------------------------===//

void RowBuilder::forParallel(Value count, function_ref<void(Value)> body) {
  auto loop = scf::ParallelOp::create(*this, ValueRange{index(0)},
                                      ValueRange{count}, ValueRange{index(1)});
  InsertionGuard guard(*this);
  setInsertionPointToStart(loop.getBody());
  body(loop.getInductionVars().front());
}

void RowBuilder::forRows(Value memref, function_ref<void(ValueRange)> body,
                         int64_t skip) {
  int64_t rank = cast<MemRefType>(memref.getType()).getRank();
  SmallVector<Value> sizes;
  for (int64_t d = skip; d < rank - 1; ++d)
    sizes.push_back(dim(memref, d));
  if (sizes.empty())
    return body({});
  Value count = sizes.front();
  for (Value size : ArrayRef(sizes).drop_front())
    count = muli(count, size);
  forParallel(count, [&](Value row) {
    SmallVector<Value> indices(sizes.size());
    for (int64_t d = sizes.size() - 1; d > 0; --d) {
      indices[d] = arith::RemUIOp::create(*this, row, sizes[d]);
      row = arith::DivUIOp::create(*this, row, sizes[d]);
    }
    indices[0] = row;
    body(indices);
  });
}

void RowBuilder::forRange(Value count, function_ref<void(Value)> body) {
  auto loop = scf::ForOp::create(*this, index(0), count, index(1));
  InsertionGuard guard(*this);
  setInsertionPointToStart(loop.getBody());
  body(loop.getInductionVar());
}

void RowBuilder::forRange(int64_t count, function_ref<void(Value)> body) {
  if (count == 1)
    return body(index(0));
  if (count > 1)
    forRange(index(count), body);
}

void RowBuilder::forDims(Value memref, int64_t first, int64_t last,
                         function_ref<void(ValueRange)> body) {
  SmallVector<Value> indices;
  std::function<void(int64_t)> nest = [&](int64_t d) {
    if (d == last)
      return body(indices);
    forRange(dim(memref, d), [&](Value index) {
      indices.push_back(index);
      nest(d + 1);
      indices.pop_back();
    });
  };
  nest(first);
}

Value RowBuilder::forChunks(int64_t columns, Value init,
                            function_ref<Value(Value, int64_t, Value)> body) {
  int64_t whole = columns / width * width;
  Value carried = init;
  if (whole == width) {
    carried = body(index(0), width, carried);
  } else if (whole) {
    auto loop =
        scf::ForOp::create(*this, index(0), index(whole), index(width),
                           carried ? ValueRange{carried} : ValueRange{});
    InsertionGuard guard(*this);
    if (carried)
      setInsertionPointToEnd(loop.getBody());
    else
      setInsertionPointToStart(loop.getBody());
    Value next = body(loop.getInductionVar(), width,
                      carried ? loop.getRegionIterArg(0) : Value());
    if (carried) {
      scf::YieldOp::create(*this, next);
      carried = loop.getResult(0);
    }
  }
  if (whole != columns)
    carried = body(index(whole), columns - whole, carried);
  return carried;
}

void RowBuilder::forChunks(int64_t columns,
                           function_ref<void(Value, int64_t)> body) {
  forChunks(columns, Value(), [&](Value column, int64_t count, Value) {
    body(column, count);
    return Value();
  });
}

void RowBuilder::forBlocks(int64_t columns, int64_t block,
                           function_ref<void(Value, Value, int64_t)> body) {
  int64_t whole = columns / block;
  forRange(whole, [&](Value number) {
    body(number, muli(number, index(block)), block);
  });
  if (whole * block != columns)
    body(index(whole), index(whole * block), columns - whole * block);
}

void RowBuilder::unrollChunks(int64_t size,
                              function_ref<void(int64_t, int64_t)> body) {
  for (int64_t offset = 0; offset < size; offset += width)
    body(offset, std::min(width, size - offset));
}

void RowBuilder::ifThen(Value condition, function_ref<void()> body) {
  auto branch = scf::IfOp::create(*this, condition, /*withElseRegion=*/false);
  InsertionGuard guard(*this);
  setInsertionPointToStart(branch.thenBlock());
  body();
}
