//===-- LMDialect.td - The lm dialect ----------------------*- tablegen -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_DIALECT_LM_IR_LMDIALECT_TD
#define HIPFUSE_DIALECT_LM_IR_LMDIALECT_TD

include "mlir/IR/OpBase.td"

def LM_Dialect : Dialect {
  let name = "lm";
  let cppNamespace = "::mlir::lm";
  let summary = "Operations of the decode path of large language models";
  let description = [{
    `lm` ("language model") models the operations between the matrix products
    of a DeepSeek-class decode step: norms, quantisation to low-precision
    formats, rotary embeddings and KV-cache writes, and their fused forms.

    Every operation that produces data is in destination-passing style: it
    takes its destinations in `outs(...)` (and in named clauses for optional
    destinations), on tensors returns one result per destination, and on
    memrefs updates them in place. One definition thus serves both, and an
    update in place (a residual, a KV cache) is visible in the IR.

    Numerics are attributes: where a value is rounded, how a scale is rounded,
    what happens to a non-finite value. Two operations with equal attributes
    give equal bits; a fused operation equals its decomposition bit for bit.

    Conventions used by all descriptions:

    *   `T` tokens, `N` columns, `f32(x)` conversion without loss, `round(x)`
        one rounding to nearest, ties to even, into the destination's type.
    *   Arithmetic is IEEE binary32 unless said otherwise; a sum over a row may
        be evaluated in any fixed order.
    *   FP4 data is packed two to a byte (`i8`): the even element sits in the
        low nibble, so a row of `N` elements has `N/2` bytes.
    *   E8M0 scales (`f8E8M0FNU`) hold `2^(byte-127)`; 0xFF is NaN.
    *   Indices and slots are `i32` or `i64`; byte offsets into caches are
        computed in 64 bits.
  }];
  let useDefaultAttributePrinterParser = 1;
  let hasOperationAttrVerify = 1;
  let dependentDialects = [
    "::mlir::arith::ArithDialect",
    "::mlir::tensor::TensorDialect"
  ];
}

#endif // HIPFUSE_DIALECT_LM_IR_LMDIALECT_TD
