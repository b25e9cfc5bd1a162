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
  mlir::OwningOpRef<mlir::ModuleOp> module =
      mlir::parseSourceFile<mlir::ModuleOp>(sources, &context);
  if (!module)
    return 1;

  hipfuse::HostPipelineOptions options;
  options.fuse = fuse;
  options.producer = "hipfuse " HIPFUSE_VERSION ", LLVM " LLVM_VERSION_STRING;
  mlir::PassManager pm(&context);
  if (timing)
    pm.enableTiming();
  hipfuse::buildFrontPipeline(pm, options);
  if (emit != Emit::MLIR)
    hipfuse::buildHostLoweringPipeline(pm, options);
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
