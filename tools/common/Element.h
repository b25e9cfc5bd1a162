//===-- Element.h - Element types as numbers ------------------ -*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_TOOLS_COMMON_ELEMENT_H
#define HIPFUSE_TOOLS_COMMON_ELEMENT_H

#include "hipfuse-rt/artifact.h"

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>

namespace hipfuse::tools {

/// What ends the program with exit status 2; the message is one line.
struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Is this a floating-point type? f8E8M0FNU is one: a power of two or NaN.
bool isFloat(int32_t dtype);

/// The bits of element `index` of a buffer, zero-extended.
uint64_t loadBits(int32_t dtype, const void *data, size_t index);

/// The value of an element; integers are signed, i1 is 0 or 1.
double toDouble(int32_t dtype, uint64_t bits);

/// The element nearest to `value`, ties to even, of a floating-point type.
/// Values beyond the largest finite number become infinity, or NaN in types
/// without one. f8E8M0FNU takes `value` as its byte.
uint64_t fromDouble(int32_t dtype, double value);

/// Tells whether elements of one floating-point type are NaN, fast enough for
/// large tensors.
struct NaNTest {
  uint64_t flip;
  uint64_t mask;
  uint64_t threshold;
  bool operator()(uint64_t bits) const {
    return ((bits ^ flip) & mask) > threshold;
  }
};
NaNTest nanTest(int32_t dtype);

/// Is this element a NaN? Integers never are.
bool isNaN(int32_t dtype, uint64_t bits);

/// The quiet NaN of a floating-point type.
uint64_t nanBits(int32_t dtype);

/// How many values of the type lie between two elements that are no NaN.
uint64_t ulpDistance(int32_t dtype, uint64_t a, uint64_t b);

/// "17x7168xbf16", with '?' for dynamic dimensions; "bf16" for rank 0.
std::string typeText(int32_t dtype, const int64_t *dims, int32_t rank);

/// "17x7168", with '?' for dynamic dimensions; "scalar" for rank 0.
std::string shapeText(const int64_t *dims, int32_t rank);

} // namespace hipfuse::tools

#endif // HIPFUSE_TOOLS_COMMON_ELEMENT_H
