//===-- code_object_test.cpp - Validation of AMD code objects, choice of targets
//===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "hip/code_object.h"

#include "gtest/gtest.h"

#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <elf.h>

using namespace hipfuse::rt;

namespace {

class CodeObjectTest : public testing::Test {
protected:
  CodeObjectTest() {
    std::ifstream in(GFX950_CODE_OBJECT, std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(in),
                 std::istreambuf_iterator<char>());
  }

  std::string
  validate(const std::string &architecture = "gfx950:sramecc+:xnack-") {
    // Of its own size, so that a sanitizer sees what is read beyond it.
    std::vector<char> copy(bytes);
    hipfuse_rt_code_object object = {target.c_str(),
                                     HIPFUSE_RT_CODE_OBJECT_HSACO,
                                     0,
                                     copy.data(),
                                     copy.size(),
                                     uint32_t(kernels.size()),
                                     kernels.data()};
    Status status = validateHsaco(object, architecture);
    return status.message();
  }

  template <typename T>
  T get(size_t offset) {
    T value;
    std::memcpy(&value, bytes.data() + offset, sizeof(T));
    return value;
  }
  template <typename T>
  void put(size_t offset, T value) {
    std::memcpy(bytes.data() + offset, &value, sizeof(T));
  }
  void setFlags(uint32_t mask, uint32_t value) {
    size_t at = offsetof(Elf64_Ehdr, e_flags);
    put<uint32_t>(at, (get<uint32_t>(at) & ~mask) | value);
  }

  std::vector<char> bytes;
  std::string target = "gfx950";
  uint8_t sizes[4] = {8, 8, 8, 4};
  std::vector<hipfuse_rt_kernel_desc> kernels = {
      {"add", {256, 1, 1}, 0, 28, 4, 0, sizes},
      {"reverse", {256, 1, 1}, 1024, 16, 2, 0, sizes}};
  const std::string prefix = "the artefact's code object for 'gfx950' ";
};

hipfuse_rt_code_object nvidia(const char *target, uint32_t kind) {
  return {target, kind, 0, "", 1, 0, nullptr};
}

/// The rank of a target for a device, -1 if it does not run there.
int rank(const char *target, uint32_t kind, int capability) {
  int result = -1;
  bool runs = runsOnCapability(nvidia(target, kind), capability, result);
  return runs ? result : -1;
}

} // namespace

TEST_F(CodeObjectTest, WhatClangMakes) {
  EXPECT_EQ(validate(), "");
  EXPECT_EQ(validate("gfx950"), "");
  EXPECT_EQ(validate("gfx950:sramecc-:xnack+"), "");
}

TEST_F(CodeObjectTest, Kernels) {
  kernels[1].name = "backwards";
  EXPECT_EQ(validate(), prefix + "has no kernel 'backwards'");
  kernels[1].name = "held";
  EXPECT_EQ(validate(), prefix + "has no kernel 'held'");
  kernels[1].name = "reverse";
  kernels[1].kernarg_size = 20;
  EXPECT_EQ(validate(), prefix + "has kernel 'reverse' with 16 bytes of "
                                 "parameters, the artefact says 20");
  // Fewer cannot be told from those that the driver adds.
  kernels[1].kernarg_size = 16;
  kernels[1].static_lds = 512;
  EXPECT_EQ(validate(), prefix + "has kernel 'reverse' with 1024 bytes of "
                                 "local memory, the artefact says 512");
}

TEST_F(CodeObjectTest, Chips) {
  target = "gfx942";
  EXPECT_EQ(validate("gfx942"), "the artefact's code object for 'gfx942' holds "
                                "code for 'gfx950'");
  target = "gfx950";
  setFlags(0xff, 0x42);
  EXPECT_EQ(validate(),
            prefix + "holds code for another chip, of ELF machine flag 66");
  // A chip that this runtime does not know is the driver's to judge.
  target = "gfx1234";
  EXPECT_EQ(validate("gfx1234"), "");
}

TEST_F(CodeObjectTest, Features) {
  setFlags(0x300, 0x300);
  EXPECT_EQ(validate("gfx950:sramecc+:xnack+"), "");
  EXPECT_EQ(validate("gfx950"), "");
  EXPECT_EQ(validate("gfx950:sramecc+:xnack-"),
            prefix + "needs xnack+, the device runs as "
                     "'gfx950:sramecc+:xnack-'");
  setFlags(0x300, 0x200);
  EXPECT_EQ(validate("gfx950:sramecc+:xnack-"), "");
  EXPECT_EQ(validate("gfx950:sramecc+:xnack+"),
            prefix + "needs xnack-, the device runs as "
                     "'gfx950:sramecc+:xnack+'");
  setFlags(0xc00, 0x800);
  EXPECT_EQ(validate("gfx950:sramecc+:xnack-"),
            prefix + "needs sramecc-, the device runs as "
                     "'gfx950:sramecc+:xnack-'");
}

TEST_F(CodeObjectTest, OtherFiles) {
  std::string other = prefix + "is not an AMD code object: its ELF machine is ";
  put<uint16_t>(offsetof(Elf64_Ehdr, e_machine), EM_X86_64);
  EXPECT_EQ(validate(), other + "62, its type 3");
  put<uint16_t>(offsetof(Elf64_Ehdr, e_machine), 224);
  put<uint16_t>(offsetof(Elf64_Ehdr, e_type), ET_REL);
  EXPECT_EQ(validate(), other + "224, its type 1");
  bytes[0] = 0;
  EXPECT_EQ(validate(), prefix + "is not an ELF file");
  bytes.clear();
  EXPECT_EQ(validate(), prefix + "is not an ELF file");
}

TEST_F(CodeObjectTest, TruncatedOrDamagedAnywhere) {
  const std::vector<char> good = bytes;
  for (size_t size = 0; size < good.size(); size += 7) {
    bytes.assign(good.begin(), good.begin() + size);
    EXPECT_NE(validate(), "") << size;
  }
  // Not all damage shows, but none of it is read outside the file.
  size_t found = 0;
  for (size_t at = 0; at < good.size(); ++at)
    for (char flip : {char(0x01), char(0x80), char(0xFF)}) {
      bytes = good;
      bytes[at] ^= flip;
      std::string error = validate();
      found += !error.empty();
      EXPECT_EQ(error.find('\n'), std::string::npos);
    }
  EXPECT_GT(found, 200u);
}

TEST(Capability, WhatRunsWhere) {
  constexpr auto cubin = HIPFUSE_RT_CODE_OBJECT_CUBIN;
  constexpr auto ptx = HIPFUSE_RT_CODE_OBJECT_PTX;
  EXPECT_GE(rank("sm_90", cubin, 90), 0);
  EXPECT_EQ(rank("sm_90", cubin, 100), -1);
  EXPECT_EQ(rank("sm_90", cubin, 89), -1);
  EXPECT_GE(rank("sm_90", ptx, 90), 0);
  EXPECT_GE(rank("sm_90", ptx, 120), 0);
  EXPECT_EQ(rank("sm_90", ptx, 89), -1);
  // Text for a chip with a letter is for that chip.
  EXPECT_GE(rank("sm_90a", ptx, 90), 0);
  EXPECT_EQ(rank("sm_90a", ptx, 100), -1);
  for (const char *name : {"gfx950", "sm_", "sm_x", "90", ""})
    EXPECT_EQ(rank(name, ptx, 90), -1) << name;
  // The later target, the one made for the chip, the one that is compiled.
  EXPECT_GT(rank("sm_90", ptx, 100), rank("sm_80", ptx, 100));
  EXPECT_GT(rank("sm_90a", ptx, 90), rank("sm_90", cubin, 90));
  EXPECT_GT(rank("sm_90", cubin, 90), rank("sm_90", ptx, 90));
  EXPECT_GT(rank("sm_90", ptx, 90), rank("sm_80", ptx, 90));
}

//===----------------------------------------------------------------------===//
// Cubins
//===----------------------------------------------------------------------===//

namespace {

/// The header of a cubin for sm_90, as ptxas of CUDA 13 writes it.
Elf64_Ehdr cubinHeader() {
  Elf64_Ehdr header = {};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_ident[EI_ABIVERSION] = 8;
  header.e_machine = 190;
  header.e_flags = 0x06005a04;
  return header;
}

std::string validateCubinHeader(const Elf64_Ehdr &header,
                                const char *target = "sm_90",
                                size_t size = sizeof(Elf64_Ehdr)) {
  Status status = validateCubin(
      {target, HIPFUSE_RT_CODE_OBJECT_CUBIN, 0, &header, size, 0, nullptr});
  return status.message();
}

} // namespace

TEST(Cubin, Header) {
  std::string prefix = "the artefact's code object for 'sm_90' ";
  Elf64_Ehdr header = cubinHeader();
  EXPECT_EQ(validateCubinHeader(header), "");
  EXPECT_EQ(validateCubinHeader(header, "sm_90a"), "");
  EXPECT_EQ(validateCubinHeader(header, "sm_80"),
            "the artefact's code object for 'sm_80' holds code for 'sm_90'");
  EXPECT_EQ(validateCubinHeader(header, "sm_90", 63),
            prefix + "is not an ELF file");
  header.e_shoff = 64;
  header.e_shentsize = 64;
  header.e_shnum = 1;
  EXPECT_EQ(validateCubinHeader(header), prefix + "is truncated or damaged");
  // CUDA 12's.
  header = cubinHeader();
  header.e_ident[EI_ABIVERSION] = 7;
  header.e_flags = 0x005a055a;
  EXPECT_EQ(validateCubinHeader(header), "");
  header.e_flags = 0x00590559;
  EXPECT_EQ(validateCubinHeader(header), prefix + "holds code for 'sm_89'");
  header.e_ident[EI_ABIVERSION] = 99;
  EXPECT_EQ(validateCubinHeader(header), "");
  header.e_machine = 224;
  EXPECT_EQ(validateCubinHeader(header),
            prefix + "is not a cubin: its ELF machine is 224");
}
