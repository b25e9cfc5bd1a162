//===-- OpIndex.cpp - Operations that fusion asks for ---------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "OpIndex.h"

#include "hipfuse/Dialect/LM/IR/LM.h"

#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace mlir::lm;
using namespace mlir::lm::fusion;

OpIndex::OpIndex(Operation *root) {
  MLIRContext *context = root->getContext();
  const Dialect *lmDialect = context->getLoadedDialect<LMDialect>();
  const Dialect *linalg = context->getLoadedDialect<linalg::LinalgDialect>();
  const TypeID dim = TypeID::get<tensor::DimOp>();
  const TypeID slice = TypeID::get<tensor::ExtractSliceOp>();
  root->walk<WalkOrder::PreOrder>([&](Operation *op) {
    const Dialect *dialect = op->getDialect();
    if (linalg && dialect == linalg)
      return WalkResult::skip();
    TypeID kind = op->getName().getTypeID();
    bool isLM = lmDialect && dialect == lmDialect;
    if (isLM)
      order.try_emplace(op, order.size());
    if (isLM || kind == dim || kind == slice)
      ops[kind].push_back(op);
    return WalkResult::advance();
  });
}

void OpIndex::erase(Operation *op, RewriterBase &rewriter) {
  erased.insert(op);
  rewriter.eraseOp(op);
}

void OpIndex::replace(Operation *op, ValueRange values,
                      RewriterBase &rewriter) {
  erased.insert(op);
  rewriter.replaceOp(op, values);
}

void OpIndex::eraseDead(SmallVectorImpl<Operation *> &candidates,
                        RewriterBase &rewriter) {
  SmallVector<Operation *> needed;
  while (!candidates.empty()) {
    Operation *op = candidates.pop_back_val();
    if (erased.contains(op) || !isOpTriviallyDead(op))
      continue;
    needed.clear();
    for (Value operand : op->getOperands())
      if (Operation *def = operand.getDefiningOp())
        needed.push_back(def);
    erase(op, rewriter);
    for (Operation *def : needed)
      if (def->use_empty())
        candidates.push_back(def);
  }
}

void OpIndex::dropErased() {
  if (erased.empty())
    return;
  for (auto &[kind, list] : ops)
    llvm::erase_if(list, [&](Operation *op) { return erased.contains(op); });
  for (Operation *op : erased)
    order.erase(op);
  erased.clear();
}
