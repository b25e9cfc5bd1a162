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

#endif // HIPFUSE_CONVERSION_PASSES_TD
