//===-- InputSpec.h - Inputs that are made instead of read ---- -*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_TOOLS_COMMON_INPUTSPEC_H
#define HIPFUSE_TOOLS_COMMON_INPUTSPEC_H

#include "Tensor.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace hipfuse::tools {

/// A rule that makes the elements of an argument, written as
/// KIND[:[DIMS][:NUMBERS]].
struct InputSpec {
  enum Kind { Random, RandInt, Perm, Cache, Zeros, Iota, NaN, Poison };
  Kind kind = Random;
  /// What is written as 17x7168; none if it is left out.
  std::optional<std::vector<int64_t>> dims;
  /// The range [low, high) of RandInt; Perm has only an upper bound.
  int64_t low = 0;
  std::optional<int64_t> high;
};

/// What the program's help says about inputs.
extern const char inputHelp[];

/// Parses a rule; none if `text` starts with no KIND and so is a path. Throws
/// Error for a malformed rule.
std::optional<InputSpec> parseInputSpec(const std::string &text);

/// Fills the tensor by the rule. The same seed, argument index, rule, type and
/// shape give the same elements on every machine. `what` names the argument.
void fill(const InputSpec &spec, const std::string &what, uint64_t seed,
          uint64_t index, Tensor &tensor);

} // namespace hipfuse::tools

#endif // HIPFUSE_TOOLS_COMMON_INPUTSPEC_H
