//===-- Buffers.h - Contiguous buffers in entries ---------------*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_LIB_PACKAGE_BUFFERS_H
#define HIPFUSE_LIB_PACKAGE_BUFFERS_H

#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"

namespace hipfuse {

/// Whether buffers of this type are row-major without gaps, wherever they
/// start.
bool isContiguous(mlir::MemRefType type);

/// A row-major buffer without gaps at `pointer`; `sizes` are i64.
mlir::Value makeContiguousBuffer(mlir::OpBuilder &builder, mlir::Location loc,
                                 const mlir::LLVMTypeConverter &converter,
                                 mlir::MemRefType type, mlir::Value pointer,
                                 mlir::ValueRange sizes);

} // namespace hipfuse

#endif // HIPFUSE_LIB_PACKAGE_BUFFERS_H
