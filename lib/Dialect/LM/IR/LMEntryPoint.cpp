//===-- LMEntryPoint.cpp - Entry points of an artefact --------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "hipfuse/Dialect/LM/IR/LM.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace mlir::lm;

template <typename T>
static bool holdsOnly(ArrayAttr array) {
  return !array || llvm::all_of(array, llvm::IsaPred<T>);
}

LogicalResult
EntryPointAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                       StringRef name, FlatSymbolRefAttr shape, ArrayAttr args,
                       ArrayAttr results, ArrayAttr constraints,
                       FlatSymbolRefAttr host, ArrayAttr devices) {
  if (name.empty())
    return emitError() << "an entry point needs a name";
  if (!holdsOnly<EntryBufferAttr>(args) || !holdsOnly<EntryBufferAttr>(results))
    return emitError() << "arguments and results of entry point '" << name
                       << "' must be #lm.entry_buffer";
  for (auto [i, result] :
       llvm::enumerate(results.getAsRange<EntryBufferAttr>())) {
    int64_t tied = result.getTied();
    if (tied < -1 || tied >= static_cast<int64_t>(args.size()))
      return emitError() << "result " << i << " of entry point '" << name
                         << "' is tied to argument " << tied << ", but there "
                         << (args.size() == 1 ? "is " : "are ") << args.size();
  }
  if (!holdsOnly<StringAttr>(constraints))
    return emitError() << "constraints of entry point '" << name
                       << "' must be strings";
  if (!holdsOnly<DeviceCodeAttr>(devices))
    return emitError() << "devices of entry point '" << name
                       << "' must be #lm.device_code";
  return success();
}

SmallVector<EntryPointAttr> lm::getEntryPoints(Operation *module) {
  SmallVector<EntryPointAttr> entries;
  if (auto array = module->getAttrOfType<ArrayAttr>(EntryPointAttr::kName))
    llvm::append_range(entries, array.getAsRange<EntryPointAttr>());
  return entries;
}

void lm::setEntryPoints(Operation *module, ArrayRef<EntryPointAttr> entries) {
  SmallVector<Attribute> elements(entries.begin(), entries.end());
  module->setAttr(EntryPointAttr::kName,
                  ArrayAttr::get(module->getContext(), elements));
}

SmallVector<DeviceCodeAttr> lm::getDeviceCodes(EntryPointAttr entry) {
  SmallVector<DeviceCodeAttr> codes;
  if (entry.getDevices())
    llvm::append_range(codes, entry.getDevices().getAsRange<DeviceCodeAttr>());
  return codes;
}

EntryPointAttr lm::replaceDeviceCodes(EntryPointAttr entry,
                                      ArrayRef<DeviceCodeAttr> codes) {
  ArrayAttr array;
  if (!codes.empty())
    array = ArrayAttr::get(entry.getContext(),
                           SmallVector<Attribute>(codes.begin(), codes.end()));
  return EntryPointAttr::get(
      entry.getContext(), entry.getName(), entry.getShape(), entry.getArgs(),
      entry.getResults(), entry.getConstraints(), entry.getHost(), array);
}
