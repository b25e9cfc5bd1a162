//===-- Passes.td - Passes on the lm dialect ---------------*- tablegen -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_TRANSFORMS_PASSES_TD
#define HIPFUSE_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def DecomposePass : Pass<"lm-decompose"> {
  let summary = "Replace fused lm operations by what they stand for";
  let description = [{
    Replaces each fused operation on tensors by the unfused operations that it
    stands for, with equal attributes and thus equal bits:

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

    An operation on memrefs stays as it is, with a remark: its intermediate
    values would need buffers.
  }];
  let options = [
    ListOption<"ops", "ops", "std::string",
      "Names of the operations to decompose, such as lm.rms_norm_quantize "
      "(default: all)">
  ];
  let statistics = [
    Statistic<"numDecomposed", "num-decomposed",
              "Number of fused operations decomposed">
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::tensor::TensorDialect"];
}

#endif // HIPFUSE_TRANSFORMS_PASSES_TD
