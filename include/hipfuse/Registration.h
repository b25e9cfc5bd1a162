//===-- Registration.h - Everything a tool or embedder registers  -*- C++
//-*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_REGISTRATION_H
#define HIPFUSE_REGISTRATION_H

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace hipfuse {

/// Registers the lm dialect, the upstream dialects that its passes create, and
/// the interface models that lowering needs.
void registerAllDialects(mlir::DialectRegistry &registry);

/// Registers every pass and pipeline of Hipfuse by its command-line name.
void registerAllPasses();

} // namespace hipfuse

#endif // HIPFUSE_REGISTRATION_H
