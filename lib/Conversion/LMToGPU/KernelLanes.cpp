//===-- KernelLanes.cpp - What lanes and waves find together --------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelBuilder.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::lm;

Value KernelBuilder::moveLanes(Value scalar, int64_t control) {
  Type type = scalar.getType();
  Value bits = toBits(scalar);
  auto constant = [&](Type type, int64_t value) -> Value {
    return LLVM::ConstantOp::create(*this, getIntegerAttr(type, value));
  };
  Value moved = intrinsic(
      "llvm.amdgcn.update.dpp.i32", getI32Type(),
      {bits, bits, constant(getI32Type(), control), constant(getI32Type(), 0xF),
       constant(getI32Type(), 0xF), constant(getI1Type(), 1)});
  return bitcast(moved, type);
}

Value KernelBuilder::shuffleXor(Value scalar, int64_t distance) {
  // AMD's lanes read each other's registers within a quad: quad_perm.
  if (target.vendor == hipfuse::Vendor::AMD && distance <= 2)
    return moveLanes(scalar, distance == 1 ? 0xB1 : 0x4E);
  Type type = scalar.getType();
  Value moved =
      gpu::ShuffleOp::create(*this, toBits(scalar), i32(distance),
                             i32(target.waveSize), gpu::ShuffleMode::XOR)
          .getShuffleResult();
  return bitcast(moved, type);
}

Value KernelBuilder::shuffleFrom(Value scalar, Value lane) {
  Value moved =
      gpu::ShuffleOp::create(*this, toBits(scalar), lane, i32(target.waveSize),
                             gpu::ShuffleMode::IDX)
          .getShuffleResult();
  return bitcast(moved, scalar.getType());
}

Value KernelBuilder::reduceLanes(Value scalar, int64_t lanes, Combine combine) {
  for (int64_t distance = 1; distance < lanes; distance *= 2) {
    Value other;
    // By now all lanes of each half hold the same, so a mirror image is as good
    // as an exchange: row_half_mirror, row_mirror.
    if (target.vendor == hipfuse::Vendor::AMD &&
        (distance == 4 || distance == 8))
      other = moveLanes(scalar, distance == 4 ? 0x141 : 0x140);
    else
      other = shuffleXor(scalar, distance);
    scalar = combine(scalar, other);
  }
  return scalar;
}

Value KernelBuilder::reduceWorkgroup(Value scalar, Combine combine) {
  int64_t wave = target.waveSize;
  scalar = reduceLanes(scalar, std::min(wave, threads), combine);
  int64_t waves = threads / wave;
  if (waves <= 1)
    return scalar;
  // Every wave's value goes to LDS, and every thread reads them all in order.
  // Each reduction of a kernel has memory of its own, so that it need not wait
  // for the reads of the one before. Kernels share the names: they say what is
  // there, and equal kernels stay equal.
  Type type = scalar.getType();
  int64_t bytes = waves * 4;
  std::string name =
      "lds_" + std::to_string(bytes) + "_" + std::to_string(numReductions++);
  Value waveId = divui(thread(), wave);
  ifThen(isZero(remui(thread(), wave)), [&] {
    LLVM::StoreOp::create(*this, scalar, ldsAddress(name, bytes, waveId), 4);
  });
  barrier();
  Value total;
  for (int64_t i = 0; i < waves; ++i) {
    Value value =
        LLVM::LoadOp::create(*this, type, ldsAddress(name, bytes, i32(i)), 4);
    total = total ? combine(total, value) : value;
  }
  return total;
}

Value KernelBuilder::ballot(Value condition) {
  if (target.vendor == hipfuse::Vendor::AMD)
    return intrinsic("llvm.amdgcn.ballot.i64", getI64Type(), condition);
  return intrinsic("llvm.nvvm.vote.ballot.sync", getI32Type(),
                   {i32(-1), condition});
}

std::pair<Value, Value> KernelBuilder::countLanes(Value condition) {
  Value before, lanes = ballot(condition);
  if (target.vendor == hipfuse::Vendor::AMD) {
    Value low = arith::TruncIOp::create(*this, getI32Type(), lanes);
    Value high = arith::TruncIOp::create(*this, getI32Type(), shrui(lanes, 32));
    before = intrinsic("llvm.amdgcn.mbcnt.lo", getI32Type(), {low, i32(0)});
    before = intrinsic("llvm.amdgcn.mbcnt.hi", getI32Type(), {high, before});
    Value all = LLVM::CtPopOp::create(*this, lanes);
    return {before, arith::TruncIOp::create(*this, getI32Type(), all)};
  }
  Value lower =
      intrinsic("llvm.nvvm.read.ptx.sreg.lanemask.lt", getI32Type(), {});
  before = LLVM::CtPopOp::create(*this, andi(lanes, lower));
  return {before, LLVM::CtPopOp::create(*this, lanes)};
}

std::pair<Value, Value> KernelBuilder::countThreads(Value condition) {
  auto [before, all] = countLanes(condition);
  int64_t wave = target.waveSize, waves = threads / wave;
  if (waves <= 1)
    return {before, all};
  std::string name = "lds_" + std::to_string(waves * 4) + "_" +
                     std::to_string(numReductions++);
  Value waveId = divui(thread(), wave);
  ifThen(isZero(remui(thread(), wave)), [&, total = all] {
    LLVM::StoreOp::create(*this, total, ldsAddress(name, waves * 4, waveId), 4);
  });
  barrier();
  Value sum;
  for (int64_t i = 0; i < waves; ++i) {
    Value count = LLVM::LoadOp::create(*this, getI32Type(),
                                       ldsAddress(name, waves * 4, i32(i)), 4);
    Value isBefore = cmpi(arith::CmpIPredicate::ugt, waveId, i32(i));
    before = addi(before, select(isBefore, count, i32(0)));
    sum = sum ? addi(sum, count) : count;
  }
  return {before, sum};
}
