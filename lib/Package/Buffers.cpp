//===-- Buffers.cpp - Contiguous buffers in entries -----------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Buffers.h"

#include "mlir/Conversion/LLVMCommon/MemRefBuilder.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;

bool hipfuse::isContiguous(MemRefType type) {
  if (type.getLayout().isIdentity())
    return true;
  SmallVector<int64_t> strides;
  int64_t offset;
  if (failed(type.getStridesAndOffset(strides, offset)))
    return false;
  int64_t expected = 1;
  for (int64_t d = type.getRank() - 1; d >= 0; --d) {
    int64_t size = type.getDimSize(d);
    // The stride of a single element is never taken.
    if (size == 1)
      continue;
    if (ShapedType::isDynamic(expected) || strides[d] != expected)
      return false;
    expected = ShapedType::isDynamic(size) ? size : expected * size;
  }
  return true;
}

Value hipfuse::makeContiguousBuffer(OpBuilder &builder, Location loc,
                                    const LLVMTypeConverter &converter,
                                    MemRefType type, Value pointer,
                                    ValueRange sizes) {
  auto constant = [&](int64_t value) -> Value {
    return LLVM::ConstantOp::create(builder, loc, builder.getI64Type(),
                                    builder.getI64IntegerAttr(value));
  };
  SmallVector<Value> strides(type.getRank());
  Value stride = constant(1);
  for (int64_t d = type.getRank() - 1; d >= 0; --d) {
    strides[d] = stride;
    if (d)
      stride = LLVM::MulOp::create(builder, loc, stride, sizes[d]);
  }
  SmallVector<Value> fields = {pointer, pointer, constant(0)};
  llvm::append_range(fields, sizes);
  llvm::append_range(fields, strides);
  Value packed = MemRefDescriptor::pack(builder, loc, converter, type, fields);
  return UnrealizedConversionCastOp::create(builder, loc, type, packed)
      .getResult(0);
}
