//===-- Plan.cpp - Lower attention plans to loops -------------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The sweep of lm.attention_plan's description, as it stands there: it is
// sequential, and short beside the attention that it schedules.
//
//===----------------------------------------------------------------------===//

#include "Patterns.h"
#include "RowPattern.h"

#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;
using namespace mlir::lm;

using IPredicate = arith::CmpIPredicate;

namespace {

/// Variables of the sweep. They live in memory, so that loops need not carry
/// them.
enum class Variable {
  Total,    ///< blocks of all tiles, overheads included
  Request,  ///< of the current tile
  TileRow,  ///< its first row within the request
  Tile,     ///< its number
  Done,     ///< blocks of it that are given out
  Pieces,   ///< partial works of it
  Base,     ///< first unit of the request
  Row,      ///< next partial row
  Works,    ///< number of works
  Partials, ///< number of partial works
  Rem,      ///< what is left of the cluster's payload
  Open,     ///< 1 while the cluster takes works
  Taken     ///< clusters that tiles have for themselves
};
constexpr int64_t kNumVariables = 13;

/// A request's size.
struct Request {
  Value tokens, units, blocks;
};

class PlanLowering {
public:
  PlanLowering(AttentionPlanOp op, RowBuilder &b) : op(op), b(b) {
    variables = memref::AllocaOp::create(
        b, MemRefType::get({kNumVariables}, b.getIndexType()));
    for (int64_t i = 0; i < kNumVariables; ++i)
      b.storeScalar(b.index(0), variables, b.index(i));
  }

  void run();

private:
  Value get(Variable variable) {
    return b.loadScalar(variables, b.index(static_cast<int64_t>(variable)));
  }
  void set(Variable variable, Value value) {
    b.storeScalar(value, variables, b.index(static_cast<int64_t>(variable)));
  }
  void increase(Variable variable, Value amount) {
    set(variable, b.addi(get(variable), amount));
  }
  void storeI32(Value index, Value memref, ValueRange indices) {
    b.storeScalar(arith::IndexCastOp::create(b, b.getI32Type(), index), memref,
                  indices);
  }
  Value ceilDiv(Value value, int64_t divisor) {
    return b.divui(b.addi(value, b.index(divisor - 1)), divisor);
  }

  Value tokensOf(Value lengths, Value request, std::optional<int64_t> topk);
  Request sizeOf(Value request);
  Value payload();
  Value evenShare(Value requests, Value share, Value clusters);
  void takeWork();
  void emitWork(const Request &request, Value size, Value isPartial);
  void closeTile(const Request &request);
  void clearRows(Value memref, Value first);

  AttentionPlanOp op;
  RowBuilder &b;
  Value variables;
};

} // namespace

/// Tokens of a list of at most `topk` slots (any number where that is absent).
Value PlanLowering::tokensOf(Value lengths, Value request,
                             std::optional<int64_t> topk) {
  Value length = b.loadScalar(lengths, request);
  Value tokens = b.maxsi(
      arith::IndexCastOp::create(b, b.getIndexType(), length), b.index(0));
  return topk ? b.minsi(tokens, b.index(*topk)) : tokens;
}

Request PlanLowering::sizeOf(Value request) {
  auto limit = [](std::optional<uint64_t> topk) {
    return topk ? std::optional<int64_t>(*topk) : std::nullopt;
  };
  Value tokens = tokensOf(op.getLengths(), request, limit(op.getTopk()));
  if (op.getExtraLengths()) {
    Value extra =
        tokensOf(op.getExtraLengths(), request, limit(op.getExtraTopk()));
    constexpr int64_t kAlignment = AttentionPlanOp::kListAlignment;
    Value alignment = b.index(kAlignment);
    Value filled = b.muli(ceilDiv(tokens, kAlignment), alignment);
    tokens = b.select(b.cmpi(IPredicate::eq, extra, b.index(0)), tokens,
                      b.addi(filled, extra));
  }
  Value units = ceilDiv(tokens, op.getPageSize());
  return {tokens, units, ceilDiv(units, op.getGranularity())};
}

Value PlanLowering::payload() {
  Value requests = b.dim(op.getLengths(), 0);
  b.forRange(requests, [&](Value request) {
    Value cost =
        b.addi(sizeOf(request).blocks, b.index(op.getOverheadBlocks()));
    increase(Variable::Total, b.muli(cost, b.index(op.getTiles())));
  });
  Value clusters = b.index(op.getNumClusters());
  if (op.getMaxSplit())
    clusters =
        b.minsi(clusters, b.maxsi(b.muli(requests, b.index(*op.getMaxSplit())),
                                  b.index(1)));
  Value share = arith::CeilDivSIOp::create(b, get(Variable::Total), clusters);
  if (op.getEvenSplit())
    share = evenShare(requests, share, clusters);
  return b.addi(share, b.index(op.getOverheadBlocks()));
}

/// The least number of blocks up to `share` with which all tiles have clusters
/// of their own; `share` where there is none. More blocks need no more
/// clusters.
Value PlanLowering::evenShare(Value requests, Value share, Value clusters) {
  Value one = b.index(1);
  return scf::WhileOp::create(
             b, TypeRange{b.getIndexType(), b.getIndexType()},
             ValueRange{one, share},
             [&](OpBuilder &, Location, ValueRange range) {
               Value isOpen = b.cmpi(IPredicate::slt, range[0], range[1]);
               scf::ConditionOp::create(b, isOpen, range);
             },
             [&](OpBuilder &, Location, ValueRange range) {
               Value middle = b.divui(b.addi(range[0], range[1]), 2);
               set(Variable::Taken, b.index(0));
               b.forRange(requests, [&](Value request) {
                 Value works = arith::CeilDivSIOp::create(
                     b, sizeOf(request).blocks, middle);
                 increase(Variable::Taken,
                          b.muli(b.maxsi(works, one), b.index(op.getTiles())));
               });
               Value fits =
                   b.cmpi(IPredicate::sle, get(Variable::Taken), clusters);
               scf::YieldOp::create(
                   b, ValueRange{b.select(fits, range[0], b.addi(middle, one)),
                                 b.select(fits, middle, range[1])});
             })
      .getResult(1);
}

/// Writes a work of `size` blocks of the current tile.
void PlanLowering::emitWork(const Request &request, Value size,
                            Value isPartial) {
  int64_t qLen = op.getQLen(), tileRows = op.getTileRows();
  Value work = get(Variable::Works), tileRow = get(Variable::TileRow);
  Value firstRow = b.muli(get(Variable::Request), b.index(qLen));
  Value granularity = b.index(op.getGranularity());
  Value base = get(Variable::Base);
  Value start = b.addi(base, b.muli(get(Variable::Done), granularity));
  Value last = b.addi(base, request.units);
  if (op.getPageSize() == 1 && !op.getTopk())
    // Tokens that no query of the tile sees.
    last = b.subi(
        last, b.maxsi(b.subi(b.index(qLen - tileRows), tileRow), b.index(0)));
  Value end = b.minsi(b.addi(start, b.muli(size, granularity)), last);
  end = b.maxsi(end, start);
  Value covered = b.muli(b.subi(end, base), b.index(op.getPageSize()));
  Value after = b.maxsi(b.subi(request.tokens, covered), b.index(0));
  Value tileEnd = b.minsi(b.addi(tileRow, b.index(tileRows)), b.index(qLen));
  Value row = get(Variable::Row);
  Value columns[] = {get(Variable::Request),
                     b.select(isPartial, row, b.index(-1)),
                     b.addi(firstRow, tileRow),
                     b.addi(firstRow, tileEnd),
                     start,
                     end,
                     after,
                     b.index(0)};
  for (auto [i, value] : llvm::enumerate(columns))
    storeI32(value, op.getWorks(), {work, b.index(i)});
  set(Variable::Works, b.addi(work, b.index(1)));
  b.ifThen(isPartial, [&] {
    storeI32(row, op.getReducePartialMap(), get(Variable::Partials));
    increase(Variable::Partials, b.index(1));
    increase(Variable::Row, b.index(tileRows));
  });
}

/// Goes on to the next tile.
void PlanLowering::closeTile(const Request &request) {
  int64_t qLen = op.getQLen(), tileRows = op.getTileRows();
  Value tile = get(Variable::Tile), tileRow = get(Variable::TileRow);
  Value firstRow = b.muli(get(Variable::Request), b.index(qLen));
  Value next = b.minsi(b.addi(tileRow, b.index(tileRows)), b.index(qLen));
  storeI32(b.addi(firstRow, tileRow), op.getReduceFinalMap(),
           {tile, b.index(0)});
  storeI32(b.addi(firstRow, next), op.getReduceFinalMap(), {tile, b.index(1)});
  set(Variable::Tile, b.addi(tile, b.index(1)));
  storeI32(get(Variable::Partials), op.getReduceIndptr(), get(Variable::Tile));
  set(Variable::Done, b.index(0));
  set(Variable::Pieces, b.index(0));
  set(Variable::TileRow, next);
  b.ifThen(b.cmpi(IPredicate::eq, next, b.index(qLen)), [&] {
    set(Variable::TileRow, b.index(0));
    increase(Variable::Request, b.index(1));
    increase(Variable::Base,
             op.getTopk() ? b.index(op.getListStride()) : request.units);
  });
}

/// Gives the cluster a work of the current tile, or closes the cluster.
void PlanLowering::takeWork() {
  Request request = sizeOf(get(Variable::Request));
  Value done = get(Variable::Done), zero = b.index(0);
  Value left = b.subi(request.blocks, done);
  Value overhead = b.index(op.getOverheadBlocks());
  Value size = b.subi(get(Variable::Rem), overhead);
  Value hasRoom = b.cmpi(IPredicate::sgt, size, zero);
  Value isRest = b.cmpi(IPredicate::sle, left, size);
  if (op.getPageSize() == 1) {
    // A tail shorter than the queries would be seen by none of some of them.
    Value given = b.muli(b.addi(done, size), b.index(op.getGranularity()));
    Value isShort = b.cmpi(IPredicate::slt, b.subi(request.units, given),
                           b.index(op.getQLen()));
    isRest = b.ori(isRest, b.andi(hasRoom, isShort));
  }
  auto branch = scf::IfOp::create(b, isRest, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  emitWork(request, left, b.cmpi(IPredicate::sgt, get(Variable::Pieces), zero));
  set(Variable::Rem, b.subi(get(Variable::Rem), b.addi(left, overhead)));
  closeTile(request);
  b.setInsertionPointToStart(branch.elseBlock());
  b.ifThen(hasRoom, [&] {
    Value yes = arith::ConstantIntOp::create(b, /*value=*/1, /*width=*/1);
    emitWork(request, size, yes);
    increase(Variable::Done, size);
    increase(Variable::Pieces, b.index(1));
  });
  set(Variable::Open, zero);
}

/// Writes -1 to all elements of the rows from `first` on.
void PlanLowering::clearRows(Value memref, Value first) {
  auto loop = scf::ForOp::create(b, first, b.dim(memref, 0), b.index(1));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  Value row = loop.getInductionVar();
  if (cast<MemRefType>(memref.getType()).getRank() == 1)
    return storeI32(b.index(-1), memref, row);
  b.forRange(columnsOf(memref), [&](Value column) {
    storeI32(b.index(-1), memref, {row, column});
  });
}

void PlanLowering::run() {
  Value payload = this->payload(), requests = b.dim(op.getLengths(), 0);
  storeI32(b.index(0), op.getReduceIndptr(), b.index(0));
  b.forRange(b.index(op.getNumClusters()), [&](Value cluster) {
    storeI32(get(Variable::Works), op.getWorkIndptr(), cluster);
    set(Variable::Rem, payload);
    set(Variable::Open, b.index(1));
    scf::WhileOp::create(
        b, TypeRange{}, ValueRange{},
        [&](OpBuilder &, Location, ValueRange) {
          Value hasTile =
              b.cmpi(IPredicate::slt, get(Variable::Request), requests);
          Value open = b.cmpi(IPredicate::ne, get(Variable::Open), b.index(0));
          scf::ConditionOp::create(b, b.andi(hasTile, open), ValueRange{});
        },
        [&](OpBuilder &, Location, ValueRange) {
          takeWork();
          scf::YieldOp::create(b);
        });
  });
  storeI32(get(Variable::Works), op.getWorkIndptr(),
           b.index(op.getNumClusters()));
  clearRows(op.getWorks(), get(Variable::Works));
  clearRows(op.getReducePartialMap(), get(Variable::Partials));
}

namespace {

struct AttentionPlanToLoops final : RowPattern<AttentionPlanOp> {
  using RowPattern::RowPattern;

  void lower(AttentionPlanOp op, RowBuilder &b) const override {
    PlanLowering(op, b).run();
  }
};

} // namespace

void lm::populatePlanPatterns(RewritePatternSet &patterns,
                              int64_t vectorWidth) {
  patterns.add<AttentionPlanToLoops>(patterns.getContext(), vectorWidth);
}
