//===-- Compare.cpp - Compare a result with a reference -------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Compare.h"

#include "Element.h"

#include <algorithm>
#include <cinttypes>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>

using namespace hipfuse::tools;

namespace {

/// |a - b|, exact also where 64-bit integers are not exact in a double.
double absoluteError(int32_t dtype, uint64_t a, uint64_t b) {
  if (dtype == HIPFUSE_RT_I64) {
    auto x = static_cast<int64_t>(a), y = static_cast<int64_t>(b);
    return static_cast<double>(x > y ? a - b : b - a);
  }
  double x = toDouble(dtype, a), y = toDouble(dtype, b);
  return x == y ? 0 : std::fabs(x - y);
}

constexpr size_t blockSize = 1024;

/// Are the bits of a block of elements equal, and none of them NaN?
bool sameNumbers(const Tensor &found, const Tensor &expected, size_t begin) {
  int32_t dtype = found.dtype();
  size_t size = found.size() / found.count();
  const char *bytes = static_cast<const char *>(found.data()) + begin * size;
  if (std::memcmp(bytes,
                  static_cast<const char *>(expected.data()) + begin * size,
                  blockSize * size) != 0)
    return false;
  if (!isFloat(dtype))
    return true;
  NaNTest test = nanTest(dtype);
  auto noneIsNaN = [&](auto bits) {
    bool found = false;
    for (size_t i = 0; i < blockSize; ++i) {
      std::memcpy(&bits, bytes + i * sizeof(bits), sizeof(bits));
      found |= test(bits);
    }
    return !found;
  };
  switch (size) {
  case 1:
    return noneIsNaN(uint8_t());
  case 2:
    return noneIsNaN(uint16_t());
  case 4:
    return noneIsNaN(uint32_t());
  default:
    return noneIsNaN(uint64_t());
  }
}

std::string number(double value) {
  char text[40];
  std::snprintf(text, sizeof(text), "%.6g", value);
  return text;
}

std::string elementText(int32_t dtype, uint64_t bits) {
  char text[80];
  if (!isFloat(dtype))
    std::snprintf(text, sizeof(text), "%" PRId64,
                  dtype == HIPFUSE_RT_I64
                      ? static_cast<int64_t>(bits)
                      : static_cast<int64_t>(toDouble(dtype, bits)));
  else
    std::snprintf(text, sizeof(text), "%.9g (0x%0*" PRIx64 ")",
                  toDouble(dtype, bits),
                  static_cast<int>(2 * hipfuse_rt_dtype_size(dtype)), bits);
  return text;
}

/// "[3,17]" for a position in the flattened tensor.
std::string indexText(size_t flat, const std::vector<int64_t> &dims) {
  std::string text;
  for (size_t d = dims.size(); d-- > 0;) {
    auto dim = static_cast<size_t>(dims[d]);
    text = std::to_string(flat % dim) + (text.empty() ? "" : ",") + text;
    flat /= dim;
  }
  return "[" + text + "]";
}

} // namespace

Comparison hipfuse::tools::compare(const Tensor &found, const Tensor &expected,
                                   const Tolerance &tolerance) {
  int32_t dtype = found.dtype();
  bool floats = isFloat(dtype);
  Comparison result;
  for (size_t i = 0; i < found.count(); ++i) {
    // Most blocks of most results are equal: pass them by.
    if (i % blockSize == 0)
      while (i + blockSize <= found.count() && sameNumbers(found, expected, i))
        i += blockSize;
    if (i == found.count())
      break;
    uint64_t a = loadBits(dtype, found.data(), i);
    uint64_t b = loadBits(dtype, expected.data(), i);
    bool nanA = isNaN(dtype, a), nanB = isNaN(dtype, b);
    bool match;
    if (nanA || nanB) {
      ++result.nans;
      match = nanA && nanB && tolerance.nanEqual;
    } else if (a == b) {
      match = true;
    } else {
      double error = absoluteError(dtype, a, b);
      double size = std::fabs(toDouble(dtype, b));
      double relative = error == 0  ? 0
                        : size == 0 ? std::numeric_limits<double>::infinity()
                                    : error / size;
      if (std::isnan(relative)) // infinities of opposite sign
        relative = std::numeric_limits<double>::infinity();
      result.maxAbs = std::max(result.maxAbs, error);
      result.maxRel = std::max(result.maxRel, relative);
      match = false;
      if (floats) {
        uint64_t ulp = ulpDistance(dtype, a, b);
        result.maxUlp = std::max(result.maxUlp, ulp);
        // An infinity is near nothing, so no bound lets it pass.
        if (std::isfinite(error)) {
          match = tolerance.ulp && ulp <= *tolerance.ulp;
          if (tolerance.atol || tolerance.rtol)
            match |= error <= tolerance.atol.value_or(0) +
                                  tolerance.rtol.value_or(0) * size;
        }
      }
    }
    if (!match) {
      if (!result.firstMismatch)
        result.firstMismatch = i;
      ++result.mismatches;
    }
  }
  result.passed = static_cast<double>(result.mismatches) <=
                  tolerance.allowMismatch * static_cast<double>(found.count());
  return result;
}

std::string hipfuse::tools::describe(const Comparison &comparison,
                                     const Tensor &found,
                                     const Tensor &expected) {
  int32_t dtype = found.dtype();
  std::string text = typeText(dtype, found.dims().data(),
                              static_cast<int32_t>(found.dims().size())) +
                     ": max abs err " + number(comparison.maxAbs) +
                     ", max rel err " + number(comparison.maxRel);
  if (isFloat(dtype))
    text += ", max ulp " + std::to_string(comparison.maxUlp);
  text += ", mismatches " + std::to_string(comparison.mismatches) + "/" +
          std::to_string(found.count());
  if (comparison.nans)
    text += ", NaN in " + std::to_string(comparison.nans);
  if (comparison.firstMismatch) {
    size_t at = *comparison.firstMismatch;
    text += ", first at " + indexText(at, found.dims()) + ": found " +
            elementText(dtype, loadBits(dtype, found.data(), at)) +
            ", expected " +
            elementText(dtype, loadBits(dtype, expected.data(), at));
  }
  return text + (comparison.passed ? ": ok" : ": FAILED");
}
