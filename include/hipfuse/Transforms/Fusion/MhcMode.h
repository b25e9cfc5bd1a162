//===-- MhcMode.h - Whether mHC post and pre are fused --------*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_TRANSFORMS_FUSION_MHCMODE_H
#define HIPFUSE_TRANSFORMS_FUSION_MHCMODE_H

namespace mlir::lm {

/// Whether mHC post and pre become one operation: as the target says, never, or
/// wherever it is legal and the target has the kernel.
enum class MhcMode { Auto, Separate, Fused };

} // namespace mlir::lm

#endif // HIPFUSE_TRANSFORMS_FUSION_MHCMODE_H
