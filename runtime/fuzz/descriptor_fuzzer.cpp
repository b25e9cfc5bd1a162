//===-- descriptor_fuzzer.cpp - Fuzz the validation of descriptors --------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Builds a module descriptor, true to the sizes of its tables and otherwise as
// the input says, validates it, and checks what callers rely on afterwards.
//
//===----------------------------------------------------------------------===//

#include "artifact.h"
#include "dtype.h"

#include <fuzzer/FuzzedDataProvider.h>

#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <vector>

using namespace hipfuse::rt;

namespace {

void require(bool holds) {
  if (!holds)
    std::abort();
}

int32_t launchNothing(const hipfuse_rt_launch_api *, void *const *,
                      const int64_t *) {
  return 0;
}

int32_t shapeNothing(const int64_t *, int64_t *) { return 0; }

/// Makes descriptors out of the fuzzer's input and owns what they point at.
class Builder {
public:
  Builder(const uint8_t *data, size_t size) : input(data, size) {}

  hipfuse_rt_module_desc module();

private:
  /// True most of the time: a descriptor with everything wrong is refused at
  /// once and tells little.
  bool usually() { return input.ConsumeIntegral<uint8_t>() < 250; }

  template <typename T>
  T either(T expected) {
    return usually() ? expected : input.ConsumeIntegral<T>();
  }

  const char *name() {
    if (!usually())
      return nullptr;
    static const char *const few[] = {"gfx950", "sm_90", "f", "g", "x", ""};
    if (input.ConsumeBool())
      return input.PickValueInArray(few);
    strings.push_back(input.ConsumeRandomLengthString(8));
    return strings.back().c_str();
  }

  /// A table of up to `most` entries; its length goes to `count`.
  template <typename T, typename Make>
  const T *table(uint32_t &count, uint32_t most, Make make) {
    count = input.ConsumeIntegralInRange<uint32_t>(0, most);
    std::vector<T> entries;
    for (uint32_t i = 0; i < count; ++i)
      entries.push_back(make());
    if (!usually())
      return nullptr;
    // The exact size: a read beyond the table's end is noticed.
    auto owned = std::make_shared<std::vector<T>>(std::move(entries));
    owned->shrink_to_fit();
    tables.push_back(owned);
    return count ? owned->data() : nullptr;
  }

  hipfuse_rt_tensor_desc tensor(bool isResult);
  hipfuse_rt_function_desc function();
  hipfuse_rt_kernel_desc kernel();
  hipfuse_rt_code_object codeObject();

  FuzzedDataProvider input;
  std::deque<std::string> strings;
  std::deque<std::shared_ptr<void>> tables;
};

hipfuse_rt_tensor_desc Builder::tensor(bool isResult) {
  hipfuse_rt_tensor_desc desc = {};
  desc.name = name();
  desc.dtype = either<int32_t>(input.ConsumeIntegralInRange(0, 14));
  uint32_t rank = 0;
  desc.dims = table<int64_t>(rank, 4, [&] {
    return either<int64_t>(input.ConsumeIntegralInRange(-1, 5));
  });
  desc.rank = static_cast<int32_t>(rank);
  // Only ranks that are refused may have no dims behind them.
  if (!usually())
    desc.rank = input.ConsumeBool() ? -1 : HIPFUSE_RT_MAX_RANK + 1;
  desc.tied_arg = isResult ? input.ConsumeIntegralInRange(-1, 3) : -1;
  desc.tied_arg = either(desc.tied_arg);
  desc.flags = either<uint32_t>(0);
  return desc;
}

hipfuse_rt_function_desc Builder::function() {
  hipfuse_rt_function_desc desc = {};
  desc.name = name();
  desc.args = table<hipfuse_rt_tensor_desc>(desc.n_args, 4,
                                            [&] { return tensor(false); });
  desc.results = table<hipfuse_rt_tensor_desc>(desc.n_results, 3,
                                               [&] { return tensor(true); });
  desc.shape_fn = usually() ? shapeNothing : nullptr;
  desc.constraints =
      table<const char *>(desc.n_constraints, 2, [&] { return name(); });
  desc.device_codes =
      table<hipfuse_rt_device_code>(desc.n_device_codes, 3, [&] {
        return hipfuse_rt_device_code{name(),
                                      usually() ? launchNothing : nullptr};
      });
  return desc;
}

hipfuse_rt_kernel_desc Builder::kernel() {
  hipfuse_rt_kernel_desc desc = {};
  desc.name = name();
  for (uint32_t &size : desc.block)
    size = either(input.ConsumeIntegralInRange<uint32_t>(0, 64));
  desc.static_lds = input.ConsumeIntegral<uint32_t>();
  uint32_t packed = 0;
  desc.param_sizes = table<uint8_t>(desc.n_params, 4, [&] {
    uint8_t size = input.ConsumeBool() ? 4 : 8;
    packed = (packed + size - 1) / size * size + size;
    return either(size);
  });
  desc.kernarg_size = either(packed);
  desc.flags = either<uint32_t>(0);
  return desc;
}

hipfuse_rt_code_object Builder::codeObject() {
  hipfuse_rt_code_object desc = {};
  desc.target = name();
  desc.kind = either(input.ConsumeIntegralInRange<uint32_t>(0, 4));
  desc.flags = either<uint32_t>(0);
  struct alignas(16) Block {
    char bytes[16];
  };
  uint32_t blocks = 0;
  desc.data = table<Block>(blocks, 2, [&] {
    Block block = {};
    std::string text = input.ConsumeBytesAsString(16);
    std::memcpy(block.bytes, text.data(), text.size());
    return block;
  });
  desc.size = blocks * sizeof(Block);
  if (desc.data && !usually())
    desc.data = static_cast<const char *>(desc.data) + 8, desc.size -= 8;
  desc.kernels = table<hipfuse_rt_kernel_desc>(desc.n_kernels, 3,
                                               [&] { return kernel(); });
  return desc;
}

hipfuse_rt_module_desc Builder::module() {
  hipfuse_rt_module_desc desc = {};
  desc.magic = either(HIPFUSE_RT_MODULE_MAGIC);
  desc.abi_version = either(HIPFUSE_RT_ABI_VERSION);
  desc.struct_size = either<uint32_t>(sizeof(desc));
  desc.flags = either<uint32_t>(0);
  desc.producer = name();
  desc.code_objects = table<hipfuse_rt_code_object>(
      desc.n_code_objects, 3, [&] { return codeObject(); });
  desc.functions = table<hipfuse_rt_function_desc>(desc.n_functions, 3,
                                                   [&] { return function(); });
  return desc;
}

/// What calls and launches take for granted of a descriptor that was accepted.
void checkAccepted(const hipfuse_rt_module_desc &module) {
  auto checkTensor = [](const hipfuse_rt_tensor_desc &tensor) {
    require(tensor.name && dtypeSize(tensor.dtype) > 0);
    require(tensor.rank >= 0 && tensor.rank <= HIPFUSE_RT_MAX_RANK);
    for (int32_t d = 0; d < tensor.rank; ++d)
      require(tensor.dims[d] >= HIPFUSE_RT_DYNAMIC);
  };
  for (uint32_t f = 0; f < module.n_functions; ++f) {
    const hipfuse_rt_function_desc &function = module.functions[f];
    for (uint32_t i = 0; i < function.n_args; ++i)
      checkTensor(function.args[i]);
    for (uint32_t i = 0; i < function.n_results; ++i) {
      const hipfuse_rt_tensor_desc &result = function.results[i];
      checkTensor(result);
      require(result.tied_arg >= -1 &&
              result.tied_arg < static_cast<int64_t>(function.n_args));
    }
    for (uint32_t i = 0; i < function.n_device_codes; ++i) {
      bool found = false;
      for (uint32_t c = 0; c < module.n_code_objects; ++c)
        found |= std::strcmp(module.code_objects[c].target,
                             function.device_codes[i].target) == 0;
      require(found && function.device_codes[i].launch_fn);
    }
  }
  for (uint32_t c = 0; c < module.n_code_objects; ++c) {
    const hipfuse_rt_code_object &object = module.code_objects[c];
    require(object.data && object.size > 0);
    for (uint32_t k = 0; k < object.n_kernels; ++k) {
      const hipfuse_rt_kernel_desc &kernel = object.kernels[k];
      uint64_t threads =
          uint64_t(kernel.block[0]) * kernel.block[1] * kernel.block[2];
      require(threads > 0 && threads <= HIPFUSE_RT_MAX_BLOCK_THREADS);
      require(kernel.kernarg_size <= 8 * kernel.n_params);
    }
  }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Builder builder(data, size);
  hipfuse_rt_module_desc module = builder.module();
  Status status = validateModule("fuzz", module);
  if (status.ok())
    checkAccepted(module);
  else
    require(std::strlen(status.message()) > 0);
  return 0;
}
