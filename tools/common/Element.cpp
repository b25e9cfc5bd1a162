//===-- Element.cpp - Element types as numbers ----------------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Element.h"

#include "hipfuse-rt/runtime.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

using namespace hipfuse::tools;

namespace {

/// How a type uses its topmost exponent, and negative zero.
enum class Specials {
  IEEE, // infinities and NaNs
  FN,   // all ones is NaN, no infinity
  FNUZ  // negative zero is NaN, no infinity
};

struct FloatFormat {
  int bits;
  int mantissa;
  int bias;
  Specials specials;

  uint64_t signBit() const { return uint64_t(1) << (bits - 1); }
  uint64_t infinity() const {
    uint64_t exponentMask = (uint64_t(1) << (bits - 1 - mantissa)) - 1;
    return exponentMask << mantissa;
  }
  uint64_t maxFinite() const {
    switch (specials) {
    case Specials::IEEE:
      return infinity() - 1;
    case Specials::FN:
      return signBit() - 2;
    case Specials::FNUZ:
      return signBit() - 1;
    }
    return 0;
  }
  uint64_t nan() const {
    switch (specials) {
    case Specials::IEEE:
      return infinity() | uint64_t(1) << (mantissa - 1);
    case Specials::FN:
      return signBit() - 1;
    case Specials::FNUZ:
      return signBit();
    }
    return 0;
  }
};

FloatFormat formatOf(int32_t dtype) {
  switch (dtype) {
  case HIPFUSE_RT_F64:
    return {64, 52, 1023, Specials::IEEE};
  case HIPFUSE_RT_F32:
    return {32, 23, 127, Specials::IEEE};
  case HIPFUSE_RT_F16:
    return {16, 10, 15, Specials::IEEE};
  case HIPFUSE_RT_BF16:
    return {16, 7, 127, Specials::IEEE};
  case HIPFUSE_RT_F8E5M2:
    return {8, 2, 15, Specials::IEEE};
  case HIPFUSE_RT_F8E4M3FN:
    return {8, 3, 7, Specials::FN};
  case HIPFUSE_RT_F8E4M3FNUZ:
    return {8, 3, 8, Specials::FNUZ};
  }
  throw std::logic_error("not a floating-point type with a sign");
}

constexpr uint64_t e8m0NaN = 0xFF;

} // namespace

bool hipfuse::tools::isFloat(int32_t dtype) {
  switch (dtype) {
  case HIPFUSE_RT_I1:
  case HIPFUSE_RT_I8:
  case HIPFUSE_RT_I16:
  case HIPFUSE_RT_I32:
  case HIPFUSE_RT_I64:
    return false;
  }
  return true;
}

uint64_t hipfuse::tools::loadBits(int32_t dtype, const void *data,
                                  size_t index) {
  size_t size = hipfuse_rt_dtype_size(dtype);
  uint64_t bits = 0;
  std::memcpy(&bits, static_cast<const char *>(data) + index * size, size);
  return bits;
}

double hipfuse::tools::toDouble(int32_t dtype, uint64_t bits) {
  switch (dtype) {
  case HIPFUSE_RT_I1:
    return bits != 0;
  case HIPFUSE_RT_I8:
    return static_cast<int8_t>(bits);
  case HIPFUSE_RT_I16:
    return static_cast<int16_t>(bits);
  case HIPFUSE_RT_I32:
    return static_cast<int32_t>(bits);
  case HIPFUSE_RT_I64:
    return static_cast<double>(static_cast<int64_t>(bits));
  case HIPFUSE_RT_F8E8M0FNU:
    return bits == e8m0NaN ? std::nan("") : std::ldexp(1.0, int(bits) - 127);
  case HIPFUSE_RT_F64: {
    double value;
    std::memcpy(&value, &bits, sizeof(value));
    return value;
  }
  }
  FloatFormat format = formatOf(dtype);
  if (isNaN(dtype, bits))
    return std::nan("");
  double sign = bits & format.signBit() ? -1 : 1;
  uint64_t magnitude = bits & (format.signBit() - 1);
  if (format.specials == Specials::IEEE && magnitude == format.infinity())
    return sign * std::numeric_limits<double>::infinity();
  int exponent = static_cast<int>(magnitude >> format.mantissa);
  uint64_t fraction = magnitude & ((uint64_t(1) << format.mantissa) - 1);
  if (exponent > 0)
    fraction |= uint64_t(1) << format.mantissa;
  return sign *
         std::ldexp(static_cast<double>(fraction),
                    std::max(exponent, 1) - format.bias - format.mantissa);
}

uint64_t hipfuse::tools::fromDouble(int32_t dtype, double value) {
  if (dtype == HIPFUSE_RT_F8E8M0FNU)
    return static_cast<uint64_t>(static_cast<int64_t>(value)) & 0xFF;
  if (dtype == HIPFUSE_RT_F64) {
    uint64_t bits;
    std::memcpy(&bits, &value, sizeof(bits));
    return bits;
  }
  FloatFormat format = formatOf(dtype);
  if (std::isnan(value))
    return format.nan();
  uint64_t source;
  std::memcpy(&source, &value, sizeof(source));
  uint64_t sign = std::signbit(value) ? format.signBit() : 0;
  uint64_t bits = format.maxFinite() + 1;
  int sourceExponent = static_cast<int>(source >> 52 & 0x7FF) - 1023;
  // What is subnormal as a double is zero in every smaller type.
  uint64_t fraction = source & ((uint64_t(1) << 52) - 1);
  fraction |= sourceExponent == -1023 ? 0 : uint64_t(1) << 52;
  int exponent = std::max(sourceExponent, 1 - format.bias);
  if (exponent <= format.bias + 1) {
    int shift = std::min(52 - format.mantissa + exponent - sourceExponent, 63);
    uint64_t rounded = fraction >> shift;
    uint64_t rest = fraction & ((uint64_t(1) << shift) - 1);
    uint64_t half = uint64_t(1) << (shift - 1);
    rounded += rest > half || (rest == half && rounded & 1);
    // The implicit bit of a normal number adds one to the exponent field, and
    // so does a mantissa that rounds up to the next power of two.
    bits = std::min(bits,
                    (uint64_t(exponent + format.bias - 1) << format.mantissa) +
                        rounded);
  }
  if (bits > format.maxFinite())
    return format.specials == Specials::IEEE ? sign | format.infinity()
                                             : format.nan();
  if (bits == 0 && format.specials == Specials::FNUZ)
    return 0;
  return sign | bits;
}

NaNTest hipfuse::tools::nanTest(int32_t dtype) {
  if (dtype == HIPFUSE_RT_F8E8M0FNU)
    return {0, 0xFF, e8m0NaN - 1};
  FloatFormat format = formatOf(dtype);
  uint64_t magnitude = format.signBit() - 1;
  switch (format.specials) {
  case Specials::IEEE:
    return {0, magnitude, format.infinity()};
  case Specials::FN:
    return {0, magnitude, format.nan() - 1};
  case Specials::FNUZ:
    // The one NaN has the sign bit alone; flipped, it is the largest.
    return {magnitude, magnitude | format.signBit(),
            (magnitude | format.signBit()) - 1};
  }
  return {0, 0, 0};
}

bool hipfuse::tools::isNaN(int32_t dtype, uint64_t bits) {
  return isFloat(dtype) && nanTest(dtype)(bits);
}

uint64_t hipfuse::tools::nanBits(int32_t dtype) {
  return dtype == HIPFUSE_RT_F8E8M0FNU ? e8m0NaN : formatOf(dtype).nan();
}

uint64_t hipfuse::tools::ulpDistance(int32_t dtype, uint64_t a, uint64_t b) {
  // The bits of a sign and magnitude, on a line that goes through zero once.
  auto onLine = [&](uint64_t bits) {
    if (dtype == HIPFUSE_RT_F8E8M0FNU)
      return static_cast<int64_t>(bits);
    uint64_t signBit = formatOf(dtype).signBit();
    auto magnitude = static_cast<int64_t>(bits & (signBit - 1));
    return bits & signBit ? -magnitude : magnitude;
  };
  int64_t x = onLine(a), y = onLine(b);
  return x > y ? uint64_t(x) - uint64_t(y) : uint64_t(y) - uint64_t(x);
}

static std::string dimsText(const int64_t *dims, int32_t rank) {
  std::string text;
  for (int32_t d = 0; d < rank; ++d) {
    text += d ? "x" : "";
    text += dims[d] == HIPFUSE_RT_DYNAMIC ? "?" : std::to_string(dims[d]);
  }
  return text;
}

std::string hipfuse::tools::shapeText(const int64_t *dims, int32_t rank) {
  return rank == 0 ? "scalar" : dimsText(dims, rank);
}

std::string hipfuse::tools::typeText(int32_t dtype, const int64_t *dims,
                                     int32_t rank) {
  return dimsText(dims, rank) + (rank ? "x" : "") +
         hipfuse_rt_dtype_name(dtype);
}
