//===-- Passes.td - Passes that make device code -----------*- tablegen -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_DEVICECODE_PASSES_TD
#define HIPFUSE_DEVICECODE_PASSES_TD

include "mlir/Pass/PassBase.td"

def LowerKernelMathPass : Pass<"hipfuse-lower-kernel-math",
                               "::mlir::gpu::GPUModuleOp"> {
  let summary = "Write math operations of kernels as LLVM intrinsics";
  let description = [{
    Rewrites those operations of the `math` dialect for which every target has
    instructions (`sqrt`, `fma`, `absf`, `copysign`, `floor`, `ceil`, `trunc`,
    `roundeven`), and `arith.minnumf` and `arith.maxnumf`, on f32 and vectors of
    it, to calls of LLVM's intrinsics, with their fast-math flags:

    ```mlir
    %0 = math.sqrt %x : vector<4xf32>
    ```

    becomes

    ```mlir
    %0 = llvm.call_intrinsic "llvm.sqrt.v4f32"(%x) : (vector<4xf32>) -> vector<4xf32>
    ```

    The conversions of the `gpu` dialect would call a device library for some of
    them, and refuse LLVM's own operations of the same meaning, which become
    calls of intrinsics too. What is not in this list still does, and `hipfuse-serialize-kernels`
    says that there is none.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
  let statistics = [
    Statistic<"numRewritten", "num-rewritten", "Number of operations rewritten">
  ];
}

def SerializeKernelsPass : Pass<"hipfuse-serialize-kernels",
                                "::mlir::ModuleOp"> {
  let summary = "Compile the kernels of a module to code objects";
  let description = [{
    Replaces each `gpu.module`, whose kernels are in the LLVM dialect, by a
    `gpu.binary` of code objects for the module's `lm.target`:

    *   AMD: an ELF code object (HSACO, code object version 5, which every ROCm
        since 6.0 loads), linked by `ld.lld`;
    *   NVIDIA: PTX text, and a cubin where there is a `ptxas`.

    The kernels of an object are in the order of their names. Each has its block
    size, the sizes of its parameters, and what it needs of the device:
    registers, LDS, scratch, spills.

    No toolkit of a vendor is needed. A function that a kernel calls and that
    has no body is an error: there are no device libraries.
  }];
  let options = [
    Option<"linker", "linker", "std::string", "\"\"",
           "Path of ld.lld (default: beside the tool, or of LLVM, or on PATH)">,
    Option<"ptxas", "ptxas", "std::string", "\"\"",
           "Path of ptxas, or 'none' (default: on PATH, if it is there)">,
    Option<"optLevel", "opt-level", "unsigned", "3",
           "LLVM's optimisation level, 0 to 3">,
    Option<"saveTemps", "save-temps", "std::string", "\"\"",
           "Start of the names of files with the intermediate code">
  ];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect",
                           "::mlir::NVVM::NVVMDialect",
                           "::mlir::ROCDL::ROCDLDialect"];
}

#endif // HIPFUSE_DEVICECODE_PASSES_TD
