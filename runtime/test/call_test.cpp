//===-- call_test.cpp - Devices, lookup and calls through the C API -------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test_support.h"

#include "gtest/gtest.h"

#include <atomic>
#include <cstdint>
#include <limits>
#include <string>
#include <thread>
#include <vector>

namespace {

/// A tensor that owns its elements and dims.
template <typename T>
struct Tensor {
  std::vector<T> data;
  std::vector<int64_t> dims;
  int32_t dtype;

  hipfuse_rt_tensor view() {
    return {data.data(), data.size() * sizeof(T), dtype, int32_t(dims.size()),
            dims.data()};
  }
};

class CallTest : public testing::Test {
protected:
  CallTest() {
    EXPECT_EQ(text(hipfuse_rt_device_open("host:2", &device)), "");
    EXPECT_EQ(text(hipfuse_rt_module_load(device, TEST_ARTIFACT, &module)), "");
  }
  ~CallTest() override {
    // The module keeps its device alive.
    hipfuse_rt_device_close(device);
    hipfuse_rt_module_close(module);
  }

  const hipfuse_rt_function_t *function(const char *name) {
    const hipfuse_rt_function_t *found = nullptr;
    EXPECT_EQ(text(hipfuse_rt_module_lookup(module, name, &found)), "");
    return found;
  }

  std::string call(const char *name, std::vector<hipfuse_rt_tensor> args,
                   std::vector<hipfuse_rt_tensor> results) {
    return text(hipfuse_rt_function_call(function(name), args.size(),
                                         args.data(), results.size(),
                                         results.data()));
  }

  hipfuse_rt_device_t *device = nullptr;
  hipfuse_rt_module_t *module = nullptr;
};

/// The call add(x, y), valid until changed.
class AddTest : public CallTest {
protected:
  static constexpr int64_t rows = 50;
  Tensor<float> x{std::vector<float>(rows * 4, 1), {rows, 4}, HIPFUSE_RT_F32};
  Tensor<float> y{std::vector<float>(rows * 4, 2), {rows, 4}, HIPFUSE_RT_F32};
  Tensor<float> sum{
      std::vector<float>(rows * 4, -1), {rows, 4}, HIPFUSE_RT_F32};

  /// Expects that a call with these tensors fails and writes nothing.
  std::string failure(hipfuse_rt_tensor x, hipfuse_rt_tensor y,
                      hipfuse_rt_tensor sum) {
    std::vector<float> before = this->sum.data;
    std::string error = call("add", {x, y}, {sum});
    EXPECT_EQ(this->sum.data, before);
    return error;
  }
};

} // namespace

//===----------------------------------------------------------------------===//
// Devices
//===----------------------------------------------------------------------===//

TEST(Device, Enumerate) {
  size_t count = 0;
  EXPECT_EQ(text(hipfuse_rt_enumerate_devices(0, nullptr, &count)), "");
  ASSERT_GE(count, 1u);
  std::vector<hipfuse_rt_device_info> infos(count);
  EXPECT_EQ(text(hipfuse_rt_enumerate_devices(count, infos.data(), &count)),
            "");
  EXPECT_STREQ(infos[0].name, "host");
  EXPECT_EQ(std::string(infos[0].description).compare(0, 10, "host CPU, "), 0);
  for (const hipfuse_rt_device_info &info : infos) {
    hipfuse_rt_device_t *device = nullptr;
    EXPECT_EQ(text(hipfuse_rt_device_open(info.name, &device)), "");
    hipfuse_rt_device_close(device);
  }
}

TEST(Device, Open) {
  hipfuse_rt_device_t *device = nullptr;
  ASSERT_EQ(text(hipfuse_rt_device_open("host:3", &device)), "");
  EXPECT_STREQ(hipfuse_rt_device_name(device), "host:3");
  hipfuse_rt_device_close(device);
  device = nullptr;
  for (const char *name : {"host:", "host:0", "host:-1", "host:x", "host:2x",
                           "host:1025", "host:99999999999999999999"}) {
    EXPECT_EQ(text(hipfuse_rt_device_open(name, &device)),
              std::string("invalid argument: device '") + name +
                  "': expected host:N with N from 1 to 1024 threads");
    EXPECT_EQ(device, nullptr);
  }
  EXPECT_EQ(text(hipfuse_rt_device_open("tpu:0", &device)),
            "not found: unknown device 'tpu:0'; this runtime has: host, hip, "
            "cuda, auto");
  EXPECT_EQ(text(hipfuse_rt_device_open(nullptr, &device)),
            "invalid argument: hipfuse_rt_device_open: 'name' is null");
  EXPECT_EQ(text(hipfuse_rt_device_open("host", nullptr)),
            "invalid argument: hipfuse_rt_device_open: 'device' is null");
  hipfuse_rt_device_close(nullptr);
}

//===----------------------------------------------------------------------===//
// Introspection
//===----------------------------------------------------------------------===//

TEST_F(CallTest, Lookup) {
  const hipfuse_rt_function_t *found = nullptr;
  std::string error = text(hipfuse_rt_module_lookup(module, "nope", &found));
  EXPECT_EQ(error.compare(0, 63,
                          "not found: no function 'nope'; the artefact has: "
                          "add, scale, co"),
            0)
      << error;
  EXPECT_EQ(found, nullptr);
  const hipfuse_rt_function_desc *desc =
      hipfuse_rt_function_get_desc(function("scale"));
  EXPECT_STREQ(desc->name, "scale");
  EXPECT_EQ(desc->results[0].tied_arg, 0);
  uint32_t count = hipfuse_rt_module_get_desc(module)->n_functions;
  EXPECT_EQ(hipfuse_rt_module_get_function(module, 1), function("scale"));
  EXPECT_NE(hipfuse_rt_module_get_function(module, count - 1), nullptr);
  EXPECT_EQ(hipfuse_rt_module_get_function(module, count), nullptr);
}

TEST(DType, NamesAndSizes) {
  EXPECT_EQ(hipfuse_rt_dtype_size(HIPFUSE_RT_F64), 8u);
  EXPECT_EQ(hipfuse_rt_dtype_size(HIPFUSE_RT_BF16), 2u);
  EXPECT_EQ(hipfuse_rt_dtype_size(HIPFUSE_RT_F8E8M0FNU), 1u);
  EXPECT_EQ(hipfuse_rt_dtype_size(0), 0u);
  EXPECT_EQ(hipfuse_rt_dtype_size(14), 0u);
  EXPECT_STREQ(hipfuse_rt_dtype_name(HIPFUSE_RT_F8E4M3FN), "f8E4M3FN");
  EXPECT_STREQ(hipfuse_rt_dtype_name(-5), "unknown");
}

TEST_F(CallTest, ResultShapes) {
  std::vector<int64_t> dims = {5, 4};
  hipfuse_rt_tensor arg = {nullptr, 0, HIPFUSE_RT_F32, 2, dims.data()};
  hipfuse_rt_tensor args[] = {arg, arg};
  int64_t shape[2] = {-7, -7};
  EXPECT_EQ(
      text(hipfuse_rt_function_result_shapes(function("add"), 2, args, shape)),
      "");
  EXPECT_EQ(shape[0], 5);
  EXPECT_EQ(shape[1], 4);

  int64_t other[] = {6, 4};
  args[1].dims = other;
  shape[0] = -7;
  EXPECT_EQ(
      text(hipfuse_rt_function_result_shapes(function("add"), 2, args, shape)),
      "invalid argument: 'add' needs that dim 0 of argument 'x' equals "
      "dim 0 of argument 'y'; its arguments are 5x4, 6x4");
  EXPECT_EQ(shape[0], -7);

  // No shape function: the types say it.
  int64_t both[4] = {};
  EXPECT_EQ(text(hipfuse_rt_function_result_shapes(function("leave"), 0,
                                                   nullptr, both)),
            "");
  EXPECT_EQ(both[0], 2);
  EXPECT_EQ(both[3], 3);
}

//===----------------------------------------------------------------------===//
// Calls
//===----------------------------------------------------------------------===//

TEST_F(AddTest, Runs) {
  EXPECT_EQ(call("add", {x.view(), y.view()}, {sum.view()}), "");
  EXPECT_EQ(sum.data, std::vector<float>(rows * 4, 3));
}

TEST_F(AddTest, SameInputTwiceIsFine) {
  EXPECT_EQ(call("add", {x.view(), x.view()}, {sum.view()}), "");
  EXPECT_EQ(sum.data, std::vector<float>(rows * 4, 2));
}

TEST_F(AddTest, EmptyTensorsMayBeNull) {
  int64_t dims[] = {0, 4};
  hipfuse_rt_tensor empty = {nullptr, 0, HIPFUSE_RT_F32, 2, dims};
  EXPECT_EQ(call("add", {empty, empty}, {empty}), "");
}

TEST_F(AddTest, WrongCounts) {
  EXPECT_EQ(call("add", {x.view()}, {sum.view()}),
            "invalid argument: 'add' takes 2 arguments, found 1");
  EXPECT_EQ(call("add", {x.view(), y.view()}, {}),
            "invalid argument: 'add' takes 1 results, found 0");
  EXPECT_EQ(
      text(hipfuse_rt_function_call(function("add"), 2, nullptr, 1, nullptr)),
      "invalid argument: call of 'add' with a null table of arguments");
}

TEST_F(AddTest, WrongTypes) {
  hipfuse_rt_tensor bad = x.view();
  bad.dtype = HIPFUSE_RT_I32;
  EXPECT_EQ(failure(x.view(), bad, sum.view()),
            "invalid argument: argument 1 'y' of 'add' is i32, expected f32");
  EXPECT_EQ(failure(x.view(), y.view(), bad),
            "invalid argument: result 0 'sum' of 'add' is i32, expected f32");
  bad = x.view();
  bad.rank = 1;
  EXPECT_EQ(failure(bad, y.view(), sum.view()),
            "invalid argument: argument 0 'x' of 'add' has rank 1, expected 2");
  bad = x.view();
  bad.dims = nullptr;
  EXPECT_EQ(failure(bad, y.view(), sum.view()),
            "invalid argument: argument 0 'x' of 'add' has no dims");
}

TEST_F(AddTest, WrongShapes) {
  int64_t dims[] = {rows, 5};
  hipfuse_rt_tensor bad = x.view();
  bad.dims = dims;
  EXPECT_EQ(failure(bad, y.view(), sum.view()),
            "invalid argument: argument 0 'x' of 'add' has size 5 in dim 1, "
            "expected 4");
  dims[1] = 4;
  dims[0] = -1;
  EXPECT_EQ(failure(bad, y.view(), sum.view()),
            "invalid argument: argument 0 'x' of 'add' has size -1 in dim 0");
  dims[0] = 7;
  EXPECT_EQ(failure(bad, y.view(), sum.view()),
            "invalid argument: 'add' needs that dim 0 of argument 'x' equals "
            "dim 0 of argument 'y'; its arguments are 7x4, 50x4");
  EXPECT_EQ(failure(x.view(), y.view(), bad),
            "invalid argument: result 0 'sum' of 'add' has size 7 in dim 0, "
            "expected 50 for these arguments");
  dims[0] = std::numeric_limits<int64_t>::max();
  EXPECT_EQ(failure(bad, bad, sum.view()),
            "invalid argument: argument 0 'x' of 'add' has shape "
            "9223372036854775807x4, which is more than memory can hold");
}

TEST_F(AddTest, WrongBuffers) {
  hipfuse_rt_tensor bad = y.view();
  bad.size -= 1;
  EXPECT_EQ(failure(x.view(), bad, sum.view()),
            "invalid argument: argument 1 'y' of 'add' has a buffer of 799 "
            "bytes, its shape 50x4 of f32 needs 800");
  bad = y.view();
  bad.data = nullptr;
  EXPECT_EQ(failure(x.view(), bad, sum.view()),
            "invalid argument: argument 1 'y' of 'add' has a null buffer");
  std::vector<float> big(rows * 4 + 1);
  bad.data = reinterpret_cast<char *>(big.data()) + 1;
  EXPECT_EQ(failure(x.view(), bad, sum.view()),
            "invalid argument: argument 1 'y' of 'add' has a buffer that is "
            "not aligned to its element size 4");
}

TEST_F(AddTest, OverlappingBuffers) {
  hipfuse_rt_tensor bad = sum.view();
  bad.data = x.data.data();
  EXPECT_EQ(call("add", {x.view(), y.view()}, {bad}),
            "invalid argument: the buffer of result 0 'sum' of 'add', which is "
            "written, overlaps that of argument 0 'x' of 'add'");
  // The last element of one is the first of the other.
  std::vector<float> both(rows * 8 - 1);
  hipfuse_rt_tensor input = x.view();
  input.data = both.data() + rows * 4 - 1;
  bad.data = both.data();
  EXPECT_EQ(call("add", {x.view(), input}, {bad}),
            "invalid argument: the buffer of result 0 'sum' of 'add', which is "
            "written, overlaps that of argument 1 'y' of 'add'");
  // Adjacent buffers do not overlap.
  std::vector<float> adjacent(rows * 8);
  input.data = adjacent.data() + rows * 4;
  bad.data = adjacent.data();
  EXPECT_EQ(call("add", {x.view(), input}, {bad}), "");
}

TEST_F(CallTest, TiedResults) {
  Tensor<double> state{{1, 2, 3}, {3}, HIPFUSE_RT_F64};
  Tensor<double> factor{{10}, {}, HIPFUSE_RT_F64};
  Tensor<int64_t> n{{0}, {}, HIPFUSE_RT_I64};
  hipfuse_rt_tensor tied = {};
  EXPECT_EQ(call("scale", {state.view(), factor.view()}, {tied, n.view()}), "");
  EXPECT_EQ(state.data, (std::vector<double>{10, 20, 30}));
  EXPECT_EQ(n.data[0], 3);

  EXPECT_EQ(
      call("scale", {state.view(), factor.view()}, {state.view(), n.view()}),
      "");
  EXPECT_EQ(state.data, (std::vector<double>{100, 200, 300}));

  Tensor<double> other = state;
  EXPECT_EQ(
      call("scale", {state.view(), factor.view()}, {other.view(), n.view()}),
      "invalid argument: result 0 'state' of 'scale' is held by argument "
      "0, its buffer must be that argument's or null");
  // The factor inside of what is scaled.
  hipfuse_rt_tensor inside = factor.view();
  inside.data = &state.data[1];
  EXPECT_EQ(call("scale", {state.view(), inside}, {tied, n.view()}),
            "invalid argument: the buffer of argument 0 'state' of 'scale', "
            "which is written, overlaps that of argument 1 'factor' of "
            "'scale'");
}

TEST_F(CallTest, FailuresOfTheCode) {
  Tensor<int32_t> x{std::vector<int32_t>(6), {2, 3}, HIPFUSE_RT_I32};
  EXPECT_EQ(call("fail", {x.view()}, {}),
            "internal: function 'fail' failed with code 42");
  EXPECT_EQ(call("no_host", {x.view()}, {}),
            "unimplemented: function 'no_host' has no code for device "
            "'host:2'");
  x.dims = {3, 2};
  EXPECT_EQ(call("fail", {x.view()}, {}),
            "invalid argument: argument 0 of 'fail' has size 3 in dim 0, "
            "expected 2");
}

TEST_F(AddTest, ManyThreads) {
  const hipfuse_rt_function_t *add = function("add");
  std::atomic<int> failures{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      Tensor<float> mine{
          std::vector<float>(rows * 4, float(t)), {rows, 4}, HIPFUSE_RT_F32};
      Tensor<float> result = mine;
      hipfuse_rt_tensor args[] = {mine.view(), y.view()};
      hipfuse_rt_tensor results[] = {result.view()};
      for (int i = 0; i < 200; ++i) {
        if (hipfuse_rt_status_t status =
                hipfuse_rt_function_call(add, 2, args, 1, results)) {
          hipfuse_rt_status_free(status);
          ++failures;
        }
        failures += result.data != std::vector<float>(rows * 4, float(t) + 2);
      }
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(failures, 0);
}
