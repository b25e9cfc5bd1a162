//===-- gpu_failure_test.cpp - What goes wrong with GPUs, with fake libraries
//===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "gpu/fake_gpu.h"
#include "test_support.h"

#include "gtest/gtest.h"

#include <atomic>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include <dlfcn.h>

namespace {

/// One of the fake libraries, opened to be told what to do.
class Fake {
public:
  explicit Fake(const char *path)
      : handle(::dlopen(path, RTLD_NOW | RTLD_LOCAL)) {
    EXPECT_NE(handle, nullptr) << ::dlerror();
    state = function<fake_gpu_state *()>("fake_gpu_state")();
    reset();
  }
  ~Fake() {
    reset();
    ::dlclose(handle);
  }

  void reset() { function<void()>("fake_gpu_reset")(); }

  /// Call number `after` of the function fails.
  void fail(const char *name, int code, int after = 0) {
    std::strcpy(state->fail_function, name);
    state->fail_code = code;
    state->fail_after = after;
  }

  template <typename Type>
  Type *function(const char *name) {
    return reinterpret_cast<Type *>(::dlsym(handle, name));
  }

  fake_gpu_state *state = nullptr;

private:
  void *handle;
};

/// Runs with either fake library. At the end, nothing may be left of what the
/// runtime took from it.
class GpuFailureTest : public testing::TestWithParam<const char *> {
protected:
  void TearDown() override {
    hipfuse_rt_module_close(module);
    hipfuse_rt_device_close(device);
    const fake_gpu_state &s = *fake.state;
    EXPECT_EQ(s.allocations, 0);
    EXPECT_EQ(s.streams, 0);
    EXPECT_EQ(s.events, 0);
    EXPECT_EQ(s.graphs, 0);
    EXPECT_EQ(s.executables, 0);
    EXPECT_EQ(s.modules, 0);
    EXPECT_EQ(s.contexts, 0);
  }

  std::string open(const std::string &name, const char *path) {
    return text(
        hipfuse_rt_device_open_with_library(name.c_str(), path, &device));
  }
  std::string open() { return open(GetParam(), library); }

  std::string load(const char *artifact = DEVICE_ARTIFACT) {
    return text(hipfuse_rt_module_load(device, artifact, &module));
  }

  /// Opens the device and loads the artefact.
  void start() {
    ASSERT_EQ(open(), "");
    ASSERT_EQ(load(), "");
  }

  const hipfuse_rt_function_t *function(const char *name) {
    const hipfuse_rt_function_t *found = nullptr;
    EXPECT_EQ(text(hipfuse_rt_module_lookup(module, name, &found)), "");
    return found;
  }

  /// Calls "triple" or "steps" on the elements.
  std::string call(const char *name) {
    hipfuse_rt_tensor x = tensor(elements), y = tensor(results);
    if (std::strcmp(name, "steps") == 0) {
      x.dtype = HIPFUSE_RT_I32;
      y = {};
    }
    return text(hipfuse_rt_function_call(function(name), 1, &x, 1, &y));
  }

  std::string launchSteps(void *stream) {
    hipfuse_rt_tensor x = tensor(elements), none = {};
    x.dtype = HIPFUSE_RT_I32;
    return text(hipfuse_rt_function_launch(function("steps"), stream, nullptr,
                                           0, 1, &x, 1, &none));
  }

  hipfuse_rt_tensor tensor(std::vector<float> &values) {
    dims = int64_t(values.size());
    return {values.data(), values.size() * 4, HIPFUSE_RT_F32, 1, &dims};
  }

  const bool cuda = std::strcmp(GetParam(), "cuda") == 0;
  const char *vendor = cuda ? "CUDA" : "HIP";
  const std::string name = std::string(GetParam()) + ":0";
  const char *library = cuda ? FAKE_CUDA : FAKE_HIP;
  Fake fake{library};
  hipfuse_rt_device_t *device = nullptr;
  hipfuse_rt_module_t *module = nullptr;
  // The fake's device memory is the host's.
  int64_t dims = 0;
  std::vector<float> elements = std::vector<float>(300, 2);
  std::vector<float> results = std::vector<float>(300, -1);
};

std::string paramName(const testing::TestParamInfo<const char *> &info) {
  return info.param;
}

} // namespace

INSTANTIATE_TEST_SUITE_P(Libraries, GpuFailureTest,
                         testing::Values("hip", "cuda"), paramName);

//===----------------------------------------------------------------------===//
// Opening
//===----------------------------------------------------------------------===//

TEST_P(GpuFailureTest, Works) {
  start();
  EXPECT_EQ(hipfuse_rt_device_name(device), name);
  const hipfuse_rt_device_info *info = hipfuse_rt_device_get_info(device);
  EXPECT_STREQ(info->architecture, cuda ? "sm_90" : "gfx950:sramecc+:xnack-");
  EXPECT_STREQ(info->description,
               cuda ? "Fake, sm_90, 132 multiprocessors, 16 GiB, CUDA 12.4"
                    : "Fake, gfx950:sramecc+:xnack-, 256 compute units, 16 "
                      "GiB, HIP 6.3");
  EXPECT_EQ(info->cache_size, cuda ? 50u << 20 : 4u << 20);
  EXPECT_EQ(call("triple"), "");
  EXPECT_EQ(results, std::vector<float>(300, 6));
  EXPECT_STREQ(fake.state->last_kernel, "add");
  EXPECT_EQ(fake.state->last_grid[0], 2u);
  EXPECT_EQ(fake.state->last_block[0], 256u);
}

TEST_P(GpuFailureTest, NoLibrary) {
  EXPECT_EQ(open(GetParam(), "/none/libgpu.so"),
            "unavailable: cannot open the " + std::string(vendor) +
                " library; tried /none/libgpu.so: cannot open shared object "
                "file: No such file or directory");
  EXPECT_EQ(open("host", "/none/libgpu.so"),
            "invalid argument: device 'host' needs no library, found "
            "'/none/libgpu.so'");
  EXPECT_EQ(open("auto", "/none/libgpu.so"),
            "invalid argument: device 'auto' takes no library, found "
            "'/none/libgpu.so'");
}

TEST_P(GpuFailureTest, MissingFunction) {
  const char *lacking = cuda ? FAKE_CUDA_LACKING : FAKE_HIP_LACKING;
  EXPECT_EQ(open(GetParam(), lacking),
            "unavailable: the " + std::string(vendor) + " library '" + lacking +
                "' is of another version than this runtime can use: it lacks " +
                (cuda ? "cuLaunchKernel" : "hipModuleLaunchKernel"));
  // A library of another kind lacks all of them.
  std::string error = open(GetParam(), cuda ? FAKE_HIP : FAKE_CUDA);
  EXPECT_NE(error.find(cuda ? "it lacks cuInit, cuDriverGetVersion, "
                            : "it lacks hipInit, hipDriverGetVersion, "),
            std::string::npos)
      << error;
}

TEST_P(GpuFailureTest, DriverTooOld) {
  // Of an own library, as one that has been found to be good is kept.
  const char *old = cuda ? FAKE_CUDA_OLD : FAKE_HIP_OLD;
  Fake fakeOld(old);
  fakeOld.state->version = cuda ? 11040 : 50700000;
  EXPECT_EQ(
      open(GetParam(), old),
      cuda ? "unavailable: the CUDA driver is too old: '" + std::string(old) +
                 "' is of CUDA 11.4, this runtime needs 11.8"
           : "unavailable: the HIP driver is too old: '" + std::string(old) +
                 "' is of HIP 5.7, this runtime needs 6.0");
  // An older driver below a new library says so itself.
  fake.fail("hipInit", 35);
  EXPECT_EQ(open(), "unavailable: cannot initialise the " +
                        std::string(vendor) + " library '" + library +
                        "': fakeErrorInsufficientDriver");
}

TEST_P(GpuFailureTest, NoDevice) {
  std::string none =
      "unavailable: there is no " + std::string(vendor) + " device: ";
  fake.state->devices = 0;
  EXPECT_EQ(open(), none + "fakeErrorNoDevice");
  // Versions of HIP differ in what hipInit gives then.
  fake.fail("hipInit", 101);
  EXPECT_EQ(open(), none + "error 101");
  fake.fail("hipInit", 100);
  EXPECT_EQ(open(), none + "fakeErrorNoDevice");
  // Or give it when they are asked for their version, as a library is opened.
  const char *unopened = cuda ? FAKE_CUDA_OLD : FAKE_HIP_OLD;
  Fake other(unopened);
  other.fail("hipDriverGetVersion", 100);
  EXPECT_EQ(open(GetParam(), unopened), none + "fakeErrorNoDevice");
  fake.reset();
  EXPECT_EQ(open(std::string(GetParam()) + ":1", library),
            "not found: no device '" + std::string(GetParam()) +
                ":1'; there is 1 " + vendor + " device");
  for (const char *number : {"", "-1", "x", "0x", "99999999999"})
    EXPECT_EQ(open(std::string(GetParam()) + ":" + number, library),
              "invalid argument: device '" + std::string(GetParam()) + ":" +
                  number + "': expected " + GetParam() +
                  ":n with the number n of a device, counted from 0");
}

TEST_P(GpuFailureTest, UnknownProperties) {
  if (cuda)
    GTEST_SKIP() << "CUDA tells properties one by one";
  fake.state->architecture[0] = '\0';
  EXPECT_EQ(open(), "unavailable: device 'hip:0' has no architecture's name "
                    "where HIP 6.3 should have put it");
}

//===----------------------------------------------------------------------===//
// Loading
//===----------------------------------------------------------------------===//

TEST_P(GpuFailureTest, WrongArchitecture) {
  std::strcpy(fake.state->architecture, "gfx942:sramecc+:xnack-");
  fake.state->capability = 70;
  start();
  EXPECT_EQ(call("triple"),
            "unimplemented: function 'triple' has no code for device '" + name +
                "', which is " + (cuda ? "sm_70" : "gfx942:sramecc+:xnack-") +
                "; it has code for: gfx950, sm_75, sm_80, sm_90, host");
  EXPECT_EQ(fake.state->loads, 0);
}

TEST_P(GpuFailureTest, LaterArchitecture) {
  if (!cuda)
    GTEST_SKIP() << "AMD's code runs on one chip";
  fake.state->capability = 120;
  start();
  EXPECT_EQ(call("triple"), "");
}

TEST_P(GpuFailureTest, TextInPlaceOfACubin) {
  if (!cuda)
    GTEST_SKIP() << "AMD's code comes in one form";
  ASSERT_EQ(open(), "");
  ASSERT_EQ(load(CUBIN_ARTIFACT), "");
  EXPECT_EQ(fake.state->loads, 1);
  EXPECT_EQ(fake.state->text_loads, 0);
  hipfuse_rt_module_close(module);
  module = nullptr;
  // The driver is older than the cubin.
  fake.fail("hipModuleLoadData", 209);
  ASSERT_EQ(load(CUBIN_ARTIFACT), "");
  EXPECT_EQ(fake.state->text_loads, 1);
  EXPECT_EQ(call("triple"), "");
  hipfuse_rt_module_close(module);
  module = nullptr;
  // The device is later than the cubin.
  hipfuse_rt_device_close(device);
  device = nullptr;
  fake.state->capability = 100;
  ASSERT_EQ(open(), "");
  ASSERT_EQ(load(CUBIN_ARTIFACT), "");
  EXPECT_EQ(fake.state->text_loads, 2);
}

TEST_P(GpuFailureTest, TooLittleLocalMemory) {
  fake.state->lds = 512;
  ASSERT_EQ(open(), "");
  EXPECT_EQ(load(), "unimplemented: kernel 'reverse' needs 1024 bytes of local "
                    "memory, device '" +
                        name + "' has 512");
  EXPECT_EQ(fake.state->loads, 0);
}

TEST_P(GpuFailureTest, FailedLoad) {
  ASSERT_EQ(open(), "");
  fake.fail("hipModuleLoadData", cuda ? 218 : 2);
  EXPECT_EQ(load(),
            cuda ? "internal: cannot compile the artefact's text for 'sm_90' "
                   "on device 'cuda:0': line 1: fake : fakeErrorInvalidPtx"
                 : "out of memory: cannot load the artefact's code for "
                   "'gfx950' on device 'hip:0': fakeErrorOutOfMemory");
  EXPECT_EQ(module, nullptr);
  // A kernel that is not there: what has been loaded is unloaded.
  fake.fail("hipModuleGetFunction", 500, 2);
  EXPECT_EQ(load(), "internal: cannot find kernel 'reverse' on device '" +
                        name + "': error 500");
  EXPECT_EQ(fake.state->loads, 1);
  EXPECT_EQ(fake.state->modules, 0);
  EXPECT_EQ(load(), "");
}

//===----------------------------------------------------------------------===//
// Running
//===----------------------------------------------------------------------===//

TEST_P(GpuFailureTest, OutOfMemory) {
  start();
  fake.fail("hipMalloc", 2);
  void *memory = nullptr;
  EXPECT_EQ(text(hipfuse_rt_device_allocate(device, 1000, &memory)),
            "out of memory: cannot allocate 1000 bytes on device '" + name +
                "', which has 17179869184 of 17179869184 free: "
                "fakeErrorOutOfMemory");
  EXPECT_EQ(memory, nullptr);
  // The workspace of a call.
  fake.fail("hipMalloc", 2);
  EXPECT_EQ(call("triple"),
            "out of memory: cannot allocate 2560 bytes on device '" + name +
                "', which has 17179869184 of 17179869184 free: "
                "fakeErrorOutOfMemory");
  EXPECT_EQ(results, std::vector<float>(300, -1));
  EXPECT_EQ(call("triple"), "");
}

TEST_P(GpuFailureTest, FailedLaunch) {
  start();
  fake.fail("hipModuleLaunchKernel", 719, 1);
  EXPECT_EQ(call("steps"),
            "internal: cannot launch kernel 'step' of 'steps' on device '" +
                name + "', grid 2x1x1: fakeErrorLaunchFailure");
  EXPECT_EQ(fake.state->launches, 1);
  fake.fail("hipMemcpyDtoDAsync", 719);
  EXPECT_EQ(call("triple"), "internal: cannot copy 1200 bytes in 'triple' on "
                            "device '" +
                                name + "': fakeErrorLaunchFailure");
  EXPECT_EQ(call("triple"), "");
}

TEST_P(GpuFailureTest, KernelsThatWaitByThemselvesStartEarly) {
  ASSERT_EQ(open(), "");
  ASSERT_EQ(load(CUBIN_ARTIFACT), "");
  // 'triple' launches 'add' twice; 'step' is no such kernel.
  EXPECT_EQ(call("triple"), "");
  EXPECT_EQ(call("steps"), "");
  EXPECT_GT(fake.state->launches, 2);
  EXPECT_EQ(fake.state->early_launches, cuda ? 2 : 0);
}

TEST_P(GpuFailureTest, NothingIsLaunchedAfterAFailure) {
  start();
  hipfuse_rt_tensor x = tensor(elements);
  EXPECT_EQ(
      text(hipfuse_rt_function_call(function("greedy"), 1, &x, 0, nullptr)),
      "internal: 'greedy' takes more workspace than it said: 1073741824 "
      "bytes, not 512");
  EXPECT_EQ(fake.state->launches, 0);
}

TEST_P(GpuFailureTest, CopiesAreDoneWhenTheyReturn) {
  // The vendors' copies of pageable memory, and fills, may return earlier.
  start();
  void *memory = nullptr;
  ASSERT_EQ(text(hipfuse_rt_device_allocate(device, 64, &memory)), "");
  int before = fake.state->synchronizations;
  EXPECT_EQ(
      text(hipfuse_rt_device_copy_to(device, memory, elements.data(), 64)), "");
  EXPECT_EQ(fake.state->synchronizations, before + 1);
  EXPECT_EQ(text(hipfuse_rt_device_fill(device, memory, 1, 64)), "");
  EXPECT_EQ(fake.state->synchronizations, before + 2);
  for (const char *call : {"hipMemcpyHtoD", "hipStreamSynchronize"}) {
    fake.fail(call, 700);
    EXPECT_EQ(
        text(hipfuse_rt_device_copy_to(device, memory, elements.data(), 64)),
        "internal: cannot copy 64 bytes to device '" + name +
            "': fakeErrorIllegalAddress");
  }
  fake.fail("hipMemcpyDtoH", 700);
  EXPECT_EQ(
      text(hipfuse_rt_device_copy_from(device, elements.data(), memory, 64)),
      "internal: cannot copy 64 bytes from device '" + name +
          "': fakeErrorIllegalAddress");
  EXPECT_EQ(text(hipfuse_rt_device_free(device, memory)), "");
}

TEST_P(GpuFailureTest, FailedWork) {
  start();
  fake.fail("hipStreamSynchronize", 700);
  EXPECT_EQ(call("steps"), "internal: 'steps' failed on device '" + name +
                               "': fakeErrorIllegalAddress");
  fake.fail("hipStreamSynchronize", 700);
  EXPECT_EQ(text(hipfuse_rt_stream_synchronize(device, nullptr)),
            "internal: the work of a stream of device '" + name +
                "' failed: fakeErrorIllegalAddress");
}

TEST_P(GpuFailureTest, FailedCapture) {
  start();
  void *stream = nullptr;
  ASSERT_EQ(text(hipfuse_rt_stream_create(device, &stream)), "");
  hipfuse_rt_graph_t *graph = nullptr;
  auto capture = [&] {
    EXPECT_EQ(text(hipfuse_rt_graph_begin_capture(device, stream)), "");
    EXPECT_EQ(launchSteps(stream), "");
    return text(hipfuse_rt_graph_end_capture(device, stream, &graph));
  };
  fake.fail("hipStreamEndCapture", 901);
  EXPECT_EQ(capture(), "internal: the capture of a stream of device '" + name +
                           "' failed: error 901");
  fake.fail("hipGraphInstantiateWithFlags", 2);
  EXPECT_EQ(capture(), "out of memory: cannot make a graph of what device '" +
                           name + "' captured: fakeErrorOutOfMemory");
  EXPECT_EQ(graph, nullptr);
  EXPECT_EQ(capture(), "");
  fake.fail("hipGraphLaunch", 719);
  EXPECT_EQ(text(hipfuse_rt_graph_launch(graph, stream)),
            "internal: cannot launch a graph on device '" + name +
                "': fakeErrorLaunchFailure");
  hipfuse_rt_graph_destroy(graph);
  EXPECT_EQ(text(hipfuse_rt_stream_destroy(device, stream)), "");
}

TEST_P(GpuFailureTest, SteadyState) {
  start();
  hipfuse_rt_tensor x = tensor(elements), y = tensor(results);
  uint64_t size = 0;
  ASSERT_EQ(text(hipfuse_rt_function_workspace_size(function("triple"), 1, &x,
                                                    &size)),
            "");
  void *workspace = nullptr;
  ASSERT_EQ(text(hipfuse_rt_device_allocate(device, size, &workspace)), "");
  fake_gpu_state before = *fake.state;
  for (int i = 0; i < 100; ++i)
    ASSERT_EQ(text(hipfuse_rt_function_launch(function("triple"), nullptr,
                                              workspace, size, 1, &x, 1, &y)),
              "");
  EXPECT_EQ(fake.state->launches, before.launches + 200);
  EXPECT_EQ(fake.state->loads, 1);
  EXPECT_EQ(fake.state->calls_of_malloc, before.calls_of_malloc);
  EXPECT_EQ(fake.state->synchronizations, before.synchronizations);
  EXPECT_EQ(text(hipfuse_rt_device_free(device, workspace)), "");
  // A call keeps its workspace.
  ASSERT_EQ(call("triple"), "");
  before = *fake.state;
  for (int i = 0; i < 10; ++i)
    ASSERT_EQ(call("triple"), "");
  EXPECT_EQ(fake.state->calls_of_malloc, before.calls_of_malloc);
}

TEST_P(GpuFailureTest, ConcurrentFirstCallsLoadOnce) {
  start();
  std::atomic<int> failures{0};
  std::vector<std::thread> threads;
  const hipfuse_rt_function_t *triple = function("triple");
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&] {
      std::vector<float> in(300, 1), out(300);
      int64_t size = 300;
      hipfuse_rt_tensor x = {in.data(), 1200, HIPFUSE_RT_F32, 1, &size};
      hipfuse_rt_tensor y = {out.data(), 1200, HIPFUSE_RT_F32, 1, &size};
      failures += text(hipfuse_rt_function_call(triple, 1, &x, 1, &y)) != "" ||
                  out != std::vector<float>(300, 3);
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(failures, 0);
  EXPECT_EQ(fake.state->loads, 1);
}

TEST_P(GpuFailureTest, TheThreadsDeviceStays) {
  // The application works with another device than the runtime does.
  fake.state->devices = 2;
  if (cuda) {
    ASSERT_EQ(fake.function<int(unsigned)>("cuInit")(0), 0);
    auto *set = fake.function<int(void *)>("cuCtxSetCurrent");
    auto *get = fake.function<int(void **)>("cuCtxGetCurrent");
    char other;
    void *found = nullptr;
    set(&other);
    start();
    EXPECT_EQ(call("triple"), "");
    get(&found);
    EXPECT_EQ(found, &other);
    set(nullptr);
    EXPECT_EQ(call("triple"), "");
    get(&found);
    EXPECT_EQ(found, nullptr);
  } else {
    auto *set = fake.function<int(int)>("hipSetDevice");
    auto *get = fake.function<int(int *)>("hipGetDevice");
    set(1);
    start();
    EXPECT_EQ(call("triple"), "");
    int found = -1;
    get(&found);
    EXPECT_EQ(found, 1);
    set(0);
  }
}

//===----------------------------------------------------------------------===//
// auto
//===----------------------------------------------------------------------===//

TEST(AutoDevice, TakesWhatOpens) {
  // The linker gives out what is loaded under these names, so the fakes are
  // found before any GPU's library.
  Fake hip(FAKE_HIP), cuda(FAKE_CUDA);
  auto openAuto = [](std::string &description) {
    hipfuse_rt_device_t *device = nullptr;
    EXPECT_EQ(text(hipfuse_rt_device_open("auto", &device)), "");
    std::string name = hipfuse_rt_device_name(device);
    description = hipfuse_rt_device_get_info(device)->description;
    hipfuse_rt_device_close(device);
    return name;
  };
  auto listed = [] {
    size_t count = 0;
    EXPECT_EQ(text(hipfuse_rt_enumerate_devices(0, nullptr, &count)), "");
    std::vector<hipfuse_rt_device_info> infos(count);
    EXPECT_EQ(text(hipfuse_rt_enumerate_devices(count, infos.data(), &count)),
              "");
    std::string names;
    for (const hipfuse_rt_device_info &info : infos)
      names += std::string(info.name) + " ";
    return names;
  };
  std::string description;
  hip.state->devices = 2;
  EXPECT_EQ(openAuto(description), "hip:0");
  EXPECT_EQ(description.find("; not "), std::string::npos) << description;
  EXPECT_EQ(listed(), "host hip:0 hip:1 cuda:0 ");

  hip.state->devices = 0;
  EXPECT_EQ(openAuto(description), "cuda:0");
  EXPECT_EQ(description, "Fake, sm_90, 132 multiprocessors, 16 GiB, CUDA 12.4; "
                         "not hip: there is no HIP device: fakeErrorNoDevice");
  EXPECT_EQ(listed(), "host cuda:0 ");

  cuda.state->devices = 0;
  EXPECT_EQ(openAuto(description).compare(0, 5, "host:"), 0);
  EXPECT_NE(description.find("; not hip: there is no HIP device: "
                             "fakeErrorNoDevice; not cuda: there is no CUDA "
                             "device: fakeErrorNoDevice"),
            std::string::npos)
      << description;
  EXPECT_EQ(listed(), "host ");
}
