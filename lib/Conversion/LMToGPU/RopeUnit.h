//===-- RopeUnit.h - Rotation of the piece of a row -------------*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_LIB_CONVERSION_LMTOGPU_ROPEUNIT_H
#define HIPFUSE_LIB_CONVERSION_LMTOGPU_ROPEUNIT_H

#include "KernelBuilder.h"

namespace mlir::lm {

/// Where a thread reads or writes: `offset` (i64) is the same for neighbouring
/// threads, `column` (i32) is not.
struct Place {
  Value offset;
  Value column;
};

/// Place of column `column` of head `firstHead` + `head` of a token in `memref
/// [T, heads..., N]`.
Place placeOf(KernelBuilder &b, Value memref, const Buffer &buffer, Value token,
              Value firstHead, Value head, Value column);

/// `value`, or a vector of it where it is a scalar.
Value asVector(KernelBuilder &b, Value value);

/// As KernelBuilder::load, but a vector also for one lane; as f32.
Value loadVectorF32(KernelBuilder &b, const Buffer &buffer, Place place,
                    int64_t lanes, bool constant = false);

/// The rotation of an operation; it is the same for all its operands.
struct Rotation {
  Buffer positions;
  SmallVector<Buffer, 2> tables;
  Value lastPosition; ///< i64
  RopeConfig config;
  bool inverse;
  RopeCompute compute;
  /// Positions and tables are loaded as constant data.
  bool constant = true;

  template <typename OpTy>
  static Rotation of(KernelBuilder &b, OpTy op, bool inverse) {
    return create(b, op.getPositions(), op.getTables(), op.getStyle(), inverse,
                  op.getCompute());
  }
  static Rotation create(KernelBuilder &b, Value positions, ValueRange tables,
                         RopeStyle style, bool inverse, RopeCompute compute);

  /// The row of the tables for `token`: its position, clamped to the tables.
  Value tableRow(KernelBuilder &b, Value token) const;
  /// Cosines and sines of `lanes` pairs from `firstPair` on.
  std::pair<Value, Value> angles(KernelBuilder &b, Value row, Value firstPair,
                                 int64_t lanes) const;

  /// First columns of the accesses of piece `piece`.
  SmallVector<Value, 2> columns(KernelBuilder &b, Value piece) const;
  /// Rotates the f32 values of a piece of a row of `type`, one vector for each
  /// of `columns`.
  SmallVector<Value, 2> rotate(KernelBuilder &b, Value row, Value piece,
                               Type type, ArrayRef<Value> values) const;
};

/// The number of columns that tables rotate.
int64_t getRotatedColumns(ValueRange tables);

/// The columns of `value` rotated as interleaved pairs.
Value rotateInterleaved(KernelBuilder &b, RopeCompute compute, Type type,
                        Value value, Value cosine, Value sine);

/// Refuses memrefs whose columns are not adjacent.
Refusal refuseColumns(ValueRange memrefs);

} // namespace mlir::lm

#endif // HIPFUSE_LIB_CONVERSION_LMTOGPU_ROPEUNIT_H
