//===-- KnownTargets.h - What each target offers --------------*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One table. Passes do not compare names of chips: they ask the predicates of
// `#lm.target`, which answer from here.
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_TARGET_KNOWNTARGETS_H
#define HIPFUSE_TARGET_KNOWNTARGETS_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

#include <cstdint>
#include <limits>
#include <string>

namespace hipfuse {

enum class Vendor { AMD, NVIDIA, Host };

/// Which FP8 format the conversions of the hardware read and write: OCP's (no
/// infinities, maximum 448) or the one without a negative zero (maximum 240).
enum class Fp8Flavour { FN, FNUZ };

/// What a target has or has not.
enum class TargetFeature {
  Fp8Convert,          ///< packed conversion of f32 to FP8
  Fp4Convert,          ///< scaled conversion of f32 to FP4
  PackedBf16,          ///< arithmetic on two bf16 of a register at once
  Mfma,                ///< AMD's matrix instructions
  MfmaDoubleRate,      ///< bf16 16x16x32 and 32x32x16 in one instruction
  ScaledMfma,          ///< matrix instructions with E8M0 block scales
  TransposedLdsRead,   ///< LDS reads that transpose 16-bit tiles
  LdsDma128,           ///< copies of 16 bytes a lane from memory to LDS
  Wgmma,               ///< NVIDIA's warp-group matrix instructions
  BothScopesPerLaunch, ///< sparse attention over two scopes in one launch
  SlotHoles,           ///< sparse attention skips holes in its slot lists
  FusedMhcByDefault    ///< mHC post and the next pre as one kernel
};
inline constexpr unsigned kNumTargetFeatures = 12;

/// Whether a target has a feature, and why it does or does not.
struct FeatureState {
  bool available;
  const char *why;
};

/// A kernel whose earlier revisions are known to be wrong.
struct RevisionRequirement {
  llvm::StringLiteral kernel;
  llvm::StringLiteral minimum;
  llvm::StringLiteral why;
};

/// For limits that a target does not have.
inline constexpr int64_t kNoLimit = std::numeric_limits<int64_t>::max();

/// One target's figures; 0 where a figure means nothing on the target.
struct TargetInfo {
  llvm::StringLiteral chip;
  llvm::StringLiteral product;
  Vendor vendor;
  int64_t waveSize;            ///< lanes of a wave (warp)
  int64_t computeUnits;        ///< CUs or SMs
  int64_t ldsBytes;            ///< LDS (shared memory) of one workgroup
  int64_t maxThreadsPerBlock;  ///< work-items of one workgroup
  int64_t maxVgprs;            ///< 32-bit vector registers of one lane
  double memoryBytesPerSecond; ///< HBM bandwidth as specified
  Fp8Flavour fp8;
  /// Query heads that one launch of an attention kernel takes.
  int64_t maxHeadsPerLaunch;
  /// Query rows times heads of which a workgroup of that kernel has the sums;
  /// others share its keys. 0: no plan is made with them in mind.
  int64_t attentionRowsPerGroup;
  /// Plans of attention: keys of one block, and what a work costs besides its
  /// keys, in keys (0: lm.attention_plan's default, max(1, 16 / page size)
  /// blocks).
  int64_t planBlockTokens;
  int64_t planOverheadTokens;
  bool planSplitsEvenly; ///< as lm.attention_plan's even_split says
  /// Fused mHC post+pre: tokens below which it beats post and pre, streams it
  /// takes (0: any), and what divides the hidden size.
  int64_t fusedMhcTokenLimit;
  int64_t mhcStreams;
  int64_t mhcHiddenMultiple;
  FeatureState features[kNumTargetFeatures];
  llvm::ArrayRef<RevisionRequirement> requirements;

  const FeatureState &get(TargetFeature feature) const {
    return features[static_cast<unsigned>(feature)];
  }
};

/// All targets, in the order of the documentation.
llvm::ArrayRef<TargetInfo> getKnownTargets();

/// The target of this name; null if there is none.
const TargetInfo *lookupTarget(llvm::StringRef chip);

/// "gfx942, gfx950, ...", for diagnostics.
std::string listKnownTargets();

/// A feature's name in reports, such as `fp4-convert`.
llvm::StringRef stringifyTargetFeature(TargetFeature feature);
llvm::StringRef stringifyVendor(Vendor vendor);

} // namespace hipfuse

#endif // HIPFUSE_TARGET_KNOWNTARGETS_H
