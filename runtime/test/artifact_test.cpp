//===-- artifact_test.cpp - Validation of artefacts -----------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "artifact.h"
#include "artifact_seal.h"
#include "hipfuse-rt/runtime.h"

#include "gtest/gtest.h"

#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <vector>

#include <elf.h>
#include <unistd.h>

using namespace hipfuse::rt;
namespace fs = std::filesystem;

namespace {

using Bytes = std::vector<unsigned char>;

Bytes readFile(const fs::path &path) {
  std::ifstream in(path, std::ios::binary);
  return Bytes((std::istreambuf_iterator<char>(in)),
               std::istreambuf_iterator<char>());
}

void writeFile(const fs::path &path, const Bytes &bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(reinterpret_cast<const char *>(bytes.data()), bytes.size());
}

class ArtifactTest : public testing::Test {
protected:
  ArtifactTest() {
    std::string name =
        (fs::temp_directory_path() / "hipfuse-rt-test-XXXXXX").string();
    directory = ::mkdtemp(name.data());
    hipfuse_rt_status_free(hipfuse_rt_device_open("host:1", &device));
  }
  ~ArtifactTest() override {
    hipfuse_rt_device_close(device);
    fs::remove_all(directory);
  }

  /// Loads the file; returns "CODE: MESSAGE", "" for success.
  std::string load(const fs::path &path) {
    hipfuse_rt_module_t *module = nullptr;
    hipfuse_rt_status_t status =
        hipfuse_rt_module_load(device, path.c_str(), &module);
    EXPECT_EQ(status == nullptr, module != nullptr);
    std::string text;
    if (status)
      text = std::string(hipfuse_rt_status_code_name(
                 hipfuse_rt_status_get_code(status))) +
             ": " + hipfuse_rt_status_get_message(status);
    hipfuse_rt_status_free(status);
    hipfuse_rt_module_close(module);
    return text;
  }

  /// Loads a file with these bytes.
  std::string loadBytes(const Bytes &bytes) {
    fs::path path = directory / "a.so";
    fs::remove(path);
    writeFile(path, bytes);
    return load(path);
  }

  /// `text` with the test's directory taken out.
  std::string local(std::string text) {
    std::string prefix = directory.string() + "/";
    for (size_t at; (at = text.find(prefix)) != std::string::npos;)
      text.erase(at, prefix.size());
    return text;
  }

  template <typename T>
  static void put(Bytes &bytes, size_t offset, T value) {
    std::memcpy(bytes.data() + offset, &value, sizeof(T));
  }

  fs::path directory;
  hipfuse_rt_device_t *device = nullptr;
  const Bytes good = readFile(TEST_ARTIFACT);
};

} // namespace

TEST_F(ArtifactTest, LoadsWhatIsWhole) {
  EXPECT_EQ(load(TEST_ARTIFACT), "");
  EXPECT_EQ(loadBytes(good), "");
}

TEST_F(ArtifactTest, RelativePath) {
  fs::path before = fs::current_path();
  writeFile(directory / "a.so", good);
  fs::current_path(directory);
  EXPECT_EQ(load("a.so"), "");
  fs::current_path(before);
}

TEST_F(ArtifactTest, MissingFile) {
  EXPECT_EQ(local(load(directory / "none.so")),
            "not found: cannot open artefact 'none.so': No such file or "
            "directory");
}

TEST_F(ArtifactTest, Directory) {
  fs::create_directory(directory / "d");
  EXPECT_EQ(local(load(directory / "d")),
            "invalid argument: artefact 'd' is a directory");
}

TEST_F(ArtifactTest, NotARegularFile) {
  EXPECT_EQ(load("/dev/null"),
            "invalid argument: artefact '/dev/null' is not a regular file");
}

TEST_F(ArtifactTest, EmptyFile) {
  EXPECT_EQ(local(loadBytes({})), "data loss: artefact 'a.so' is empty");
}

TEST_F(ArtifactTest, NotElf) {
  std::string text = "#!/bin/sh\nthis is a text of more than sixty-four bytes, "
                     "which is the size of an ELF header\n";
  EXPECT_EQ(local(loadBytes(Bytes(text.begin(), text.end()))),
            "data loss: 'a.so' is not an artefact: not an ELF file");
}

TEST_F(ArtifactTest, AnotherSharedObject) {
  // Strip the note of its owner: what is left is an ordinary shared object.
  size_t note = 0;
  ASSERT_TRUE(findNote("", good.data(), good.size(), note).ok());
  Bytes bytes = good;
  bytes[note - 8] = 'h';
  EXPECT_EQ(local(loadBytes(bytes)),
            "data loss: 'a.so' is not an artefact: it is a shared object "
            "without a Hipfuse note");
}

TEST_F(ArtifactTest, WrongClassMachineAndType) {
  Bytes bytes = good;
  bytes[EI_CLASS] = ELFCLASS32;
  EXPECT_EQ(local(loadBytes(bytes)),
            "data loss: 'a.so' is not an artefact: not a 64-bit ELF file");
  bytes = good;
  bytes[EI_DATA] = ELFDATA2MSB;
  EXPECT_EQ(local(loadBytes(bytes)), "data loss: 'a.so' is not an artefact: "
                                     "not a little-endian ELF file");
  bytes = good;
  put<uint16_t>(bytes, offsetof(Elf64_Ehdr, e_machine), EM_AARCH64);
  EXPECT_EQ(local(loadBytes(bytes)),
            "data loss: 'a.so' is not an artefact for this machine: its ELF "
            "machine is 183, x86-64 is 62");
  bytes = good;
  put<uint16_t>(bytes, offsetof(Elf64_Ehdr, e_type), ET_REL);
  EXPECT_EQ(local(loadBytes(bytes)),
            "data loss: 'a.so' is not an artefact: not a shared object");
}

TEST_F(ArtifactTest, OtherVersion) {
  size_t note = 0;
  ASSERT_TRUE(findNote("", good.data(), good.size(), note).ok());
  Bytes bytes = good;
  put<uint32_t>(bytes, note, 7);
  put<uint32_t>(bytes, note + 4, sealedCrc(bytes.data(), bytes.size(), note));
  EXPECT_EQ(local(loadBytes(bytes)),
            "version mismatch: 'a.so' is an artefact of ABI version 7, this "
            "runtime reads 3");
}

TEST_F(ArtifactTest, NeverSealed) {
  size_t note = 0;
  ASSERT_TRUE(findNote("", good.data(), good.size(), note).ok());
  Bytes bytes = good;
  std::memset(bytes.data() + note, 0, sizeof(hipfuse_rt_note_desc));
  EXPECT_EQ(local(loadBytes(bytes)),
            "data loss: artefact 'a.so' was never sealed: its note is blank");
}

TEST_F(ArtifactTest, TruncatedAnywhere) {
  size_t named = 0;
  for (size_t size = 0; size < good.size(); size += 512) {
    std::string error =
        local(loadBytes(Bytes(good.begin(), good.begin() + size)));
    EXPECT_EQ(error.compare(0, 9, "data loss"), 0) << size << ": " << error;
    EXPECT_EQ(error.find('\n'), std::string::npos);
    named += error == "data loss: artefact 'a.so' is truncated: file has " +
                          std::to_string(size) + " bytes, its note says " +
                          std::to_string(good.size());
  }
  // The note is in the first pages, so nearly all cuts are told by size.
  EXPECT_GE(named, good.size() / 512 - 8);
  for (size_t size : {size_t(1), size_t(3), size_t(4), size_t(63), size_t(64),
                      good.size() - 1})
    EXPECT_NE(loadBytes(Bytes(good.begin(), good.begin() + size)), "") << size;
}

TEST_F(ArtifactTest, Appended) {
  Bytes bytes = good;
  bytes.push_back(0);
  EXPECT_EQ(local(loadBytes(bytes)),
            "data loss: artefact 'a.so' has bytes appended: file has " +
                std::to_string(bytes.size()) + " bytes, its note says " +
                std::to_string(good.size()));
}

TEST_F(ArtifactTest, FlippedByteAnywhere) {
  Bytes bytes = good;
  for (size_t at = 0; at < bytes.size(); at += at < 1024 ? 1 : 13) {
    for (unsigned char flip : {0x01, 0x80, 0xFF}) {
      bytes[at] ^= flip;
      EXPECT_FALSE(validateImage("a.so", bytes.data(), bytes.size()).ok())
          << "byte " << at;
      bytes[at] ^= flip;
    }
  }
  EXPECT_TRUE(validateImage("a.so", bytes.data(), bytes.size()).ok());
  bytes[bytes.size() / 2] ^= 4;
  std::string error = local(loadBytes(bytes));
  EXPECT_EQ(error.find("data loss: artefact 'a.so' is damaged: its checksum "),
            0u)
      << error;
}

TEST_F(ArtifactTest, HeadersPointOutside) {
  // Sealed again after the damage, so that only the bounds are wrong.
  auto damaged = [&](size_t offset, uint64_t value) {
    Bytes bytes = good;
    put<uint64_t>(bytes, offset, value);
    Status sealed = sealImage("a.so", bytes.data(), bytes.size());
    return sealed.ok() ? local(loadBytes(bytes))
                       : std::string("unsealed: ") + sealed.message();
  };
  std::string end = ", which has " + std::to_string(good.size()) + " bytes";
  EXPECT_EQ(damaged(offsetof(Elf64_Ehdr, e_shoff), good.size()),
            "data loss: artefact 'a.so' is truncated or damaged: the section "
            "headers lie outside the file" +
                end);
  EXPECT_EQ(damaged(offsetof(Elf64_Ehdr, e_shoff), ~uint64_t(0) - 8),
            "data loss: artefact 'a.so' is truncated or damaged: the section "
            "headers lie outside the file" +
                end);
  EXPECT_EQ(damaged(offsetof(Elf64_Ehdr, e_phoff), ~uint64_t(0)),
            "unsealed: artefact 'a.so' is truncated or damaged: the program "
            "headers lie outside the file" +
                end);
  size_t firstSegment = sizeof(Elf64_Ehdr);
  EXPECT_EQ(
      damaged(firstSegment + offsetof(Elf64_Phdr, p_filesz), good.size() + 1),
      "data loss: artefact 'a.so' is truncated or damaged: segment 0 "
      "lies outside the file" +
          end);
}

TEST_F(ArtifactTest, NoModule) {
  std::string error = load(EMPTY_ARTIFACT);
  EXPECT_NE(error.find("' does not export 'hipfuse_module'"), std::string::npos)
      << error;
}

TEST_F(ArtifactTest, SealingTwiceIsSealingOnce) {
  Bytes bytes = good;
  ASSERT_TRUE(sealImage("a.so", bytes.data(), bytes.size()).ok());
  EXPECT_EQ(bytes, good);
}

TEST_F(ArtifactTest, FileReplacedWhileLoaded) {
  fs::path path = directory / "a.so";
  writeFile(path, good);
  hipfuse_rt_module_t *old = nullptr;
  ASSERT_EQ(hipfuse_rt_module_load(device, path.c_str(), &old), nullptr);

  // Another artefact under the same name: its producer string differs.
  Bytes bytes = good;
  std::string from = "a C file", to = "B C file";
  auto at = std::search(bytes.begin(), bytes.end(), from.begin(), from.end());
  ASSERT_NE(at, bytes.end());
  std::copy(to.begin(), to.end(), at);
  ASSERT_TRUE(sealImage("a.so", bytes.data(), bytes.size()).ok());
  writeFile(directory / "b.so", bytes);
  fs::rename(directory / "b.so", path);

  hipfuse_rt_module_t *replaced = nullptr;
  ASSERT_EQ(hipfuse_rt_module_load(device, path.c_str(), &replaced), nullptr);
  EXPECT_EQ(hipfuse_rt_module_get_desc(old)->producer, from);
  EXPECT_EQ(hipfuse_rt_module_get_desc(replaced)->producer, to);
  hipfuse_rt_module_close(old);
  hipfuse_rt_module_close(replaced);
}

//===----------------------------------------------------------------------===//
// The descriptor
//===----------------------------------------------------------------------===//

namespace {

/// A valid descriptor, to be broken in one place.
struct Module {
  int64_t dims[2] = {-1, 4};
  hipfuse_rt_tensor_desc args[1] = {{"x", HIPFUSE_RT_F32, 2, dims, -1, 0}};
  hipfuse_rt_tensor_desc results[2] = {{"x", HIPFUSE_RT_F32, 2, dims, 0, 0},
                                       {"y", HIPFUSE_RT_I8, 2, dims, -1, 0}};
  const char *constraints[1] = {"x is x"};
  static int32_t launch(const hipfuse_rt_launch_api *, void *const *,
                        const int64_t *) {
    return 0;
  }
  hipfuse_rt_device_code codes[2] = {{"gfx950", launch}, {"sm_90", launch}};
  hipfuse_rt_function_desc functions[2] = {
      {"f", 1, 2, args, results, nullptr,
       [](const int64_t *, int64_t *) { return int32_t(0); }, constraints, 1, 2,
       codes},
      {"g", 0, 0, nullptr, nullptr, nullptr, nullptr, nullptr, 0, 0, nullptr}};
  alignas(16) char code[4] = "abc";
  uint8_t paramSizes[4] = {8, 4, 8, 4};
  hipfuse_rt_kernel_desc kernels[2] = {
      {"k", {64, 4, 1}, 16, 28, 4, 0, paramSizes},
      {"l", {1, 1, 1}, 0, 0, 0, 0, nullptr}};
  hipfuse_rt_kernel_desc same[2] = {kernels[0], kernels[1]};
  hipfuse_rt_code_object objects[3] = {
      {"gfx950", HIPFUSE_RT_CODE_OBJECT_HSACO, 0, code, 4, 2, kernels},
      {"sm_90", HIPFUSE_RT_CODE_OBJECT_CUBIN, 0, code, 4, 2, kernels},
      {"sm_90", HIPFUSE_RT_CODE_OBJECT_PTX, 0, code, 4, 2, same}};
  hipfuse_rt_module_desc desc = {HIPFUSE_RT_MODULE_MAGIC,
                                 HIPFUSE_RT_ABI_VERSION,
                                 sizeof(hipfuse_rt_module_desc),
                                 0,
                                 "test",
                                 2,
                                 3,
                                 functions,
                                 objects};
};

} // namespace

TEST(ModuleDescriptor, EachFieldIsChecked) {
  EXPECT_TRUE(validateModule("a.so", Module().desc).ok());
  struct Case {
    std::function<void(Module &)> damage;
    const char *message;
  } cases[] = {
      {[](Module &m) { m.desc.magic = 1; }, "wrong magic number"},
      {[](Module &m) { m.desc.struct_size = 8; }, "it has 8 bytes instead of "},
      {[](Module &m) { m.desc.flags = 1; }, "it has unknown flags"},
      {[](Module &m) { m.desc.producer = nullptr; }, "no producer"},
      {[](Module &m) { m.desc.n_functions = 1u << 31; }, "too many functions"},
      {[](Module &m) { m.desc.functions = nullptr; }, "a null table"},
      {[](Module &m) { m.desc.code_objects = nullptr; }, "a null table"},
      {[](Module &m) { m.functions[1].name = nullptr; },
       "function 1 has no name"},
      {[](Module &m) { m.functions[1].name = ""; }, "function 1 has no name"},
      {[](Module &m) { m.functions[1].name = "f"; },
       "function 'f' is there twice"},
      {[](Module &m) { m.functions[0].args = nullptr; },
       "function 'f' has a null table"},
      {[](Module &m) { m.functions[0].results = nullptr; },
       "function 'f' has a null table"},
      {[](Module &m) { m.functions[0].constraints = nullptr; },
       "function 'f' has a null table"},
      {[](Module &m) { m.functions[0].n_args = ~0u; },
       "function 'f' has too many arguments"},
      {[](Module &m) { m.functions[0].n_device_codes = ~0u; },
       "function 'f' has code for too many targets"},
      {[](Module &m) { m.functions[0].device_codes = nullptr; },
       "function 'f' has a null table"},
      {[](Module &m) { m.codes[1].launch_fn = nullptr; },
       "function 'f' has device code 1 without a target or launch function"},
      {[](Module &m) { m.codes[0].target = nullptr; },
       "function 'f' has device code 0 without a target or launch function"},
      {[](Module &m) { m.codes[0].target = "gfx942"; },
       "function 'f' has device code for 'gfx942', of which there is no code "
       "object"},
      {[](Module &m) { m.codes[0].target = "sm_90"; },
       "function 'f' has device code for 'sm_90' twice"},
      {[](Module &m) { m.functions[0].shape_fn = nullptr; },
       "function 'f' has no shape function but needs one"},
      {[](Module &m) { m.constraints[0] = nullptr; },
       "constraint 0 has no text"},
      {[](Module &m) { m.args[0].name = nullptr; }, "argument 0 has no name"},
      {[](Module &m) { m.args[0].dtype = 99; },
       "argument 0 has unknown element type 99"},
      {[](Module &m) { m.args[0].rank = 17; }, "argument 0 has rank 17"},
      {[](Module &m) { m.args[0].rank = -1; }, "argument 0 has rank -1"},
      {[](Module &m) { m.args[0].dims = nullptr; }, "argument 0 has no dims"},
      {[](Module &m) { m.dims[1] = -2; }, "argument 0 has dim -2"},
      {[](Module &m) { m.args[0].flags = 1; }, "argument 0 has unknown flags"},
      {[](Module &m) { m.args[0].tied_arg = 0; }, "argument 0 is tied"},
      {[](Module &m) { m.results[0].tied_arg = 1; },
       "result 0 is tied to argument 1 of 1"},
      {[](Module &m) { m.results[0].tied_arg = -2; },
       "result 0 is tied to argument -2 of 1"},
      {[](Module &m) { m.results[0].dtype = HIPFUSE_RT_F16; },
       "result 0 is tied to an argument of another type"},
      {[](Module &m) {
         m.results[1].dtype = HIPFUSE_RT_F32;
         m.results[1].tied_arg = 0;
       },
       "result 1 is tied to the same argument as another result"},
      {[](Module &m) { m.objects[0].kind = 4; }, "code object 0 has"},
      {[](Module &m) { m.objects[0].target = ""; }, "code object 0 has"},
      {[](Module &m) { m.objects[0].data = nullptr; }, "code object 0 has"},
      {[](Module &m) { m.objects[0].data = m.code + 1; },
       "code object 0 has data that is not aligned to 16 bytes"},
      {[](Module &m) { m.objects[2].size = 3; },
       "code object 2 has text without an end"},
      {[](Module &m) { m.objects[1].n_kernels = 1u << 31; },
       "code object 1 has too many kernels"},
      {[](Module &m) { m.objects[1].kernels = nullptr; },
       "code object 1 has a null table"},
      {[](Module &m) { m.objects[1].kind = HIPFUSE_RT_CODE_OBJECT_PTX; },
       "code object 2 is another one for 'sm_90'"},
      {[](Module &m) { m.objects[1].kind = HIPFUSE_RT_CODE_OBJECT_HSACO; },
       "code object 2 is another one for 'sm_90'"},
      {[](Module &m) { m.objects[2].n_kernels = 1; },
       "code object 2 has other kernels than the other one for 'sm_90'"},
      {[](Module &m) { m.same[0].block[0] = 32; },
       "code object 2 has other kernels than the other one for 'sm_90'"},
      {[](Module &m) { m.kernels[0].name = ""; },
       "code object 0 has kernel 0 without a name"},
      {[](Module &m) { m.kernels[1].name = "k"; },
       "code object 0 has kernel 'k', which is there twice"},
      {[](Module &m) { m.kernels[0].block[2] = 0; },
       "code object 0 has kernel 'k', which has a block of 64x4x0 threads"},
      {[](Module &m) { m.kernels[0].block[1] = 17; },
       "code object 0 has kernel 'k', which has a block of 64x17x1 threads"},
      {[](Module &m) { m.kernels[0].block[0] = 1u << 31; },
       "which has a block of 2147483648x4x1 threads"},
      {[](Module &m) { m.kernels[0].kernarg_size = 24; },
       "which has 28 bytes of parameters, but says 24"},
      {[](Module &m) { m.paramSizes[1] = 2; },
       "which has a parameter of 2 bytes"},
      {[](Module &m) { m.kernels[0].n_params = ~0u; },
       "which has too many parameters"},
      {[](Module &m) { m.kernels[0].param_sizes = nullptr; },
       "code object 0 has kernel 'k', which has a null table"},
      {[](Module &m) { m.kernels[0].flags = 2; },
       "code object 0 has kernel 'k', which has unknown flags"},
  };
  for (const Case &c : cases) {
    Module module;
    c.damage(module);
    Status status = validateModule("a.so", module.desc);
    EXPECT_EQ(status.code(), HIPFUSE_RT_INTERNAL) << c.message;
    EXPECT_NE(std::string(status.message()).find(c.message), std::string::npos)
        << "found: " << status.message() << "\nexpected: " << c.message;
  }
  Module module;
  module.desc.abi_version = 1;
  EXPECT_EQ(validateModule("a.so", module.desc).code(),
            HIPFUSE_RT_VERSION_MISMATCH);
}
