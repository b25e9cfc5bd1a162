//===-- Passes.td - Conversions of the lm dialect ----------*- tablegen -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_CONVERSION_PASSES_TD
#define HIPFUSE_CONVERSION_PASSES_TD

include "mlir/Pass/PassBase.td"

def ConvertLMToLinalgPass : Pass<"convert-lm-to-linalg"> {
  let summary = "Write lm operations on tensors as linalg operations";
  let description = [{
    Replaces each lm operation on tensors by `linalg`, `tensor`, `arith`, `math`
    and, for writes to a KV cache, `scf` operations that compute its definition:
    the reference meaning of the dialect, for compilers that lower it by a
    linalg backend of their own, and the second implementation that
    `convert-lm-to-loops` is tested against.

    ```mlir
    %y = lm.silu_mul ins(%x : tensor<?x4096xbf16>)
           outs(%init : tensor<?x2048xbf16>)
    ```

    becomes

    ```mlir
    %gate = tensor.extract_slice %x[0, 0] [%tokens, 2048] [1, 1] : ...
    %up = tensor.extract_slice %x[0, 2048] [%tokens, 2048] [1, 1] : ...
    %y = linalg.generic {...} ins(%gate, %up : ...) outs(%init : ...) {
    ^bb0(%g: bf16, %u: bf16, %out: bf16):
      %0 = arith.extf %g : bf16 to f32
      ...
      linalg.yield %5 : bf16
    } -> tensor<?x2048xbf16>
    ```

    Fused operations decompose first. Bodies are scalar; 8-bit floats are only
    bitcast to and from `i8`. Every result has the bits that the dialect
    defines, but for norms and activations: the sum over a row is a linalg
    reduction, in no particular order, and `math.exp` is as exact as the backend
    makes it. A cache is written by a loop over the slots that bufferises in
    place.

    Operations on memrefs and the attention operations stay as they are, with a
    remark.
  }];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::linalg::LinalgDialect",
    "::mlir::math::MathDialect", "::mlir::scf::SCFDialect",
    "::mlir::tensor::TensorDialect"
  ];
}

def ConvertLMToLoopsPass : Pass<"convert-lm-to-loops"> {
  let summary = "Lower lm operations on memrefs to vectorised loops";
  let description = [{
    Replaces each lm operation on memrefs by one `scf.parallel` loop over its
    rows, with loops over chunks of columns and f32 vectors inside: the host's
    implementation of the operations.

    ```mlir
    lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%x : memref<?x512xbf16>)
      outs(%y : memref<?x512xbf16>)
    ```

    becomes

    ```mlir
    scf.parallel (%row) = (%c0) to (%rows) step (%c1) {
      %t = memref.alloca() {alignment = 64 : i64} : memref<512xf32>
      %sums:4 = scf.for %c = %c0 to %c512 step %c64 iter_args(...) -> (...) {
        %v = vector.load %x[%row, %c] : memref<?x512xbf16>, vector<16xbf16>
        ...
      }
      ...
    }
    ```

    A fused operation is built from the same parts as the operations that it
    stands for, so both have equal bits. No operation has a fast-math flag, and
    sums have a fixed order, which depends on `vector-width` only.

    Rows whose last dimension is not known to have stride 1 are accessed element
    by element. Writes to a KV cache are sequential over tokens, so that of two
    equal slots the later row stays. The scratch row is allocated within the
    parallel loop; whoever outlines or serialises that loop hoists it (upstream
    `buffer-loop-hoisting` does).

    Operations on tensors are an error: bufferise first.
  }];
  let options = [
    Option<"vectorWidth", "vector-width", "int64_t", /*default=*/"16",
           "Lanes of an f32 vector: 4, 8, 16 or 32">
  ];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::math::MathDialect",
    "::mlir::memref::MemRefDialect", "::mlir::scf::SCFDialect",
    "::mlir::vector::VectorDialect"
  ];
}

def ConvertLMToGPUPass : Pass<"convert-lm-to-gpu", "::mlir::ModuleOp"> {
  let summary = "Lower lm operations on memrefs to launches of GPU kernels";
  let description = [{
    Replaces each lm operation on memrefs by the launch of a kernel made for the
    module's `#lm.target`, which must be a GPU. Kernels go to one
    `gpu.module @hipfuse_kernels`; operations that need the same code share one.

    ```mlir
    lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%x : memref<?x7168xbf16>)
      outs(%y : memref<?x7168xbf16>)
    ```

    becomes

    ```mlir
    %rows = memref.dim %x, %c0 : memref<?x7168xbf16>
    gpu.launch_func @hipfuse_kernels::@rms_norm_0 blocks in (%rows, %c1, %c1)
      threads in (%c448, %c1, %c1) args(%px : !llvm.ptr<1>, %py : !llvm.ptr<1>)

    gpu.module @hipfuse_kernels {
      gpu.func @rms_norm_0(%x: !llvm.ptr<1>, %y: !llvm.ptr<1>) kernel
          attributes {known_block_size = array<i32: 448, 1, 1>,
                      lm.bytes_per_row = 28672 : i64} {
        ...
      }
    }
    ```

    A workgroup holds a row in registers: it is read once, by accesses of 16
    bytes, and sums cross the lanes of a wave, then LDS. The shape of a kernel
    follows from the operation and the target alone. Buffers must be aligned to
    16 bytes.

    Kernels take pointers in address space 1, i32, i64 and f32; they use no
    device library. Dimensions are read as 32-bit numbers, offsets have 64 bits.

    An operation without a kernel stays as it is, with a remark of category
    `convert-lm-to-gpu` that says why; `require-kernels` makes that an error.
  }];
  let options = [
    Option<"requireKernels", "require-kernels", "bool", /*default=*/"false",
           "An operation without a kernel is an error">
  ];
  let statistics = [
    Statistic<"numLowered", "num-lowered", "Number of operations lowered">,
    Statistic<"numRefused", "num-refused",
              "Number of operations without a kernel">
  ];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::gpu::GPUDialect",
    "::mlir::LLVM::LLVMDialect", "::mlir::memref::MemRefDialect",
    "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect"
  ];
}

def LegalizeForTargetPass
    : Pass<"lm-legalize-for-target", "::mlir::ModuleOp"> {
  let summary = "Decompose fused lm operations that the target has no kernel for";
  let description = [{
    A fused operation on tensors for which `convert-lm-to-gpu` would have no
    kernel on the module's `lm.target` is replaced by the operations that it
    stands for, with equal bits, if each of those has one or can be decomposed
    in turn:

    ```mlir
    %d, %s = lm.silu_mul_quantize #scheme {round_before_quant = bf16}
               ins(%x : ...) outs(%d0, %s0 : ...)
    ```

    becomes

    ```mlir
    %init = tensor.empty(%tokens) : tensor<?x2048xbf16>
    %h = lm.silu_mul ins(%x : ...) outs(%init : ...)
    %d, %s = lm.quantize #scheme ins(%h : ...) outs(%d0, %s0 : ...)
    ```

    A remark of the category `lm-legalize-for-target` says why, also where the
    operation stays because its parts have no kernel either: then
    `convert-lm-to-gpu` refuses it. docs/Diagnostics.md lists the reasons. Run
    it before bufferisation, which decides how values are laid out: an operation
    may still be refused where the columns of a buffer are not adjacent.

    An element type that the target does not convert in hardware (FP4 before
    gfx950, `f8E4M3FN` on gfx942, `f8E4M3FNUZ` elsewhere) is no reason: kernels
    then compute the codes with integers, to the same bits.

    Without a target, or for the host, nothing changes.
  }];
  let options = [
    ListOption<"withoutKernel", "without-kernel", "std::string",
      "Names of operations to treat as if there were no kernel, such as "
      "lm.rms_norm_quantize: to see whether a kernel is to blame">
  ];
  let statistics = [
    Statistic<"numDecomposed", "num-decomposed",
              "Number of fused operations decomposed">,
    Statistic<"numKept", "num-kept",
              "Number of fused operations that stay without a kernel">
  ];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::gpu::GPUDialect",
    "::mlir::LLVM::LLVMDialect", "::mlir::memref::MemRefDialect",
    "::mlir::scf::SCFDialect", "::mlir::tensor::TensorDialect",
    "::mlir::vector::VectorDialect"
  ];
}

#endif // HIPFUSE_CONVERSION_PASSES_TD
