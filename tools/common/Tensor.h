//===-- Tensor.h - A tensor with its own memory --------------- -*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_TOOLS_COMMON_TENSOR_H
#define HIPFUSE_TOOLS_COMMON_TENSOR_H

#include "hipfuse-rt/runtime.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

namespace hipfuse::tools {

/// A row-major tensor that owns its memory, aligned to 64 bytes.
class Tensor {
public:
  Tensor() = default;
  /// Allocates; the elements are uninitialised. Throws Error, which starts
  /// with `what`, if the tensor is more than memory can hold.
  Tensor(const std::string &what, int32_t dtype, std::vector<int64_t> dims);

  int32_t dtype() const { return elementType; }
  const std::vector<int64_t> &dims() const { return shape; }
  size_t count() const { return numElements; }
  size_t size() const { return numBytes; }
  void *data() { return memory.get(); }
  const void *data() const { return memory.get(); }

  /// What the runtime's calls take; borrows from this tensor.
  hipfuse_rt_tensor view() {
    return {data(), numBytes, elementType, static_cast<int32_t>(shape.size()),
            shape.data()};
  }

  std::string shapeText() const;

private:
  struct Free {
    void operator()(void *p) const { std::free(p); }
  };
  int32_t elementType = 0;
  std::vector<int64_t> shape;
  size_t numElements = 0;
  size_t numBytes = 0;
  std::unique_ptr<void, Free> memory;
};

/// Sets each element to the bits that `make(index)` returns, in order.
template <typename Make>
void generate(Tensor &tensor, Make make) {
  auto store = [&](auto *elements) {
    using Bits = std::remove_reference_t<decltype(*elements)>;
    for (size_t i = 0; i < tensor.count(); ++i)
      elements[i] = static_cast<Bits>(make(i));
  };
  switch (hipfuse_rt_dtype_size(tensor.dtype())) {
  case 1:
    return store(static_cast<uint8_t *>(tensor.data()));
  case 2:
    return store(static_cast<uint16_t *>(tensor.data()));
  case 4:
    return store(static_cast<uint32_t *>(tensor.data()));
  case 8:
    return store(static_cast<uint64_t *>(tensor.data()));
  }
}

/// Fills a tensor with what no correct program computes: NaN in floating-point
/// types, bytes 0xA5 in others.
void poison(Tensor &tensor);

} // namespace hipfuse::tools

#endif // HIPFUSE_TOOLS_COMMON_TENSOR_H
