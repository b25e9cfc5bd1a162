//===-- LMInterfaces.td - Interfaces of the lm dialect -----*- tablegen -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_DIALECT_LM_IR_LMINTERFACES_TD
#define HIPFUSE_DIALECT_LM_IR_LMINTERFACES_TD

include "mlir/IR/OpBase.td"

def LM_FusedOpInterface : OpInterface<"FusedOpInterface"> {
  let cppNamespace = "::mlir::lm";
  let description = [{
    A fused operation carries its meaning: it can write itself as the unfused
    operations that it stands for. The reference semantics, the fallback of a
    target without the kernel, and the equivalence tests all come from here.
  }];
  let methods = [
    InterfaceMethod<[{
      Builds the unfused operations before this one and returns the values that
      replace its results, in order. Requires tensor semantics; the operation
      itself is neither changed nor erased.
    }], "::llvm::SmallVector<::mlir::Value>", "decompose",
    (ins "::mlir::OpBuilder &":$builder)>
  ];
}

def LM_TokenOpInterface : OpInterface<"TokenOpInterface"> {
  let cppNamespace = "::mlir::lm";
  let description = [{
    An operation whose work is independent per token (row). Names which
    dimensions of its operands count the same thing, so that a program's entry
    can check shapes before it runs.
  }];
  let methods = [
    InterfaceMethod<[{
      Appends what must hold between dimensions of operands in a valid program,
      leaving out what the verifier has already proved for static ones.
    }], "void", "getDimConstraints",
    (ins "::llvm::SmallVectorImpl<::mlir::lm::DimConstraint> &":$constraints)>,
    InterfaceMethod<[{
      True if the previous content of the destination `operand` matters: the
      operation writes only a part of it (a cache, padded scales).
    }], "bool", "keepsDestination", (ins "::mlir::OpOperand &":$operand)>
  ];
}

#endif // HIPFUSE_DIALECT_LM_IR_LMINTERFACES_TD
