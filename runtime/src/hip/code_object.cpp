//===-- code_object.cpp - Validate AMD code objects, choose among targets -===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "hip/code_object.h"

#include "bytes.h"

#include <charconv>
#include <cstring>
#include <string_view>
#include <unordered_map>

#include <elf.h>

using namespace hipfuse::rt;

namespace {

// From LLVM's "User Guide for AMDGPU Backend", section "ELF Code Object".
constexpr uint16_t elfMachineAmdgpu = 224;
constexpr unsigned char elfOsAbiHsa = 64;
constexpr uint32_t machineMask = 0x0ff;

/// The values of EF_AMDGPU_MACH for the chips that this project knows. Chips of
/// other names are left to the driver.
struct Chip {
  const char *name;
  uint32_t machine;
};
constexpr Chip chips[] = {
    {"gfx90a", 0x03f}, {"gfx942", 0x04c}, {"gfx950", 0x04f}};

/// A feature that code is compiled with, without, or for both.
struct Feature {
  const char *name;
  uint32_t mask;
  uint32_t off;
  uint32_t on;
};
constexpr Feature features[] = {{"xnack", 0x300, 0x200, 0x300},
                                {"sramecc", 0xc00, 0x800, 0xc00}};

/// The first fields of a kernel descriptor, which is of 64 bytes.
struct KernelDescriptor {
  uint32_t groupSegmentFixedSize;
  uint32_t privateSegmentFixedSize;
  uint32_t kernargSize;
};
constexpr uint64_t kernelDescriptorSize = 64;

/// What the driver appends to the parameters for the kernel's own use.
constexpr uint32_t maxHiddenKernargs = 256;

// The machine of cubins, and where the chip is in their flags: in the low byte
// up to this version of their ABI, in the next byte from the following one on.
constexpr uint16_t elfMachineCuda = 190;
constexpr unsigned char cudaAbiVersion1 = 7;
constexpr unsigned char cudaAbiVersion2 = 8;

Status badObject(const hipfuse_rt_code_object &object,
                 const std::string &what) {
  return Status::error(HIPFUSE_RT_INTERNAL,
                       "the artefact's code object for '%s' %s", object.target,
                       what.c_str());
}

/// The number in "sm_90" and "sm_90a"; 0 if there is none. `suffix` tells
/// whether something follows it.
int targetCapability(std::string_view target, bool &suffix) {
  constexpr std::string_view prefix = "sm_";
  if (target.substr(0, prefix.size()) != prefix)
    return 0;
  target.remove_prefix(prefix.size());
  int found = 0;
  const char *end = target.data() + target.size();
  auto [rest, error] = std::from_chars(target.data(), end, found);
  suffix = rest != end;
  return error == std::errc() ? found : 0;
}

class Hsaco {
public:
  explicit Hsaco(const hipfuse_rt_code_object &object)
      : object(object), data(static_cast<const unsigned char *>(object.data)) {}

  Status validate(const std::string &architecture);

private:
  Status error(const std::string &what) const {
    return badObject(object, what);
  }
  bool fits(uint64_t offset, uint64_t length) const {
    return inside(offset, length, object.size);
  }

  Status checkHeader();
  Status checkChip(const std::string &architecture) const;
  Status readSymbols();
  Status checkKernel(const hipfuse_rt_kernel_desc &kernel) const;
  /// Where `length` bytes at a virtual address are in the file.
  bool fileOffset(uint64_t address, uint64_t length, uint64_t &offset) const;

  const hipfuse_rt_code_object &object;
  const unsigned char *data;
  Elf64_Ehdr header;
  /// Addresses of the dynamic symbols.
  std::unordered_map<std::string_view, uint64_t> symbols;
};

Status Hsaco::checkHeader() {
  if (!fits(0, sizeof(Elf64_Ehdr)) || std::memcmp(data, ELFMAG, SELFMAG) != 0)
    return error("is not an ELF file");
  header = readAt<Elf64_Ehdr>(data, 0);
  if (header.e_ident[EI_CLASS] != ELFCLASS64 ||
      header.e_ident[EI_DATA] != ELFDATA2LSB ||
      header.e_ident[EI_OSABI] != elfOsAbiHsa ||
      header.e_machine != elfMachineAmdgpu || header.e_type != ET_DYN)
    return error("is not an AMD code object: its ELF machine is " +
                 std::to_string(header.e_machine) + ", its type " +
                 std::to_string(header.e_type));
  if ((header.e_phnum && header.e_phentsize != sizeof(Elf64_Phdr)) ||
      (header.e_shnum && header.e_shentsize != sizeof(Elf64_Shdr)) ||
      !fits(header.e_phoff, uint64_t(header.e_phnum) * sizeof(Elf64_Phdr)) ||
      !fits(header.e_shoff, uint64_t(header.e_shnum) * sizeof(Elf64_Shdr)))
    return error("is truncated or damaged");
  return Status();
}

Status Hsaco::checkChip(const std::string &architecture) const {
  uint32_t machine = header.e_flags & machineMask;
  for (const Chip &chip : chips) {
    if (std::strcmp(chip.name, object.target) != 0 || chip.machine == machine)
      continue;
    for (const Chip &other : chips)
      if (other.machine == machine)
        return error("holds code for '" + std::string(other.name) + "'");
    return error("holds code for another chip, of ELF machine flag " +
                 std::to_string(machine));
  }
  for (const Feature &feature : features) {
    uint32_t needs = header.e_flags & feature.mask;
    bool on = needs == feature.on, off = needs == feature.off;
    std::string wrong = std::string(":") + feature.name + (on ? "-" : "+");
    if ((on || off) && architecture.find(wrong) != std::string::npos)
      return Status::error(HIPFUSE_RT_UNIMPLEMENTED,
                           "the artefact's code object for '%s' needs %s%c, "
                           "the device runs as '%s'",
                           object.target, feature.name, on ? '+' : '-',
                           architecture.c_str());
  }
  return Status();
}

Status Hsaco::readSymbols() {
  for (unsigned i = 0; i < header.e_shnum; ++i) {
    auto section =
        readAt<Elf64_Shdr>(data, header.e_shoff + i * sizeof(Elf64_Shdr));
    if (section.sh_type != SHT_DYNSYM)
      continue;
    if (section.sh_entsize != sizeof(Elf64_Sym) ||
        !fits(section.sh_offset, section.sh_size) ||
        section.sh_link >= header.e_shnum)
      return error("has a damaged symbol table");
    auto strings = readAt<Elf64_Shdr>(
        data, header.e_shoff + section.sh_link * sizeof(Elf64_Shdr));
    if (!fits(strings.sh_offset, strings.sh_size))
      return error("has a damaged symbol table");
    const char *text = reinterpret_cast<const char *>(data) + strings.sh_offset;
    for (uint64_t at = 0; inside(at, sizeof(Elf64_Sym), section.sh_size);
         at += sizeof(Elf64_Sym)) {
      auto symbol = readAt<Elf64_Sym>(data, section.sh_offset + at);
      if (symbol.st_shndx == SHN_UNDEF || symbol.st_name >= strings.sh_size)
        continue;
      size_t room = strings.sh_size - symbol.st_name;
      size_t length = ::strnlen(text + symbol.st_name, room);
      if (length < room)
        symbols[{text + symbol.st_name, length}] = symbol.st_value;
    }
  }
  return Status();
}

bool Hsaco::fileOffset(uint64_t address, uint64_t length,
                       uint64_t &offset) const {
  for (unsigned i = 0; i < header.e_phnum; ++i) {
    auto segment =
        readAt<Elf64_Phdr>(data, header.e_phoff + i * sizeof(Elf64_Phdr));
    if (segment.p_type != PT_LOAD || address < segment.p_vaddr ||
        !inside(address - segment.p_vaddr, length, segment.p_filesz) ||
        !fits(segment.p_offset, segment.p_filesz))
      continue;
    offset = segment.p_offset + (address - segment.p_vaddr);
    return true;
  }
  return false;
}

Status Hsaco::checkKernel(const hipfuse_rt_kernel_desc &kernel) const {
  std::string name = kernel.name;
  auto symbol = symbols.find(name + ".kd");
  uint64_t offset = 0;
  if (symbols.find(name) == symbols.end() || symbol == symbols.end() ||
      !fileOffset(symbol->second, kernelDescriptorSize, offset))
    return error("has no kernel '" + name + "'");
  auto descriptor = readAt<KernelDescriptor>(data, offset);
  // The driver may add parameters of its own behind those of the artefact.
  uint64_t hidden = (uint64_t(kernel.kernarg_size) + 7) / 8 * 8;
  if (descriptor.kernargSize < kernel.kernarg_size ||
      descriptor.kernargSize > hidden + maxHiddenKernargs)
    return error("has kernel '" + name + "' with " +
                 std::to_string(descriptor.kernargSize) +
                 " bytes of parameters, the artefact says " +
                 std::to_string(kernel.kernarg_size));
  if (descriptor.groupSegmentFixedSize != kernel.static_lds)
    return error("has kernel '" + name + "' with " +
                 std::to_string(descriptor.groupSegmentFixedSize) +
                 " bytes of local memory, the artefact says " +
                 std::to_string(kernel.static_lds));
  return Status();
}

Status Hsaco::validate(const std::string &architecture) {
  HIPFUSE_RT_RETURN_IF_ERROR(checkHeader());
  HIPFUSE_RT_RETURN_IF_ERROR(checkChip(architecture));
  HIPFUSE_RT_RETURN_IF_ERROR(readSymbols());
  for (uint32_t i = 0; i < object.n_kernels; ++i)
    HIPFUSE_RT_RETURN_IF_ERROR(checkKernel(object.kernels[i]));
  return Status();
}

} // namespace

Status hipfuse::rt::validateHsaco(const hipfuse_rt_code_object &object,
                                  const std::string &architecture) {
  return Hsaco(object).validate(architecture);
}

Status hipfuse::rt::validateCubin(const hipfuse_rt_code_object &object) {
  const auto *data = static_cast<const unsigned char *>(object.data);
  if (object.size < sizeof(Elf64_Ehdr) ||
      std::memcmp(data, ELFMAG, SELFMAG) != 0)
    return badObject(object, "is not an ELF file");
  auto header = readAt<Elf64_Ehdr>(data, 0);
  if (header.e_ident[EI_CLASS] != ELFCLASS64 ||
      header.e_ident[EI_DATA] != ELFDATA2LSB ||
      header.e_machine != elfMachineCuda)
    return badObject(object, "is not a cubin: its ELF machine is " +
                                 std::to_string(header.e_machine));
  if (!inside(header.e_phoff, uint64_t(header.e_phnum) * header.e_phentsize,
              object.size) ||
      !inside(header.e_shoff, uint64_t(header.e_shnum) * header.e_shentsize,
              object.size))
    return badObject(object, "is truncated or damaged");
  // Cubins of other versions are left to the driver.
  unsigned char version = header.e_ident[EI_ABIVERSION];
  if (version != cudaAbiVersion1 && version != cudaAbiVersion2)
    return Status();
  bool suffix = false;
  int expected = targetCapability(object.target, suffix);
  int found = header.e_flags >> (version == cudaAbiVersion1 ? 0 : 8) & 0xff;
  if (found != expected)
    return badObject(object,
                     "holds code for 'sm_" + std::to_string(found) + "'");
  return Status();
}

std::string hipfuse::rt::chipName(const std::string &architecture) {
  return architecture.substr(0, architecture.find(':'));
}

bool hipfuse::rt::runsOnCapability(const hipfuse_rt_code_object &object,
                                   int capability, int &rank) {
  bool specific = false;
  int found = targetCapability(object.target, specific);
  if (found == 0)
    return false;
  bool exact = found == capability;
  bool text = object.kind == HIPFUSE_RT_CODE_OBJECT_PTX;
  if (!exact && (!text || specific || found > capability))
    return false;
  // Later targets first, then those made for this very chip, then cubins.
  rank = found * 4 + (specific ? 2 : 0) + (text ? 0 : 1);
  return true;
}
