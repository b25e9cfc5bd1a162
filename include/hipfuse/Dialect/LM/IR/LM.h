//===-- LM.h - The lm dialect, its attributes and operations -- -*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_DIALECT_LM_IR_LM_H
#define HIPFUSE_DIALECT_LM_IR_LM_H

#include "hipfuse/Target/KnownTargets.h"

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/DestinationStyleOpInterface.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/Support/MathExtras.h"

namespace mlir::lm {

/// A relation between two dimensions of the operands of one operation that
/// holds in every valid program.
struct DimConstraint {
  enum class Kind {
    Equal,  ///< dim `lhsDim` of `lhs` == `factor` * dim `rhsDim` of `rhs` +
            ///< `addend`
    AtLeast ///< the same with >=
  };
  Kind kind;
  unsigned lhs; ///< position of an operand
  int64_t lhsDim;
  unsigned rhs; ///< position of an operand
  int64_t rhsDim;
  int64_t factor = 1;
  int64_t addend = 0;
};

} // namespace mlir::lm

#include "hipfuse/Dialect/LM/IR/LMDialect.h.inc"
#include "hipfuse/Dialect/LM/IR/LMEnums.h.inc"
#include "hipfuse/Dialect/LM/IR/LMInterfaces.h.inc"

#define GET_ATTRDEF_CLASSES
#include "hipfuse/Dialect/LM/IR/LMAttrs.h.inc"

namespace mlir::lm {

/// The entry points of a module; empty if it has none.
SmallVector<EntryPointAttr> getEntryPoints(Operation *module);
/// Replaces the entry points of a module.
void setEntryPoints(Operation *module, ArrayRef<EntryPointAttr> entries);

/// The code for devices of an entry point.
SmallVector<DeviceCodeAttr> getDeviceCodes(EntryPointAttr entry);
/// The entry point with other code for devices.
EntryPointAttr replaceDeviceCodes(EntryPointAttr entry,
                                  ArrayRef<DeviceCodeAttr> codes);

} // namespace mlir::lm

#define GET_OP_CLASSES
#include "hipfuse/Dialect/LM/IR/LMOps.h.inc"

#endif // HIPFUSE_DIALECT_LM_IR_LM_H
