//===-- MatrixUnit.h - Matrix instructions of gfx950 ------------*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_LIB_CONVERSION_LMTOGPU_MATRIXUNIT_H
#define HIPFUSE_LIB_CONVERSION_LMTOGPU_MATRIXUNIT_H

#include "KernelBuilder.h"

namespace mlir::lm {

/// A byte of LDS that a lane computes from its own number.
struct LanePlace {
  Value base;   ///< i32
  int64_t bits; ///< that depend on the lane
};

/// Products of 16 x 32 by 32 x 16 bf16 with f32 sums, v_mfma_f32_16x16x32_bf16,
/// and how their operands come from LDS.
///
/// A wave of 64 lanes holds, of the left operand, row `lane % 16` and the eight
/// inner indices from 8 * (lane / 16) on; of the right operand that column and
/// those indices; of the sums column `lane % 16` and the four rows from 4 *
/// (lane / 16) on. 32 x 32 x 16 products take as many cycles each and are not
/// used: what they save is reading an operand twice, and those are in
/// registers.
class MatrixUnit {
public:
  static constexpr int64_t kRows = 16, kColumns = 16, kInner = 32;
  static constexpr int64_t kOperand = 8; ///< bf16 of a lane
  static constexpr int64_t kSums = 4;    ///< f32 of a lane

  explicit MatrixUnit(KernelBuilder &b) : b(b) {}

  /// Whether the target has all that the class uses.
  static bool isAvailable(const hipfuse::TargetInfo &target);

  /// left * right + sums.
  Value multiply(Value left, Value right, Value sums);
  Value zeroSums();

  //===--------------------------------------------------------------------===//
  // LDS
  //===--------------------------------------------------------------------===//

  /// The LDS memory `name` of `bytes` bytes. What is copied while other memory
  /// is read needs a name of its own, or the reads wait for the copy.
  Value lds(const Twine &name, int64_t bytes);
  /// `place` of this lane, a function that is linear in the bits of the lane
  /// with exclusive or for the sum, plus `offset` (i32; may be null) above the
  /// bits that depend on the lane.
  LanePlace placeOf(Value lane, function_ref<int64_t(int64_t lane)> place,
                    Value offset = {});
  /// Address in `memory` of a place whose bits differ by `difference`.
  Value address(Value memory, const LanePlace &place, int64_t difference = 0);
  /// `pointer` and a number of bytes, i32.
  Value advance(Value pointer, Value bytes);
  Value advance(Value pointer, int64_t bytes);
  /// 16 bytes as eight bf16.
  Value readOperand(Value address);
  /// Of 16 lanes, lane s gives the address of four adjacent bf16 of inner index
  /// s / 4, columns from 4 * (s % 4) on; lane i gets column i of the four inner
  /// indices. Two such reads make an operand.
  Value readTransposed(Value first, Value second);

  //===--------------------------------------------------------------------===//
  // Copies from memory to LDS, and waits
  //===--------------------------------------------------------------------===//

  /// Copies 16 bytes a lane; `lds` is the same for all lanes, and the bytes of
  /// lane l go to 16 * l from there.
  void copy(Value global, Value lds);
  /// Waits for all copies and loads of this wave.
  void waitForCopies();
  /// Waits for all waves and what they have stored to LDS; not for copies or
  /// loads.
  void barrier();
  /// `value`, of which nothing is computed before this point: what depends on
  /// it takes no registers elsewhere.
  Value recompute(Value value);

private:
  Value immediate(Type type, int64_t value);

  KernelBuilder &b;
};

} // namespace mlir::lm

#endif // HIPFUSE_LIB_CONVERSION_LMTOGPU_MATRIXUNIT_H
