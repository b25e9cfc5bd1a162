//===-- Npy.h - Files of NumPy's .npy format ------------------ -*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_TOOLS_COMMON_NPY_H
#define HIPFUSE_TOOLS_COMMON_NPY_H

#include "Tensor.h"

#include <cstdint>
#include <string>
#include <vector>

namespace hipfuse::tools {

/// The header of a .npy file, versions 1 to 3.
struct NpyHeader {
  std::string descr; // NumPy's name of the element type, such as "<f4"
  std::vector<int64_t> shape;
  uint64_t dataOffset = 0; // in bytes
};

/// An open .npy file. Throws Error for a file that is not one, is truncated,
/// or is in Fortran order or big-endian.
class NpyFile {
public:
  explicit NpyFile(const std::string &path);
  NpyFile(const NpyFile &) = delete;
  NpyFile &operator=(const NpyFile &) = delete;
  ~NpyFile();

  const NpyHeader &header() const { return parsed; }

  /// Checks that the file holds elements of `dtype` with `rank` dimensions of
  /// these sizes (HIPFUSE_RT_DYNAMIC for any). `what` names the tensor in
  /// messages.
  void check(const std::string &what, int32_t dtype, const int64_t *dims,
             int32_t rank) const;

  /// Reads the elements of a file that has been checked.
  Tensor read(const std::string &what, int32_t dtype) const;

private:
  std::string path;
  int fd = -1;
  uint64_t fileSize = 0;
  NpyHeader parsed;
};

/// The bytes that a .npy file holds before the elements of a tensor.
std::string npyHeaderBytes(int32_t dtype, const std::vector<int64_t> &dims);

/// Writes .npy files so that either all appear, each complete, or none
/// changes: temporary files beside the final ones are renamed at the end.
class NpyWriter {
public:
  NpyWriter() = default;
  NpyWriter(const NpyWriter &) = delete;
  NpyWriter &operator=(const NpyWriter &) = delete;
  /// Removes what has not been committed.
  ~NpyWriter();

  /// Writes a temporary file.
  void add(const std::string &path, const Tensor &tensor);
  /// Gives all files their names.
  void commit();

private:
  struct Pending {
    std::string temporary;
    std::string path;
  };
  std::vector<Pending> pending;
};

} // namespace hipfuse::tools

#endif // HIPFUSE_TOOLS_COMMON_NPY_H
