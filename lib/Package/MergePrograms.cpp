//===-- MergePrograms.cpp - One program for several targets ---------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "hipfuse/Package/MergePrograms.h"

#include "hipfuse/Dialect/LM/IR/LM.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/IR/SymbolTable.h"

using namespace mlir;

/// Moves the operation that `symbol` names.
static void moveSymbol(FlatSymbolRefAttr symbol, ModuleOp into, ModuleOp from) {
  Operation *op = SymbolTable::lookupSymbolIn(from, symbol);
  assert(op && "an entry point names a symbol of its module");
  op->moveBefore(into.getBody(), into.getBody()->end());
}

LogicalResult hipfuse::mergePrograms(ModuleOp into, ModuleOp from) {
  SmallVector<lm::EntryPointAttr> entries = lm::getEntryPoints(into);
  SmallVector<lm::EntryPointAttr> others = lm::getEntryPoints(from);
  if (entries.size() != others.size())
    return into.emitError("the targets have different functions");
  for (auto [entry, other] : llvm::zip(entries, others)) {
    if (entry.getName() != other.getName() ||
        entry.getArgs() != other.getArgs() ||
        entry.getResults() != other.getResults())
      return into.emitError("the targets have different buffers of function '")
             << entry.getName() << "'";
    SmallVector<lm::DeviceCodeAttr> codes = lm::getDeviceCodes(entry);
    for (lm::DeviceCodeAttr code : lm::getDeviceCodes(other)) {
      moveSymbol(code.getLaunch(), into, from);
      codes.push_back(code);
    }
    entry = lm::replaceDeviceCodes(entry, codes);
  }
  lm::setEntryPoints(into, entries);
  for (auto binary : llvm::make_early_inc_range(from.getOps<gpu::BinaryOp>()))
    binary->moveBefore(into.getBody(), into.getBody()->end());
  return success();
}
