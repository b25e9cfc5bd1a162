//===-- RuntimeDtype.cpp - Element types that an artefact names -----------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "RuntimeDtype.h"

#include "hipfuse-rt/artifact.h"

#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

std::optional<int32_t> hipfuse::getRuntimeDtype(Type type) {
  return llvm::TypeSwitch<Type, std::optional<int32_t>>(type)
      .Case([](Float64Type) { return HIPFUSE_RT_F64; })
      .Case([](Float32Type) { return HIPFUSE_RT_F32; })
      .Case([](Float16Type) { return HIPFUSE_RT_F16; })
      .Case([](BFloat16Type) { return HIPFUSE_RT_BF16; })
      .Case([](Float8E4M3FNType) { return HIPFUSE_RT_F8E4M3FN; })
      .Case([](Float8E4M3FNUZType) { return HIPFUSE_RT_F8E4M3FNUZ; })
      .Case([](Float8E5M2Type) { return HIPFUSE_RT_F8E5M2; })
      .Case([](Float8E8M0FNUType) { return HIPFUSE_RT_F8E8M0FNU; })
      .Case([](IntegerType type) -> std::optional<int32_t> {
        switch (type.getWidth()) {
        case 1:
          return HIPFUSE_RT_I1;
        case 8:
          return HIPFUSE_RT_I8;
        case 16:
          return HIPFUSE_RT_I16;
        case 32:
          return HIPFUSE_RT_I32;
        case 64:
          return HIPFUSE_RT_I64;
        default:
          return std::nullopt;
        }
      })
      .Default([](Type) { return std::nullopt; });
}
