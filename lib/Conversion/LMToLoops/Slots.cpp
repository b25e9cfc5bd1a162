//===-- Slots.cpp - Lower slot lists to loops -----------------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One parallel loop over rows; a row is made in order, with a count of its
// slots so far.
//
//===----------------------------------------------------------------------===//

#include "Patterns.h"
#include "RowPattern.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::lm;

using IPredicate = arith::CmpIPredicate;

static Value loadIndex(RowBuilder &b, Value memref, ValueRange indices) {
  return arith::IndexCastOp::create(b, b.getIndexType(),
                                    b.loadScalar(memref, indices));
}

static void storeIndex(RowBuilder &b, Value index, Value memref,
                       ValueRange indices) {
  b.storeScalar(arith::IndexCastOp::create(b, elementOf(memref), index), memref,
                indices);
}

/// A loop over `lower .. upper - 1` that carries one value.
static Value forCarried(RowBuilder &b, Value lower, Value upper, Value init,
                        function_ref<Value(Value, Value)> body) {
  auto loop = scf::ForOp::create(b, lower, upper, b.index(1), ValueRange{init});
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToEnd(loop.getBody());
  Value next = body(loop.getInductionVar(), loop.getRegionIterArg(0));
  scf::YieldOp::create(b, next);
  return loop.getResult(0);
}

/// The value of `body` where `condition` holds, else `otherwise`.
static Value ifElse(RowBuilder &b, Value condition, Value otherwise,
                    function_ref<Value()> body) {
  return scf::IfOp::create(
             b, condition,
             [&](OpBuilder &, Location) { scf::YieldOp::create(b, body()); },
             [&](OpBuilder &, Location) { scf::YieldOp::create(b, otherwise); })
      .getResult(0);
}

/// Writes -1 to the columns of row `token` from `first` on.
static void clearFrom(RowBuilder &b, Value slots, Value token, Value first) {
  auto loop =
      scf::ForOp::create(b, first, b.dim(slots, 1), b.index(1), ValueRange{});
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  storeIndex(b, b.index(-1), slots, {token, loop.getInductionVar()});
}

/// Appends `slot` to the `count` slots of a packed row, unless it is a hole;
/// the number of slots afterwards.
static Value append(RowBuilder &b, Value slot, Value slots, Value token,
                    Value count) {
  Value known = b.cmpi(IPredicate::sge, slot, b.index(0));
  return ifElse(b, known, count, [&]() -> Value {
    storeIndex(b, slot, slots, {token, count});
    return b.addi(count, b.index(1));
  });
}

namespace {

/// Where the entries of one row are.
struct RowTable {
  Value table;
  Value request;
  Value exists; ///< i1: the request is one of the table
  int64_t pageSize;

  /// The request of row `token`: of `requests`, or a request per `qLen` rows.
  static RowTable of(RowBuilder &b, Value table, Value requests, Value token,
                     int64_t qLen, int64_t pageSize) {
    Value request =
        requests ? loadIndex(b, requests, token) : b.divui(token, qLen);
    Value exists = b.cmpi(IPredicate::ult, request, b.dim(table, 0));
    return {table, request, exists, pageSize};
  }

  /// The slot of entry `entry` >= 0, -1 where its page is not known. The
  /// request must exist.
  Value slotOf(RowBuilder &b, Value entry) const {
    Value column = b.divui(entry, pageSize);
    Value place = b.remui(entry, pageSize);
    Value inside = b.cmpi(IPredicate::ult, column, b.dim(table, 1));
    return ifElse(b, inside, b.index(-1), [&]() -> Value {
      Value page = loadIndex(b, table, {request, column});
      Value slot = b.addi(b.muli(page, b.index(pageSize)), place);
      Value known = b.cmpi(IPredicate::sge, page, b.index(0));
      return b.select(known, slot, b.index(-1));
    });
  }
};

struct SwaSlotsToLoops final : RowPattern<SwaSlotsOp> {
  using RowPattern::RowPattern;

  void lower(SwaSlotsOp op, RowBuilder &b) const override {
    Value slots = op.getSlots();
    b.forParallel(b.dim(op.getPositions(), 0), [&](Value token) {
      RowTable row = RowTable::of(b, op.getBlockTable(), op.getRequests(),
                                  token, op.getQLen(), op.getPageSize());
      Value position = loadIndex(b, op.getPositions(), token);
      Value isToken = b.cmpi(IPredicate::sge, position, b.index(0));
      Value entries = b.divui(b.addi(position, b.index(1)),
                              static_cast<int64_t>(op.getCompressRatio()));
      entries = b.select(b.andi(isToken, row.exists), entries, b.index(0));
      Value first =
          b.maxsi(b.subi(entries, b.index(op.getWindow())), b.index(0));
      Value count = forCarried(b, first, entries, b.index(0),
                               [&](Value entry, Value count) {
                                 Value slot = row.slotOf(b, entry);
                                 return append(b, slot, slots, token, count);
                               });
      clearFrom(b, slots, token, count);
      storeIndex(b, count, op.getLengths(), token);
    });
  }
};

struct TopkSlotsToLoops final : RowPattern<TopkSlotsOp> {
  using RowPattern::RowPattern;

  void lower(TopkSlotsOp op, RowBuilder &b) const override {
    Value slots = op.getSlots();
    b.forParallel(b.dim(op.getIndices(), 0), [&](Value token) {
      RowTable row = RowTable::of(b, op.getBlockTable(), op.getRequests(),
                                  token, op.getQLen(), op.getPageSize());
      Value limit;
      if (op.getPositions())
        limit = arith::DivSIOp::create(
            b, b.addi(loadIndex(b, op.getPositions(), token), b.index(1)),
            b.index(op.getCompressRatio()));
      Value count = forCarried(
          b, b.index(0), b.dim(slots, 1), b.index(0),
          [&](Value column, Value count) {
            Value entry = loadIndex(b, op.getIndices(), {token, column});
            Value valid =
                b.andi(row.exists, b.cmpi(IPredicate::sge, entry, b.index(0)));
            if (limit)
              valid = b.andi(valid, b.cmpi(IPredicate::slt, entry, limit));
            Value slot = ifElse(b, valid, b.index(-1),
                                [&] { return row.slotOf(b, entry); });
            if (!op.getKeepHoles())
              return append(b, slot, slots, token, count);
            storeIndex(b, slot, slots, {token, column});
            Value known = b.cmpi(IPredicate::sge, slot, b.index(0));
            return b.select(known, b.addi(column, b.index(1)), count);
          });
      if (!op.getKeepHoles())
        clearFrom(b, slots, token, count);
      storeIndex(b, count, op.getLengths(), token);
    });
  }
};

struct SlotLengthsToLoops final : RowPattern<SlotLengthsOp> {
  using RowPattern::RowPattern;

  void lower(SlotLengthsOp op, RowBuilder &b) const override {
    b.forParallel(b.dim(op.getPositions(), 0), [&](Value token) {
      Value position = loadIndex(b, op.getPositions(), token);
      // A negative position has no entries: its quotient is not positive.
      Value entries = arith::DivSIOp::create(b, b.addi(position, b.index(1)),
                                             b.index(op.getCompressRatio()));
      entries = b.maxsi(entries, b.index(0));
      entries = b.minsi(entries, b.index(op.getWindow()));
      storeIndex(b, entries, op.getLengths(), token);
    });
  }
};

struct CompactSlotsToLoops final : RowPattern<CompactSlotsOp> {
  using RowPattern::RowPattern;

  void lower(CompactSlotsOp op, RowBuilder &b) const override {
    Value packed = op.getPacked();
    b.forParallel(b.dim(op.getSlots(), 0), [&](Value token) {
      Value columns = b.dim(op.getSlots(), 1);
      if (op.getLengths())
        columns = b.minsi(loadIndex(b, op.getLengths(), token), columns);
      Value count = forCarried(
          b, b.index(0), columns, b.index(0), [&](Value column, Value count) {
            Value slot = loadIndex(b, op.getSlots(), {token, column});
            return append(b, slot, packed, token, count);
          });
      clearFrom(b, packed, token, count);
      storeIndex(b, count, op.getPackedLengths(), token);
    });
  }
};

} // namespace

void lm::populateSlotsPatterns(RewritePatternSet &patterns,
                               int64_t vectorWidth) {
  patterns.add<SwaSlotsToLoops, TopkSlotsToLoops, SlotLengthsToLoops,
               CompactSlotsToLoops>(patterns.getContext(), vectorWidth);
}
