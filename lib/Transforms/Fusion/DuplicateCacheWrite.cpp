//===-- DuplicateCacheWrite.cpp - The second of two equal cache writes ----===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//   %c1 = mla_cache_write(%kv, %k) slots(%s) outs(%c0)
//   %c2 = mla_cache_write(%kv, %k) slots(%s) outs(%c1)     ->   %c1
//
// Frameworks that fuse the write into the rotation keep the update that their
// attention layer makes (vllm-project/vllm#44437). Writing the same rows to the
// same slots again changes nothing. The first write may be fused already.
//
//===----------------------------------------------------------------------===//

#include "Planner.h"

#define DEBUG_TYPE "lm-fuse"

using namespace mlir;
using namespace mlir::lm;
using namespace mlir::lm::fusion;

namespace {

/// What a write writes, and where.
struct Write {
  Value kv, slots, scale;
  Attribute layout, skipRule, ropeFirst, pageSize;
};

} // namespace

template <typename OpTy>
static Write describe(OpTy op) {
  return {op.getKvC(),         op.getSlots(),        op.getScale(),
          op.getLayoutAttr(),  op.getSkipRuleAttr(), op.getRopeFirstAttr(),
          op.getPageSizeAttr()};
}

/// True if `key` is what the fused operation `first` writes as rotated key.
static bool isRotatedKeyOf(Value key, RopeMlaCacheWriteOp first) {
  if (first.getKRot() && key == first->getResult(2))
    return true;
  auto rope = key.getDefiningOp<RopeOp>();
  return rope && !rope.getInverse() && rope.getStyle() == first.getStyle() &&
         rope.getCompute() == first.getCompute() &&
         isSameValue(rope.getX(), first.getKPe()) &&
         isSameValue(rope.getPositions(), first.getPositions()) &&
         getTensorType(rope.getX()) == getTensorType(rope.getOut()) &&
         llvm::equal(rope.getTables(), first.getTables(),
                     [](Value a, Value b) { return isSameValue(a, b); });
}

static bool isSameOptional(Value lhs, Value rhs) {
  return lhs && rhs ? isSameValue(lhs, rhs) : lhs == rhs;
}

void fusion::removeDuplicateCacheWrites(
    OpIndex &index, RewriterBase &rewriter,
    function_ref<void(Operation *, std::string, std::optional<Refusal>)>
        record) {
  for (Operation *write : index.getOps<MlaCacheWriteOp>()) {
    if (write->getNumResults() == 0)
      continue;
    auto second = cast<MlaCacheWriteOp>(write);
    Operation *firstOp = second.getCache().getDefiningOp();
    auto first = dyn_cast_or_null<MlaCacheWriteOp>(firstOp);
    auto fused = dyn_cast_or_null<RopeMlaCacheWriteOp>(firstOp);
    if (!first && !fused)
      continue;
    Write before = first ? describe(first) : describe(fused);
    Write after = describe(second);
    // Other tokens or other slots: the writes have nothing to do with each
    // other.
    if (!isSameValue(before.kv, after.kv) ||
        !isSameValue(before.slots, after.slots))
      continue;

    SmallVector<StringRef> differences;
    if (first ? !isSameValue(first.getKPe(), second.getKPe())
              : !isRotatedKeyOf(second.getKPe(), fused))
      differences.push_back("k_pe");
    if (!isSameOptional(before.scale, after.scale))
      differences.push_back("scale");
    if (before.layout != after.layout)
      differences.push_back("layout");
    if (before.skipRule != after.skipRule)
      differences.push_back("skip_rule");
    if (before.ropeFirst != after.ropeFirst)
      differences.push_back("rope_first");
    if (before.pageSize != after.pageSize)
      differences.push_back("page_size");
    if (!differences.empty()) {
      record(second, "",
             Refusal{RefusalReason::DuplicateDiffers,
                     {llvm::join(differences, " and ")}});
      continue;
    }
    record(second,
           "lm.mla_cache_write repeats " +
               firstOp->getName().getStringRef().str() + " and is removed",
           std::nullopt);
    index.replace(second, second.getCache(), rewriter);
  }
}
