//===-- OutlineParallelLoops.cpp - Parallel loops on a thread pool --------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "hipfuse/Package/Passes.h"

#include "hipfuse-rt/artifact.h"

#include "mlir/Conversion/LLVMCommon/TypeConverter.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Matchers.h"
#include "mlir/Transforms/RegionUtils.h"

#define DEBUG_TYPE "hipfuse-outline-parallel-loops"

namespace hipfuse {
#define GEN_PASS_DEF_OUTLINEPARALLELLOOPSPASS
#include "hipfuse/Package/Passes.h.inc"
} // namespace hipfuse

using namespace mlir;

namespace {

/// Trip count of one dimension if it is a constant.
std::optional<int64_t> constantTripCount(Value lower, Value upper, Value step) {
  APInt lo, hi, by;
  if (!matchPattern(lower, m_ConstantInt(&lo)) ||
      !matchPattern(upper, m_ConstantInt(&hi)) ||
      !matchPattern(step, m_ConstantInt(&by)) || by.getSExtValue() <= 0)
    return std::nullopt;
  return std::max<int64_t>(
      0, llvm::divideCeil(hi.getSExtValue() - lo.getSExtValue(),
                          by.getSExtValue()));
}

/// An estimate of the scalar operations in a region: an operation counts the
/// elements of its widest vector, a loop as often as it runs (16 if unknown).
int64_t estimateWork(Region &region) {
  constexpr int64_t kUnknownTrips = 16, kLimit = int64_t(1) << 40;
  int64_t work = 0;
  for (Operation &op : region.getOps()) {
    int64_t inner = 0;
    for (Region &nested : op.getRegions())
      inner += estimateWork(nested);
    int64_t trips = 1;
    if (auto loop = dyn_cast<scf::ForOp>(op)) {
      trips = constantTripCount(loop.getLowerBound(), loop.getUpperBound(),
                                loop.getStep())
                  .value_or(kUnknownTrips);
    } else if (auto loop = dyn_cast<scf::ParallelOp>(op)) {
      for (auto [lower, upper, step] : llvm::zip(
               loop.getLowerBound(), loop.getUpperBound(), loop.getStep()))
        trips = std::min(
            kLimit,
            trips *
                constantTripCount(lower, upper, step).value_or(kUnknownTrips));
    }
    int64_t width = 1;
    for (Type type : op.getResultTypes())
      if (auto vector = dyn_cast<VectorType>(type))
        width = std::max(width, vector.getNumElements());
    work = std::min(kLimit, work + width + std::min(kLimit, inner) * trips);
  }
  return work;
}

/// Moves one parallel loop of a host entry into a task function.
class Outliner {
public:
  Outliner(ModuleOp module, func::FuncOp host, int64_t grain)
      : module(module), host(host), grain(grain), builder(host.getContext()),
        converter(host.getContext()) {
    ptr = LLVM::LLVMPointerType::get(host.getContext());
    i64 = builder.getI64Type();
  }

  /// Returns whether the loop went to the pool; else it became sequential.
  bool run(scf::ParallelOp loop, unsigned number);

  /// The tasks made so far.
  ArrayRef<func::FuncOp> getTasks() const { return tasks; }

private:
  Value toI64(Location loc, Value index) {
    return arith::IndexCastOp::create(builder, loc, i64, index);
  }
  Value toIndex(Location loc, Value integer) {
    return arith::IndexCastOp::create(builder, loc, builder.getIndexType(),
                                      integer);
  }
  Value constantIndex(Location loc, int64_t value) {
    return arith::ConstantIndexOp::create(builder, loc, value);
  }

  void makeSequential(scf::ParallelOp loop);
  /// Number of iterations of dimension `dim`.
  Value tripCount(scf::ParallelOp loop, unsigned dim);
  func::FuncOp makeTask(scf::ParallelOp loop, ArrayRef<Value> captures,
                        ArrayRef<Value> trips, Type captureType,
                        StringRef name);

  ModuleOp module;
  func::FuncOp host;
  int64_t grain;
  OpBuilder builder;
  LLVMTypeConverter converter;
  SmallVector<func::FuncOp> tasks;
  Type ptr, i64;
};

Value Outliner::tripCount(scf::ParallelOp loop, unsigned dim) {
  Location loc = loop.getLoc();
  if (std::optional<int64_t> trips =
          constantTripCount(loop.getLowerBound()[dim],
                            loop.getUpperBound()[dim], loop.getStep()[dim]))
    return constantIndex(loc, *trips);
  Value extent = arith::SubIOp::create(builder, loc, loop.getUpperBound()[dim],
                                       loop.getLowerBound()[dim]);
  extent =
      arith::CeilDivSIOp::create(builder, loc, extent, loop.getStep()[dim]);
  return arith::MaxSIOp::create(builder, loc, extent, constantIndex(loc, 0));
}

void Outliner::makeSequential(scf::ParallelOp loop) {
  builder.setInsertionPoint(loop);
  scf::LoopNest nest =
      scf::buildLoopNest(builder, loop.getLoc(), loop.getLowerBound(),
                         loop.getUpperBound(), loop.getStep());
  IRMapping mapping;
  for (auto [iv, inner] : llvm::zip(loop.getInductionVars(), nest.loops))
    mapping.map(iv, inner.getInductionVar());
  builder.setInsertionPoint(nest.loops.back().getBody()->getTerminator());
  for (Operation &op : loop.getBody()->without_terminator())
    builder.clone(op, mapping);
  loop.erase();
}

/// The task runs iterations [begin, end) of the flattened loop:
///
///   outer = begin / last; for each outer index up to (end - 1) / last:
///     for i from (outer is the first one ? begin % last : 0)
///          to (outer is the last one ? (end - 1) % last + 1 : last): body
func::FuncOp Outliner::makeTask(scf::ParallelOp loop, ArrayRef<Value> captures,
                                ArrayRef<Value> trips, Type captureType,
                                StringRef name) {
  Location loc = loop.getLoc();
  builder.setInsertionPoint(host);
  auto task = func::FuncOp::create(
      builder, loc, name, builder.getFunctionType({ptr, i64, i64}, {}));
  task.setPrivate();
  task->setAttr(
      "llvm.linkage",
      LLVM::LinkageAttr::get(builder.getContext(), LLVM::Linkage::Internal));
  Block *block = task.addEntryBlock();
  builder.setInsertionPointToStart(block);

  IRMapping mapping;
  auto structType = cast<LLVM::LLVMStructType>(captureType);
  for (auto [i, value] : llvm::enumerate(captures)) {
    Value address = LLVM::GEPOp::create(
        builder, loc, ptr, structType, block->getArgument(0),
        ArrayRef<LLVM::GEPArg>{0, static_cast<int32_t>(i)});
    Value inner =
        LLVM::LoadOp::create(builder, loc, structType.getBody()[i], address);
    if (inner.getType() != value.getType())
      inner = UnrealizedConversionCastOp::create(builder, loc, value.getType(),
                                                 inner)
                  .getResult(0);
    mapping.map(value, inner);
  }
  // Constants are cheaper to repeat than to pass.
  SetVector<Value> above;
  getUsedValuesDefinedAbove(loop.getRegion(), above);
  above.insert(loop.getLowerBound().begin(), loop.getLowerBound().end());
  above.insert(loop.getStep().begin(), loop.getStep().end());
  above.insert(trips.begin(), trips.end());
  for (Value value : above)
    if (!mapping.contains(value))
      builder.clone(*value.getDefiningOp(), mapping);

  Value begin = toIndex(loc, block->getArgument(1));
  Value end = toIndex(loc, block->getArgument(2));
  Value zero = constantIndex(loc, 0), one = constantIndex(loc, 1);
  Value lastTrips = mapping.lookup(trips.back());
  Value firstOuter, firstInner, endInner, endOuter;
  bool flat = trips.size() == 1;
  if (!flat) {
    Value final = arith::SubIOp::create(builder, loc, end, one);
    firstOuter = arith::DivUIOp::create(builder, loc, begin, lastTrips);
    firstInner = arith::RemUIOp::create(builder, loc, begin, lastTrips);
    Value finalOuter = arith::DivUIOp::create(builder, loc, final, lastTrips);
    endOuter = arith::AddIOp::create(builder, loc, finalOuter, one);
    endInner = arith::AddIOp::create(
        builder, loc, arith::RemUIOp::create(builder, loc, final, lastTrips),
        one);
    auto outer = scf::ForOp::create(builder, loc, firstOuter, endOuter, one);
    builder.setInsertionPointToStart(outer.getBody());
    Value index = outer.getInductionVar();
    Value isFirst = arith::CmpIOp::create(
        builder, loc, arith::CmpIPredicate::eq, index, firstOuter);
    Value isLast = arith::CmpIOp::create(builder, loc, arith::CmpIPredicate::eq,
                                         index, finalOuter);
    begin = arith::SelectOp::create(builder, loc, isFirst, firstInner, zero);
    end = arith::SelectOp::create(builder, loc, isLast, endInner, lastTrips);
    // Outer induction variables from the flattened index, last one fastest.
    for (int64_t dim = trips.size() - 2; dim >= 0; --dim) {
      Value trip = mapping.lookup(trips[dim]);
      Value position =
          dim ? arith::RemUIOp::create(builder, loc, index, trip).getResult()
              : index;
      if (dim)
        index = arith::DivUIOp::create(builder, loc, index, trip);
      Value iv = arith::AddIOp::create(
          builder, loc, mapping.lookup(loop.getLowerBound()[dim]),
          arith::MulIOp::create(builder, loc, position,
                                mapping.lookup(loop.getStep()[dim])));
      mapping.map(loop.getInductionVars()[dim], iv);
    }
  }
  auto inner = scf::ForOp::create(builder, loc, begin, end, one);
  builder.setInsertionPointToStart(inner.getBody());
  Value iv = arith::AddIOp::create(
      builder, loc, mapping.lookup(loop.getLowerBound().back()),
      arith::MulIOp::create(builder, loc, inner.getInductionVar(),
                            mapping.lookup(loop.getStep().back())));
  mapping.map(loop.getInductionVars().back(), iv);
  for (Operation &op : loop.getBody()->without_terminator())
    builder.clone(op, mapping);
  builder.setInsertionPointToEnd(block);
  func::ReturnOp::create(builder, loc);
  return task;
}

bool Outliner::run(scf::ParallelOp loop, unsigned number) {
  Location loc = loop.getLoc();
  int64_t work = std::max<int64_t>(1, estimateWork(loop.getRegion()));
  std::optional<int64_t> total = work;
  for (auto [lower, upper, step] :
       llvm::zip(loop.getLowerBound(), loop.getUpperBound(), loop.getStep())) {
    std::optional<int64_t> trips = constantTripCount(lower, upper, step);
    total =
        total && trips
            ? std::optional<int64_t>(
                  llvm::SaturatingMultiply(uint64_t(*total), uint64_t(*trips)) &
                  INT64_MAX)
            : std::nullopt;
  }
  if (total && *total < 2 * grain) {
    makeSequential(loop);
    return false;
  }

  builder.setInsertionPoint(loop);
  SmallVector<Value> trips;
  for (unsigned dim = 0, e = loop.getNumLoops(); dim < e; ++dim)
    trips.push_back(tripCount(loop, dim));
  SetVector<Value> above;
  getUsedValuesDefinedAbove(loop.getRegion(), above);
  above.insert(loop.getLowerBound().begin(), loop.getLowerBound().end());
  above.insert(loop.getStep().begin(), loop.getStep().end());
  above.insert(trips.begin(), trips.end());
  SmallVector<Value> captures;
  SmallVector<Type> captureTypes;
  for (Value value : above) {
    if (matchPattern(value, m_Constant()))
      continue;
    captures.push_back(value);
    captureTypes.push_back(converter.convertType(value.getType()));
  }
  Type captureType =
      LLVM::LLVMStructType::getLiteral(host.getContext(), captureTypes);
  std::string name = (host.getSymName() + "_task" + Twine(number)).str();
  func::FuncOp task = makeTask(loop, captures, trips, captureType, name);
  tasks.push_back(task);

  // The captures live on the stack of the entry; its first block is run once.
  builder.setInsertionPointToStart(&host.getBody().front());
  Value one =
      LLVM::ConstantOp::create(builder, loc, i64, builder.getI64IntegerAttr(1));
  Value context = LLVM::AllocaOp::create(builder, loc, ptr, captureType, one);
  builder.setInsertionPoint(loop);
  for (auto [i, value] : llvm::enumerate(captures)) {
    Value stored = value;
    if (stored.getType() != captureTypes[i])
      stored = UnrealizedConversionCastOp::create(builder, loc, captureTypes[i],
                                                  stored)
                   .getResult(0);
    Value address =
        LLVM::GEPOp::create(builder, loc, ptr, captureType, context,
                            ArrayRef<LLVM::GEPArg>{0, static_cast<int32_t>(i)});
    LLVM::StoreOp::create(builder, loc, stored, address);
  }
  Value range = trips.front();
  for (Value trip : ArrayRef<Value>(trips).drop_front())
    range = arith::MulIOp::create(builder, loc, range, trip);

  // api->parallel_for(api->pool, task, context, 0, range, grain)
  Type apiType = LLVM::LLVMStructType::getLiteral(
      host.getContext(), {builder.getI32Type(), ptr, ptr});
  static_assert(offsetof(hipfuse_rt_host_api, pool) == 8 &&
                    offsetof(hipfuse_rt_host_api, parallel_for) == 16,
                "the struct type above mirrors hipfuse_rt_host_api");
  auto member = [&](int32_t index) -> Value {
    Value address =
        LLVM::GEPOp::create(builder, loc, ptr, apiType, host.getArgument(0),
                            ArrayRef<LLVM::GEPArg>{0, index});
    return LLVM::LoadOp::create(builder, loc, ptr, address);
  };
  Value pool = member(1), parallelFor = member(2);
  Value function =
      UnrealizedConversionCastOp::create(
          builder, loc, ptr,
          func::ConstantOp::create(builder, loc, task.getFunctionType(),
                                   task.getSymName())
              .getResult())
          .getResult(0);
  auto integer = [&](int64_t value) -> Value {
    return LLVM::ConstantOp::create(builder, loc, i64,
                                    builder.getI64IntegerAttr(value));
  };
  auto type =
      LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(host.getContext()),
                                  {ptr, ptr, ptr, i64, i64, i64});
  LLVM::CallOp::create(builder, loc, type,
                       ValueRange{parallelFor, pool, function, context,
                                  integer(0), toI64(loc, range),
                                  integer(std::max<int64_t>(1, grain / work))});
  loop.erase();
  return true;
}

/// A hash of what a task does: equal for tasks that differ in name only.
size_t hashTask(func::FuncOp task) {
  llvm::hash_code hash = llvm::hash_value(task.getNumArguments());
  task.getBody().walk([&](Operation *op) {
    hash =
        llvm::hash_combine(hash, OperationEquivalence::computeHash(
                                     op, OperationEquivalence::ignoreHashValue,
                                     OperationEquivalence::ignoreHashValue,
                                     OperationEquivalence::IgnoreLocations));
  });
  return hash;
}

/// Layers of a model repeat their loops: keeps one of each set of equal tasks,
/// so that code is compiled once. Returns the number of tasks dropped.
unsigned mergeEqualTasks(ArrayRef<func::FuncOp> tasks, ModuleOp module) {
  llvm::DenseMap<size_t, SmallVector<func::FuncOp, 1>> kept;
  llvm::StringMap<FlatSymbolRefAttr> replacement;
  for (func::FuncOp task : tasks) {
    SmallVector<func::FuncOp, 1> &candidates = kept[hashTask(task)];
    auto *same = llvm::find_if(candidates, [&](func::FuncOp other) {
      return OperationEquivalence::isRegionEquivalentTo(
          &task.getBody(), &other.getBody(),
          OperationEquivalence::IgnoreLocations);
    });
    if (same == candidates.end())
      candidates.push_back(task);
    else
      replacement[task.getSymName()] = FlatSymbolRefAttr::get(*same);
  }
  module.walk([&](func::ConstantOp constant) {
    auto it = replacement.find(constant.getValue());
    if (it != replacement.end())
      constant.setValueAttr(it->second);
  });
  for (func::FuncOp task : tasks)
    if (replacement.contains(task.getSymName()))
      task.erase();
  return replacement.size();
}

struct OutlineParallelLoopsPass final
    : hipfuse::impl::OutlineParallelLoopsPassBase<OutlineParallelLoopsPass> {
  using Base::Base;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    SmallVector<func::FuncOp> hosts;
    for (auto func : module.getOps<func::FuncOp>())
      if (func->hasAttr("lm.host_entry"))
        hosts.push_back(func);
    SmallVector<func::FuncOp> tasks;
    unsigned number = 0;
    for (func::FuncOp host : hosts) {
      SmallVector<scf::ParallelOp> loops;
      host.walk<WalkOrder::PreOrder>([&](scf::ParallelOp loop) {
        loops.push_back(loop);
        return WalkResult::skip();
      });
      Outliner outliner(module, host, grain);
      for (scf::ParallelOp loop : loops) {
        if (loop.getNumReductions() != 0) {
          loop.emitError("a parallel reduction has no fixed order");
          return signalPassFailure();
        }
        if (outliner.run(loop, number)) {
          ++numOutlined;
          ++number;
        } else {
          ++numSequential;
        }
      }
      llvm::append_range(tasks, outliner.getTasks());
    }
    numMerged += mergeEqualTasks(tasks, module);
  }
};

} // namespace
