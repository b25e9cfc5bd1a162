//===-- Npy.cpp - Files of NumPy's .npy format ----------------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Npy.h"

#include "Element.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace hipfuse::tools;

namespace {

constexpr char magic[] = "\x93NUMPY";
constexpr size_t magicSize = 6;
/// NumPy writes a few hundred bytes; more than this is no header.
constexpr uint64_t maxHeaderSize = 1 << 20;

std::string errnoText() { return std::system_category().message(errno); }

/// Parses the header's text: a Python dictionary with the keys descr,
/// fortran_order and shape.
class HeaderParser {
public:
  HeaderParser(const std::string &path, const std::string &text)
      : path(path), at(text.data()), end(text.data() + text.size()) {}

  NpyHeader parse() {
    NpyHeader header;
    bool hasDescr = false, hasOrder = false, hasShape = false;
    expect('{');
    while (!accept('}')) {
      std::string key = string();
      expect(':');
      if (key == "descr" && !hasDescr) {
        hasDescr = true;
        if (peek() == '[')
          throw Error("'" + path + "' holds structured elements");
        header.descr = string();
      } else if (key == "fortran_order" && !hasOrder) {
        hasOrder = true;
        if (word() != "False")
          throw Error("'" + path +
                      "' is in Fortran order; only C order can be read "
                      "(numpy.ascontiguousarray)");
      } else if (key == "shape" && !hasShape) {
        hasShape = true;
        header.shape = shape();
      } else {
        malformed();
      }
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    skipSpace();
    if (at != end || !hasDescr || !hasOrder || !hasShape)
      malformed();
    return header;
  }

private:
  [[noreturn]] void malformed() const {
    throw Error("'" + path + "' has a malformed .npy header");
  }
  void skipSpace() {
    while (at != end && (*at == ' ' || *at == '\n' || *at == '\t'))
      ++at;
  }
  char peek() {
    skipSpace();
    return at == end ? '\0' : *at;
  }
  bool accept(char c) {
    if (peek() != c || at == end)
      return false;
    ++at;
    return true;
  }
  void expect(char c) {
    if (!accept(c))
      malformed();
  }
  std::string string() {
    char quote = peek();
    if (quote != '\'' && quote != '"')
      malformed();
    const char *first = ++at;
    at = std::find(at, end, quote);
    if (at == end)
      malformed();
    return std::string(first, at++);
  }
  std::string word() {
    skipSpace();
    const char *first = at;
    while (at != end && std::isalpha(static_cast<unsigned char>(*at)))
      ++at;
    std::string text(first, at);
    if (text != "True" && text != "False")
      malformed();
    return text;
  }
  std::vector<int64_t> shape() {
    std::vector<int64_t> dims;
    expect('(');
    while (!accept(')')) {
      int64_t dim = -1;
      skipSpace();
      auto [rest, error] = std::from_chars(at, end, dim);
      if (error != std::errc() || dim < 0)
        malformed();
      at = rest;
      if (at != end && *at == 'L') // as Python 2 wrote long integers
        ++at;
      dims.push_back(dim);
      if (!accept(',')) {
        expect(')');
        break;
      }
    }
    return dims;
  }

  const std::string &path;
  const char *at;
  const char *end;
};

/// Reads exactly `size` bytes at `offset`; false at the end of the file.
bool readExactly(int fd, void *data, uint64_t size, uint64_t offset) {
  auto *out = static_cast<char *>(data);
  while (size) {
    ssize_t got = ::pread(fd, out, size, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0)
      return false;
    out += got;
    offset += static_cast<uint64_t>(got);
    size -= static_cast<uint64_t>(got);
  }
  return true;
}

void writeExactly(int fd, const void *data, uint64_t size,
                  const std::string &path) {
  const auto *in = static_cast<const char *>(data);
  while (size) {
    ssize_t put = ::write(fd, in, size);
    if (put < 0 && errno == EINTR)
      continue;
    if (put < 0)
      throw Error("cannot write '" + path + "': " + errnoText());
    in += put;
    size -= static_cast<uint64_t>(put);
  }
}

/// The element types of NumPy that may hold a dtype; the first one is written.
/// NumPy has no types of its own for bf16 and 8-bit floats, so these are the
/// bits, or what the ml_dtypes package saves.
std::vector<const char *> descrsOf(int32_t dtype) {
  switch (dtype) {
  case HIPFUSE_RT_F64:
    return {"<f8"};
  case HIPFUSE_RT_F32:
    return {"<f4"};
  case HIPFUSE_RT_F16:
    return {"<f2"};
  case HIPFUSE_RT_BF16:
    return {"<u2", "|V2", "<V2"};
  case HIPFUSE_RT_I1:
    return {"|b1"};
  case HIPFUSE_RT_I8:
    return {"|i1", "|u1"};
  case HIPFUSE_RT_I16:
    return {"<i2", "<u2"};
  case HIPFUSE_RT_I32:
    return {"<i4", "<u4"};
  case HIPFUSE_RT_I64:
    return {"<i8", "<u8"};
  case HIPFUSE_RT_F8E4M3FN:
  case HIPFUSE_RT_F8E4M3FNUZ:
  case HIPFUSE_RT_F8E5M2:
  case HIPFUSE_RT_F8E8M0FNU:
    return {"|u1", "|i1", "|V1", "<V1"};
  }
  throw std::logic_error("unknown element type");
}

} // namespace

//===----------------------------------------------------------------------===//
// NpyFile
//===----------------------------------------------------------------------===//

NpyFile::NpyFile(const std::string &path) : path(path) {
  // The destructor does not run if this throws.
  struct Guard {
    int fd;
    ~Guard() {
      if (fd >= 0)
        ::close(fd);
    }
  } guard{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  struct stat info;
  if (guard.fd < 0 || ::fstat(guard.fd, &info) != 0)
    throw Error("cannot open '" + path + "': " + errnoText());
  if (S_ISDIR(info.st_mode))
    throw Error("'" + path + "' is a directory");
  if (!S_ISREG(info.st_mode))
    throw Error("'" + path + "' is not a regular file");
  fileSize = static_cast<uint64_t>(info.st_size);

  unsigned char start[12];
  if (fileSize < magicSize || !readExactly(guard.fd, start, magicSize, 0) ||
      std::memcmp(start, magic, magicSize) != 0)
    throw Error("'" + path + "' is not a .npy file");
  std::string cut = "'" + path + "' is truncated in its .npy header";
  if (!readExactly(guard.fd, start, 10, 0))
    throw Error(cut);
  unsigned version = start[6];
  if (version < 1 || version > 3 || start[7] != 0)
    throw Error("'" + path + "' is of .npy version " + std::to_string(version) +
                "." + std::to_string(start[7]) + "; known are 1.0, 2.0, 3.0");
  uint64_t lengthSize = version == 1 ? 2 : 4;
  if (!readExactly(guard.fd, start, 8 + lengthSize, 0))
    throw Error(cut);
  uint64_t length = 0;
  for (uint64_t i = 0; i < lengthSize; ++i)
    length |= uint64_t(start[8 + i]) << (8 * i);
  uint64_t offset = 8 + lengthSize;
  if (length > fileSize - offset)
    throw Error(cut);
  if (length > maxHeaderSize)
    throw Error("'" + path + "' has a malformed .npy header");
  std::string text(length, '\0');
  if (!readExactly(guard.fd, text.data(), length, offset))
    throw Error(cut);
  parsed = HeaderParser(path, text).parse();
  parsed.dataOffset = offset + length;
  if (!parsed.descr.empty() && parsed.descr[0] == '>')
    throw Error("'" + path + "' is big-endian ('" + parsed.descr +
                "'); only little-endian files can be read");
  fd = std::exchange(guard.fd, -1);
}

NpyFile::~NpyFile() { ::close(fd); }

void NpyFile::check(const std::string &what, int32_t dtype, const int64_t *dims,
                    int32_t rank) const {
  std::vector<const char *> allowed = descrsOf(dtype);
  if (std::find(allowed.begin(), allowed.end(), parsed.descr) ==
      allowed.end()) {
    std::string text;
    for (const char *descr : allowed)
      text += (text.empty() ? "'" : ", '") + std::string(descr) + "'";
    throw Error(what + " is " + hipfuse_rt_dtype_name(dtype) + ", but '" +
                path + "' holds '" + parsed.descr + "'; allowed: " + text);
  }
  auto found =
      static_cast<int32_t>(std::min<size_t>(parsed.shape.size(), 1000));
  bool same = found == rank;
  for (int32_t d = 0; same && d < rank; ++d)
    same = dims[d] == HIPFUSE_RT_DYNAMIC || dims[d] == parsed.shape[d];
  if (!same)
    throw Error(what + " has shape " + shapeText(dims, rank) + ", but '" +
                path + "' has " + shapeText(parsed.shape.data(), found));
  uint64_t needed = hipfuse_rt_dtype_size(dtype);
  bool fits = true;
  for (int64_t dim : parsed.shape)
    if (dim == 0)
      needed = 0;
  for (int64_t dim : parsed.shape)
    fits = fits && (needed == 0 ||
                    !__builtin_mul_overflow(needed, uint64_t(dim), &needed));
  uint64_t present = fileSize - parsed.dataOffset;
  if (!fits || needed != present)
    throw Error("'" + path + "' has " + std::to_string(present) +
                " bytes of data, its shape " +
                shapeText(parsed.shape.data(), found) + " needs " +
                (fits ? std::to_string(needed) : "more than any file has"));
}

Tensor NpyFile::read(const std::string &what, int32_t dtype) const {
  Tensor tensor(what, dtype, parsed.shape);
  if (!readExactly(fd, tensor.data(), tensor.size(), parsed.dataOffset))
    throw Error("cannot read '" + path + "': it became shorter");
  if (dtype == HIPFUSE_RT_I1)
    for (size_t i = 0; i < tensor.count(); ++i)
      if (loadBits(dtype, tensor.data(), i) > 1)
        throw Error("'" + path +
                    "' holds a truth value that is neither 0 nor "
                    "1 at " +
                    std::to_string(i));
  return tensor;
}

//===----------------------------------------------------------------------===//
// NpyWriter
//===----------------------------------------------------------------------===//

std::string hipfuse::tools::npyHeaderBytes(int32_t dtype,
                                           const std::vector<int64_t> &dims) {
  std::string shape = "(";
  for (size_t d = 0; d < dims.size(); ++d)
    shape += (d ? ", " : "") + std::to_string(dims[d]);
  shape += dims.size() == 1 ? ",)" : ")";
  std::string text = "{'descr': '" + std::string(descrsOf(dtype).front()) +
                     "', 'fortran_order': False, 'shape': " + shape + ", }";
  // Padded so that the elements start at a multiple of 64 bytes.
  constexpr size_t start = magicSize + 4;
  text.append(63 - (start + text.size()) % 64, ' ');
  text += '\n';
  std::string bytes(magic, magicSize);
  bytes += {'\1', '\0', static_cast<char>(text.size() & 0xFF),
            static_cast<char>(text.size() >> 8)};
  return bytes + text;
}

NpyWriter::~NpyWriter() {
  for (const Pending &file : pending)
    ::unlink(file.temporary.c_str());
}

void NpyWriter::add(const std::string &path, const Tensor &tensor) {
  struct stat info;
  if (::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode))
    throw Error("cannot write '" + path + "': it is not a regular file");
  std::string temporary = path + ".XXXXXX";
  int fd = ::mkostemp(temporary.data(), O_CLOEXEC);
  if (fd < 0)
    throw Error("cannot write '" + path + "': " + errnoText());
  pending.push_back({temporary, path});
  struct Guard {
    int fd;
    ~Guard() { ::close(fd); }
  } guard{fd};
  std::string header = npyHeaderBytes(tensor.dtype(), tensor.dims());
  writeExactly(fd, header.data(), header.size(), path);
  writeExactly(fd, tensor.data(), tensor.size(), path);
  // mkostemp makes files for the owner alone; give what any new file gets.
  mode_t mask = ::umask(0);
  ::umask(mask);
  if (::fchmod(fd, 0666 & ~mask) != 0)
    throw Error("cannot write '" + path + "': " + errnoText());
}

void NpyWriter::commit() {
  while (!pending.empty()) {
    const Pending &file = pending.back();
    if (::rename(file.temporary.c_str(), file.path.c_str()) != 0)
      throw Error("cannot write '" + file.path + "': " + errnoText());
    pending.pop_back();
  }
}
