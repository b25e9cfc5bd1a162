//===-- PlanRows.cpp - Sizes and rows of a plan ---------------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "PlanRows.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <limits>

using namespace mlir;
using namespace mlir::lm;

using IPredicate = arith::CmpIPredicate;

void lm::keepRolled(Operation *loop) {
  MLIRContext *context = loop->getContext();
  auto yes = BoolAttr::get(context, true);
  auto unroll = LLVM::LoopUnrollAttr::get(context, yes, {}, {}, {}, {}, {}, {});
  loop->setAttr("loop_annotation", LLVM::LoopAnnotationAttr::get(
                                       context, {}, {}, {}, unroll, {}, {}, {},
                                       {}, {}, {}, {}, {}, {}, {}, {}));
}

PlanRows::PlanRows(AttentionPlanOp op, KernelBuilder &b)
    : op(op), lengths(b.buffer(op.getLengths())),
      extraLengths(b.buffer(op.getExtraLengths())),
      works(b.buffer(op.getWorks())), workIndptr(b.buffer(op.getWorkIndptr())),
      reduceIndptr(b.buffer(op.getReduceIndptr())),
      finalMap(b.buffer(op.getReduceFinalMap())),
      partialMap(b.buffer(op.getReducePartialMap())),
      requests(b.size(op.getLengths(), 0)),
      numTiles(b.muli(requests, op.getTiles())), b(b) {}

Value PlanRows::constant(int64_t value, Value like) {
  return arith::ConstantOp::create(b, b.getIntegerAttr(like.getType(), value));
}

//===----------------------------------------------------------------------===//
// Sizes
//===----------------------------------------------------------------------===//

PlanTile PlanRows::tileOf(Value number) {
  PlanTile tile;
  tile.number = number;
  tile.request = b.divui(number, op.getTiles());
  tile.place = b.remui(number, op.getTiles());
  return tile;
}

SmallVector<Value> PlanRows::lengthsOf(Value request) {
  SmallVector<Value> values;
  for (const Buffer &buffer : {lengths, extraLengths})
    if (buffer)
      values.push_back(b.load(buffer, b.rowOffset(buffer, request), Value(),
                              /*lanes=*/1));
  return values;
}

Value PlanRows::tokensOf(ValueRange lengths, Type type) {
  auto tokensIn = [&](Value length, std::optional<uint64_t> most) {
    if (length.getType() != type && type.isInteger(64))
      length = arith::ExtSIOp::create(b, type, length);
    Value tokens = b.maxsi(length, constant(0, length));
    int64_t fits = std::numeric_limits<int32_t>::max();
    if (most)
      tokens = b.minsi(tokens, constant(*most, tokens));
    else if (tokens.getType() != type)
      tokens = b.minsi(tokens, constant(fits, tokens));
    return type.isInteger(32) ? low32(b, tokens) : tokens;
  };
  Value tokens = tokensIn(lengths[0], op.getTopk());
  if (lengths.size() == 1)
    return tokens;
  Value extra = tokensIn(lengths[1], op.getExtraTopk());
  Value filled = b.muli(ceilDiv(tokens, AttentionPlanOp::kListAlignment),
                        AttentionPlanOp::kListAlignment);
  return b.select(b.cmpi(IPredicate::eq, extra, constant(0, extra)), tokens,
                  b.addi(filled, extra));
}

Value PlanRows::restOf(Value tokens, Value blocks) {
  if (op.getPageSize() != 1 || op.getQLen() == 1)
    return blocks;
  // A tail shorter than the queries would be seen by none of some of them.
  Value spare = b.addi(tokens, -static_cast<int64_t>(op.getQLen()));
  Value shift = constant(llvm::Log2_64(op.getGranularity()), tokens);
  Value whole = b.addi(arith::ShRSIOp::create(b, spare, shift), 1);
  return b.minsi(blocks, b.maxsi(whole, constant(1, whole)));
}

Value PlanRows::worksOf(Value blocks, Value size) {
  Value works =
      arith::DivUIOp::create(b, b.addi(blocks, b.addi(size, -1)), size);
  return b.maxsi(works, constant(1, works));
}

Value PlanRows::evenShare(Value share, Value clusters,
                          function_ref<Value(Value)> worksOf) {
  auto search = [&]() -> SmallVector<Value> {
    // Less than this is less than the blocks of all tiles need.
    Value least = b.addi(share, -static_cast<int64_t>(op.getOverheadBlocks()));
    Value inits[] = {b.maxsi(least, constant(1, share)), share};
    auto loop = scf::WhileOp::create(
        b, TypeRange(ValueRange(inits)), ValueRange(inits),
        [&](OpBuilder &, Location, ValueRange range) {
          Value isOpen = b.cmpi(IPredicate::slt, range[0], range[1]);
          scf::ConditionOp::create(b, isOpen, range);
        },
        [&](OpBuilder &, Location, ValueRange range) {
          Value middle = b.shrui(b.addi(range[0], range[1]), 1);
          Value works = prefixSums(b, "plan_even", worksOf(middle))[0].second;
          // Others may still read that sum's parts.
          b.barrier();
          Value fits = b.cmpi(IPredicate::sle, works, as(clusters, works));
          scf::YieldOp::create(
              b, ValueRange{b.select(fits, range[0], b.addi(middle, 1)),
                            b.select(fits, middle, range[1])});
        });
    return {loop.getResult(1)};
  };
  return b.ifElse(b.cmpi(IPredicate::ule, numTiles, clusters), search,
                  share)[0];
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

void PlanRows::store(Value value, const Buffer &buffer, Value row) {
  b.store(value, buffer, b.rowOffset(buffer, row), Value());
}

void PlanRows::storeRow(ArrayRef<Value> columns, const Buffer &buffer,
                        Value row) {
  Value offset = b.rowOffset(buffer, row);
  for (size_t first = 0; first < columns.size(); first += 4) {
    ArrayRef<Value> part = columns.slice(first).take_front(4);
    Value vector = vector::FromElementsOp::create(
        b, b.vectorOf(b.getI32Type(), part.size()), part);
    b.store(vector, buffer, offset, first ? b.i32(first) : Value());
  }
}

void PlanRows::storeWork(const PlanTile &tile, Value number, Value partial,
                         Value from, Value to) {
  int64_t qLen = op.getQLen(), tileRows = op.getTileRows();
  Value tokens = tile.tokens, row = b.muli(tile.place, tileRows);
  Value last = unitsOf(tokens);
  if (op.getPageSize() == 1 && !op.getTopk()) {
    // Tokens that no query of the tile sees.
    Value trim = b.maxsi(b.subi(b.i32(qLen - tileRows), row), b.i32(0));
    last = b.subi(last, as(trim, last));
  }
  Value start = b.muli(from, op.getGranularity());
  Value end = to ? b.minsi(b.muli(to, op.getGranularity()), last) : last;
  end = b.maxsi(end, start);
  Value after = b.subi(tokens, b.muli(end, op.getPageSize()));
  after = b.maxsi(after, constant(0, after));
  Value firstRow = b.muli(tile.request, qLen);
  Value endRow = b.minsi(b.addi(row, tileRows), b.i32(qLen));
  storeRow({tile.request, partial, b.addi(firstRow, row),
            b.addi(firstRow, endRow), b.addi(tile.base, low32(b, start)),
            b.addi(tile.base, low32(b, end)), low32(b, after), b.i32(0)},
           works, number);
}

Value PlanRows::storeTile(const PlanTile &tile, Value isSplit, Value inside,
                          Value split, Value from) {
  int64_t qLen = op.getQLen(), tileRows = op.getTileRows();
  Value partials = b.addi(inside, split);
  Value partial =
      b.select(isSplit, b.muli(b.addi(partials, -1), tileRows), b.i32(-1));
  storeWork(tile, b.addi(tile.number, inside), partial, from, Value());
  store(partials, reduceIndptr, b.addi(tile.number, 1));
  Value row = b.muli(tile.place, tileRows);
  Value firstRow = b.muli(tile.request, qLen);
  Value endRow = b.minsi(b.addi(row, tileRows), b.i32(qLen));
  storeRow({b.addi(firstRow, row), b.addi(firstRow, endRow)}, finalMap,
           tile.number);
  return partials;
}

void PlanRows::clearWork(Value number) {
  storeRow(SmallVector<Value>(8, b.i32(-1)), works, number);
}

void PlanRows::clearWorks(Value first) {
  forThreads(first, b.size(op.getWorks(), 0),
             [&](Value number) { clearWork(number); });
}

void PlanRows::forThreads(Value begin, Value end,
                          function_ref<void(Value)> body) {
  auto loop = scf::ForOp::create(b, b.addi(begin, b.thread()), end,
                                 b.i32(kPlanThreads));
  keepRolled(loop);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  body(loop.getInductionVar());
}
