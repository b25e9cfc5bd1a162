//===-- LMTarget.td - The target attribute -----------------*- tablegen -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_DIALECT_LM_IR_LMTARGET_TD
#define HIPFUSE_DIALECT_LM_IR_LMTARGET_TD

include "hipfuse/Dialect/LM/IR/LMDialect.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"

def LM_KernelFamily : I32EnumAttr<"KernelFamily",
    "kernels whose revision a target may name", [
  I32EnumAttrCase<"MhcPre", 0, "mhc_pre">,
  I32EnumAttrCase<"MhcPost", 1, "mhc_post">,
  I32EnumAttrCase<"MhcPostPre", 2, "mhc_post_pre">,
  I32EnumAttrCase<"MhcHead", 3, "mhc_head">,
  I32EnumAttrCase<"MlaDecode", 4, "mla_decode">,
  I32EnumAttrCase<"SparseMlaDecode", 5, "sparse_mla_decode">
]> {
  let cppNamespace = "::mlir::lm";
  let genSpecializedAttr = 0;
}

def LM_KernelRevisionAttr : AttrDef<LM_Dialect, "KernelRevision"> {
  let mnemonic = "kernel_revision";
  let summary = "Which revision of a kernel a target has";
  let description = [{
    Names the revision of a kernel that does not come with this compiler, such
    as one of a vendor's library that a model compiler binds. The table of
    targets knows the revisions that give wrong results; `minimum` names the
    first usable one where the table does not know better. A pass that would
    use a kernel below its minimum does not, and says so.

    Versions are `major[.minor[.subminor[.build]]]`.

    Example: `#lm.kernel_revision<kernel = mhc_pre, version = "0.1.13">`.
  }];
  let parameters = (ins
    EnumParameter<LM_KernelFamily>:$kernel,
    StringRefParameter<"the revision on the target">:$version,
    StringRefParameter<"the first revision that may be used", [{""}]>:$minimum
  );
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

def LM_TargetAttr : AttrDef<LM_Dialect, "Target"> {
  let mnemonic = "target";
  let summary = "What a program is compiled for";
  let description = [{
    Stands on a module as `lm.target`; `lm-attach-target` puts it there and
    `lm-print-target` prints what it offers. Figures come from the table in
    `lib/Target/KnownTargets.cpp`, which cites its sources; a chip that is not
    in it is an error that lists those that are.

    | parameter | meaning |
    |---|---|
    | `chip` | `gfx942`, `gfx950`, `sm_90` or `host` |
    | `max_heads_per_launch` | replaces the table's number of query heads that one attention launch takes |
    | `revisions` | array of `#lm.kernel_revision` |

    Examples: `#lm.target<chip = "gfx950">`;
    `#lm.target<chip = "gfx950", max_heads_per_launch = 16, revisions =
    [#lm.kernel_revision<kernel = mhc_pre, version = "0.1.14">]>`.
  }];
  let parameters = (ins
    StringRefParameter<"name of the chip">:$chip,
    DefaultValuedParameter<"int64_t", "0">:$max_heads_per_launch,
    OptionalParameter<"::mlir::ArrayAttr">:$revisions
  );
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// The name of the module's attribute.
    static constexpr ::llvm::StringLiteral kName = "lm.target";

    /// The target of the nearest module around `op` that has one; else null.
    static TargetAttr lookup(::mlir::Operation *op);

    /// The table's entry.
    const ::hipfuse::TargetInfo &getInfo() const;
    bool has(::hipfuse::TargetFeature feature) const;

    bool isHost() const;
    /// FP4 codes come from an instruction.
    bool convertsToFp4InHardware() const;
    /// FP8 codes come from an instruction.
    bool convertsToFp8InHardware() const;
    /// FP8 means E4M3FNUZ rather than E4M3FN.
    bool usesFnuzFp8() const;
    bool hasScaledMfma() const;
    /// Memory to LDS, 16 bytes a lane, past the registers.
    bool hasLdsDma128() const;
    /// Query heads that one attention launch takes.
    int64_t maxHeadsPerLaunch() const;
    /// One launch of sparse attention takes two scopes.
    bool takesBothScopesInOneLaunch() const;
    /// Sparse attention skips holes between the slots of a row.
    bool takesSlotHoles() const;
    /// mHC post and pre are one kernel unless an option says otherwise.
    bool fusesMhcByDefault() const;

    /// A kernel of the target that must not be used.
    struct ExcludedKernel {
      ::llvm::StringRef version; ///< the target's revision
      ::llvm::StringRef minimum; ///< the first usable one
      ::llvm::StringRef why;     ///< empty if the attribute gave the minimum
    };
    /// Why the kernel must not be used; nothing if it may.
    std::optional<ExcludedKernel> getExclusion(KernelFamily kernel) const;
  }];
}

#endif // HIPFUSE_DIALECT_LM_IR_LMTARGET_TD
