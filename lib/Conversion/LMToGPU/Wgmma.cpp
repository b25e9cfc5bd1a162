//===-- Wgmma.cpp - NVIDIA's warp-group matrix instructions ---------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Wgmma.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;
using namespace mlir::lm;

Value WgmmaUnit::descriptor(Value address) {
  // Bits 0-13: address / 16; 32-45: bytes between groups of 8 rows / 16; 62-63:
  // swizzle of 128 bytes. The other stride is not used by one tile.
  constexpr int64_t kFixed =
      (int64_t(8 * kSwizzleBytes / 16) << 32) | (int64_t(1) << 62);
  Value units = b.zext64(b.andi(b.shrui(address, 4), b.i32(0x3fff)));
  return b.ori(units,
               arith::ConstantOp::create(b, b.getI64IntegerAttr(kFixed)));
}

SmallVector<Value> WgmmaUnit::multiply(ArrayRef<WgmmaStep> steps, int64_t tiles,
                                       int64_t n, bool transposeA,
                                       Value descriptorA, Value descriptorB,
                                       ValueRange sums) {
  int64_t perTile = n / 2, count = tiles * perTile;
  bool hasSums = !sums.empty();
  // Operand numbers: the results, then the descriptors, then the sums.
  std::string text;
  llvm::raw_string_ostream os(text);
  os << "{\n.reg .b64 a, b;\n.reg .pred p, q;\nsetp.eq.u32 p, 0, 0;\n"
     << "setp.ne.u32 q, 0, 0;\nwgmma.fence.sync.aligned;\n";
  for (const WgmmaStep &step : steps) {
    os << "add.s64 a, $" << count << ", " << step.a / 16 << ";\n"
       << "add.s64 b, $" << count + 1 << ", " << step.b / 16 << ";\n"
       << "wgmma.mma_async.sync.aligned.m64n" << n << "k16.f32.bf16.bf16 {";
    llvm::interleaveComma(llvm::seq<int64_t>(perTile), os, [&](int64_t i) {
      os << "$" << step.tile * perTile + i;
    });
    os << "}, a, b, " << (step.accumulates ? "p" : "q") << ", 1, 1, "
       << (transposeA ? 1 : 0) << ", 0;\n";
  }
  os << "wgmma.commit_group.sync.aligned;\n"
     << "wgmma.wait_group.sync.aligned 0;\n}";

  std::string constraints;
  for (int64_t i = 0; i < count; ++i)
    constraints += "=f,";
  constraints += "l,l";
  SmallVector<Value> operands = {descriptorA, descriptorB};
  if (hasSums) {
    for (int64_t i = 0; i < count; ++i)
      constraints += "," + std::to_string(i);
    operands.append(sums.begin(), sums.end());
  }
  constraints += ",~{memory}";
  auto type = LLVM::LLVMStructType::getLiteral(
      b.getContext(), SmallVector<Type>(count, b.getF32Type()));
  Value result = b.assembly(type, text, constraints, operands);
  SmallVector<Value> values;
  for (int64_t i = 0; i < count; ++i)
    values.push_back(LLVM::ExtractValueOp::create(b, result, i));
  return values;
}

void WgmmaUnit::fenceAsync() {
  b.assembly({}, "fence.proxy.async.shared::cta;", "~{memory}", {});
}

void WgmmaUnit::storeTransposed(Value address, ValueRange pairs) {
  std::string text = "stmatrix.sync.aligned.m8n8.x" +
                     std::to_string(pairs.size()) + ".trans.shared.b16 [$0], {";
  std::string constraints = "r";
  for (size_t i = 0; i < pairs.size(); ++i) {
    text += (i ? ", $" : "$") + std::to_string(i + 1);
    constraints += ",r";
  }
  SmallVector<Value> operands = {address};
  operands.append(pairs.begin(), pairs.end());
  b.assembly({}, text + "};", constraints + ",~{memory}", operands);
}

void WgmmaUnit::namedBarrier(int64_t id, int64_t threads) {
  b.assembly({},
             "bar.sync " + std::to_string(id) + ", " + std::to_string(threads) +
                 ";",
             "~{memory}", {});
}

Value WgmmaUnit::barrierOr(int64_t id, int64_t threads, Value condition) {
  Value flag = arith::ExtUIOp::create(b, b.getI32Type(), condition);
  Value any =
      b.assembly(b.getI32Type(),
                 "{\n.reg .pred p, q;\nsetp.ne.b32 q, $1, 0;\n"
                 "bar.red.or.pred p, " +
                     std::to_string(id) + ", " + std::to_string(threads) +
                     ", q;\nselp.b32 $0, 1, 0, p;\n}",
                 "=r,r,~{memory}", flag);
  return b.isNonZero(any);
}

void WgmmaUnit::initBarrier(Value address, int64_t count) {
  b.assembly(
      {}, "mbarrier.init.shared::cta.b64 [$0], " + std::to_string(count) + ";",
      "r,~{memory}", address);
}

void WgmmaUnit::arriveOncePerWarp(Value address) {
  b.assembly({},
             "{\n.reg .b64 t;\n.reg .pred p;\nelect.sync _|p, 0xffffffff;\n"
             "@p mbarrier.arrive.shared::cta.b64 t, [$0];\n}",
             "r,~{memory}", address);
}

void WgmmaUnit::arriveAfterCopies(Value address) {
  b.assembly({}, "cp.async.mbarrier.arrive.noinc.shared::cta.b64 [$0];",
             "r,~{memory}", address);
}

void WgmmaUnit::wait(Value address, Value parity) {
  b.assembly({},
             "{\n.reg .pred p;\nWAIT_${:uid}:\n"
             "mbarrier.try_wait.parity.shared::cta.b64 p, [$0], $1;\n"
             "@!p bra WAIT_${:uid};\n}",
             "r,r,~{memory}", {address, parity});
}

void WgmmaUnit::copyAsync(Value shared, Value global, Value size,
                          int64_t offset, int64_t most) {
  // Only whole units can pass by the first cache. Offsets in the text need no
  // register each.
  std::string text = most == 16 ? "cp.async.cg" : "cp.async.ca";
  text += ".shared.global.L2::128B [$0+" + std::to_string(offset) +
          "], [$1], " + std::to_string(most) + ", $2;";
  b.assembly({}, text, "r,l,r,~{memory}", {shared, global, size});
}

void WgmmaUnit::syncWarp() {
  b.assembly({}, "bar.warp.sync 0xffffffff;", "~{memory}", {});
}

Value WgmmaUnit::loadIf(Value condition, Value pointer) {
  constexpr int64_t kWords = 4;
  auto type = LLVM::LLVMStructType::getLiteral(
      b.getContext(), SmallVector<Type>(kWords, b.getI32Type()));
  Value flag = arith::ExtUIOp::create(b, b.getI32Type(), condition);
  Value result = b.assembly(
      type,
      "{\n.reg .pred p;\nsetp.ne.b32 p, $5, 0;\nmov.b32 $0, 0;\n"
      "mov.b32 $1, 0;\nmov.b32 $2, 0;\nmov.b32 $3, 0;\n"
      "@p ld.global.L1::no_allocate.L2::128B.v4.b32 {$0, $1, $2, $3}, [$4];\n}",
      "=&r,=&r,=&r,=&r,l,r,~{memory}", {pointer, flag});
  SmallVector<Value> values;
  for (int64_t i = 0; i < kWords; ++i)
    values.push_back(LLVM::ExtractValueOp::create(b, result, i));
  return vector::FromElementsOp::create(
      b, VectorType::get({kWords}, b.getI32Type()), values);
}

void WgmmaUnit::commitCopies() {
  b.assembly({}, "cp.async.commit_group;", "~{memory}", {});
}

void WgmmaUnit::waitForCopies(int64_t groups) {
  std::string text = "cp.async.wait_all;";
  if (groups)
    text = "cp.async.wait_group " + std::to_string(groups) + ";";
  b.assembly({}, text, "~{memory}", {});
}

void WgmmaUnit::setRegisters(int64_t count, bool more) {
  b.assembly({},
             std::string("setmaxnreg.") + (more ? "inc" : "dec") +
                 ".sync.aligned.u32 " + std::to_string(count) + ";",
             "~{memory}", {});
}

Value WgmmaUnit::fromFirstLane(Value value) {
  return b.intrinsic("llvm.nvvm.shfl.sync.idx.i32", b.getI32Type(),
                     {b.i32(-1), value, b.i32(0), b.i32(31)});
}

Value WgmmaUnit::keep(Value value) {
  return b.intrinsic("llvm.nvvm.shfl.sync.bfly.i32", b.getI32Type(),
                     {b.i32(-1), value, b.i32(0), b.i32(31)});
}

Value WgmmaUnit::pointer(Value shared) {
  auto type = LLVM::LLVMPointerType::get(b.getContext(), /*addressSpace=*/3);
  return LLVM::IntToPtrOp::create(b, type, shared);
}

Value WgmmaUnit::load(Type type, Value shared, unsigned alignment) {
  return LLVM::LoadOp::create(b, type, pointer(shared), alignment);
}

void WgmmaUnit::store(Value value, Value shared, unsigned alignment) {
  LLVM::StoreOp::create(b, value, pointer(shared), alignment);
}
