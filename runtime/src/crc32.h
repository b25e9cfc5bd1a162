//===-- crc32.h - CRC-32 of a byte range ---------------------- -*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_RT_SRC_CRC32_H
#define HIPFUSE_RT_SRC_CRC32_H

#include <cstddef>
#include <cstdint>

namespace hipfuse::rt {

/// CRC-32/ISO-HDLC, as zlib's crc32() computes it: `crc` is 0 for the first
/// range and the previous result for each range that follows.
uint32_t crc32(uint32_t crc, const void *data, size_t size);

} // namespace hipfuse::rt

#endif // HIPFUSE_RT_SRC_CRC32_H
