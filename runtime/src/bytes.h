//===-- bytes.h - Read structures out of bytes that may be anything  -*- C++
//-*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_RT_SRC_BYTES_H
#define HIPFUSE_RT_SRC_BYTES_H

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace hipfuse::rt {

/// Copies a T out of an image, whatever its alignment. The caller has checked
/// the bounds.
template <typename T>
T readAt(const unsigned char *data, size_t offset) {
  T value;
  std::memcpy(&value, data + offset, sizeof(T));
  return value;
}

/// Is [offset, offset + length) inside [0, size)?
inline bool inside(uint64_t offset, uint64_t length, uint64_t size) {
  return offset <= size && length <= size - offset;
}

} // namespace hipfuse::rt

#endif // HIPFUSE_RT_SRC_BYTES_H
