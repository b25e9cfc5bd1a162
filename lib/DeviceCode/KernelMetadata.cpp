//===-- KernelMetadata.cpp - What kernels need of a device ----------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "hipfuse/DeviceCode/KernelMetadata.h"

#include "hipfuse/DeviceCode/ElfNote.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/BinaryFormat/ELF.h"
#include "llvm/BinaryFormat/MsgPackDocument.h"

using namespace llvm;
using namespace hipfuse;

//===----------------------------------------------------------------------===//
// AMD
//===----------------------------------------------------------------------===//

/// The msgpack document in the note of a code object.
static Expected<StringRef> findMetadataNote(ArrayRef<char> codeObject) {
  auto note = findElfNote(StringRef(codeObject.data(), codeObject.size()),
                          "AMDGPU", ELF::NT_AMDGPU_METADATA);
  if (!note)
    return note.takeError();
  if (*note)
    return toStringRef(**note);
  return createStringError("the code object has no metadata note");
}

Expected<StringMap<KernelResources>>
hipfuse::readAmdMetadata(ArrayRef<char> codeObject) {
  Expected<StringRef> note = findMetadataNote(codeObject);
  if (!note)
    return note.takeError();
  msgpack::Document document;
  if (!document.readFromBlob(*note, /*Multi=*/false) ||
      !document.getRoot().isMap())
    return createStringError("the metadata note of the code object is damaged");
  StringMap<KernelResources> result;
  msgpack::DocNode &kernels = document.getRoot().getMap()["amdhsa.kernels"];
  // A code object without kernels has no list of them.
  if (!kernels.isArray())
    return result;
  for (msgpack::DocNode &node : kernels.getArray()) {
    msgpack::MapDocNode &kernel = node.getMap();
    auto get = [&](StringRef name) -> uint32_t {
      auto it = kernel.find(name);
      return it != kernel.end() && it->second.getKind() == msgpack::Type::UInt
                 ? it->second.getUInt()
                 : 0;
    };
    KernelResources resources;
    resources.vgprs = get(".vgpr_count");
    resources.agprs = get(".agpr_count");
    resources.sgprs = get(".sgpr_count");
    resources.lds = get(".group_segment_fixed_size");
    resources.scratch = get(".private_segment_fixed_size");
    resources.vgprSpills = get(".vgpr_spill_count");
    resources.sgprSpills = get(".sgpr_spill_count");
    resources.kernargSize = get(".kernarg_segment_size");
    result[kernel[".name"].getString()] = resources;
  }
  return result;
}

//===----------------------------------------------------------------------===//
// NVIDIA
//===----------------------------------------------------------------------===//

StringMap<KernelResources> hipfuse::readPtxasLog(StringRef log) {
  // ptxas info : Compiling entry function 'NAME' for 'sm_90'
  // ptxas info : Function properties for NAME
  //     0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
  // ptxas info : Used 24 registers, used 1 barriers, 1024 bytes smem
  StringMap<KernelResources> result;
  KernelResources *current = nullptr;
  while (!log.empty()) {
    StringRef line;
    std::tie(line, log) = log.split('\n');
    if (line.contains("Compiling entry function '")) {
      current = &result[line.split('\'').second.split('\'').first];
      continue;
    }
    if (!current)
      continue;
    // The number that stands before `unit`, 0 if the line does not say.
    auto before = [&](StringRef unit) {
      size_t at = line.find(unit);
      uint32_t number = 0;
      if (at != StringRef::npos)
        line.take_front(at).rtrim().rsplit(' ').second.getAsInteger(10, number);
      return number;
    };
    if (line.contains("spill stores")) {
      current->scratch = before("bytes stack frame");
      current->vgprSpills =
          before("bytes spill stores") + before("bytes spill loads");
    } else if (line.contains("registers")) {
      current->vgprs = before("registers");
      current->lds = before("bytes smem");
    }
  }
  return result;
}
