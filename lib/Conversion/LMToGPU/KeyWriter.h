//===-- KeyWriter.h - Writes keys to an MLA cache ---------------*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_LIB_CONVERSION_LMTOGPU_KEYWRITER_H
#define HIPFUSE_LIB_CONVERSION_LMTOGPU_KEYWRITER_H

#include "RopeUnit.h"

namespace mlir::lm {

/// Writes tokens to a cache, a wave for each.
class KeyWriter {
public:
  /// For an operation that `refuse` has not refused; `rotated` is where the
  /// rotated key is stored too, or empty.
  template <typename OpTy>
  KeyWriter(KernelBuilder &b, OpTy op, Value rotated)
      : b(b), kvC(op.getKvC()), kPe(op.getKPe()), slotsRef(op.getSlots()),
        cacheRef(op.getCache()), rotatedRef(rotated), layout(op.getLayout()),
        skipRule(op.getSkipRule()), ropeFirst(op.getRopeFirst()),
        latent(b.buffer(kvC)), key(b.buffer(kPe)), slots(b.buffer(slotsRef)),
        scale(b.buffer(op.getScale())), cache(b.buffer(cacheRef)),
        rotatedKey(b.buffer(rotated)) {
    if (op.getPageSize())
      page584 = static_cast<int64_t>(*op.getPageSize());
  }

  /// Refuses rows whose columns are not adjacent, or that a wave cannot hold.
  template <typename OpTy>
  static Refusal refuse(OpTy op, const hipfuse::TargetInfo &target) {
    return refuse(op.getKvC(), op.getKPe(), op.getCache(), target);
  }

  /// Host: workgroups that all tokens take.
  Value hostGroups();
  /// Writes the tokens of workgroup `group`; `rotation` may be null.
  void write(Value group, const Rotation *rotation);

private:
  static Refusal refuse(Value kvC, Value kPe, Value cache,
                        const hipfuse::TargetInfo &target);
  /// f32 vectors of a part of a token, one for each of `columns`.
  struct Part {
    int64_t vector;
    SmallVector<Value> columns;
    SmallVector<Value> present; ///< i1; may be empty values
    SmallVector<Value> raw;     ///< as memory holds them; empty once rotated
    SmallVector<Value> values;
  };

  int64_t tokensPerGroup() { return b.getThreads() / b.getTarget().waveSize; }
  Part loadLatent(Value token);
  Part loadKey(Value token, const Rotation *rotation, Value tableRow);
  /// i32 mask of the tokens of the workgroup, the first of which is `first`,
  /// whose slot a later token has too.
  Value repeatedSlots(Value first, Value numSlots);
  Value slotOf(Value token);
  void store(Value slot, const Part &latentPart, const Part &keyPart);
  void storeElements(Value offset, int64_t first, const Part &part);
  void storeCodes(Value offset, Value scales, const Part &part);
  void whenPresent(const Part &part, size_t index, function_ref<void()> body) {
    if (part.present[index])
      b.ifThen(part.present[index], body);
    else
      body();
  }
  /// Splits `slot` into page and place; both i64.
  std::pair<Value, Value> split(Value slot);
  Value hostPageSize();
  Value i64(int64_t value) {
    return arith::ConstantOp::create(b, b.getI64IntegerAttr(value));
  }

  KernelBuilder &b;
  Value kvC, kPe, slotsRef, cacheRef, rotatedRef;
  CacheLayout layout;
  SkipRule skipRule;
  bool ropeFirst;
  std::optional<int64_t> page584;
  Buffer latent, key, slots, scale, cache, rotatedKey;
};

/// Codes of the f32 vector `value` in FP8 `element` by an operand's scale.
Value encodeByTensor(KernelBuilder &b, Type element, Value value, Value scale);

} // namespace mlir::lm

#endif // HIPFUSE_LIB_CONVERSION_LMTOGPU_KEYWRITER_H
