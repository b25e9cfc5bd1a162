//===-- hipfuse-compile.cpp - Compile a program to an artefact ------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KernelTable.h"
#include "ParseProgram.h"

#include "hipfuse/DeviceCode/CodeObject.h"
#include "hipfuse/DeviceCode/Linker.h"
#include "hipfuse/Dialect/LM/IR/LM.h"
#include "hipfuse/Package/Artifact.h"
#include "hipfuse/Package/HostObject.h"
#include "hipfuse/Package/MergePrograms.h"
#include "hipfuse/Package/Passes.h"
#include "hipfuse/Pipelines/Pipelines.h"
#include "hipfuse/Registration.h"
#include "hipfuse/Target/KnownTargets.h"

#include "mlir/IR/MLIRContext.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Support/FileUtilities.h"
#include "mlir/Support/Timing.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/ToolOutputFile.h"
#include "llvm/Support/WithColor.h"

using namespace llvm;
using hipfuse::TargetInfo;
using mlir::ModuleOp;
using mlir::OwningOpRef;

//===----------------------------------------------------------------------===//
// Options
//===----------------------------------------------------------------------===//

static cl::OptionCategory category("hipfuse-compile options");

static cl::opt<std::string> input(cl::Positional, cl::desc("<input.mlir>"),
                                  cl::Required, cl::cat(category));
static cl::opt<std::string>
    output("o",
           cl::desc("Output file ('-' for stdout where it is text). Other than "
                    "an artefact, several targets make a file each, with the "
                    "target before the suffix: out.gfx950.ll"),
           cl::value_desc("file"), cl::cat(category));
static cl::list<std::string> targetNames(
    "target", cl::CommaSeparated, cl::value_desc("gfx950,gfx942,sm_90,host"),
    cl::desc("Targets to compile for (default: host)"), cl::cat(category));

namespace {
enum class Emit { MLIR, LLVM, Isa, Obj, So };
} // namespace

static cl::opt<Emit> emit(
    "emit", cl::desc("What to write"), cl::init(Emit::So),
    cl::values(
        clEnumValN(Emit::MLIR, "mlir", "The program after fusion"),
        clEnumValN(Emit::LLVM, "llvm", "LLVM IR of the host code or kernels"),
        clEnumValN(Emit::Isa, "isa", "Assembly of them; PTX for NVIDIA"),
        clEnumValN(Emit::Obj, "obj",
                   "Object file of the host code; code object of the kernels"),
        clEnumValN(Emit::So, "so", "The artefact (default)")),
    cl::cat(category));
static cl::opt<bool> fuse("fuse", cl::desc("Run lm-fuse (default: true)"),
                          cl::init(true), cl::cat(category));
static cl::opt<mlir::lm::MhcMode>
    mhc("mhc",
        cl::desc("Whether lm.mhc_post and lm.mhc_pre become one operation"),
        cl::init(mlir::lm::MhcMode::Auto),
        cl::values(clEnumValN(mlir::lm::MhcMode::Auto, "auto",
                              "As the target prefers (default)"),
                   clEnumValN(mlir::lm::MhcMode::Separate, "separate", "Never"),
                   clEnumValN(mlir::lm::MhcMode::Fused, "fused",
                              "Wherever the target has the kernel")),
        cl::cat(category));
static cl::opt<unsigned> headsPerLaunch(
    "heads-per-launch",
    cl::desc("Most query heads of one attention, which is split above that "
             "(default: 0, as the target says; the host splits none)"),
    cl::value_desc("number"), cl::init(0), cl::cat(category));
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
static cl::opt<std::string>
    ptxas("ptxas",
          cl::desc("Path of ptxas, which makes cubins for NVIDIA beside the "
                   "PTX (default: on PATH, if it is there), or 'none'"),
          cl::value_desc("path"), cl::cat(category));
static cl::opt<bool>
    printKernels("print-kernels",
                 cl::desc("Print what each kernel needs of its device; without "
                          "-o nothing is written"),
                 cl::cat(category));
static cl::opt<std::string>
    saveTemps("save-temps", cl::ValueOptional,
              cl::desc("Keep the intermediate forms of the code in this folder "
                       "(default: the current one)"),
              cl::value_desc("dir"), cl::cat(category));
static cl::opt<bool> timing("timing",
                            cl::desc("Report how long each step took"),
                            cl::cat(category));

static int fail(const Twine &message) {
  WithColor::error(errs(), "hipfuse-compile") << message << "\n";
  return 1;
}

//===----------------------------------------------------------------------===//
// Output
//===----------------------------------------------------------------------===//

namespace {

/// Compiles one program as the options say.
class Compiler {
public:
  Compiler(ModuleOp source, ArrayRef<const TargetInfo *> targets,
           mlir::TimingScope &scope)
      : source(source), targets(targets), scope(scope) {}

  /// Writes what --emit names for each target.
  Error emitEach();
  /// Writes the artefact.
  Error emitArtefact();

private:
  using Text = SmallVector<char, 0>;

  /// A copy of the program after `build` for a target.
  template <typename Build>
  Expected<OwningOpRef<ModuleOp>> runPasses(const TargetInfo &target,
                                            Build build);
  Expected<OwningOpRef<ModuleOp>> fuseProgram(const TargetInfo &target);
  Expected<OwningOpRef<ModuleOp>> lowerProgram(const TargetInfo &target);
  Expected<Text> makeText(const TargetInfo &target);
  Expected<Text> makeDeviceText(const TargetInfo &target);
  /// Keeps text where --save-temps asks for it.
  Error save(const TargetInfo &target, StringRef suffix, StringRef text);
  std::string getTempPrefix() const;

  ModuleOp source;
  ArrayRef<const TargetInfo *> targets;
  mlir::TimingScope &scope;
};

} // namespace

static bool isHost(const TargetInfo &target) {
  return target.vendor == hipfuse::Vendor::Host;
}

static constexpr StringLiteral kProducer =
    "hipfuse " HIPFUSE_VERSION ", LLVM " LLVM_VERSION_STRING;

static void setOptions(hipfuse::HostPipelineOptions &options) {
  options.fuse = fuse;
  options.mhc = mhc;
  options.headsPerLaunch = headsPerLaunch;
  options.producer = kProducer.str();
}

static void setOptions(hipfuse::GpuPipelineOptions &options,
                       const TargetInfo &target) {
  options.chip = target.chip.str();
  options.fuse = fuse;
  options.mhc = mhc;
  options.headsPerLaunch = headsPerLaunch;
  options.linker = linker;
  options.ptxas = ptxas;
  options.optLevel = optLevel;
}

static Expected<SmallVector<char, 0>> makeHostText(ModuleOp module,
                                                   hipfuse::HostCode kind) {
  hipfuse::HostObjectOptions options;
  options.cpu = hostCpu;
  options.features = hostFeatures;
  options.optLevel = optLevel;
  return hipfuse::emitHostCode(module, options, kind);
}

static std::string toText(ModuleOp module) {
  std::string text;
  raw_string_ostream stream(text);
  module.print(stream);
  return text;
}

static Error writeText(StringRef path, StringRef text) {
  std::string message;
  std::unique_ptr<ToolOutputFile> file = mlir::openOutputFile(path, &message);
  if (!file)
    return createStringError(message);
  file->os() << text;
  file->keep();
  return Error::success();
}

std::string Compiler::getTempPrefix() const {
  SmallString<128> path(saveTemps);
  sys::path::append(path, sys::path::stem(output.empty() ? input : output));
  return path.str().str();
}

Error Compiler::save(const TargetInfo &target, StringRef suffix,
                     StringRef text) {
  if (saveTemps.getNumOccurrences() == 0)
    return Error::success();
  return writeText(getTempPrefix() + "." + target.chip.str() + suffix.str(),
                   text);
}

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

template <typename Build>
Expected<OwningOpRef<ModuleOp>> Compiler::runPasses(const TargetInfo &target,
                                                    Build build) {
  OwningOpRef<ModuleOp> module = source.clone();
  mlir::PassManager pm(source.getContext());
  mlir::TimingScope nested = scope.nest(target.chip);
  pm.enableTiming(nested);
  build(pm);
  if (mlir::failed(pm.run(*module)))
    return createStringError("compilation of '" + input + "' for " +
                             target.chip + " failed");
  return module;
}

Expected<OwningOpRef<ModuleOp>>
Compiler::fuseProgram(const TargetInfo &target) {
  return runPasses(target, [&](mlir::PassManager &pm) {
    if (isHost(target)) {
      hipfuse::HostPipelineOptions options;
      setOptions(options);
      return hipfuse::buildFrontPipeline(pm, options);
    }
    hipfuse::GpuPipelineOptions options;
    setOptions(options, target);
    hipfuse::buildFrontPipeline(pm, options);
  });
}

/// Everything but the descriptor.
Expected<OwningOpRef<ModuleOp>>
Compiler::lowerProgram(const TargetInfo &target) {
  if (saveTemps.getNumOccurrences() != 0) {
    auto fused = fuseProgram(target);
    if (!fused)
      return fused.takeError();
    if (Error error = save(target, ".mlir", toText(**fused)))
      return std::move(error);
  }
  return runPasses(target, [&](mlir::PassManager &pm) {
    if (isHost(target)) {
      hipfuse::HostPipelineOptions options;
      setOptions(options);
      hipfuse::buildFrontPipeline(pm, options);
      return hipfuse::buildHostLoweringPipeline(pm, options);
    }
    hipfuse::GpuPipelineOptions options;
    setOptions(options, target);
    if (saveTemps.getNumOccurrences() != 0)
      options.saveTemps = getTempPrefix();
    hipfuse::buildFrontPipeline(pm, options);
    hipfuse::buildKernelPipeline(pm, options);
    hipfuse::buildLaunchPipeline(pm, options);
  });
}

Expected<Compiler::Text> Compiler::makeDeviceText(const TargetInfo &target) {
  auto lowered = runPasses(target, [&](mlir::PassManager &pm) {
    hipfuse::GpuPipelineOptions options;
    setOptions(options, target);
    hipfuse::buildFrontPipeline(pm, options);
    hipfuse::buildKernelPipeline(pm, options);
  });
  if (!lowered)
    return lowered.takeError();
  auto kernels = (*lowered)->getOps<mlir::gpu::GPUModuleOp>();
  if (kernels.empty())
    return createStringError("no function of '" + input + "' has code for " +
                             target.chip);
  auto module =
      hipfuse::DeviceModule::create(*kernels.begin(), target, optLevel);
  if (!module)
    return module.takeError();
  if (emit == Emit::LLVM) {
    std::string text = module->getLLVMIR();
    return Text(text.begin(), text.end());
  }
  if (emit == Emit::Obj && target.vendor == hipfuse::Vendor::AMD) {
    auto lld = hipfuse::findLinker(linker);
    if (!lld)
      return lld.takeError();
    return module->makeHsaco(*lld);
  }
  auto assembly = module->getAssembly();
  if (!assembly || emit == Emit::Isa)
    return assembly;
  auto assembler = hipfuse::findPtxas(ptxas);
  if (!assembler)
    return assembler.takeError();
  if (assembler->empty())
    return createStringError("an object for " + target.chip +
                             " needs ptxas; name it with --ptxas, or take "
                             "--emit=isa for PTX");
  return module->makeCubin(*assembly, *assembler);
}

Expected<Compiler::Text> Compiler::makeText(const TargetInfo &target) {
  if (emit == Emit::MLIR) {
    auto fused = fuseProgram(target);
    if (!fused)
      return fused.takeError();
    std::string text = toText(**fused);
    return Text(text.begin(), text.end());
  }
  if (!isHost(target))
    return makeDeviceText(target);
  auto lowered = runPasses(target, [&](mlir::PassManager &pm) {
    hipfuse::HostPipelineOptions options;
    setOptions(options);
    hipfuse::buildHostPipeline(pm, options);
  });
  if (!lowered)
    return lowered.takeError();
  return makeHostText(**lowered, emit == Emit::LLVM ? hipfuse::HostCode::LLVMIR
                                 : emit == Emit::Isa
                                     ? hipfuse::HostCode::Assembly
                                     : hipfuse::HostCode::Object);
}

Error Compiler::emitEach() {
  for (const TargetInfo *target : targets) {
    Expected<Text> text = makeText(*target);
    if (!text)
      return text.takeError();
    std::string path = output;
    if (targets.size() > 1) {
      SmallString<128> name(output);
      StringRef suffix = sys::path::extension(output);
      sys::path::replace_extension(name, "." + target->chip + suffix);
      path = name.str().str();
    }
    if (Error error = writeText(path, StringRef(text->data(), text->size())))
      return error;
  }
  return Error::success();
}

Error Compiler::emitArtefact() {
  OwningOpRef<ModuleOp> program;
  // The host's program comes first where there is one; it has most symbols.
  SmallVector<const TargetInfo *> order;
  for (bool host : {true, false})
    llvm::copy_if(
        targets, std::back_inserter(order),
        [&](const TargetInfo *target) { return isHost(*target) == host; });
  for (const TargetInfo *target : order) {
    auto lowered = lowerProgram(*target);
    if (!lowered)
      return lowered.takeError();
    if (!program)
      program = std::move(*lowered);
    else if (mlir::failed(hipfuse::mergePrograms(*program, **lowered)))
      return createStringError("compilation of '" + input + "' failed");
  }
  for (mlir::lm::EntryPointAttr entry : mlir::lm::getEntryPoints(*program))
    if (!entry.getHost() && !entry.getDevices())
      return createStringError("function '" + entry.getName() +
                               "' has no code for any of the targets; the "
                               "target host takes every function");
  if (printKernels)
    printKernelTable(*program, outs());
  if (output.empty())
    return Error::success();

  mlir::TimingScope nested = scope.nest("artefact");
  mlir::PassManager pm(source.getContext());
  pm.enableTiming(nested);
  hipfuse::EmitDescriptorPassOptions options;
  options.producer = kProducer.str();
  pm.addPass(hipfuse::createEmitDescriptorPass(options));
  if (mlir::failed(pm.run(*program)))
    return createStringError("compilation of '" + input + "' failed");
  if (saveTemps.getNumOccurrences() != 0) {
    auto ir = makeHostText(*program, hipfuse::HostCode::LLVMIR);
    if (!ir)
      return ir.takeError();
    if (Error error = save(*hipfuse::lookupTarget("host"), ".ll",
                           StringRef(ir->data(), ir->size())))
      return error;
  }
  auto object = makeHostText(*program, hipfuse::HostCode::Object);
  if (!object)
    return object.takeError();
  auto lld = hipfuse::findLinker(linker);
  if (!lld)
    return lld.takeError();
  return hipfuse::writeArtifact(*object, output, *lld);
}

//===----------------------------------------------------------------------===//
// Driver
//===----------------------------------------------------------------------===//

static int run() {
  SetVector<const TargetInfo *> targets;
  for (StringRef name : targetNames) {
    const TargetInfo *target = hipfuse::lookupTarget(name);
    if (!target)
      return fail("unknown target '" + name +
                  "'; known: " + hipfuse::listKnownTargets());
    targets.insert(target);
  }
  if (targets.empty())
    targets.insert(hipfuse::lookupTarget("host"));
  if (printKernels && emit != Emit::So)
    return fail("--print-kernels goes with --emit=so");
  if (output.empty() && !printKernels)
    return fail("no output; name it with -o");
  if (emit == Emit::So && output == "-")
    return fail("an artefact cannot be written to stdout");
  if (targets.size() > 1 && emit != Emit::So && output == "-")
    return fail("several targets make several files, which cannot be written "
                "to stdout");
  if (!saveTemps.empty())
    if (std::error_code error = sys::fs::create_directories(saveTemps))
      return fail("cannot make the folder '" + saveTemps +
                  "': " + error.message());

  std::string message;
  std::unique_ptr<MemoryBuffer> file = mlir::openInputFile(input, &message);
  if (!file)
    return fail(message);
  SourceMgr sources;
  sources.AddNewSourceBuffer(std::move(file), SMLoc());

  mlir::DefaultTimingManager timings;
  timings.setEnabled(timing);
  mlir::TimingScope scope = timings.getRootScope();
  mlir::DialectRegistry registry;
  hipfuse::registerAllDialects(registry);
  mlir::MLIRContext context(registry);
  mlir::SourceMgrDiagnosticHandler diagnostics(sources, &context);
  OwningOpRef<ModuleOp> module = parseProgram(sources, context);
  if (!module)
    return 1;

  Compiler compiler(*module, targets.getArrayRef(), scope);
  if (Error error =
          emit == Emit::So ? compiler.emitArtefact() : compiler.emitEach())
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
      "function and code objects for devices, to be run\n  by the Hipfuse "
      "runtime.\n");
  return run();
}
