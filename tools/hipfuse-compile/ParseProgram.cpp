//===-- ParseProgram.cpp - Programs and the names in them -----------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ParseProgram.h"

#include "mlir/AsmParser/AsmParser.h"
#include "mlir/AsmParser/AsmParserState.h"
#include "mlir/Bytecode/BytecodeReader.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/StringExtras.h"

using namespace llvm;

/// The text of a name in the source, without its sign; empty if there is none.
static StringRef spelling(SMRange range) {
  if (!range.isValid())
    return "";
  const char *begin = range.Start.getPointer();
  return StringRef(begin, range.End.getPointer() - begin).ltrim('%');
}

/// The name that the source gives to `value`; empty if it is only a number.
static std::string nameOf(mlir::Value value,
                          const mlir::AsmParserState &state) {
  std::string name;
  if (auto arg = dyn_cast<mlir::BlockArgument>(value)) {
    const auto *block = state.getBlockDef(arg.getOwner());
    if (block && arg.getArgNumber() < block->arguments.size())
      name = spelling(block->arguments[arg.getArgNumber()].loc).str();
  } else if (const auto *op = state.getOpDef(value.getDefiningOp())) {
    unsigned number = cast<mlir::OpResult>(value).getResultNumber();
    for (auto [i, group] : enumerate(op->resultGroups)) {
      unsigned end = i + 1 < op->resultGroups.size()
                         ? op->resultGroups[i + 1].startIndex
                         : value.getDefiningOp()->getNumResults();
      if (number < group.startIndex || number >= end)
        continue;
      name = spelling(group.definition.loc).split(':').first.str();
      if (end - group.startIndex > 1)
        name += "_" + std::to_string(number - group.startIndex);
    }
  }
  return !name.empty() && !isDigit(name.front()) ? name : "";
}

/// Calls the arguments and results of public functions as the source does,
/// where `lm.name` does not say otherwise.
static void adoptNames(mlir::ModuleOp module,
                       const mlir::AsmParserState &state) {
  for (auto func : module.getOps<mlir::func::FuncOp>()) {
    if (!func.isPublic() || func.isExternal())
      continue;
    auto adopt = [&](mlir::Value value, bool named, auto set) {
      if (named)
        return;
      if (std::string name = nameOf(value, state); !name.empty())
        set(mlir::StringAttr::get(module.getContext(), name));
    };
    for (unsigned i = 0, e = func.getNumArguments(); i < e; ++i)
      adopt(func.getArgument(i), !!func.getArgAttr(i, "lm.name"),
            [&](mlir::Attribute name) { func.setArgAttr(i, "lm.name", name); });
    auto *ret = func.getBody().front().getTerminator();
    for (unsigned i = 0, e = func.getNumResults(); i < e; ++i)
      adopt(ret->getOperand(i), !!func.getResultAttr(i, "lm.name"),
            [&](mlir::Attribute name) {
              func.setResultAttr(i, "lm.name", name);
            });
  }
}

mlir::OwningOpRef<mlir::ModuleOp> parseProgram(const SourceMgr &sources,
                                               mlir::MLIRContext &context) {
  const MemoryBuffer &buffer =
      *sources.getMemoryBuffer(sources.getMainFileID());
  if (mlir::isBytecode(buffer.getMemBufferRef()))
    return mlir::parseSourceFile<mlir::ModuleOp>(sources, &context);
  mlir::Block block;
  mlir::AsmParserState state;
  mlir::ParserConfig config(&context);
  if (mlir::failed(mlir::parseAsmSourceFile(sources, &block, config, &state)))
    return nullptr;
  mlir::Location loc =
      mlir::FileLineColLoc::get(&context, buffer.getBufferIdentifier(), 0, 0);
  mlir::OwningOpRef<mlir::ModuleOp> module =
      mlir::detail::constructContainerOpForParserIfNecessary<mlir::ModuleOp>(
          &block, &context, loc);
  if (module)
    adoptNames(*module, state);
  return module;
}
