//===-- Planner.cpp - Where fused operations can stand --------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A fused operation stands before the last of its members, or before the first
// other user of what they compute. Everything it reads must be computed by
// then; destinations and sizes are moved up where they are not. Operations of
// groups that were planned before count as standing where their fused operation
// will stand, so that plans agree with each other while the program is
// unchanged.
//
//===----------------------------------------------------------------------===//

#include "Planner.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/Support/DebugLog.h"

#define DEBUG_TYPE "lm-fuse"

using namespace mlir;
using namespace mlir::lm;
using namespace mlir::lm::fusion;

Group::~Group() = default;

/// Sizes and destinations need few steps; more are not followed.
static constexpr unsigned kMaxHoistDepth = 8;

void Planner::traceQuantizes() {
  if (std::exchange(isTraced, true))
    return;
  for (Operation *op : index->getOps<QuantizeOp>()) {
    if (op->getNumResults() == 0)
      continue;
    auto quantize = cast<QuantizeOp>(op);
    Chain chain = traceChain(quantize.getX());
    if (Operation *producer = chain.root.getDefiningOp())
      quantized[producer->getName().getTypeID()].push_back(
          {quantize, std::move(chain)});
  }
}

FusionDecision fusion::makeDecision(FusionKind kind, Operation *anchor,
                                    unsigned order, std::string detail,
                                    std::optional<Refusal> refusal) {
  std::string function;
  if (auto parent = anchor->getParentOfType<FunctionOpInterface>())
    function = parent.getName().str();
  return {kind,  anchor->getLoc(),  std::move(function),
          order, std::move(detail), std::move(refusal)};
}

void Planner::record(FusionKind kind, Operation *anchor, std::string detail,
                     std::optional<Refusal> refusal) {
  decisions.push_back(makeDecision(kind, anchor, index->getOrder(anchor),
                                   std::move(detail), std::move(refusal)));
  LDBG() << stringifyFusionKind(kind) << " " << decisions.back().str();
}

void Planner::refuse(FusionKind kind, Operation *anchor, Refusal refusal) {
  if (options.isEnabled(kind))
    record(kind, anchor, "", std::move(refusal));
}

std::optional<Refusal> Planner::judge(FusionKind kind, Value x) {
  if (!options.policy)
    return std::nullopt;
  RankedTensorType type = getTensorType(x);
  int64_t rows = 1;
  for (int64_t dim : type.getShape().drop_back())
    rows = ShapedType::isDynamic(dim) || ShapedType::isDynamic(rows)
               ? ShapedType::kDynamic
               : rows * dim;
  if (std::optional<std::string> reason = options.policy(
          {kind, rows, type.getShape().back(), type.getElementType()}))
    return Refusal{RefusalReason::Policy, {*reason}};
  return std::nullopt;
}

std::optional<Refusal> Planner::checkUnclaimed(Operation *op) const {
  if (Group *group = getGroup(op))
    return Refusal{RefusalReason::AlreadyFused,
                   {op->getName().getStringRef(), group->getFusedName()}};
  return std::nullopt;
}

void Planner::commit(std::unique_ptr<Group> group, Operation *anchor,
                     const std::string &detail) {
  record(group->kind, anchor, detail, std::nullopt);
  groups.push_back(std::move(group));
}

void Planner::commitExtension(FusionKind kind, Group &group, Operation *anchor,
                              const std::string &detail) {
  record(kind, anchor, detail, std::nullopt);
}

bool Planner::plan(std::unique_ptr<Group> group, Operation *anchor, Value x,
                   const std::string &detail) {
  if (!options.isEnabled(group->kind))
    return false;
  std::optional<Refusal> refusal = judge(group->kind, x);
  if (!refusal)
    refusal = tryPlace(*group);
  if (refusal) {
    refuse(group->kind, anchor, *refusal);
    return false;
  }
  commit(std::move(group), anchor, detail);
  return true;
}

//===----------------------------------------------------------------------===//
// Placement
//===----------------------------------------------------------------------===//

Planner::Position Planner::getPosition(Operation *op) const {
  if (Group *group = claims.lookup(op); group && group->before) {
    auto it = groupsBefore.find(group->before);
    unsigned index = llvm::find(it->second, group) - it->second.begin();
    return {group->before, index + 1};
  }
  if (Operation *target = hoistedTo.lookup(op))
    return {target, 0};
  return {op, kSelf};
}

bool Planner::isBefore(Position lhs, Position rhs) const {
  if (lhs.op == rhs.op)
    return lhs.slot < rhs.slot;
  return lhs.op->isBeforeInBlock(rhs.op);
}

/// True if `value` is computed outside of `block`, and thus before it.
static bool isOutside(Value value, Block *block) {
  Operation *def = value.getDefiningOp();
  return !def || def->getBlock() != block;
}

bool Planner::hoist(Value value, Position target, unsigned depth,
                    llvm::SetVector<Operation *> &hoisted) const {
  if (isOutside(value, target.op->getBlock()))
    return true;
  Operation *def = value.getDefiningOp();
  if (hoisted.contains(def))
    return true;
  Position position = getPosition(def);
  // A hoisted operation stands before all groups at the target.
  if (isBefore(position, {target.op, 1}))
    return true;
  if (depth == 0 || claims.contains(def) || def->getNumRegions() != 0 ||
      !isa<tensor::TensorDialect, arith::ArithDialect>(def->getDialect()) ||
      !isMemoryEffectFree(def))
    return false;
  for (Value operand : def->getOperands())
    if (!hoist(operand, target, depth - 1, hoisted))
      return false;
  hoisted.insert(def);
  return true;
}

std::optional<Refusal> Planner::tryPlace(Group &group) {
  llvm::SmallPtrSet<Operation *, 8> members(group.members.begin(),
                                            group.members.end());
  Block *block = group.members.front()->getBlock();
  Operation *last = group.members.front();
  for (Operation *member : group.members) {
    if (member->getBlock() != block)
      return Refusal{
          RefusalReason::DifferentBlocks,
          {last->getName().getStringRef(), member->getName().getStringRef()}};
    if (last->isBeforeInBlock(member))
      last = member;
  }

  // A group that grows is placed anew.
  Operation *oldBefore = group.before;
  unsigned oldIndex = 0;
  if (oldBefore) {
    SmallVector<Group *> &list = groupsBefore[oldBefore];
    oldIndex = llvm::find(list, &group) - list.begin();
    list.erase(list.begin() + oldIndex);
    group.before = nullptr;
  }
  auto restore = [&](Refusal refusal) {
    if (oldBefore) {
      SmallVector<Group *> &list = groupsBefore[oldBefore];
      list.insert(list.begin() + oldIndex, &group);
      group.before = oldBefore;
    }
    return refusal;
  };

  // Before the last member, or the first other user.
  auto numGroups = [&](Operation *op) -> unsigned {
    auto it = groupsBefore.find(op);
    return it == groupsBefore.end() ? 0 : it->second.size();
  };
  Position target = {last, numGroups(last) + 1};
  Operation *first = nullptr, *producer = nullptr;
  for (Operation *member : group.members)
    for (Operation *user : member->getUsers()) {
      Operation *ancestor = block->findAncestorOpInBlock(*user);
      if (!ancestor || members.contains(ancestor))
        continue;
      Position position = getPosition(ancestor);
      if (position.slot == kSelf)
        position.slot = numGroups(position.op) + 1;
      if (isBefore(position, target)) {
        target = position;
        first = ancestor;
        producer = member;
      }
    }

  SmallVector<Value> needs;
  group.getNeeds(needs);
  llvm::SetVector<Operation *> hoisted;
  for (Value need : needs) {
    if (isOutside(need, block) ||
        isBefore(getPosition(need.getDefiningOp()), target))
      continue;
    if (target.slot == 0 || members.contains(need.getDefiningOp()) ||
        !hoist(need, target, kMaxHoistDepth, hoisted))
      return restore({RefusalReason::OperandNotAvailable,
                      {(producer ? producer : last)->getName().getStringRef(),
                       (first ? first : last)->getName().getStringRef(),
                       need.getDefiningOp()->getName().getStringRef()}});
  }

  for (Operation *op : hoisted) {
    hoists.push_back({op, target.op});
    hoistedTo[op] = target.op;
  }
  SmallVector<Group *> &list = groupsBefore[target.op];
  list.insert(list.begin() + (target.slot - 1), &group);
  group.before = target.op;
  for (Operation *member : group.members)
    claims[member] = &group;
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// Application
//===----------------------------------------------------------------------===//

void Planner::apply(RewriterBase &rewriter) {
  // The last target of an operation is its earliest.
  for (auto [op, target] : hoists)
    if (hoistedTo.lookup(op) == target)
      rewriter.moveOpBefore(op, target);

  for (auto &[before, list] : groupsBefore)
    for (Group *group : list) {
      rewriter.setInsertionPoint(before);
      group->apply(rewriter);
    }

  // Members were markers of places until now.
  SmallVector<Operation *> dead;
  for (const std::unique_ptr<Group> &group : groups)
    llvm::append_range(dead, group->members);
  index->eraseDead(dead, rewriter);
}
