//===-- function.cpp - Validate and run the call of a function ------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "function.h"

#include "dtype.h"

#include <algorithm>
#include <cinttypes>
#include <string>

using namespace hipfuse::rt;

namespace {

/// "argument 1 'weight' of 'f'".
std::string describe(const hipfuse_rt_function_desc &function, const char *kind,
                     size_t index, const hipfuse_rt_tensor_desc &desc) {
  std::string text = std::string(kind) + " " + std::to_string(index);
  if (*desc.name)
    text += " '" + std::string(desc.name) + "'";
  return text + " of '" + function.name + "'";
}

/// "17x7168", "scalar" for rank 0.
std::string shapeText(const int64_t *dims, int32_t rank) {
  std::string text;
  for (int32_t d = 0; d < rank; ++d)
    text += (d ? "x" : "") + std::to_string(dims[d]);
  return rank == 0 ? "scalar" : text;
}

/// Checks element type, rank and static dimensions.
Status checkType(const hipfuse_rt_function_desc &function, const char *kind,
                 size_t index, const hipfuse_rt_tensor_desc &desc,
                 const hipfuse_rt_tensor &tensor) {
  auto what = [&] { return describe(function, kind, index, desc); };
  if (tensor.dtype != desc.dtype)
    return Status::error(HIPFUSE_RT_INVALID_ARGUMENT, "%s is %s, expected %s",
                         what().c_str(), dtypeName(tensor.dtype),
                         dtypeName(desc.dtype));
  if (tensor.rank != desc.rank)
    return Status::error(HIPFUSE_RT_INVALID_ARGUMENT,
                         "%s has rank %d, expected %d", what().c_str(),
                         tensor.rank, desc.rank);
  if (tensor.rank > 0 && !tensor.dims)
    return Status::error(HIPFUSE_RT_INVALID_ARGUMENT, "%s has no dims",
                         what().c_str());
  for (int32_t d = 0; d < desc.rank; ++d) {
    if (tensor.dims[d] < 0)
      return Status::error(HIPFUSE_RT_INVALID_ARGUMENT,
                           "%s has size %" PRId64 " in dim %d", what().c_str(),
                           tensor.dims[d], d);
    if (desc.dims[d] != HIPFUSE_RT_DYNAMIC && desc.dims[d] != tensor.dims[d])
      return Status::error(HIPFUSE_RT_INVALID_ARGUMENT,
                           "%s has size %" PRId64
                           " in dim %d, expected %" PRId64,
                           what().c_str(), tensor.dims[d], d, desc.dims[d]);
  }
  return Status();
}

/// The bytes that a tensor takes; false if they are more than can be.
bool byteSize(const hipfuse_rt_tensor_desc &desc, const int64_t *dims,
              uint64_t &size) {
  if (std::any_of(dims, dims + desc.rank,
                  [](int64_t dim) { return dim == 0; })) {
    size = 0;
    return true;
  }
  int64_t total = static_cast<int64_t>(dtypeSize(desc.dtype));
  for (int32_t d = 0; d < desc.rank; ++d)
    if (__builtin_mul_overflow(total, dims[d], &total))
      return false;
  size = static_cast<uint64_t>(total);
  return true;
}

/// Checks that the buffer can hold a tensor of shape `dims`.
Status checkBuffer(const hipfuse_rt_function_desc &function, const char *kind,
                   size_t index, const hipfuse_rt_tensor_desc &desc,
                   const hipfuse_rt_tensor &tensor, const int64_t *dims,
                   uint64_t alignment, uint64_t &needed) {
  auto what = [&] { return describe(function, kind, index, desc); };
  if (!byteSize(desc, dims, needed))
    return Status::error(HIPFUSE_RT_INVALID_ARGUMENT,
                         "%s has shape %s, which is more than memory can hold",
                         what().c_str(), shapeText(dims, desc.rank).c_str());
  if (needed == 0)
    return Status();
  if (!tensor.data)
    return Status::error(HIPFUSE_RT_INVALID_ARGUMENT, "%s has a null buffer",
                         what().c_str());
  if (tensor.size < needed)
    return Status::error(HIPFUSE_RT_INVALID_ARGUMENT,
                         "%s has a buffer of %" PRIu64
                         " bytes, its shape %s of %s needs %" PRIu64,
                         what().c_str(), tensor.size,
                         shapeText(dims, desc.rank).c_str(),
                         dtypeName(desc.dtype), needed);
  if (reinterpret_cast<uintptr_t>(tensor.data) % dtypeSize(desc.dtype) != 0)
    return Status::error(HIPFUSE_RT_INVALID_ARGUMENT,
                         "%s has a buffer that is not aligned to its element "
                         "size %zu",
                         what().c_str(), dtypeSize(desc.dtype));
  if (reinterpret_cast<uintptr_t>(tensor.data) % alignment != 0)
    return Status::error(HIPFUSE_RT_INVALID_ARGUMENT,
                         "%s has a buffer that is not aligned to %" PRIu64
                         " bytes, as the device's kernels need it",
                         what().c_str(), alignment);
  return Status();
}

/// Checks that nothing overlaps a buffer that is written.
Status checkOverlap(const hipfuse_rt_function_desc &function,
                    std::vector<Extent> &extents) {
  std::sort(extents.begin(), extents.end(),
            [](const Extent &a, const Extent &b) { return a.begin < b.begin; });
  auto what = [&](const Extent &e) {
    return e.isResult ? describe(function, "result", e.index,
                                 function.results[e.index])
                      : describe(function, "argument", e.index,
                                 function.args[e.index]);
  };
  // Of the extents so far, those that reach furthest.
  const Extent *furthest = nullptr, *furthestWritten = nullptr;
  for (const Extent &e : extents) {
    const Extent *other = e.written ? furthest : furthestWritten;
    if (other && e.begin < other->end) {
      const Extent &writer = e.written ? e : *other;
      const Extent &reader = e.written ? *other : e;
      return Status::error(HIPFUSE_RT_INVALID_ARGUMENT,
                           "the buffer of %s, which is written, overlaps that "
                           "of %s",
                           what(writer).c_str(), what(reader).c_str());
    }
    if (!furthest || e.end > furthest->end)
      furthest = &e;
    if (e.written && (!furthestWritten || e.end > furthestWritten->end))
      furthestWritten = &e;
  }
  return Status();
}

Status checkCount(const hipfuse_rt_function_desc &function, const char *kind,
                  size_t found, size_t expected, const void *table) {
  if (found != expected)
    return Status::error(HIPFUSE_RT_INVALID_ARGUMENT,
                         "'%s' takes %zu %ss, found %zu", function.name,
                         expected, kind, found);
  if (expected && !table)
    return Status::error(HIPFUSE_RT_INVALID_ARGUMENT,
                         "call of '%s' with a null table of %ss", function.name,
                         kind);
  return Status();
}

/// The message for a violated constraint, with the shapes that violate it.
Status constraintError(const hipfuse_rt_function_desc &function,
                       const hipfuse_rt_tensor *args, int32_t code) {
  if (code < 1 || uint32_t(code) > function.n_constraints)
    return Status::error(HIPFUSE_RT_INTERNAL,
                         "shape function of '%s' returned %d, it has %u "
                         "constraints",
                         function.name, code, function.n_constraints);
  constexpr uint32_t maxShown = 8;
  std::string shapes;
  for (uint32_t i = 0; i < std::min(function.n_args, maxShown); ++i)
    shapes += (i ? ", " : "") + shapeText(args[i].dims, args[i].rank);
  if (function.n_args > maxShown)
    shapes += ", ...";
  return Status::error(
      HIPFUSE_RT_INVALID_ARGUMENT, "'%s' needs that %s; its arguments are %s",
      function.name, function.constraints[code - 1], shapes.c_str());
}

} // namespace

/// Runs the shape function, from `argDims` to `resultDims`, and checks what it
/// computed.
static Status runShapeFunction(const hipfuse_rt_function_desc &function,
                               const hipfuse_rt_tensor *args,
                               CallFrame &frame) {
  const int64_t *argDims = frame.dims.data();
  if (int32_t code = function.shape_fn(argDims, frame.resultDims.data()))
    return constraintError(function, args, code);
  frame.dimsOfArg.clear();
  for (uint32_t i = 0; i < function.n_args; ++i) {
    frame.dimsOfArg.push_back(argDims);
    argDims += function.args[i].rank;
  }
  const int64_t *inferred = frame.resultDims.data();
  for (uint32_t i = 0; i < function.n_results; ++i) {
    const hipfuse_rt_tensor_desc &result = function.results[i];
    for (int32_t d = 0; d < result.rank; ++d, ++inferred)
      if (*inferred < 0 ||
          (result.dims[d] != HIPFUSE_RT_DYNAMIC &&
           *inferred != result.dims[d]) ||
          (result.tied_arg >= 0 &&
           *inferred != frame.dimsOfArg[result.tied_arg][d]))
        return Status::error(HIPFUSE_RT_INTERNAL,
                             "shape function of '%s' computed size %" PRId64
                             " for dim %d of result %u, which its type or its "
                             "tied argument does not allow",
                             function.name, *inferred, d, i);
  }
  return Status();
}

Status hipfuse::rt::inferShapes(const hipfuse_rt_function_desc &function,
                                size_t numArgs, const hipfuse_rt_tensor *args,
                                CallFrame &frame) {
  HIPFUSE_RT_RETURN_IF_ERROR(
      checkCount(function, "argument", numArgs, function.n_args, args));
  frame.dims.clear();
  for (uint32_t i = 0; i < function.n_args; ++i) {
    HIPFUSE_RT_RETURN_IF_ERROR(
        checkType(function, "argument", i, function.args[i], args[i]));
    frame.dims.insert(frame.dims.end(), args[i].dims,
                      args[i].dims + args[i].rank);
  }

  frame.resultDims.clear();
  for (uint32_t i = 0; i < function.n_results; ++i)
    frame.resultDims.insert(frame.resultDims.end(), function.results[i].dims,
                            function.results[i].dims +
                                function.results[i].rank);
  if (function.shape_fn)
    HIPFUSE_RT_RETURN_IF_ERROR(runShapeFunction(function, args, frame));

  const int64_t *shape = frame.resultDims.data();
  for (uint32_t i = 0; i < function.n_results; ++i) {
    const hipfuse_rt_tensor_desc &result = function.results[i];
    if (result.tied_arg < 0)
      frame.dims.insert(frame.dims.end(), shape, shape + result.rank);
    shape += result.rank;
  }
  return Status();
}

Status hipfuse::rt::buildCallFrame(const hipfuse_rt_function_desc &function,
                                   uint64_t alignment, size_t numArgs,
                                   const hipfuse_rt_tensor *args,
                                   size_t numResults,
                                   const hipfuse_rt_tensor *results,
                                   CallFrame &frame) {
  HIPFUSE_RT_RETURN_IF_ERROR(inferShapes(function, numArgs, args, frame));
  HIPFUSE_RT_RETURN_IF_ERROR(
      checkCount(function, "result", numResults, function.n_results, results));

  frame.extents.clear();
  auto addExtent = [&](const void *data, uint64_t size, bool isResult,
                       size_t index) {
    auto begin = reinterpret_cast<uintptr_t>(data);
    if (size)
      frame.extents.push_back({begin, begin + size, isResult, isResult, index});
  };

  frame.data.clear();
  frame.extentOfArg.assign(numArgs, SIZE_MAX);
  for (uint32_t i = 0; i < function.n_args; ++i) {
    uint64_t size = 0;
    HIPFUSE_RT_RETURN_IF_ERROR(checkBuffer(function, "argument", i,
                                           function.args[i], args[i],
                                           args[i].dims, alignment, size));
    frame.data.push_back(args[i].data);
    if (size)
      frame.extentOfArg[i] = frame.extents.size();
    addExtent(args[i].data, size, /*isResult=*/false, i);
  }

  const int64_t *dims = frame.resultDims.data();
  for (uint32_t i = 0; i < function.n_results; ++i) {
    const hipfuse_rt_tensor_desc &desc = function.results[i];
    const int64_t *shape = dims;
    dims += desc.rank;
    if (desc.tied_arg >= 0) {
      if (results[i].data && results[i].data != args[desc.tied_arg].data)
        return Status::error(
            HIPFUSE_RT_INVALID_ARGUMENT,
            "%s is held by argument %d, its buffer must be that argument's or "
            "null",
            describe(function, "result", i, desc).c_str(), desc.tied_arg);
      if (frame.extentOfArg[desc.tied_arg] != SIZE_MAX)
        frame.extents[frame.extentOfArg[desc.tied_arg]].written = true;
      continue;
    }
    HIPFUSE_RT_RETURN_IF_ERROR(
        checkType(function, "result", i, desc, results[i]));
    for (int32_t d = 0; d < desc.rank; ++d)
      if (results[i].dims[d] != shape[d])
        return Status::error(HIPFUSE_RT_INVALID_ARGUMENT,
                             "%s has size %" PRId64
                             " in dim %d, expected %" PRId64
                             " for these arguments",
                             describe(function, "result", i, desc).c_str(),
                             results[i].dims[d], d, shape[d]);
    uint64_t size = 0;
    HIPFUSE_RT_RETURN_IF_ERROR(checkBuffer(function, "result", i, desc,
                                           results[i], shape, alignment, size));
    frame.data.push_back(results[i].data);
    addExtent(results[i].data, size, /*isResult=*/true, i);
  }
  return checkOverlap(function, frame.extents);
}
