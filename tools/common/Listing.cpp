//===-- Listing.cpp - What an artefact and a machine have -----------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Listing.h"

#include "Element.h"
#include "Runtime.h"

#include <cstdio>
#include <vector>

using namespace hipfuse::tools;

static std::string signatureOf(const hipfuse_rt_function_desc &function) {
  auto tensorText = [](const hipfuse_rt_tensor_desc &desc) {
    std::string text = *desc.name ? std::string(desc.name) + ": " : "";
    text += typeText(desc.dtype, desc.dims, desc.rank);
    if (desc.tied_arg >= 0)
      text += " in argument " + std::to_string(desc.tied_arg);
    return text;
  };
  std::string text = std::string(function.name) + "(";
  for (uint32_t i = 0; i < function.n_args; ++i)
    text += (i ? ", " : "") + tensorText(function.args[i]);
  text += ") -> (";
  for (uint32_t i = 0; i < function.n_results; ++i)
    text += (i ? ", " : "") + tensorText(function.results[i]);
  return text + ")";
}

void hipfuse::tools::listFunctions(const hipfuse_rt_module_desc &module) {
  std::string targets;
  for (uint32_t i = 0; i < module.n_code_objects; ++i)
    targets += std::string(i ? ", " : "") + module.code_objects[i].target;
  std::printf("produced by %s; ABI version %u; device code for: %s\n",
              module.producer, module.abi_version,
              targets.empty() ? "none" : targets.c_str());
  for (uint32_t i = 0; i < module.n_functions; ++i) {
    const hipfuse_rt_function_desc &function = module.functions[i];
    std::printf("%s\n", signatureOf(function).c_str());
    if (!function.host_fn)
      std::printf("  no code for the host\n");
    for (uint32_t c = 0; c < function.n_constraints; ++c)
      std::printf("  needs: %s\n", function.constraints[c]);
  }
}

void hipfuse::tools::listDevices() {
  size_t count = 0;
  check(hipfuse_rt_enumerate_devices(0, nullptr, &count));
  std::vector<hipfuse_rt_device_info> infos(count);
  check(hipfuse_rt_enumerate_devices(infos.size(), infos.data(), &count));
  if (count < infos.size())
    infos.resize(count);
  for (const hipfuse_rt_device_info &info : infos)
    std::printf("%s: %s\n", info.name, info.description);
  for (std::string kind : {"hip", "cuda"}) {
    bool found = false;
    for (const hipfuse_rt_device_info &info : infos)
      found |= std::string(info.name).compare(0, kind.size(), kind) == 0;
    if (found)
      continue;
    // Opening one tells why there is none.
    hipfuse_rt_device_t *device = nullptr;
    hipfuse_rt_status_t status = hipfuse_rt_device_open(kind.c_str(), &device);
    hipfuse_rt_device_close(device);
    if (status)
      std::printf("no %s device: %s\n", kind.c_str(),
                  hipfuse_rt_status_get_message(status));
    hipfuse_rt_status_free(status);
  }
}

const hipfuse_rt_function_t *
hipfuse::tools::findEntry(const hipfuse_rt_module_t *module,
                          const std::string &name) {
  const hipfuse_rt_function_t *function = nullptr;
  if (!name.empty()) {
    check(hipfuse_rt_module_lookup(module, name.c_str(), &function));
    return function;
  }
  uint32_t count = hipfuse_rt_module_get_desc(module)->n_functions;
  if (count != 1)
    throw Error("the artefact has " + std::to_string(count) +
                " functions; choose one with --entry (--list shows them)");
  return hipfuse_rt_module_get_function(module, 0);
}
