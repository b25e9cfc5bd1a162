//===-- CodeObject.cpp - Machine code of kernels --------------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "hipfuse/DeviceCode/CodeObject.h"

#include "hipfuse/DeviceCode/Linker.h"

#include "mlir/Conversion/ArithToLLVM/ArithToLLVM.h"
#include "mlir/Conversion/ControlFlowToLLVM/ControlFlowToLLVM.h"
#include "mlir/Conversion/UBToLLVM/UBToLLVM.h"
#include "mlir/Conversion/VectorToLLVM/ConvertVectorToLLVM.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/ExecutionEngine/OptUtils.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/GPU/GPUToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/NVVM/NVVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/ROCDL/ROCDLToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/DiagnosticInfo.h"
#include "llvm/IR/DiagnosticPrinter.h"
#include "llvm/IR/Instructions.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Support/raw_ostream.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/Transforms/Utils/Cloning.h"

using namespace mlir;
using namespace hipfuse;
using llvm::createStringError;
using llvm::Expected;

/// Code objects of this version are loaded by every ROCm since 6.0.
static constexpr unsigned kCodeObjectVersion = 500;

/// cvt of FP8 and the attributes of kernels are in PTX 8.0; drivers for
/// CUDA 12 and later read it.
static constexpr llvm::StringLiteral kPtxFeatures = "+ptx80";

void hipfuse::registerDeviceCodeInterfaces(DialectRegistry &registry) {
  arith::registerConvertArithToLLVMInterface(registry);
  cf::registerConvertControlFlowToLLVMInterface(registry);
  ub::registerConvertUBToLLVMInterface(registry);
  vector::registerConvertVectorToLLVMInterface(registry);
  registerBuiltinDialectTranslation(registry);
  registerGPUDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
  registerNVVMDialectTranslation(registry);
  registerROCDLDialectTranslation(registry);
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

int32_t Kernel::getKernargSize() const {
  int32_t size = 0;
  for (int32_t param : params)
    size = llvm::alignTo(size, param) + param;
  return size;
}

static Expected<Kernel> describe(LLVM::LLVMFuncOp function,
                                 const TargetInfo &target) {
  Kernel kernel;
  kernel.name = function.getSymName().str();
  auto fail = [&](const Twine &message) {
    return createStringError("kernel '" + kernel.name + "' " + message);
  };
  auto block =
      function->getAttrOfType<DenseI32ArrayAttr>("gpu.known_block_size");
  if (!block || block.size() != 3)
    return fail("has no known_block_size");
  llvm::copy(block.asArrayRef(), kernel.block.begin());
  if (kernel.getNumThreads() < 1 ||
      kernel.getNumThreads() > target.maxThreadsPerBlock)
    return fail("has blocks of " + Twine(kernel.getNumThreads()) +
                " threads, but " + target.chip + " takes 1 to " +
                Twine(target.maxThreadsPerBlock));
  for (Type type : function.getArgumentTypes()) {
    bool isPointer = isa<LLVM::LLVMPointerType>(type);
    if (!isPointer && !type.isInteger(64) && !type.isInteger(32) &&
        !type.isF32())
      return fail("has a parameter that is no pointer, i64, i32 or f32");
    kernel.params.push_back(isPointer || type.isInteger(64) ? 8 : 4);
  }
  if (auto bytes = function->getAttrOfType<IntegerAttr>("lm.bytes_per_row"))
    kernel.bytesPerRow = bytes.getInt();
  if (auto lds = function->getAttrOfType<IntegerAttr>("lm.dynamic_lds"))
    kernel.dynamicLds = lds.getInt();
  if (auto registers = function->getAttrOfType<IntegerAttr>("lm.max_registers"))
    kernel.maxRegisters = registers.getInt();
  kernel.isArchitectureSpecific = function->hasAttr("lm.architecture_specific");
  kernel.startsEarly = function->hasAttr("lm.starts_early");
  return kernel;
}

/// Whether an instruction of `function` uses `value`, maybe through constants.
static bool isUsedIn(const llvm::Value &value, const llvm::Function &function) {
  return llvm::any_of(value.users(), [&](const llvm::User *user) {
    if (auto *inst = dyn_cast<llvm::Instruction>(user))
      return inst->getFunction() == &function;
    return isUsedIn(*user, function);
  });
}

/// Bytes of LDS that `function` names.
static uint64_t getStaticLds(const llvm::Module &module,
                             const llvm::Function &function) {
  const llvm::DataLayout &layout = module.getDataLayout();
  uint64_t size = 0;
  for (const llvm::GlobalVariable &global : module.globals())
    if (global.getAddressSpace() == 3 && isUsedIn(global, function))
      size = llvm::alignTo(size, layout.getPreferredAlign(&global)) +
             layout.getTypeAllocSize(global.getValueType());
  return size;
}

//===----------------------------------------------------------------------===//
// LLVM IR
//===----------------------------------------------------------------------===//

static Expected<std::unique_ptr<llvm::TargetMachine>>
makeTargetMachine(const TargetInfo &info, StringRef chip, unsigned optLevel) {
  bool isAmd = info.vendor == Vendor::AMD;
  if (isAmd) {
    LLVMInitializeAMDGPUTargetInfo();
    LLVMInitializeAMDGPUTarget();
    LLVMInitializeAMDGPUTargetMC();
    LLVMInitializeAMDGPUAsmPrinter();
    LLVMInitializeAMDGPUAsmParser(); // for inline assembly
  } else {
    LLVMInitializeNVPTXTargetInfo();
    LLVMInitializeNVPTXTarget();
    LLVMInitializeNVPTXTargetMC();
    LLVMInitializeNVPTXAsmPrinter();
  }
  llvm::Triple triple(isAmd ? "amdgcn-amd-amdhsa" : "nvptx64-nvidia-cuda");
  std::string error;
  const llvm::Target *target =
      llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target)
    return createStringError(error);
  // No product and sum become one operation unless the program says so.
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Strict;
  options.MCOptions.AsmVerbose = true;
  return std::unique_ptr<llvm::TargetMachine>(target->createTargetMachine(
      triple, chip, isAmd ? "" : kPtxFeatures, options, llvm::Reloc::PIC_,
      std::nullopt,
      static_cast<llvm::CodeGenOptLevel>(std::min(optLevel, 3u))));
}

/// Gives the functions what the back end asks of them.
static void setAttributes(llvm::Module &module, llvm::TargetMachine &machine,
                          ArrayRef<Kernel> kernels, bool isAmd) {
  module.setDataLayout(machine.createDataLayout());
  module.setTargetTriple(machine.getTargetTriple());
  if (isAmd)
    module.addModuleFlag(llvm::Module::Error, "amdhsa_code_object_version",
                         kCodeObjectVersion);
  for (llvm::Function &function : module)
    if (!function.isDeclaration()) {
      function.addFnAttr("target-cpu", machine.getTargetCPU());
      function.addFnAttr("target-features", machine.getTargetFeatureString());
    }
  for (const Kernel &kernel : kernels) {
    llvm::Function &function = *module.getFunction(kernel.name);
    std::string threads = std::to_string(kernel.getNumThreads());
    if (isAmd) {
      function.setVisibility(llvm::GlobalValue::ProtectedVisibility);
      function.addFnAttr("amdgpu-flat-work-group-size",
                         threads + "," + threads);
      function.addFnAttr("uniform-work-group-size", "true");
    } else {
      // PTX takes one of the two.
      function.removeFnAttr("nvvm.maxntid");
      function.addFnAttr(
          "nvvm.reqntid",
          llvm::join(llvm::map_range(
                         kernel.block,
                         [](int32_t size) { return std::to_string(size); }),
                     ","));
      // How many registers a warp group may take depends on the bound. PTX
      // takes one of the two here, too.
      if (kernel.maxRegisters)
        function.addFnAttr("nvvm.maxnreg", std::to_string(kernel.maxRegisters));
      else if (kernel.isArchitectureSpecific)
        function.addFnAttr("nvvm.minctasm", "1");
    }
  }
}

namespace {

/// Collects what LLVM has to say, which by default would end the program.
struct DiagnosticCollector final : llvm::DiagnosticHandler {
  explicit DiagnosticCollector(std::string &errors) : errors(errors) {}

  bool handleDiagnostics(const llvm::DiagnosticInfo &info) override {
    if (info.getSeverity() == llvm::DS_Error && errors.empty()) {
      llvm::raw_string_ostream stream(errors);
      llvm::DiagnosticPrinterRawOStream printer(stream);
      info.print(printer);
    }
    return true;
  }

  std::string &errors;
};

} // namespace

DeviceModule::DeviceModule() = default;
DeviceModule::DeviceModule(DeviceModule &&) = default;
DeviceModule::~DeviceModule() = default;

Expected<DeviceModule> DeviceModule::create(gpu::GPUModuleOp op,
                                            const TargetInfo &target,
                                            unsigned optLevel) {
  DeviceModule result;
  result.target = &target;
  for (auto function : op.getOps<LLVM::LLVMFuncOp>()) {
    if (!function->hasAttr(gpu::GPUDialect::getKernelFuncAttrName()))
      continue;
    Expected<Kernel> kernel = describe(function, target);
    if (!kernel)
      return kernel.takeError();
    result.kernels.push_back(std::move(*kernel));
  }
  llvm::sort(result.kernels, [](const Kernel &lhs, const Kernel &rhs) {
    return lhs.name < rhs.name;
  });

  // NVIDIA's instructions of one architecture only have a chip of their own.
  result.chip = target.chip.str();
  if (llvm::any_of(result.kernels, [](const Kernel &kernel) {
        return kernel.isArchitectureSpecific;
      }))
    result.chip += "a";
  auto machine = makeTargetMachine(target, result.chip, optLevel);
  if (!machine)
    return machine.takeError();
  result.machine = std::move(*machine);
  result.context = std::make_unique<llvm::LLVMContext>();
  result.errors = std::make_unique<std::string>();
  result.context->setDiagnosticHandler(
      std::make_unique<DiagnosticCollector>(*result.errors));
  result.module = translateModuleToLLVMIR(op, *result.context);
  if (!result.module)
    return createStringError("translation of the kernels to LLVM IR failed");
  setAttributes(*result.module, *result.machine, result.kernels,
                target.vendor == Vendor::AMD);

  if (llvm::Error error = makeOptimizingTransformer(
          optLevel, /*sizeLevel=*/0, result.machine.get())(result.module.get()))
    return std::move(error);
  if (!result.errors->empty())
    return createStringError(*result.errors);
  if (llvm::Error error = result.checkLinkage())
    return std::move(error);
  for (Kernel &kernel : result.kernels)
    kernel.resources.lds =
        getStaticLds(*result.module, *result.module->getFunction(kernel.name));
  return result;
}

llvm::Error DeviceModule::checkLinkage() const {
  for (const llvm::Function &function : *module) {
    if (!function.isDeclaration() || function.isIntrinsic())
      continue;
    for (const llvm::User *user : function.users())
      if (auto *inst = dyn_cast<llvm::Instruction>(user))
        return createStringError(
            "kernel '" + inst->getFunction()->getName() + "' calls '" +
            function.getName() +
            "', which has no body: there are no device libraries, so use "
            "arithmetic or an intrinsic of " +
            target->chip);
  }
  return llvm::Error::success();
}

std::string DeviceModule::getLLVMIR() const {
  std::string text;
  llvm::raw_string_ostream stream(text);
  module->print(stream, nullptr);
  return text;
}

//===----------------------------------------------------------------------===//
// Machine code
//===----------------------------------------------------------------------===//

Expected<SmallVector<char, 0>> DeviceModule::emit(bool assembly) const {
  // Code generation changes the IR.
  std::unique_ptr<llvm::Module> clone = llvm::CloneModule(*module);
  SmallVector<char, 0> buffer;
  llvm::raw_svector_ostream stream(buffer);
  llvm::legacy::PassManager passes;
  if (machine->addPassesToEmitFile(passes, stream, nullptr,
                                   assembly
                                       ? llvm::CodeGenFileType::AssemblyFile
                                       : llvm::CodeGenFileType::ObjectFile))
    return createStringError("LLVM cannot emit this kind of file for " +
                             target->chip);
  passes.run(*clone);
  if (!errors->empty())
    return createStringError(*errors);
  return buffer;
}

Expected<SmallVector<char, 0>> DeviceModule::getAssembly() const {
  return emit(/*assembly=*/true);
}

llvm::Error
DeviceModule::setResources(const llvm::StringMap<KernelResources> &resources) {
  for (Kernel &kernel : kernels) {
    auto it = resources.find(kernel.name);
    if (it == resources.end())
      return createStringError("nothing is said of the registers of kernel '" +
                               kernel.name + "'");
    kernel.resources = it->second;
    uint32_t lds = kernel.resources.lds + kernel.dynamicLds;
    if (lds > target->ldsBytes)
      return createStringError("kernel '" + kernel.name + "' needs " +
                               Twine(lds) + " bytes of LDS, but " +
                               target->chip + " has " +
                               Twine(target->ldsBytes));
    // Hidden arguments are what a compiler adds for sizes of blocks and grids.
    if (kernel.resources.kernargSize >
        llvm::alignTo(kernel.getKernargSize(), 8))
      return createStringError("kernel '" + kernel.name +
                               "' needs hidden arguments; sizes of blocks and "
                               "grids must be parameters");
  }
  return llvm::Error::success();
}

Expected<SmallVector<char, 0>> DeviceModule::makeHsaco(StringRef linker) {
  assert(target->vendor == Vendor::AMD && "only AMD links code objects");
  Expected<SmallVector<char, 0>> object = emit(/*assembly=*/false);
  if (!object)
    return object.takeError();
  Expected<TemporaryFile> input = TemporaryFile::create("", ".o");
  if (!input)
    return input.takeError();
  Expected<TemporaryFile> output = TemporaryFile::create("", ".hsaco");
  if (!output)
    return output.takeError();
  if (llvm::Error error = input->write(*object))
    return std::move(error);
  Expected<std::string> log =
      runProgram("linking kernels for " + target->chip.str(), linker,
                 {"-shared", "--no-undefined", "--build-id=none", "-o",
                  output->getPath(), input->getPath()});
  if (!log)
    return log.takeError();
  Expected<SmallVector<char, 0>> hsaco = output->read();
  if (!hsaco)
    return hsaco.takeError();
  auto resources = readAmdMetadata(*hsaco);
  if (!resources)
    return resources.takeError();
  if (llvm::Error error = setResources(*resources))
    return std::move(error);
  return hsaco;
}

Expected<SmallVector<char, 0>> DeviceModule::makeCubin(ArrayRef<char> ptx,
                                                       StringRef ptxas) {
  assert(target->vendor == Vendor::NVIDIA && "only NVIDIA assembles PTX");
  Expected<TemporaryFile> input = TemporaryFile::create("", ".ptx");
  if (!input)
    return input.takeError();
  Expected<TemporaryFile> output = TemporaryFile::create("", ".cubin");
  if (!output)
    return output.takeError();
  if (llvm::Error error = input->write(ptx))
    return std::move(error);
  Expected<std::string> log =
      runProgram("assembling PTX", ptxas,
                 {"-arch=" + chip, "-O3", "-v", "--fmad=false", "-o",
                  output->getPath(), input->getPath()});
  if (!log)
    return log.takeError();
  if (llvm::Error error = setResources(readPtxasLog(*log)))
    return std::move(error);
  return output->read();
}
