//===-- hipfuse-compile.cpp - Compile a program to an artefact ------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "hipfuse/Package/Artifact.h"
#include "hipfuse/Package/HostObject.h"
#include "hipfuse/Pipelines/Pipelines.h"
#include "hipfuse/Registration.h"

#include "mlir/AsmParser/AsmParser.h"
#include "mlir/AsmParser/AsmParserState.h"
#include "mlir/Bytecode/BytecodeReader.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Support/FileUtilities.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/SourceMgr.h"
#include "llvm/Support/ToolOutputFile.h"
#include "llvm/Support/WithColor.h"

using namespace llvm;

static cl::OptionCategory category("hipfuse-compile options");

static cl::opt<std::string> input(cl::Positional, cl::desc("<input.mlir>"),
                                  cl::Required, cl::cat(category));
static cl::opt<std::string> output("o",
                                   cl::desc("Output file ('-' for stdout "
                                            "where it is text)"),
                                   cl::value_desc("file"), cl::Required,
                                   cl::cat(category));
static cl::list<std::string>
    targets("target", cl::CommaSeparated, cl::value_desc("host,..."),
            cl::desc("Targets to compile for (default: host)"),
            cl::cat(category));

namespace {
enum class Emit { MLIR, LLVM, Asm, Obj, So };
} // namespace

static cl::opt<Emit> emit(
    "emit", cl::desc("What to write"), cl::init(Emit::So),
    cl::values(clEnumValN(Emit::MLIR, "mlir", "The program after fusion"),
               clEnumValN(Emit::LLVM, "llvm", "LLVM IR of the host code"),
               clEnumValN(Emit::Asm, "asm", "Assembly of the host code"),
               clEnumValN(Emit::Obj, "obj", "Object file of the host code"),
               clEnumValN(Emit::So, "so", "The artefact (default)")),
    cl::cat(category));
static cl::opt<bool> fuse("fuse", cl::desc("Run lm-fuse (default: true)"),
                          cl::init(true), cl::cat(category));
static cl::opt<std::string>
    hostCpu("host-cpu",
            cl::desc("x86-64 processor of the host code (default: native)"),
            cl::value_desc("name"), cl::init("native"), cl::cat(category));
static cl::opt<std::string>
    hostFeatures("host-features", cl::desc("Extra features of the host code"),
                 cl::value_desc("+a,-b"), cl::cat(category));
static cl::opt<unsigned> optLevel("O", cl::Prefix,
                                  cl::desc("LLVM optimisation level, 0 to 3"),
                                  cl::value_desc("level"), cl::init(3),
                                  cl::cat(category));
static cl::opt<std::string> linker("linker", cl::desc("Path of ld.lld"),
                                   cl::value_desc("path"), cl::cat(category));
static cl::opt<bool> timing("timing",
                            cl::desc("Report how long each pass took"),
                            cl::cat(category));

static int fail(const Twine &message) {
  WithColor::error(errs(), "hipfuse-compile") << message << "\n";
  return 1;
}

static int writeText(StringRef text) {
  std::string message;
  std::unique_ptr<ToolOutputFile> file = mlir::openOutputFile(output, &message);
  if (!file)
    return fail(message);
  file->os() << text;
  file->keep();
  return 0;
}

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

static mlir::OwningOpRef<mlir::ModuleOp> parse(const SourceMgr &sources,
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

static int run(const char *argv0) {
  for (StringRef target : targets)
    if (target != "host")
      return fail("unknown target '" + target + "'; known: host");
  if (emit == Emit::So && output == "-")
    return fail("an artefact cannot be written to stdout");

  std::string message;
  std::unique_ptr<MemoryBuffer> file = mlir::openInputFile(input, &message);
  if (!file)
    return fail(message);
  SourceMgr sources;
  sources.AddNewSourceBuffer(std::move(file), SMLoc());

  mlir::DialectRegistry registry;
  hipfuse::registerAllDialects(registry);
  mlir::MLIRContext context(registry);
  mlir::SourceMgrDiagnosticHandler diagnostics(sources, &context);
  mlir::OwningOpRef<mlir::ModuleOp> module = parse(sources, context);
  if (!module)
    return 1;

  hipfuse::HostPipelineOptions options;
  options.fuse = fuse;
  options.producer = "hipfuse " HIPFUSE_VERSION ", LLVM " LLVM_VERSION_STRING;
  mlir::PassManager pm(&context);
  if (timing)
    pm.enableTiming();
  if (emit == Emit::MLIR)
    hipfuse::buildFrontPipeline(pm, options);
  else
    hipfuse::buildHostPipeline(pm, options);
  if (mlir::failed(pm.run(*module)))
    return fail("compilation of '" + input + "' failed");

  if (emit == Emit::MLIR) {
    std::string text;
    raw_string_ostream stream(text);
    module->print(stream);
    return writeText(text);
  }
  hipfuse::HostObjectOptions hostOptions;
  hostOptions.cpu = hostCpu;
  hostOptions.features = hostFeatures;
  hostOptions.optLevel = optLevel;
  auto kind = emit == Emit::LLVM  ? hipfuse::HostCode::LLVMIR
              : emit == Emit::Asm ? hipfuse::HostCode::Assembly
                                  : hipfuse::HostCode::Object;
  auto code = hipfuse::emitHostCode(*module, hostOptions, kind);
  if (!code)
    return fail(toString(code.takeError()));
  if (emit != Emit::So)
    return writeText(StringRef(code->data(), code->size()));

  auto lld = hipfuse::findLinker(linker, argv0);
  if (!lld)
    return fail(toString(lld.takeError()));
  if (Error error = hipfuse::writeArtifact(*code, output, *lld))
    return fail(toString(std::move(error)));
  return 0;
}

int main(int argc, char **argv) {
  InitLLVM init(argc, argv);
  cl::HideUnrelatedOptions(category);
  cl::ParseCommandLineOptions(
      argc, argv,
      "Hipfuse compiler\n\n  Fuses a program of lm operations on tensors and "
      "compiles it to one shared object\n  with a C entry point per public "
      "function, to be run by the Hipfuse runtime.\n");
  return run(argv[0]);
}
