//===-- Tensor.cpp - A tensor with its own memory -------------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Tensor.h"

#include "Element.h"

#include <algorithm>
#include <cstring>

using namespace hipfuse::tools;

Tensor::Tensor(const std::string &what, int32_t dtype,
               std::vector<int64_t> dims)
    : elementType(dtype), shape(std::move(dims)) {
  constexpr int64_t alignment = 64;
  int64_t count = 1, bytes = 0, rounded = 0;
  bool isEmpty = std::find(shape.begin(), shape.end(), 0) != shape.end();
  bool fits = true;
  for (int64_t dim : shape)
    fits = fits && !__builtin_mul_overflow(count, isEmpty ? 0 : dim, &count);
  fits =
      fits &&
      !__builtin_mul_overflow(
          count, static_cast<int64_t>(hipfuse_rt_dtype_size(dtype)), &bytes) &&
      !__builtin_add_overflow(bytes, alignment, &rounded);
  if (fits)
    memory.reset(
        std::aligned_alloc(alignment, rounded / alignment * alignment));
  if (!memory)
    throw Error(what + " has shape " + shapeText() +
                ", which is more than memory can hold");
  numElements = static_cast<size_t>(count);
  numBytes = static_cast<size_t>(bytes);
}

std::string Tensor::shapeText() const {
  return hipfuse::tools::shapeText(shape.data(),
                                   static_cast<int32_t>(shape.size()));
}

void hipfuse::tools::poison(Tensor &tensor) {
  if (isFloat(tensor.dtype())) {
    generate(tensor, [bits = nanBits(tensor.dtype())](size_t) { return bits; });
  } else {
    std::memset(tensor.data(), 0xA5, tensor.size());
  }
}
