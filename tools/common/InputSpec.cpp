//===-- InputSpec.cpp - Inputs that are made instead of read --------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "InputSpec.h"

#include "Element.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <limits>
#include <numeric>
#include <unordered_set>

using namespace hipfuse::tools;

const char hipfuse::tools::inputHelp[] =
    R"(An INPUT is the path of a .npy file, or a rule:
  random[:DIMS]            floats uniform in [-1, 1); f8E8M0FNU from 2^-8 to
                           2^7; any i1 and i8; other integers need randint
  randint:[DIMS]:LO:HI     integers uniform in [LO, HI), also for floats
  perm[:[DIMS][:HI]]       different integers from [0, HI), in random order;
                           HI is the number of elements if left out
  cache[:DIMS]             a latent cache: of floats, of i8 rows of 656 bytes, or
                           of i8 pages of 584 bytes per row and padding; random
                           finite keys, repeated after 4 MiB, so made fast
  zeros[:DIMS]  iota[:DIMS]  nan[:DIMS]  poison[:DIMS]
                           0; 0, 1, 2, ...; NaN; bytes 0xA5
DIMS is written as 17x7168 and may be left out where all dimensions are static
or --dim gives the rest. iota of an 8-bit float counts through its bit patterns;
randint of f8E8M0FNU gives its biased exponents.)";

namespace {

/// splitmix64: small, fast, the same everywhere.
class Generator {
public:
  Generator(uint64_t seed, uint64_t stream)
      : state(mix(seed) ^ mix(stream + 0x632BE59BD9B4E019ull)) {}
  uint64_t next() { return mix(state += 0x9E3779B97F4A7C15ull); }
  /// Uniform in [0, bound), without bias.
  uint64_t below(uint64_t bound) {
    uint64_t limit = -bound % bound;
    uint64_t value;
    do
      value = next();
    while (value < limit);
    return value % bound;
  }
  /// Uniform in [-1, 1), a multiple of 2^-52.
  double unit() {
    return static_cast<double>(static_cast<int64_t>(next()) >> 11) * 0x1p-52;
  }

private:
  static uint64_t mix(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
  }
  uint64_t state;
};

std::vector<std::string> split(const std::string &text, char separator) {
  std::vector<std::string> parts;
  size_t from = 0;
  for (;;) {
    size_t to = text.find(separator, from);
    parts.push_back(text.substr(from, to - from));
    if (to == std::string::npos)
      return parts;
    from = to + 1;
  }
}

bool parseInteger(const std::string &text, int64_t &value) {
  const char *end = text.data() + text.size();
  auto [rest, error] = std::from_chars(text.data(), end, value);
  return error == std::errc() && rest == end;
}

/// Bits of an integer type.
int widthOf(int32_t dtype) {
  return dtype == HIPFUSE_RT_I1 ? 1 : int(hipfuse_rt_dtype_size(dtype)) * 8;
}

/// Can the type hold all integers in [low, high)? Integers may be meant as
/// signed or as unsigned.
bool holds(int32_t dtype, int64_t low, int64_t high) {
  if (dtype == HIPFUSE_RT_F8E8M0FNU)
    return low >= 0 && high <= 256;
  if (isFloat(dtype))
    return true;
  int width = widthOf(dtype);
  if (width == 64)
    return true;
  int64_t least = width == 1 ? 0 : -(int64_t(1) << (width - 1));
  return low >= least && high <= int64_t(1) << width;
}

uint64_t encodeInteger(int32_t dtype, int64_t value) {
  return isFloat(dtype) ? fromDouble(dtype, static_cast<double>(value))
                        : static_cast<uint64_t>(value);
}

void fillRandom(const std::string &what, Generator &generator, Tensor &tensor) {
  int32_t dtype = tensor.dtype();
  if (!isFloat(dtype) && widthOf(dtype) > 8)
    throw Error(what + " is " + hipfuse_rt_dtype_name(dtype) +
                ": random integers need a range, as in randint:" +
                tensor.shapeText() + ":0:100");
  if (dtype == HIPFUSE_RT_F8E8M0FNU)
    generate(tensor, [&](size_t) { return 127 - 8 + generator.below(16); });
  else if (isFloat(dtype))
    generate(tensor,
             [&](size_t) { return fromDouble(dtype, generator.unit()); });
  else
    generate(tensor, [&, width = widthOf(dtype)](size_t) {
      return generator.next() >> (64 - width);
    });
}

void fillPermutation(const std::string &what, uint64_t bound,
                     Generator &generator, Tensor &tensor) {
  size_t count = tensor.count();
  if (bound < count)
    throw Error(what + " has " + std::to_string(count) +
                " elements, there are only " + std::to_string(bound) +
                " different integers in [0, " + std::to_string(bound) + ")");
  if (bound / 4 > count) {
    // Few of many: draw again what has been drawn.
    std::unordered_set<uint64_t> used;
    generate(tensor, [&](size_t) {
      uint64_t value;
      do
        value = generator.below(bound);
      while (!used.insert(value).second);
      return value;
    });
    return;
  }
  std::vector<uint64_t> values(bound);
  std::iota(values.begin(), values.end(), uint64_t(0));
  generate(tensor, [&](size_t i) {
    std::swap(values[i], values[i + generator.below(bound - i)]);
    return values[i];
  });
}

/// The elements of one page after the other of a latent cache. All keys are
/// finite: codes and bf16 in [-1, 1), scales near 1.
class CacheWriter {
public:
  CacheWriter(Generator &generator, uint8_t *page)
      : generator(generator), next(page) {}

  /// `count` elements of a floating-point type.
  void floats(int32_t dtype, size_t count) {
    put(dtype, count, [&] { return generator.unit(); });
  }
  /// Rows of 512 codes, 4 scales, 64 bf16 (ds_mla_656).
  void rows656(size_t count) {
    for (size_t row = 0; row < count; ++row) {
      floats(HIPFUSE_RT_F8E4M3FN, 512);
      put(HIPFUSE_RT_F32, 4, [&] { return 1 + generator.unit() / 4; });
      floats(HIPFUSE_RT_BF16, 64);
    }
  }
  /// Rows of 448 codes and 64 bf16, then 7 exponents and a zero for each row,
  /// then padding (ds_mla_584).
  void page584(size_t rows, size_t pageSize) {
    for (size_t row = 0; row < rows; ++row) {
      floats(HIPFUSE_RT_F8E4M3FN, 448);
      floats(HIPFUSE_RT_BF16, 64);
    }
    for (size_t row = 0; row < rows; ++row) {
      for (int tile = 0; tile < 7; ++tile)
        *next++ = static_cast<uint8_t>(126 + generator.below(3));
      *next++ = 0;
    }
    size_t padding = pageSize - 584 * rows;
    std::memset(next, 0, padding);
    next += padding;
  }

private:
  template <typename Value>
  void put(int32_t dtype, size_t count, Value value) {
    size_t size = hipfuse_rt_dtype_size(dtype);
    for (size_t i = 0; i < count; ++i, next += size) {
      uint64_t bits = fromDouble(dtype, value());
      std::memcpy(next, &bits, size); // the machine is little-endian
    }
  }
  Generator &generator;
  uint8_t *next;
};

void fillCache(const std::string &what, Generator &generator, Tensor &tensor) {
  const std::vector<int64_t> &dims = tensor.dims();
  int32_t dtype = tensor.dtype();
  bool isBytes = dtype == HIPFUSE_RT_I8;
  bool is656 = isBytes && dims.size() >= 2 && dims.back() == 656;
  bool is584 =
      isBytes && dims.size() == 2 && dims[1] >= 584 && dims[1] % 576 == 0;
  if (dims.empty() || !(is656 || is584 || isFloat(dtype)))
    throw Error(what + " is " +
                typeText(dtype, dims.data(), int32_t(dims.size())) +
                ": cache makes floats, i8 rows of 656 bytes, and i8 pages of "
                "584 bytes per row, filled up to a multiple of 576");
  size_t size = tensor.size();
  if (size == 0)
    return;
  size_t pageSize = size / static_cast<size_t>(dims[0]);
  size_t made =
      std::min(size, ((size_t(4) << 20) + pageSize - 1) / pageSize * pageSize);
  auto *data = static_cast<uint8_t *>(tensor.data());
  CacheWriter writer(generator, data);
  for (size_t at = 0; at < made; at += pageSize) {
    if (is656)
      writer.rows656(pageSize / 656);
    else if (is584)
      writer.page584(pageSize / 584, pageSize);
    else
      writer.floats(dtype, pageSize / hipfuse_rt_dtype_size(dtype));
  }
  while (made < size) {
    size_t more = std::min(made, size - made);
    std::memcpy(data + made, data, more);
    made += more;
  }
}

} // namespace

std::optional<InputSpec>
hipfuse::tools::parseInputSpec(const std::string &text) {
  static constexpr struct {
    const char *name;
    InputSpec::Kind kind;
  } kinds[] = {{"random", InputSpec::Random}, {"randint", InputSpec::RandInt},
               {"perm", InputSpec::Perm},     {"cache", InputSpec::Cache},
               {"zeros", InputSpec::Zeros},   {"iota", InputSpec::Iota},
               {"nan", InputSpec::NaN},       {"poison", InputSpec::Poison}};
  std::vector<std::string> parts = split(text, ':');
  for (const auto &[name, kind] : kinds) {
    if (parts[0] != name)
      continue;
    InputSpec spec;
    spec.kind = kind;
    Error malformed("input '" + text + "' is malformed; see --help");
    if (parts.size() > 1 && !parts[1].empty()) {
      spec.dims.emplace();
      for (const std::string &part : split(parts[1], 'x')) {
        int64_t dim;
        if (!parseInteger(part, dim) || dim < 0)
          throw malformed;
        spec.dims->push_back(dim);
      }
    }
    if (kind == InputSpec::RandInt) {
      int64_t high;
      if (parts.size() != 4 || !parseInteger(parts[2], spec.low) ||
          !parseInteger(parts[3], high))
        throw malformed;
      if (spec.low >= high)
        throw Error("input '" + text + "' has an empty range");
      spec.high = high;
    } else if (kind == InputSpec::Perm && parts.size() == 3) {
      int64_t high;
      if (!parseInteger(parts[2], high) || high < 0)
        throw malformed;
      spec.high = high;
    } else if (parts.size() > 2) {
      throw malformed;
    }
    return spec;
  }
  return std::nullopt;
}

void hipfuse::tools::fill(const InputSpec &spec, const std::string &what,
                          uint64_t seed, uint64_t index, Tensor &tensor) {
  int32_t dtype = tensor.dtype();
  Generator generator(seed, index);
  auto checkRange = [&](int64_t low, int64_t high) {
    if (!holds(dtype, low, high))
      throw Error(what + " is " + hipfuse_rt_dtype_name(dtype) +
                  ", which cannot hold all of [" + std::to_string(low) + ", " +
                  std::to_string(high) + ")");
  };
  switch (spec.kind) {
  case InputSpec::Random:
    return fillRandom(what, generator, tensor);
  case InputSpec::RandInt:
    checkRange(spec.low, *spec.high);
    generate(tensor, [&](size_t) {
      uint64_t offset =
          generator.below(uint64_t(*spec.high) - uint64_t(spec.low));
      return encodeInteger(dtype,
                           static_cast<int64_t>(uint64_t(spec.low) + offset));
    });
    return;
  case InputSpec::Perm: {
    if (isFloat(dtype))
      throw Error(what + " is " + hipfuse_rt_dtype_name(dtype) +
                  ": perm makes integers");
    int64_t bound = spec.high.value_or(static_cast<int64_t>(tensor.count()));
    checkRange(0, bound);
    return fillPermutation(what, static_cast<uint64_t>(bound), generator,
                           tensor);
  }
  case InputSpec::Cache:
    return fillCache(what, generator, tensor);
  case InputSpec::Zeros:
    std::memset(tensor.data(), 0, tensor.size());
    return;
  case InputSpec::Iota: {
    bool countsBits = !isFloat(dtype) || hipfuse_rt_dtype_size(dtype) == 1;
    uint64_t mask = dtype == HIPFUSE_RT_I1 ? 1 : ~uint64_t(0);
    generate(tensor, [&](size_t i) {
      return countsBits ? i & mask : fromDouble(dtype, static_cast<double>(i));
    });
    return;
  }
  case InputSpec::NaN:
    if (!isFloat(dtype))
      throw Error(what + " is " + hipfuse_rt_dtype_name(dtype) +
                  ", which has no NaN");
    generate(tensor, [bits = nanBits(dtype)](size_t) { return bits; });
    return;
  case InputSpec::Poison:
    std::memset(tensor.data(), dtype == HIPFUSE_RT_I1 ? 1 : 0xA5,
                tensor.size());
    return;
  }
}
