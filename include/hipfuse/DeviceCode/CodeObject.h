//===-- CodeObject.h - Machine code of kernels ------------------*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_DEVICECODE_CODEOBJECT_H
#define HIPFUSE_DEVICECODE_CODEOBJECT_H

#include "hipfuse/DeviceCode/KernelMetadata.h"
#include "hipfuse/Target/KnownTargets.h"

#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Error.h"

namespace llvm {
class LLVMContext;
class Module;
class TargetMachine;
} // namespace llvm

namespace hipfuse {

/// A kernel as its launches see it, and what it needs of the device.
struct Kernel {
  std::string name;
  std::array<int32_t, 3> block;      ///< threads in x, y and z
  llvm::SmallVector<int32_t> params; ///< bytes of each parameter, 4 or 8
  int64_t bytesPerRow = -1;          ///< memory traffic, -1 if not known
  uint32_t dynamicLds = 0;           ///< bytes of LDS that launches add
  /// Its instructions are those of one architecture (sm_90a) alone.
  bool isArchitectureSpecific = false;
  /// Registers of a thread at most, 0 for as many as a workgroup leaves each.
  uint32_t maxRegisters = 0;
  /// Waits by itself for the work before it.
  bool startsEarly = false;
  KernelResources resources;

  /// Bytes of the parameters, each at a multiple of its size.
  int32_t getKernargSize() const;
  int32_t getNumThreads() const { return block[0] * block[1] * block[2]; }
};

/// The kernels of one `gpu.module` as optimised LLVM IR for one target. Errors
/// are sentences that name the kernel.
class DeviceModule {
public:
  /// Translates a module in the LLVM dialect and optimises it. Fails where a
  /// kernel is not launchable, or calls a function without a body.
  static llvm::Expected<DeviceModule> create(mlir::gpu::GPUModuleOp module,
                                             const TargetInfo &target,
                                             unsigned optLevel);
  DeviceModule(DeviceModule &&);
  ~DeviceModule();

  const TargetInfo &getTarget() const { return *target; }
  /// The kernels, in the order of their names.
  llvm::ArrayRef<Kernel> getKernels() const { return kernels; }

  std::string getLLVMIR() const;
  /// AMD's assembly, or PTX.
  llvm::Expected<llvm::SmallVector<char, 0>> getAssembly() const;

  /// AMD: a code object, linked by `linker`. Fills in the kernels' resources.
  llvm::Expected<llvm::SmallVector<char, 0>> makeHsaco(llvm::StringRef linker);
  /// NVIDIA: assembles the PTX text `ptx`. Fills in the kernels' resources.
  llvm::Expected<llvm::SmallVector<char, 0>> makeCubin(llvm::ArrayRef<char> ptx,
                                                       llvm::StringRef ptxas);

private:
  DeviceModule();
  llvm::Error checkLinkage() const;
  llvm::Error setResources(const llvm::StringMap<KernelResources> &resources);
  llvm::Expected<llvm::SmallVector<char, 0>> emit(bool assembly) const;

  const TargetInfo *target = nullptr;
  std::string chip; ///< as LLVM and ptxas call it
  /// The first error of LLVM; here so that it stays where it is in a move.
  std::unique_ptr<std::string> errors;
  std::unique_ptr<llvm::LLVMContext> context;
  std::unique_ptr<llvm::TargetMachine> machine;
  std::unique_ptr<llvm::Module> module;
  llvm::SmallVector<Kernel, 0> kernels;
};

/// Makes known what the lowering of kernels asks dialects for: conversions to
/// the LLVM dialect, and translations to LLVM IR.
void registerDeviceCodeInterfaces(mlir::DialectRegistry &registry);

} // namespace hipfuse

#endif // HIPFUSE_DEVICECODE_CODEOBJECT_H
