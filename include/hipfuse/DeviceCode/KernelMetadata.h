//===-- KernelMetadata.h - What kernels need of a device --------*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_DEVICECODE_KERNELMETADATA_H
#define HIPFUSE_DEVICECODE_KERNELMETADATA_H

#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Error.h"

namespace hipfuse {

/// What one kernel needs of a device. Registers are per lane, LDS and scratch
/// in bytes: LDS per block, scratch per lane.
struct KernelResources {
  uint32_t vgprs = 0; ///< 32-bit vector registers, with the agprs
  uint32_t agprs = 0; ///< AMD: those of them that are accumulation registers
  uint32_t sgprs = 0; ///< AMD: scalar registers of a wave
  uint32_t lds = 0;
  uint32_t scratch = 0;
  uint32_t vgprSpills = 0; ///< NVIDIA: bytes of spill stores and loads
  uint32_t sgprSpills = 0;
  uint32_t kernargSize = 0; ///< AMD: bytes, hidden arguments included
};

/// Reads the metadata note of an AMD code object; fails where there is none.
llvm::Expected<llvm::StringMap<KernelResources>>
readAmdMetadata(llvm::ArrayRef<char> codeObject);

/// Reads what `ptxas -v` says of each kernel.
llvm::StringMap<KernelResources> readPtxasLog(llvm::StringRef log);

} // namespace hipfuse

#endif // HIPFUSE_DEVICECODE_KERNELMETADATA_H
