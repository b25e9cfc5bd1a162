//===-- Compare.h - Compare a result with a reference --------- -*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_TOOLS_COMMON_COMPARE_H
#define HIPFUSE_TOOLS_COMMON_COMPARE_H

#include "Tensor.h"

#include <cstdint>
#include <optional>
#include <string>

namespace hipfuse::tools {

/// When two elements match. Without any option they must have the same bits
/// and be no NaN. Otherwise floats also match if one of the given bounds
/// holds; integers always have to be equal.
struct Tolerance {
  std::optional<uint64_t> ulp;
  std::optional<double> atol;
  std::optional<double> rtol;
  bool nanEqual = false;
  /// The part of all elements that need not match.
  double allowMismatch = 0;
};

struct Comparison {
  /// The largest errors, over elements that are both no NaN.
  double maxAbs = 0;
  double maxRel = 0;
  uint64_t maxUlp = 0;
  size_t mismatches = 0;
  std::optional<size_t> firstMismatch;
  /// Elements of which one or both are NaN.
  size_t nans = 0;
  bool passed = false;
};

/// Compares tensors of the same type and shape.
Comparison compare(const Tensor &found, const Tensor &expected,
                   const Tolerance &tolerance);

/// One line that says all this about a result.
std::string describe(const Comparison &comparison, const Tensor &found,
                     const Tensor &expected);

} // namespace hipfuse::tools

#endif // HIPFUSE_TOOLS_COMMON_COMPARE_H
