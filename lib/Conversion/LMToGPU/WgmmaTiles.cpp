//===-- WgmmaTiles.cpp - Tiles of keys in shared memory -------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A tile is 64 keys in pieces of 64 columns, each of which is an operand tile
// of Wgmma.h. Rows of bf16 are copied by the asynchronous copies of the
// hardware; others pass through registers, where they become bf16. A key that
// is not visible is a row of zeros: nothing that a cache holds can leak out of
// it.
//
//===----------------------------------------------------------------------===//

#include "WgmmaTiles.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::lm;

using IPredicate = arith::CmpIPredicate;

static constexpr float kInf = std::numeric_limits<float>::infinity();

WgmmaTiles::WgmmaTiles(KernelBuilder &b, WgmmaUnit &unit,
                       AttentionKernel &kernel, const AttentionProblem &problem,
                       const WgmmaShape &shape)
    : b(b), unit(unit), kernel(kernel), problem(problem), shape(shape) {
  base = LLVM::PtrToIntOp::create(b, b.getI32Type(), b.dynamicLds());
}

Value WgmmaTiles::at(int64_t offset) { return b.addi(base, b.i32(offset)); }

Value WgmmaTiles::barrier(int64_t barriers, Value stage) {
  return b.addi(at(barriers), b.shli(stage, 3));
}

Value WgmmaTiles::tileAddress(Value stage) {
  return b.addi(at(shape.keys), b.muli(stage, b.i32(shape.tileBytes)));
}

void WgmmaTiles::initBarriers() {
  b.ifThen(b.isZero(b.thread()), [&] {
    for (int64_t stage = 0; stage < shape.stages; ++stage) {
      // Each producer warp arrives, and, where tiles are filled by copies
      // alone, each thread for its own.
      unit.initBarrier(at(shape.full + 8 * stage),
                       shape.producers / 32 +
                           (shape.copiesOnly ? shape.producers : 0));
      // Each consumer warp arrives.
      unit.initBarrier(at(shape.empty + 8 * stage), kConsumers / 32);
    }
  });
}

std::pair<Value, Value> WgmmaTiles::stageOf(Value count) {
  return {b.remui(count, shape.stages),
          b.andi(b.divui(count, shape.stages), b.i32(1))};
}

std::pair<Value, Value> WgmmaTiles::rangeOf(const AttentionWork &work,
                                            unsigned scope) {
  if (!work.secondBegin)
    return {work.begin, work.end};
  if (scope == 0)
    return {work.begin, b.minsi(work.end, work.lengths[0])};
  Value begin = b.maxsi(b.subi(work.begin, work.secondBegin), b.i32(0));
  return {begin, b.subi(work.end, work.secondBegin)};
}

SmallVector<Value, 2> WgmmaTiles::countTiles(const AttentionWork &work) {
  SmallVector<Value, 2> counts;
  for (unsigned scope = 0; scope < problem.scopes.size(); ++scope) {
    auto [begin, end] = rangeOf(work, scope);
    Value keys = b.maxsi(b.subi(end, begin), b.i32(0));
    counts.push_back(b.divui(b.addi(keys, b.i32(kTileKeys - 1)), kTileKeys));
  }
  return counts;
}

Value WgmmaTiles::produce(const AttentionWork &work, Value count) {
  SmallVector<Value, 2> counts = countTiles(work);
  ArrayRef<ScopeOperands> scopes = problem.scopes;
  // Scopes of one layout share a loop, which does not run dry between them.
  if (converts(problem, scopes[0]) &&
      llvm::all_of(llvm::seq<unsigned>(scopes.size()), [&](unsigned scope) {
        return scopes[scope].layout == scopes[0].layout &&
               kernel.entryType(scope) == kernel.entryType(0);
      }))
    return convertTiles(work, 0, scopes.size(), counts, count);
  for (unsigned scope = 0; scope < scopes.size(); ++scope)
    count = converts(problem, scopes[scope])
                ? convertTiles(work, scope, 1, counts, count)
                : copyTiles(work, scope, counts[scope], count);
  return count;
}

void WgmmaTiles::storeVisible(Value stage, Value row, Value visible) {
  Value offset = b.shli(b.addi(b.muli(stage, b.i32(kTileKeys)), row), 2);
  unit.store(b.select(visible, b.f32(0.0f), b.f32(-kInf)),
             b.addi(at(shape.visible), offset), 4);
}

Value WgmmaTiles::address(unsigned scope, Value offset) {
  Value pointer = kernel.cache(scope).pointer;
  return LLVM::GEPOp::create(b, pointer.getType(), b.getI8Type(), pointer,
                             LLVM::GEPArg(offset));
}

/// Eight threads copy the 128 bytes of a key's piece.
Value WgmmaTiles::copyTiles(const AttentionWork &work, unsigned scope,
                            Value tiles, Value count) {
  constexpr int64_t kUnits = kSwizzleBytes / 16;
  const int64_t rowsPerRound = shape.producers / kUnits; // keys of a round
  auto [begin, end] = rangeOf(work, scope);
  Value thread = b.subi(b.thread(), b.i32(kConsumers));
  Value row = b.divui(thread, kUnits), place = b.remui(thread, kUnits);
  auto loop = scf::ForOp::create(b, b.i32(0), tiles, b.i32(1), count);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Value number = loop.getRegionIterArg(0);
  Value stage, parity;
  std::tie(stage, parity) = stageOf(number);
  Value first = b.addi(begin, b.muli(loop.getInductionVar(), b.i32(kTileKeys)));
  SmallVector<Value> pointers, sizes, visible;
  for (int64_t r = 0; r < kTileKeys; r += rowsPerRound) {
    Value index = b.addi(first, b.addi(row, b.i32(r)));
    KeyPlace key = kernel.findKey(work, scope, index);
    visible.push_back(b.andi(key.visible, b.cmpi(IPredicate::slt, index, end)));
    Value zero = arith::ConstantOp::create(b, b.getI64IntegerAttr(0));
    Value offset = b.select(visible.back(), key.offset, zero);
    pointers.push_back(
        address(scope, b.addi(offset, b.zext64(b.shli(place, 4)))));
    sizes.push_back(b.select(visible.back(), b.i32(16), b.i32(0)));
  }
  waitForStage(stage, parity);
  Value swizzled = arith::XOrIOp::create(b, place, b.andi(row, b.i32(7)));
  Value target =
      b.addi(tileAddress(stage), b.addi(b.shli(row, 7), b.shli(swizzled, 4)));
  for (int64_t piece = 0; piece < problem.columns / kSwizzleColumns; ++piece)
    for (int64_t r = 0; r < kTileKeys; r += rowsPerRound) {
      Value source = LLVM::GEPOp::create(
          b, pointers[r / rowsPerRound].getType(), b.getI8Type(),
          pointers[r / rowsPerRound],
          LLVM::GEPArg(static_cast<int32_t>(piece * kSwizzleBytes)));
      unit.copyAsync(b.addi(target, b.i32(piece * kTileKeys * kSwizzleBytes +
                                          r * kSwizzleBytes)),
                     source, sizes[r / rowsPerRound]);
    }
  b.ifThen(b.isZero(place), [&] {
    for (int64_t r = 0; r < kTileKeys; r += rowsPerRound)
      storeVisible(stage, b.addi(row, b.i32(r)), visible[r / rowsPerRound]);
  });
  if (!shape.copiesOnly)
    unit.waitForCopies();
  arriveFull(stage);
  scf::YieldOp::create(b, b.addi(number, b.i32(1)));
  return loop.getResult(0);
}

/// Says that the thread's part of a tile is written, or will be by copies.
void WgmmaTiles::arriveFull(Value stage) {
  Value full = barrier(shape.full, stage);
  if (shape.copiesOnly)
    unit.arriveAfterCopies(full);
  // The fence between these writes and the matrix unit is the consumers': here
  // it would wait for the loads of the next tile.
  // Arrivals at one barrier are one after another: few are better.
  unit.syncWarp();
  unit.arriveOncePerWarp(full);
}

/// Waits until the tile's consumers have left the stage.
void WgmmaTiles::waitForStage(Value stage, Value parity) {
  unit.wait(barrier(shape.empty, stage),
            arith::XOrIOp::create(b, parity, b.i32(1)));
}
