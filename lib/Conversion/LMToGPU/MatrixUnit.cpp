//===-- MatrixUnit.cpp - Matrix instructions of gfx950 --------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "MatrixUnit.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace mlir::lm;

using hipfuse::TargetFeature;

/// Lanes of a wave, as a power of two.
static constexpr int64_t kLaneBits = 6;

bool MatrixUnit::isAvailable(const hipfuse::TargetInfo &target) {
  for (TargetFeature feature :
       {TargetFeature::MfmaDoubleRate, TargetFeature::TransposedLdsRead,
        TargetFeature::LdsDma128})
    if (!target.get(feature).available)
      return false;
  return target.waveSize == int64_t(1) << kLaneBits;
}

Value MatrixUnit::immediate(Type type, int64_t value) {
  return LLVM::ConstantOp::create(b, b.getIntegerAttr(type, value));
}

Value MatrixUnit::multiply(Value left, Value right, Value sums) {
  Value zero = immediate(b.getI32Type(), 0);
  Value result =
      b.intrinsic("llvm.amdgcn.mfma.f32.16x16x32.bf16", sums.getType(),
                  {left, right, sums, zero, zero, zero});
  // No instruction, but one that needs the old sums after the new: so these get
  // other registers, or the compiler might take ones that overlap in part. That
  // is legal for 128 bits, but not all that executes the code gets it right.
  return LLVM::InlineAsmOp::create(
             b, sums.getType(), ValueRange{result, sums}, "", "=v,0,v",
             /*has_side_effects=*/false, /*is_align_stack=*/false,
             LLVM::TailCallKind::None, LLVM::AsmDialectAttr(), ArrayAttr())
      .getRes();
}

Value MatrixUnit::zeroSums() {
  auto type = b.vectorOf(b.getF32Type(), kSums);
  return arith::ConstantOp::create(b, type, b.getZeroAttr(type));
}

//===----------------------------------------------------------------------===//
// LDS
//===----------------------------------------------------------------------===//

Value MatrixUnit::lds(const Twine &name, int64_t bytes) {
  return b.ldsAddress((name + "_" + Twine(bytes)).str(), bytes, b.i32(0));
}

LanePlace MatrixUnit::placeOf(Value lane,
                              function_ref<int64_t(int64_t lane)> place,
                              Value offset) {
  int64_t origin = place(0);
  LanePlace result{b.i32(origin), 0};
  for (int64_t bit = 0; bit < kLaneBits; ++bit) {
    int64_t part = place(int64_t(1) << bit) ^ origin;
    result.bits |= part;
    // All ones where the lane has the bit.
    Value mask = arith::ShRSIOp::create(
        b, arith::ShLIOp::create(b, lane, b.i32(31 - bit)), b.i32(31));
    result.base =
        arith::XOrIOp::create(b, result.base, b.andi(mask, b.i32(part)));
  }
  if (offset)
    result.base = b.addi(result.base, offset);
  return result;
}

Value MatrixUnit::address(Value memory, const LanePlace &place,
                          int64_t difference) {
  // Bits that no lane sets are an offset of the instruction.
  Value base = place.base;
  if (int64_t bits = difference & place.bits)
    base = arith::XOrIOp::create(b, base, b.i32(bits));
  return advance(advance(memory, base), difference & ~place.bits);
}

Value MatrixUnit::advance(Value pointer, Value bytes) {
  return LLVM::GEPOp::create(b, pointer.getType(), b.getI8Type(), pointer,
                             LLVM::GEPArg(bytes),
                             LLVM::GEPNoWrapFlags::inbounds);
}

Value MatrixUnit::advance(Value pointer, int64_t bytes) {
  if (bytes == 0)
    return pointer;
  return LLVM::GEPOp::create(b, pointer.getType(), b.getI8Type(), pointer,
                             LLVM::GEPArg(static_cast<int32_t>(bytes)),
                             LLVM::GEPNoWrapFlags::inbounds);
}

Value MatrixUnit::readOperand(Value address) {
  return LLVM::LoadOp::create(b, b.vectorOf(b.getBF16Type(), kOperand), address,
                              /*alignment=*/16);
}

Value MatrixUnit::readTransposed(Value first, Value second) {
  auto read = [&](Value address) {
    return b.intrinsic("llvm.amdgcn.ds.read.tr16.b64.v4bf16",
                       b.vectorOf(b.getBF16Type(), 4), address);
  };
  Value low = read(first);
  return b.shuffle(low, read(second), {0, 1, 2, 3, 4, 5, 6, 7});
}

//===----------------------------------------------------------------------===//
// Copies from memory to LDS, and waits
//===----------------------------------------------------------------------===//

void MatrixUnit::copy(Value global, Value lds) {
  Type i32 = b.getI32Type();
  LLVM::CallIntrinsicOp::create(
      b, b.getStringAttr("llvm.amdgcn.global.load.lds"),
      ValueRange{global, lds, immediate(i32, 16), immediate(i32, 0),
                 immediate(i32, 0)});
}

void MatrixUnit::waitForCopies() {
  // vmcnt(0), in bits 0-3 and 14-15 of the operand; the other counters stay.
  LLVM::CallIntrinsicOp::create(b, b.getStringAttr("llvm.amdgcn.s.waitcnt"),
                                immediate(b.getI32Type(), 0x0F70));
}

void MatrixUnit::barrier() {
  // A fence would wait for the copies, too: they are stores to LDS.
  b.assembly(TypeRange(), "s_waitcnt lgkmcnt(0)\n\ts_barrier", "~{memory}",
             ValueRange());
}

Value MatrixUnit::recompute(Value value) {
  return b.assembly(value.getType(), "", "=v,0", value);
}
