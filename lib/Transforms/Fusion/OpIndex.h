//===-- OpIndex.h - Operations that fusion asks for -------------*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_LIB_TRANSFORMS_FUSION_OPINDEX_H
#define HIPFUSE_LIB_TRANSFORMS_FUSION_OPINDEX_H

#include "mlir/IR/PatternMatch.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"

namespace mlir::lm::fusion {

/// The lm operations, sizes and slices of a program, by kind, found in one
/// walk: a program of many layers is larger than the caches, and walks over it
/// would be most of the time of a fusion pass. Bodies of linalg operations hold
/// scalars and are left out. Operations of the index are erased through it;
/// what is created later is not added.
class OpIndex {
public:
  explicit OpIndex(Operation *root);

  /// The operations of a kind, in program order; valid while none is erased.
  template <typename OpTy>
  ArrayRef<Operation *> getOps() {
    dropErased();
    auto it = ops.find(TypeID::get<OpTy>());
    return it == ops.end() ? ArrayRef<Operation *>() : it->second;
  }

  /// The position of an lm operation among all.
  unsigned getOrder(Operation *op) const { return order.lookup(op); }

  void erase(Operation *op, RewriterBase &rewriter);
  void replace(Operation *op, ValueRange values, RewriterBase &rewriter);
  /// Erases what is dead among `candidates`, and what only they needed.
  void eraseDead(SmallVectorImpl<Operation *> &candidates,
                 RewriterBase &rewriter);

private:
  void dropErased();

  llvm::DenseMap<TypeID, SmallVector<Operation *>> ops;
  llvm::DenseMap<Operation *, unsigned> order;
  /// Erased and not yet taken out of `ops` and `order`.
  llvm::DenseSet<Operation *> erased;
};

} // namespace mlir::lm::fusion

#endif // HIPFUSE_LIB_TRANSFORMS_FUSION_OPINDEX_H
