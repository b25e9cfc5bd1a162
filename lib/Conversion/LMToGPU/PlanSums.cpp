//===-- PlanSums.cpp - Sums over a planner's workgroup --------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PlanSums.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace mlir::lm;

using IPredicate = arith::CmpIPredicate;

LdsArray::LdsArray(KernelBuilder &b, StringRef name, Type element, int64_t size)
    : element(element), b(b) {
  int64_t bytes = size * element.getIntOrFloatBitWidth() / 8;
  std::string symbol = ("lds_" + name + "_" + Twine(bytes)).str();
  base = b.ldsAddress(symbol, bytes, b.i32(0));
}

Value LdsArray::address(Value index) const {
  return LLVM::GEPOp::create(b, base.getType(), element, base,
                             LLVM::GEPArg(index));
}

Value LdsArray::load(Value index) const {
  unsigned bytes = element.getIntOrFloatBitWidth() / 8;
  return LLVM::LoadOp::create(b, element, address(index), bytes);
}

void LdsArray::store(Value value, Value index) const {
  unsigned bytes = element.getIntOrFloatBitWidth() / 8;
  LLVM::StoreOp::create(b, value, address(index), bytes);
}

/// Bytes of all memory: what a planner of the most clusters takes.
static constexpr int64_t kMemoryBytes = 43 * 1024;

LdsArray LdsMemory::take(Type element, int64_t size) {
  Value base = b.ldsAddress("lds_plan", kMemoryBytes, b.i32(used / 4));
  used += llvm::alignTo(size * element.getIntOrFloatBitWidth() / 8, 16);
  assert(used <= kMemoryBytes && "more LDS than a planner has");
  return LdsArray(b, element, base);
}

Value lm::low32(KernelBuilder &b, Value value) {
  if (value.getType() == b.getI32Type())
    return value;
  return arith::TruncIOp::create(b, b.getI32Type(), value);
}

Value lm::zext32(KernelBuilder &b, Value value) {
  return arith::ExtUIOp::create(b, b.getI32Type(), value);
}

/// The value (i32 or i64) of a lane given as for gpu.shuffle.
static Value shuffleLanes(KernelBuilder &b, Value value, Value lane,
                          gpu::ShuffleMode mode) {
  Value width = b.i32(b.getTarget().waveSize);
  auto shuffle = [&](Value word) -> Value {
    return gpu::ShuffleOp::create(b, word, lane, width, mode)
        .getShuffleResult();
  };
  if (value.getType().isInteger(32))
    return shuffle(value);
  Value high = b.zext64(shuffle(low32(b, b.shrui(value, 32))));
  return b.ori(b.zext64(shuffle(low32(b, value))), b.shli(high, 32));
}

void lm::sumLanes(KernelBuilder &b, MutableArrayRef<Value> values,
                  int64_t lanes) {
  Value lane = b.laneInWave();
  for (int64_t distance = 1; distance < lanes; distance *= 2) {
    Value adds = b.cmpi(IPredicate::uge, lane, b.i32(distance));
    for (Value &value : values) {
      Value other =
          shuffleLanes(b, value, b.i32(distance), gpu::ShuffleMode::UP);
      value = b.select(adds, b.addi(value, other), value);
    }
  }
}

SmallVector<std::pair<Value, Value>>
lm::prefixSums(KernelBuilder &b, StringRef name, ValueRange values) {
  int64_t wave = b.getTarget().waveSize, waves = b.getThreads() / wave;
  Value lane = b.laneInWave(), waveId = b.divui(b.thread(), wave);
  SmallVector<Value> sums(values);
  sumLanes(b, sums, wave);
  SmallVector<LdsArray> memory;
  for (auto [i, sum] : llvm::enumerate(sums))
    memory.emplace_back(b, (name + "_" + Twine(i)).str(), sum.getType(), waves);
  b.ifThen(b.cmpi(IPredicate::eq, lane, b.i32(wave - 1)), [&] {
    for (auto [array, sum] : llvm::zip_equal(memory, sums))
      array.store(sum, waveId);
  });
  b.barrier();
  // Every wave adds up the sums of all: that takes fewer instructions than if
  // every thread did, and no second barrier.
  SmallVector<Value> totals;
  for (const LdsArray &array : memory)
    totals.push_back(array.load(b.umin(lane, b.i32(waves - 1))));
  sumLanes(b, totals, waves);
  Value isFirst = b.isZero(waveId);
  Value previous = b.select(isFirst, b.i32(0), b.addi(waveId, -1));
  SmallVector<std::pair<Value, Value>> results;
  for (auto [value, sum, total] : llvm::zip_equal(values, sums, totals)) {
    Value before = b.subi(sum, value);
    Value others = shuffleLanes(b, total, previous, gpu::ShuffleMode::IDX);
    before = b.select(isFirst, before, b.addi(before, others));
    results.emplace_back(before, shuffleLanes(b, total, b.i32(waves - 1),
                                              gpu::ShuffleMode::IDX));
  }
  return results;
}

std::pair<Value, Value> lm::sumWaves(KernelBuilder &b, const LdsArray &memory) {
  int64_t wave = b.getTarget().waveSize, waves = b.getThreads() / wave;
  Value lane = b.laneInWave(), waveId = b.divui(b.thread(), wave),
        zero = b.i32(0);
  if (b.getTarget().vendor == hipfuse::Vendor::NVIDIA) {
    Value sum = memory.load(b.umin(lane, b.i32(waves - 1)));
    auto sumOf = [&](Value below) {
      Value counts = b.cmpi(IPredicate::ult, lane, below);
      return b.intrinsic("llvm.nvvm.redux.sync.add", b.getI32Type(),
                         {b.select(counts, sum, zero), b.i32(-1)});
    };
    return {sumOf(waveId), sumOf(b.i32(waves))};
  }
  Value before = zero, all = zero;
  for (int64_t i = 0; i < waves; ++i) {
    Value sum = memory.load(b.i32(i));
    Value counts = b.cmpi(IPredicate::ugt, waveId, b.i32(i));
    before = b.addi(before, b.select(counts, sum, zero));
    all = b.addi(all, sum);
  }
  return {before, all};
}
