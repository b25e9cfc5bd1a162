//===-- Arguments.h - The arguments of a function ---------------*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_TOOLS_COMMON_ARGUMENTS_H
#define HIPFUSE_TOOLS_COMMON_ARGUMENTS_H

#include "CommandLine.h"
#include "Tensor.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace hipfuse::tools {

/// "argument 1 'weight'".
std::string nameOf(const char *kind, size_t index,
                   const hipfuse_rt_tensor_desc &desc);

/// Throws Error if an option is given more often than a function has
/// `things`.
void checkCount(const char *option, size_t found, size_t most,
                const char *function, const char *things);

/// Reads or makes all arguments of a function as the options say. Throws Error.
std::vector<Tensor> makeArguments(const hipfuse_rt_function_desc &function,
                                  const CommonOptions &options);

/// Does any argument depend on the seed?
bool usesSeed(const CommonOptions &options, size_t numArgs);

/// The shapes of all results of a call with these arguments.
std::vector<std::vector<int64_t>>
resultShapes(const hipfuse_rt_function_t *function, std::vector<Tensor> &args);

} // namespace hipfuse::tools

#endif // HIPFUSE_TOOLS_COMMON_ARGUMENTS_H
