//===-- BufferizableOpInterfaceImpl.h - Bufferisation of lm operations  -*- C++
//-*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_DIALECT_LM_TRANSFORMS_BUFFERIZABLEOPINTERFACEIMPL_H
#define HIPFUSE_DIALECT_LM_TRANSFORMS_BUFFERIZABLEOPINTERFACEIMPL_H

namespace mlir {
class DialectRegistry;
namespace lm {

/// Lets one-shot bufferisation turn lm operations on tensors into the same
/// operations on memrefs.
void registerBufferizableOpInterfaceExternalModels(DialectRegistry &registry);

} // namespace lm
} // namespace mlir

#endif // HIPFUSE_DIALECT_LM_TRANSFORMS_BUFFERIZABLEOPINTERFACEIMPL_H
