//===-- LMTarget.cpp - The target attribute -------------------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "hipfuse/Dialect/LM/IR/LM.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/VersionTuple.h"

using namespace mlir;
using namespace mlir::lm;
using hipfuse::TargetFeature;

LogicalResult LMDialect::verifyOperationAttribute(Operation *op,
                                                  NamedAttribute attribute) {
  if (attribute.getName() == EntryPointAttr::kName) {
    auto entries = dyn_cast<ArrayAttr>(attribute.getValue());
    if (!isa<ModuleOp>(op) || !entries ||
        !llvm::all_of(entries, llvm::IsaPred<EntryPointAttr>))
      return op->emitError() << "'" << EntryPointAttr::kName
                             << "' must be an array of #lm.entry_point on a "
                                "module";
    return success();
  }
  if (attribute.getName() != TargetAttr::kName)
    return success();
  if (!isa<ModuleOp>(op))
    return op->emitError() << "'" << TargetAttr::kName
                           << "' stands on a module, not on '" << op->getName()
                           << "'";
  if (!isa<TargetAttr>(attribute.getValue()))
    return op->emitError() << "'" << TargetAttr::kName << "' is "
                           << attribute.getValue()
                           << ", but must be a #lm.target";
  return success();
}

//===----------------------------------------------------------------------===//
// KernelRevisionAttr
//===----------------------------------------------------------------------===//

static llvm::VersionTuple parseVersion(StringRef text) {
  llvm::VersionTuple version;
  [[maybe_unused]] bool failed = version.tryParse(text);
  assert(!failed && "the verifier accepted the version");
  return version;
}

LogicalResult
KernelRevisionAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                           KernelFamily kernel, StringRef version,
                           StringRef minimum) {
  auto isVersion = [](StringRef text) {
    llvm::VersionTuple parsed;
    return !parsed.tryParse(text);
  };
  if (!isVersion(version))
    return emitError() << "'" << version
                       << "' is not a version such as \"0.1.14\"";
  if (!minimum.empty() && !isVersion(minimum))
    return emitError() << "'" << minimum
                       << "' is not a version such as \"0.1.14\"";
  return success();
}

//===----------------------------------------------------------------------===//
// TargetAttr
//===----------------------------------------------------------------------===//

LogicalResult TargetAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 StringRef chip, int64_t maxHeadsPerLaunch,
                                 ArrayAttr revisions) {
  if (!hipfuse::lookupTarget(chip))
    return emitError() << "unknown chip '" << chip << "'; known are "
                       << hipfuse::listKnownTargets();
  if (maxHeadsPerLaunch < 0)
    return emitError() << "max_heads_per_launch is " << maxHeadsPerLaunch
                       << ", but must be positive";
  if (!revisions)
    return success();
  llvm::SmallDenseSet<KernelFamily> seen;
  for (Attribute element : revisions) {
    auto revision = dyn_cast<KernelRevisionAttr>(element);
    if (!revision)
      return emitError() << "revisions holds " << element
                         << ", which is not a #lm.kernel_revision";
    if (!seen.insert(revision.getKernel()).second)
      return emitError() << "revisions names "
                         << stringifyKernelFamily(revision.getKernel())
                         << " twice";
  }
  return success();
}

TargetAttr TargetAttr::lookup(Operation *op) {
  for (; op; op = op->getParentOp())
    if (auto target = op->getAttrOfType<TargetAttr>(kName))
      return target;
  return TargetAttr();
}

const hipfuse::TargetInfo &TargetAttr::getInfo() const {
  const hipfuse::TargetInfo *info = hipfuse::lookupTarget(getChip());
  assert(info && "the verifier accepted the chip");
  return *info;
}

bool TargetAttr::has(TargetFeature feature) const {
  return getInfo().get(feature).available;
}

bool TargetAttr::isHost() const {
  return getInfo().vendor == hipfuse::Vendor::Host;
}

bool TargetAttr::convertsToFp4InHardware() const {
  return has(TargetFeature::Fp4Convert);
}

bool TargetAttr::convertsToFp8InHardware() const {
  return has(TargetFeature::Fp8Convert);
}

bool TargetAttr::usesFnuzFp8() const {
  return getInfo().fp8 == hipfuse::Fp8Flavour::FNUZ;
}

bool TargetAttr::hasScaledMfma() const {
  return has(TargetFeature::ScaledMfma);
}

bool TargetAttr::hasLdsDma128() const { return has(TargetFeature::LdsDma128); }

int64_t TargetAttr::maxHeadsPerLaunch() const {
  int64_t given = getMaxHeadsPerLaunch();
  return given ? given : getInfo().maxHeadsPerLaunch;
}

bool TargetAttr::takesBothScopesInOneLaunch() const {
  return has(TargetFeature::BothScopesPerLaunch);
}

bool TargetAttr::takesSlotHoles() const {
  return has(TargetFeature::SlotHoles);
}

bool TargetAttr::fusesMhcByDefault() const {
  return has(TargetFeature::FusedMhcByDefault);
}

std::optional<TargetAttr::ExcludedKernel>
TargetAttr::getExclusion(KernelFamily kernel) const {
  if (!getRevisions())
    return std::nullopt;
  for (auto revision : getRevisions().getAsRange<KernelRevisionAttr>()) {
    if (revision.getKernel() != kernel)
      continue;
    StringRef minimum = revision.getMinimum(), why;
    if (minimum.empty())
      for (const hipfuse::RevisionRequirement &known : getInfo().requirements)
        if (known.kernel == stringifyKernelFamily(kernel)) {
          minimum = known.minimum;
          why = known.why;
        }
    if (!minimum.empty() &&
        parseVersion(revision.getVersion()) < parseVersion(minimum))
      return ExcludedKernel{revision.getVersion(), minimum, why};
  }
  return std::nullopt;
}
