//===-- SerializeKernels.cpp - Kernels as code objects --------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "hipfuse/DeviceCode/CodeObject.h"
#include "hipfuse/DeviceCode/Linker.h"
#include "hipfuse/DeviceCode/Passes.h"
#include "hipfuse/Dialect/LM/IR/LM.h"
#include "hipfuse/Target/Occupancy.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/LLVMIR/ROCDLDialect.h"

#define DEBUG_TYPE "hipfuse-serialize-kernels"

namespace hipfuse {
#define GEN_PASS_DEF_SERIALIZEKERNELSPASS
#include "hipfuse/DeviceCode/Passes.h.inc"
} // namespace hipfuse

using namespace mlir;
using namespace hipfuse;
using llvm::Expected;

namespace {

/// Compiles one `gpu.module`.
class Serializer {
public:
  Serializer(gpu::GPUModuleOp op, const TargetInfo &target,
             const SerializeKernelsPassOptions &options)
      : op(op), builder(op), target(target), options(options) {}

  llvm::Error run();

private:
  llvm::Error addAmd(DeviceModule &module);
  llvm::Error addNvidia(DeviceModule &module);
  llvm::Error saveTemp(StringRef suffix, ArrayRef<char> bytes);
  gpu::KernelTableAttr makeKernelTable(ArrayRef<Kernel> kernels);
  void addObject(Attribute targetAttr, StringRef kind, ArrayRef<char> bytes,
                 ArrayRef<Kernel> kernels);

  gpu::GPUModuleOp op;
  OpBuilder builder;
  const TargetInfo &target;
  const SerializeKernelsPassOptions &options;
  SmallVector<Attribute> objects;
};

llvm::Error Serializer::run() {
  Expected<DeviceModule> module =
      DeviceModule::create(op, target, options.optLevel);
  if (!module)
    return module.takeError();
  if (!options.saveTemps.empty())
    if (llvm::Error error = saveTemp(".ll", module->getLLVMIR()))
      return error;
  if (llvm::Error error =
          target.vendor == Vendor::AMD ? addAmd(*module) : addNvidia(*module))
    return error;
  gpu::BinaryOp::create(builder, op.getLoc(),
                        (op.getName() + "_" + target.chip).str(),
                        /*offloadingHandler=*/nullptr, objects);
  op.erase();
  return llvm::Error::success();
}

llvm::Error Serializer::addAmd(DeviceModule &module) {
  Expected<std::string> linker = findLinker(options.linker);
  if (!linker)
    return linker.takeError();
  if (!options.saveTemps.empty()) {
    auto text = module.getAssembly();
    if (!text)
      return text.takeError();
    if (llvm::Error error = saveTemp(".s", *text))
      return error;
  }
  auto hsaco = module.makeHsaco(*linker);
  if (!hsaco)
    return hsaco.takeError();
  addObject(ROCDL::ROCDLTargetAttr::get(op.getContext(), /*optLevel=*/3,
                                        "amdgcn-amd-amdhsa", target.chip),
            "hsaco", *hsaco, module.getKernels());
  return saveTemp(".hsaco", *hsaco);
}

llvm::Error Serializer::addNvidia(DeviceModule &module) {
  Expected<std::string> ptxas = findPtxas(options.ptxas);
  if (!ptxas)
    return ptxas.takeError();
  auto ptx = module.getAssembly();
  if (!ptx)
    return ptx.takeError();
  if (llvm::Error error = saveTemp(".ptx", *ptx))
    return error;
  auto targetAttr = NVVM::NVVMTargetAttr::get(
      op.getContext(), /*optLevel=*/3, "nvptx64-nvidia-cuda", target.chip);
  if (!ptxas->empty()) {
    auto cubin = module.makeCubin(*ptx, *ptxas);
    if (!cubin)
      return cubin.takeError();
    addObject(targetAttr, "cubin", *cubin, module.getKernels());
    if (llvm::Error error = saveTemp(".cubin", *cubin))
      return error;
  }
  addObject(targetAttr, "ptx", *ptx, module.getKernels());
  return llvm::Error::success();
}

llvm::Error Serializer::saveTemp(StringRef suffix, ArrayRef<char> bytes) {
  if (options.saveTemps.empty())
    return llvm::Error::success();
  return writeFile(options.saveTemps + "." + target.chip.str() + suffix.str(),
                   bytes);
}

gpu::KernelTableAttr Serializer::makeKernelTable(ArrayRef<Kernel> kernels) {
  // The textual form has no empty table.
  if (kernels.empty())
    return {};
  SmallVector<gpu::KernelMetadataAttr> metadata;
  for (const Kernel &kernel : kernels) {
    const KernelResources &resources = kernel.resources;
    auto number = [&](StringRef name, uint32_t value) {
      return builder.getNamedAttr(name, builder.getI32IntegerAttr(value));
    };
    SmallVector<NamedAttribute> attributes = {
        builder.getNamedAttr("block",
                             builder.getDenseI32ArrayAttr(kernel.block)),
        builder.getNamedAttr("params",
                             builder.getDenseI32ArrayAttr(kernel.params)),
        number("kernarg_size", kernel.getKernargSize()),
        number("static_lds", resources.lds)};
    if (kernel.dynamicLds)
      attributes.push_back(number("dynamic_lds", kernel.dynamicLds));
    if (kernel.startsEarly)
      attributes.push_back(
          builder.getNamedAttr("starts_early", builder.getUnitAttr()));
    // Without ptxas nothing is known of the registers.
    if (resources.vgprs)
      attributes.append(
          {number("vgprs", resources.vgprs), number("agprs", resources.agprs),
           number("sgprs", resources.sgprs),
           number("scratch", resources.scratch),
           number("vgpr_spills", resources.vgprSpills),
           number("sgpr_spills", resources.sgprSpills),
           number("occupancy", getOccupancy(target, resources.vgprs,
                                            resources.lds + kernel.dynamicLds,
                                            kernel.getNumThreads()))});
    if (kernel.bytesPerRow >= 0)
      attributes.push_back(builder.getNamedAttr(
          "bytes_per_row", builder.getI64IntegerAttr(kernel.bytesPerRow)));
    auto function = op.lookupSymbol<LLVM::LLVMFuncOp>(kernel.name);
    metadata.push_back(gpu::KernelMetadataAttr::get(
        builder.getStringAttr(kernel.name), function.getFunctionType(),
        /*argAttrs=*/nullptr, builder.getDictionaryAttr(attributes)));
  }
  return gpu::KernelTableAttr::get(op.getContext(), metadata);
}

void Serializer::addObject(Attribute targetAttr, StringRef kind,
                           ArrayRef<char> bytes, ArrayRef<Kernel> kernels) {
  auto properties = builder.getDictionaryAttr(
      {builder.getNamedAttr("chip", builder.getStringAttr(target.chip)),
       builder.getNamedAttr("kind", builder.getStringAttr(kind))});
  auto format = kind == "ptx" ? gpu::CompilationTarget::Assembly
                              : gpu::CompilationTarget::Binary;
  objects.push_back(gpu::ObjectAttr::get(
      targetAttr, format,
      builder.getStringAttr(StringRef(bytes.data(), bytes.size())), properties,
      makeKernelTable(kernels)));
}

struct SerializeKernelsPass final
    : hipfuse::impl::SerializeKernelsPassBase<SerializeKernelsPass> {
  using Base::Base;

  void getDependentDialects(DialectRegistry &registry) const override {
    Base::getDependentDialects(registry);
    registerDeviceCodeInterfaces(registry);
  }

  void runOnOperation() override {
    auto target = lm::TargetAttr::lookup(getOperation());
    if (!target || target.isHost()) {
      getOperation().emitError("kernels need a '")
          << lm::TargetAttr::kName << "' that is a device; lm-attach-target "
          << "gives the module one";
      return signalPassFailure();
    }
    SerializeKernelsPassOptions options;
    options.linker = linker;
    options.ptxas = ptxas;
    options.optLevel = optLevel;
    options.saveTemps = saveTemps;
    for (auto op :
         llvm::make_early_inc_range(getOperation().getOps<gpu::GPUModuleOp>()))
      if (llvm::Error error = Serializer(op, target.getInfo(), options).run()) {
        // The whole module would not help the reader.
        emitError(op.getLoc(), llvm::toString(std::move(error)));
        return signalPassFailure();
      }
  }
};

} // namespace
