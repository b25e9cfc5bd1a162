//===-- conformance_test.cpp - What every kind of device has to do --------===//
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
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <new>
#include <thread>
#include <vector>

namespace fs = std::filesystem;

namespace {

/// Calls of operator new on this thread.
thread_local uint64_t numNews = 0;

/// Runs on the device of each kind; a test is skipped where there is none.
class ConformanceTest : public testing::TestWithParam<const char *> {
protected:
  void SetUp() override {
    std::string error = text(hipfuse_rt_device_open(GetParam(), &device));
    if (!device && std::string(GetParam()) != "host")
      GTEST_SKIP() << error;
    ASSERT_EQ(error, "");
    info = hipfuse_rt_device_get_info(device);
    isHost = info->kind == HIPFUSE_RT_DEVICE_HOST;
  }

  void TearDown() override {
    for (void *memory : buffers)
      EXPECT_EQ(text(hipfuse_rt_device_free(device, memory)), "");
    for (void *stream : streams)
      EXPECT_EQ(text(hipfuse_rt_stream_destroy(device, stream)), "");
    hipfuse_rt_module_close(module);
    hipfuse_rt_device_close(device);
  }

  void *allocate(uint64_t size) {
    void *memory = nullptr;
    EXPECT_EQ(text(hipfuse_rt_device_allocate(device, size, &memory)), "");
    buffers.push_back(memory);
    return memory;
  }

  void *createStream() {
    void *stream = nullptr;
    EXPECT_EQ(text(hipfuse_rt_stream_create(device, &stream)), "");
    streams.push_back(stream);
    return stream;
  }

  std::string synchronize(void *stream) {
    return text(hipfuse_rt_stream_synchronize(device, stream));
  }

  template <typename T>
  void *upload(const std::vector<T> &values) {
    uint64_t size = values.size() * sizeof(T);
    void *memory = allocate(size);
    EXPECT_EQ(
        text(hipfuse_rt_device_copy_to(device, memory, values.data(), size)),
        "");
    return memory;
  }

  template <typename T>
  std::vector<T> download(const void *memory, size_t count) {
    std::vector<T> values(count);
    EXPECT_EQ(text(hipfuse_rt_device_copy_from(device, values.data(), memory,
                                               count * sizeof(T))),
              "");
    return values;
  }

  /// Loads the artefact; false, with the test skipped, if it has no code for
  /// the device.
  bool loadModule() {
    EXPECT_EQ(text(hipfuse_rt_module_load(device, DEVICE_ARTIFACT, &module)),
              "");
    if (!module)
      return false;
    uint64_t size = 0;
    int64_t dims[] = {0};
    hipfuse_rt_tensor x = {nullptr, 0, HIPFUSE_RT_F32, 1, dims};
    hipfuse_rt_status_t status =
        hipfuse_rt_function_workspace_size(function("triple"), 1, &x, &size);
    bool none = hipfuse_rt_status_get_code(status) == HIPFUSE_RT_UNIMPLEMENTED;
    std::string error = text(status);
    if (none)
      [&] { GTEST_SKIP() << error; }();
    else
      EXPECT_EQ(error, "");
    return !none;
  }

  const hipfuse_rt_function_t *function(const char *name) {
    const hipfuse_rt_function_t *found = nullptr;
    EXPECT_EQ(text(hipfuse_rt_module_lookup(module, name, &found)), "");
    return found;
  }

  hipfuse_rt_device_t *device = nullptr;
  const hipfuse_rt_device_info *info = nullptr;
  bool isHost = false;
  hipfuse_rt_module_t *module = nullptr;
  std::vector<void *> buffers;
  std::vector<void *> streams;
};

/// A one-dimensional tensor over a buffer; the tensor points into it.
struct View {
  View(void *data, int64_t size, int32_t dtype)
      : dims{size}, tensor{data, uint64_t(size) * 4, dtype, 1, dims} {}
  View(const View &) = delete;
  View &operator=(const View &) = delete;

  int64_t dims[1];
  hipfuse_rt_tensor tensor;
};

/// `state` after `rounds` calls of the function steps.
std::vector<uint32_t> afterSteps(std::vector<uint32_t> state, int rounds) {
  for (int round = 0; round < rounds; ++round)
    for (uint32_t &x : state)
      x = ((x * 3 + 1) * 5 + 2) * 7 + 4;
  return state;
}

std::vector<uint32_t> someState(size_t size) {
  std::vector<uint32_t> state(size);
  for (size_t i = 0; i < size; ++i)
    state[i] = uint32_t(i * 2654435761u);
  return state;
}

std::string paramName(const testing::TestParamInfo<const char *> &info) {
  return info.param;
}

} // namespace

// ThreadSanitizer has these as its own.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define HAS_OWN_NEW 1
#endif
#elif defined(__SANITIZE_THREAD__)
#define HAS_OWN_NEW 1
#endif

#ifndef HAS_OWN_NEW
void *operator new(size_t size) {
  ++numNews;
  if (void *memory = std::malloc(size ? size : 1))
    return memory;
  throw std::bad_alloc();
}
void operator delete(void *memory) noexcept { std::free(memory); }
void operator delete(void *memory, size_t) noexcept { std::free(memory); }
#endif

INSTANTIATE_TEST_SUITE_P(Devices, ConformanceTest,
                         testing::Values("host", "hip", "cuda"), paramName);

TEST_P(ConformanceTest, Info) {
  std::string name = hipfuse_rt_device_name(device);
  EXPECT_EQ(name, info->name);
  EXPECT_EQ(name.find(std::string(GetParam()) + ":"), 0u) << name;
  EXPECT_STRNE(info->description, "");
  EXPECT_GT(info->compute_units, 0u);
  EXPECT_GT(info->memory_size, uint64_t(1) << 28);
  std::string architecture = info->architecture;
  EXPECT_EQ(architecture.find(isHost                                ? "x86-64"
                              : info->kind == HIPFUSE_RT_DEVICE_HIP ? "gfx"
                                                                    : "sm_"),
            0u)
      << architecture;

  // The device is listed, with the same facts.
  size_t count = 0;
  ASSERT_EQ(text(hipfuse_rt_enumerate_devices(0, nullptr, &count)), "");
  std::vector<hipfuse_rt_device_info> infos(count);
  ASSERT_EQ(text(hipfuse_rt_enumerate_devices(count, infos.data(), &count)),
            "");
  bool listed = false;
  for (const hipfuse_rt_device_info &each : infos)
    listed |= each.kind == info->kind && architecture == each.architecture &&
              (isHost || name == each.name);
  EXPECT_TRUE(listed);
}

TEST_P(ConformanceTest, MemoryCopies) {
  std::vector<uint32_t> values = someState(100003);
  void *a = upload(values);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(a) % 256, 0u);
  EXPECT_EQ(download<uint32_t>(a, values.size()), values);

  // A part, at an odd place, by a stream.
  std::vector<uint8_t> bytes(1000, 7);
  void *b = upload(bytes);
  void *stream = createStream();
  EXPECT_EQ(
      text(hipfuse_rt_stream_copy(device, stream, static_cast<char *>(b) + 3,
                                  static_cast<char *>(a) + 5, 90)),
      "");
  EXPECT_EQ(synchronize(stream), "");
  const auto *raw = reinterpret_cast<const uint8_t *>(values.data());
  std::copy_n(raw + 5, 90, bytes.data() + 3);
  EXPECT_EQ(download<uint8_t>(b, bytes.size()), bytes);

  EXPECT_EQ(text(hipfuse_rt_device_fill(device, static_cast<char *>(b) + 1,
                                        0xA5, 998)),
            "");
  std::fill(bytes.begin() + 1, bytes.end() - 1, 0xA5);
  EXPECT_EQ(download<uint8_t>(b, bytes.size()), bytes);
}

TEST_P(ConformanceTest, NothingToDoIsFine) {
  void *memory = device;
  EXPECT_EQ(text(hipfuse_rt_device_allocate(device, 0, &memory)), "");
  EXPECT_EQ(memory, nullptr);
  EXPECT_EQ(text(hipfuse_rt_device_free(device, nullptr)), "");
  EXPECT_EQ(text(hipfuse_rt_device_copy_to(device, nullptr, nullptr, 0)), "");
  EXPECT_EQ(text(hipfuse_rt_device_copy_from(device, nullptr, nullptr, 0)), "");
  EXPECT_EQ(text(hipfuse_rt_device_fill(device, nullptr, 1, 0)), "");
  EXPECT_EQ(text(hipfuse_rt_stream_copy(device, nullptr, nullptr, nullptr, 0)),
            "");
  EXPECT_EQ(text(hipfuse_rt_stream_destroy(device, nullptr)), "");
  EXPECT_EQ(synchronize(nullptr), "");
  EXPECT_EQ(text(hipfuse_rt_device_trace_stop(device)), "");
  hipfuse_rt_graph_destroy(nullptr);
  hipfuse_rt_event_destroy(nullptr);
}

TEST_P(ConformanceTest, NullArguments) {
  EXPECT_EQ(text(hipfuse_rt_device_allocate(device, 1, nullptr)),
            "invalid argument: hipfuse_rt_device_allocate: 'memory' is null");
  EXPECT_EQ(text(hipfuse_rt_device_copy_to(device, nullptr, this, 1)),
            "invalid argument: hipfuse_rt_device_copy_to: 'destination' is "
            "null");
  EXPECT_EQ(text(hipfuse_rt_stream_create(nullptr, nullptr)),
            "invalid argument: hipfuse_rt_stream_create: 'device' is null");
  EXPECT_EQ(text(hipfuse_rt_graph_begin_capture(device, nullptr)),
            "invalid argument: hipfuse_rt_graph_begin_capture: 'stream' is "
            "null");
}

TEST_P(ConformanceTest, OutOfMemory) {
  void *memory = nullptr;
  hipfuse_rt_status_t status =
      hipfuse_rt_device_allocate(device, uint64_t(1) << 60, &memory);
  EXPECT_EQ(hipfuse_rt_status_get_code(status), HIPFUSE_RT_OUT_OF_MEMORY);
  std::string error = text(status);
  EXPECT_NE(error.find("cannot allocate 1152921504606846976 bytes on device '" +
                       std::string(info->name) + "'"),
            std::string::npos)
      << error;
  EXPECT_EQ(memory, nullptr);
  // The device goes on.
  EXPECT_NE(allocate(16), nullptr);
}

TEST_P(ConformanceTest, LaunchesKeepTheirOrder) {
  if (!loadModule())
    return;
  std::vector<uint32_t> state = someState(1000);
  View view(upload(state), 1000, HIPFUSE_RT_I32);
  hipfuse_rt_tensor tied = {};
  void *stream = createStream();
  for (int i = 0; i < 10; ++i)
    ASSERT_EQ(
        text(hipfuse_rt_function_launch(function("steps"), stream, nullptr, 0,
                                        1, &view.tensor, 1, &tied)),
        "");
  EXPECT_EQ(synchronize(stream), "");
  EXPECT_EQ(download<uint32_t>(view.tensor.data, 1000), afterSteps(state, 10));

  // Kernels of GPUs access 16 bytes at a time.
  if (!isHost) {
    View shifted(static_cast<int32_t *>(view.tensor.data) + 1, 999,
                 HIPFUSE_RT_I32);
    std::string error = text(hipfuse_rt_function_launch(
        function("steps"), stream, nullptr, 0, 1, &shifted.tensor, 1, &tied));
    EXPECT_NE(error.find("not aligned to 16 bytes"), std::string::npos)
        << error;
  }

  // The default stream, and the call that waits.
  ASSERT_EQ(text(hipfuse_rt_function_launch(function("steps"), nullptr, nullptr,
                                            0, 1, &view.tensor, 1, &tied)),
            "");
  ASSERT_EQ(text(hipfuse_rt_function_call(function("steps"), 1, &view.tensor, 1,
                                          &tied)),
            "");
  EXPECT_EQ(download<uint32_t>(view.tensor.data, 1000), afterSteps(state, 12));
}

TEST_P(ConformanceTest, Workspace) {
  if (!loadModule())
    return;
  const int64_t n = 777;
  std::vector<float> x(n), expected(n);
  for (int64_t i = 0; i < n; ++i) {
    x[i] = float(i) - 300;
    expected[i] = 3 * x[i];
  }
  View in(upload(x), n, HIPFUSE_RT_F32);
  View out(upload(std::vector<float>(n, -1)), n, HIPFUSE_RT_F32);
  const hipfuse_rt_function_t *triple = function("triple");

  uint64_t size = 0;
  ASSERT_EQ(
      text(hipfuse_rt_function_workspace_size(triple, 1, &in.tensor, &size)),
      "");
  // Two pieces of 3108 bytes, each rounded up to 256; the host has its own.
  EXPECT_EQ(size, isHost ? 0u : 2 * 3328u);
  char *workspace = static_cast<char *>(allocate(size + 512));
  auto launch = [&](void *memory, uint64_t room) {
    return text(hipfuse_rt_function_launch(triple, nullptr, memory, room, 1,
                                           &in.tensor, 1, &out.tensor));
  };
  if (!isHost) {
    EXPECT_EQ(launch(workspace, size - 1),
              "invalid argument: 'triple' needs a workspace of 6656 bytes for "
              "these arguments, found 6655");
    EXPECT_EQ(launch(nullptr, size),
              "invalid argument: 'triple' needs a workspace of 6656 bytes for "
              "these arguments, found 0");
    EXPECT_EQ(launch(workspace + 64, size),
              "invalid argument: the workspace of 'triple' is not aligned to "
              "256 bytes");
    EXPECT_EQ(download<float>(out.tensor.data, n), std::vector<float>(n, -1));
  }
  // No byte beyond it is touched.
  ASSERT_EQ(text(hipfuse_rt_device_fill(device, workspace, 0x5A, size + 512)),
            "");
  EXPECT_EQ(launch(workspace + 256, size), "");
  EXPECT_EQ(synchronize(nullptr), "");
  EXPECT_EQ(download<float>(out.tensor.data, n), expected);
  std::vector<uint8_t> around(256, 0x5A);
  EXPECT_EQ(download<uint8_t>(workspace, 256), around);
  EXPECT_EQ(download<uint8_t>(workspace + 256 + size, 256), around);

  // Nothing to do needs nothing.
  View none(nullptr, 0, HIPFUSE_RT_F32);
  EXPECT_EQ(
      text(hipfuse_rt_function_workspace_size(triple, 1, &none.tensor, &size)),
      "");
  EXPECT_EQ(size, 0u);
  EXPECT_EQ(text(hipfuse_rt_function_launch(triple, nullptr, nullptr, 0, 1,
                                            &none.tensor, 1, &none.tensor)),
            "");

  // A call has a workspace of its own, which grows.
  for (int64_t part : {n / 7, n, n / 2}) {
    ASSERT_EQ(text(hipfuse_rt_device_fill(device, out.tensor.data, 0, n * 4)),
              "");
    in.dims[0] = out.dims[0] = part;
    EXPECT_EQ(
        text(hipfuse_rt_function_call(triple, 1, &in.tensor, 1, &out.tensor)),
        "");
    std::vector<float> y = download<float>(out.tensor.data, n);
    EXPECT_TRUE(std::equal(y.begin(), y.begin() + part, expected.begin()));
    EXPECT_EQ(std::vector<float>(y.begin() + part, y.end()),
              std::vector<float>(n - part, 0));
  }
}

TEST_P(ConformanceTest, LocalMemory) {
  if (!loadModule())
    return;
  const int64_t rows = 9, dims[] = {rows, 256};
  std::vector<float> x(rows * 256), expected(rows * 256);
  for (int64_t i = 0; i < rows * 256; ++i) {
    x[i] = float(i);
    expected[i] = float(i / 256 * 256 + 255 - i % 256);
  }
  hipfuse_rt_tensor in = {upload(x), x.size() * 4, HIPFUSE_RT_F32, 2, dims};
  for (const char *name : {"reverse", "reverse_dynamic"}) {
    hipfuse_rt_tensor out = {upload(std::vector<float>(x.size(), -1)),
                             x.size() * 4, HIPFUSE_RT_F32, 2, dims};
    EXPECT_EQ(text(hipfuse_rt_function_call(function(name), 1, &in, 1, &out)),
              "")
        << name;
    EXPECT_EQ(download<float>(out.data, x.size()), expected) << name;
  }
}

TEST_P(ConformanceTest, CaptureAndReplay) {
  if (!loadModule())
    return;
  std::vector<uint32_t> state = someState(300);
  View view(upload(state), 300, HIPFUSE_RT_I32);
  void *copy = upload(std::vector<uint32_t>(300, 9));
  hipfuse_rt_tensor tied = {};
  void *stream = createStream(), *other = createStream();

  ASSERT_EQ(text(hipfuse_rt_graph_begin_capture(device, stream)), "");
  EXPECT_EQ(text(hipfuse_rt_graph_begin_capture(device, stream)),
            "invalid argument: the stream captures already");
  for (int i = 0; i < 2; ++i)
    ASSERT_EQ(
        text(hipfuse_rt_function_launch(function("steps"), stream, nullptr, 0,
                                        1, &view.tensor, 1, &tied)),
        "");
  ASSERT_EQ(text(hipfuse_rt_stream_copy(device, stream, copy, view.tensor.data,
                                        1200)),
            "");
  hipfuse_rt_event_t *event = nullptr;
  ASSERT_EQ(text(hipfuse_rt_event_create(device, &event)), "");
  EXPECT_EQ(text(hipfuse_rt_event_record(event, stream)),
            "invalid argument: an event cannot be recorded while its stream "
            "captures");
  hipfuse_rt_event_destroy(event);
  hipfuse_rt_graph_t *graph = nullptr;
  ASSERT_EQ(text(hipfuse_rt_graph_end_capture(device, stream, &graph)), "");

  // What was captured has not run.
  EXPECT_EQ(download<uint32_t>(view.tensor.data, 300), state);
  for (void *each : {stream, other, stream})
    for (int i = 0; i < 2; ++i) {
      ASSERT_EQ(text(hipfuse_rt_graph_launch(graph, each)), "");
      ASSERT_EQ(synchronize(each), "");
    }
  EXPECT_EQ(download<uint32_t>(view.tensor.data, 300), afterSteps(state, 12));
  EXPECT_EQ(download<uint32_t>(copy, 300), afterSteps(state, 12));
  hipfuse_rt_graph_destroy(graph);

  graph = nullptr;
  EXPECT_EQ(text(hipfuse_rt_graph_end_capture(device, stream, &graph)),
            "invalid argument: the stream does not capture");
  EXPECT_EQ(graph, nullptr);
  // The stream runs again what is enqueued.
  ASSERT_EQ(text(hipfuse_rt_function_launch(function("steps"), stream, nullptr,
                                            0, 1, &view.tensor, 1, &tied)),
            "");
  ASSERT_EQ(synchronize(stream), "");
  EXPECT_EQ(download<uint32_t>(view.tensor.data, 300), afterSteps(state, 13));
}

TEST_P(ConformanceTest, Events) {
  hipfuse_rt_event_t *start = nullptr, *end = nullptr;
  ASSERT_EQ(text(hipfuse_rt_event_create(device, &start)), "");
  ASSERT_EQ(text(hipfuse_rt_event_create(device, &end)), "");
  void *stream = createStream();
  double milliseconds = -1;
  EXPECT_EQ(text(hipfuse_rt_event_record(start, stream)), "");
  EXPECT_EQ(text(hipfuse_rt_event_elapsed(start, end, &milliseconds)),
            "invalid argument: an event has not been recorded");
  EXPECT_EQ(milliseconds, -1);
  const uint64_t size = 4 << 20;
  void *a = upload(std::vector<uint8_t>(size)), *b = allocate(size);
  EXPECT_EQ(text(hipfuse_rt_event_record(start, stream)), "");
  for (int i = 0; i < 4; ++i)
    EXPECT_EQ(text(hipfuse_rt_stream_copy(device, stream, b, a, size)), "");
  EXPECT_EQ(text(hipfuse_rt_event_record(end, stream)), "");
  EXPECT_EQ(text(hipfuse_rt_event_elapsed(start, end, &milliseconds)), "");
  EXPECT_GT(milliseconds, 0);
  EXPECT_LT(milliseconds, 60e3);
  hipfuse_rt_event_destroy(start);
  hipfuse_rt_event_destroy(end);
}

TEST_P(ConformanceTest, SteadyStateAllocatesNothing) {
#ifdef HAS_OWN_NEW
  GTEST_SKIP() << "allocations are not counted with this sanitizer";
#endif
  if (!loadModule())
    return;
  std::vector<uint32_t> state = someState(64);
  View view(upload(state), 64, HIPFUSE_RT_I32);
  hipfuse_rt_tensor tied = {};
  const hipfuse_rt_function_t *steps = function("steps");
  uint64_t before = 0;
  for (int i = 0; i < 3; ++i) {
    // The first launch on a thread makes the thread's frame.
    if (i == 1)
      before = numNews;
    hipfuse_rt_status_t status = hipfuse_rt_function_launch(
        steps, nullptr, nullptr, 0, 1, &view.tensor, 1, &tied);
    ASSERT_EQ(status, nullptr);
  }
  EXPECT_EQ(numNews, before);
  EXPECT_EQ(synchronize(nullptr), "");
}

TEST_P(ConformanceTest, ManyThreads) {
  if (!loadModule())
    return;
  std::vector<uint32_t> state = someState(500);
  std::atomic<int> failures{0};
  std::vector<void *> memory, stream;
  for (int t = 0; t < 4; ++t) {
    memory.push_back(upload(state));
    stream.push_back(createStream());
  }
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      View view(memory[t], 500, HIPFUSE_RT_I32);
      hipfuse_rt_tensor tied = {};
      const hipfuse_rt_function_t *steps = nullptr;
      failures += !!hipfuse_rt_module_lookup(module, "steps", &steps);
      for (int i = 0; i < 25 && steps; ++i) {
        failures +=
            text(hipfuse_rt_function_launch(steps, stream[t], nullptr, 0, 1,
                                            &view.tensor, 1, &tied)) != "";
        failures +=
            text(hipfuse_rt_stream_synchronize(device, stream[t])) != "";
        failures += text(hipfuse_rt_function_call(steps, 1, &view.tensor, 1,
                                                  &tied)) != "";
      }
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(failures, 0);
  for (void *each : memory)
    EXPECT_EQ(download<uint32_t>(each, 500), afterSteps(state, 50));
}

TEST_P(ConformanceTest, ClosingOrder) {
  if (!loadModule())
    return;
  // Module, event and graph outlive the caller's reference to the device.
  std::vector<uint32_t> state = someState(10);
  View view(upload(state), 10, HIPFUSE_RT_I32);
  hipfuse_rt_tensor tied = {};
  void *stream = createStream();
  hipfuse_rt_device_t *second = nullptr;
  ASSERT_EQ(text(hipfuse_rt_device_open(GetParam(), &second)), "");
  hipfuse_rt_module_t *loaded = nullptr;
  ASSERT_EQ(text(hipfuse_rt_module_load(second, DEVICE_ARTIFACT, &loaded)), "");
  const hipfuse_rt_function_t *steps = nullptr;
  ASSERT_EQ(text(hipfuse_rt_module_lookup(loaded, "steps", &steps)), "");
  hipfuse_rt_event_t *event = nullptr;
  ASSERT_EQ(text(hipfuse_rt_event_create(second, &event)), "");
  hipfuse_rt_graph_t *graph = nullptr;
  ASSERT_EQ(text(hipfuse_rt_graph_begin_capture(second, stream)), "");
  ASSERT_EQ(text(hipfuse_rt_function_launch(steps, stream, nullptr, 0, 1,
                                            &view.tensor, 1, &tied)),
            "");
  ASSERT_EQ(text(hipfuse_rt_graph_end_capture(second, stream, &graph)), "");
  hipfuse_rt_device_close(second);

  ASSERT_EQ(text(hipfuse_rt_graph_launch(graph, stream)), "");
  ASSERT_EQ(text(hipfuse_rt_event_record(event, stream)), "");
  ASSERT_EQ(synchronize(stream), "");
  EXPECT_EQ(text(hipfuse_rt_function_call(steps, 1, &view.tensor, 1, &tied)),
            "");
  EXPECT_EQ(download<uint32_t>(view.tensor.data, 10), afterSteps(state, 2));
  hipfuse_rt_graph_destroy(graph);
  hipfuse_rt_module_close(loaded);
  hipfuse_rt_event_destroy(event);
}

TEST_P(ConformanceTest, NoCodeForTheDevice) {
  if (!loadModule())
    return;
  const char *name = isHost ? "no_kernel" : "host_only";
  View x(upload(std::vector<float>(4)), 4, HIPFUSE_RT_F32);
  View y(upload(std::vector<float>(4)), 4, HIPFUSE_RT_F32);
  std::string error = text(hipfuse_rt_function_call(
      function(name), 1, &x.tensor, isHost ? 0 : 1, &y.tensor));
  std::string start = "unimplemented: function '" + std::string(name) +
                      "' has no code for device '" + info->name + "'";
  if (!isHost)
    start += ", which is " + std::string(info->architecture) +
             "; it has code for: host";
  EXPECT_EQ(error, start);
  EXPECT_EQ(
      text(hipfuse_rt_function_launch(function(name), nullptr, nullptr, 0, 1,
                                      &x.tensor, isHost ? 0 : 1, &y.tensor)),
      start);
}

TEST_P(ConformanceTest, BrokenLaunchCode) {
  if (isHost)
    GTEST_SKIP() << "the host runs no launch code";
  if (!loadModule())
    return;
  void *memory = upload(std::vector<float>(64, 1));
  View x(memory, 16, HIPFUSE_RT_F32);
  auto call = [&](const char *name) {
    return text(
        hipfuse_rt_function_call(function(name), 1, &x.tensor, 0, nullptr));
  };
  EXPECT_EQ(call("no_kernel"), "internal: 'no_kernel' launches kernel 99 of 4");
  EXPECT_EQ(call("empty_grid"), "internal: 'empty_grid' launches kernel 'add' "
                                "with an empty grid");
  std::string error = call("much_lds");
  EXPECT_EQ(error.find("unimplemented: 'much_lds' launches kernel 'reverse' "
                       "with 1049600 bytes of local memory, device '" +
                       std::string(info->name) + "' has "),
            0u)
      << error;
  EXPECT_EQ(call("own_code"),
            "internal: the launch code of 'own_code' failed with code 42");
  EXPECT_EQ(call("greedy"),
            "internal: 'greedy' takes more workspace than it said: 1073741824 "
            "bytes, not 256");
  EXPECT_EQ(call("huge"), "out of memory: 'huge' needs a workspace of more "
                          "bytes than can be");
  // Nothing ran, and the device goes on.
  EXPECT_EQ(download<float>(memory, 64), std::vector<float>(64, 1));
}

TEST_P(ConformanceTest, Trace) {
  if (!loadModule())
    return;
  std::string name =
      (fs::temp_directory_path() / "hipfuse-rt-trace-XXXXXX").string();
  fs::path directory = ::mkdtemp(name.data());
  fs::path path = directory / "trace.json";
  EXPECT_EQ(text(hipfuse_rt_device_trace_start(
                device, (directory / "none" / "trace.json").c_str())),
            "unavailable: cannot write trace '" +
                (directory / "none" / "trace.json").string() +
                "': No such file or directory");
  View view(upload(someState(1000)), 1000, HIPFUSE_RT_I32);
  hipfuse_rt_tensor tied = {};
  auto launch = [&] {
    EXPECT_EQ(
        text(hipfuse_rt_function_launch(function("steps"), nullptr, nullptr, 0,
                                        1, &view.tensor, 1, &tied)),
        "");
  };
  launch();
  ASSERT_EQ(text(hipfuse_rt_device_trace_start(device, path.c_str())), "");
  EXPECT_EQ(text(hipfuse_rt_device_trace_start(device, path.c_str())),
            "invalid argument: tracing to '" + path.string() +
                "' has not been stopped");
  launch();
  launch();
  ASSERT_EQ(text(hipfuse_rt_device_trace_stop(device)), "");
  launch();
  EXPECT_EQ(synchronize(nullptr), "");

  std::ifstream in(path);
  std::string json((std::istreambuf_iterator<char>(in)),
                   std::istreambuf_iterator<char>());
  auto count = [&](const std::string &what) {
    size_t found = 0;
    for (size_t at = 0; (at = json.find(what, at)) != std::string::npos; ++at)
      ++found;
    return found;
  };
  EXPECT_EQ(json.find("{\"displayTimeUnit\": \"ns\", \"traceEvents\": ["), 0u);
  EXPECT_EQ(json.substr(json.size() - 4), "\n]}\n");
  EXPECT_EQ(count("\"name\": \"steps\", \"cat\": \"function\", \"ph\": \"X\""),
            2u);
  EXPECT_EQ(count("\"stream\": \"0x0\""), isHost ? 2u : 8u);
  EXPECT_EQ(count("\"name\": \"step\", \"cat\": \"kernel\""), isHost ? 0u : 6u);
  EXPECT_EQ(count("\"grid\": [4, 1, 1], \"block\": [256, 1, 1], \"lds\": 0"),
            isHost ? 0u : 6u);
  fs::remove_all(directory);
}
