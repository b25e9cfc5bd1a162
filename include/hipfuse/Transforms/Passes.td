//===-- Passes.td - Passes on the lm dialect ---------------*- tablegen -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_TRANSFORMS_PASSES_TD
#define HIPFUSE_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

class LM_FusionSwitch<string name, string flag, string text>
    : Option<name, flag, "bool", "true", "Fuse " # text>;

// What lm-fuse and lm-print-fusion-plan have in common.
defvar LM_FusionOptions = [
  LM_FusionSwitch<"duplicateCacheWrite", "duplicate-cache-write",
    "away the second of two equal cache writes">,
  LM_FusionSwitch<"addRmsNormQuantize", "add-rms-norm-quantize",
    "lm.add_rms_norm and lm.quantize">,
  LM_FusionSwitch<"rmsNormQuantize", "rms-norm-quantize",
    "lm.rms_norm and lm.quantize">,
  LM_FusionSwitch<"siluMulQuantize", "silu-mul-quantize",
    "lm.silu_mul (and lm.split_k_reduce before it) and lm.quantize">,
  LM_FusionSwitch<"ropeMlaCacheWrite", "rope-mla-cache-write",
    "lm.rope of query and key, concatenation and lm.mla_cache_write">,
  LM_FusionSwitch<"ropeQuantize", "rope-quantize",
    "lm.rope of trailing columns and lm.quantize">,
  LM_FusionSwitch<"dualRmsNorm", "dual-rms-norm",
    "two norms over slices of one tensor">,
  LM_FusionSwitch<"shuffleScale", "shuffle-scale",
    "a quantisation and lm.shuffle_scale of its scales">,
  LM_FusionSwitch<"mhcBroadcast", "mhc-broadcast",
    "the repetition of a row into hyper-connections that read it">,
  LM_FusionSwitch<"mhcPreRmsNorm", "mhc-pre-rms-norm",
    "lm.mhc_pre and lm.rms_norm of its input">,
  LM_FusionSwitch<"mhcPostPre", "mhc-post-pre",
    "lm.mhc_post and the next lm.mhc_pre, where `mhc` allows it">,
  Option<"mhc", "mhc", "::mlir::lm::MhcMode", "::mlir::lm::MhcMode::Auto",
    "Whether lm.mhc_post and lm.mhc_pre become one operation",
    [{::llvm::cl::values(
      clEnumValN(::mlir::lm::MhcMode::Auto, "auto", "as the target prefers"),
      clEnumValN(::mlir::lm::MhcMode::Separate, "separate", "never"),
      clEnumValN(::mlir::lm::MhcMode::Fused, "fused",
                 "wherever the target has the kernel"))}]>,
  Option<"fastNumerics", "fast-numerics", "bool", "false",
    "Allow rewrites that add in another order: a constant projection of "
    "repeated streams is folded to their sum">,
  ListOption<"minRows", "min-rows", "std::string",
    "Refuse a fusion below this number of rows, as NAME:ROWS or ROWS for all; "
    "a dynamic number of rows is not refused">,
  ListOption<"maxRows", "max-rows", "std::string",
    "Refuse a fusion above this number of rows, as NAME:ROWS or ROWS for all; "
    "a dynamic number of rows is not refused">
];

def DecomposePass : Pass<"lm-decompose"> {
  let summary = "Replace fused lm operations by what they stand for";
  let description = [{
    Replaces each fused operation on tensors by the unfused operations that it
    stands for, with equal attributes and thus equal bits:

    ```mlir
    %d, %s = lm.silu_mul_quantize #scheme {round_before_quant = bf16}
               ins(%x : ...) outs(%d0, %s0 : ...)
    ```

    becomes

    ```mlir
    %init = tensor.empty(%tokens) : tensor<?x2048xbf16>
    %h = lm.silu_mul ins(%x : ...) outs(%init : ...)
    %d, %s = lm.quantize #scheme ins(%h : ...) outs(%d0, %s0 : ...)
    ```

    An operation on memrefs stays as it is, with a remark: its intermediate
    values would need buffers.

    With `for-target` only operations go whose kernel the target has not: its
    revision is known to be wrong, or it does not take the shape. A remark gives
    the reason, as docs/Diagnostics.md explains it.
  }];
  let options = [
    ListOption<"ops", "ops", "std::string",
      "Names of the operations to decompose, such as lm.rms_norm_quantize "
      "(default: all)">,
    Option<"forTarget", "for-target", "bool", "false",
      "Decompose only what the module's lm.target must not run as it is">
  ];
  let statistics = [
    Statistic<"numDecomposed", "num-decomposed",
              "Number of fused operations decomposed">
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::tensor::TensorDialect"];
}

def FusePass : Pass<"lm-fuse", "::mlir::ModuleOp"> {
  let summary = "Fuse lm operations";
  let description = [{
    Plans fusions on the unchanged program, then applies the plan. A fused
    operation has the attributes of what it replaces and decomposes into it
    (`-lm-decompose`), so that the bits stay the same:

    ```mlir
    %y = lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%x : tensor<?x7168xbf16>)
           weight(%w : tensor<7168xbf16>) outs(%y0 : tensor<?x7168xbf16>)
    %d, %s = lm.quantize #scheme ins(%y : tensor<?x7168xbf16>) outs(%d0, %s0 :
               tensor<?x3584xi8>, tensor<?x224xf8E8M0FNU>)
    ```

    becomes

    ```mlir
    %d, %s = lm.rms_norm_quantize #scheme
               {epsilon = 1.0e-06 : f32, round_before_quant = bf16}
               ins(%x : tensor<?x7168xbf16>) weight(%w : tensor<7168xbf16>)
               outs(%d0, %s0 : tensor<?x3584xi8>, tensor<?x224xf8E8M0FNU>)
    ```

    The fusions, in the order in which they are planned, each with an option of
    its name that turns it off:

    *   `duplicate-cache-write`: the second of two equal lm.mla_cache_write in a
        row is removed.
    *   `add-rms-norm-quantize`, `rms-norm-quantize`: the norm and the
        quantisation of its rows, of any scheme. A norm with other users stays a
        result of the fused operation; it is never computed twice.
    *   `silu-mul-quantize`: the activation and its quantisation, with the
        split-K reduction before it where that has no other user.
    *   `rope-mla-cache-write`: the rotations of query and key, the
        concatenation of the query and its static FP8 quantisation where they
        are there, and the cache write.
    *   `rope-quantize`: the rotation of the trailing columns of heads, slices
        and views, and the quantisation.
    *   `dual-rms-norm`: a norm over other columns of the same tensor joins a
        fused norm and quantisation as its second norm; without a quantisation
        both become lm.dual_rms_norm.
    *   `shuffle-scale`: a quantisation, fused or not, writes its scales in the
        order that lm.shuffle_scale gives them.

    *   `mhc-broadcast`: hyper-connections whose streams repeat one row (before
        the first sublayer) read the row. With `fast-numerics` a constant
        projection is folded to its sum over the streams.
    *   `mhc-pre-rms-norm`: the norm of a sublayer's input joins lm.mhc_pre.
    *   `mhc-post-pre`: lm.mhc_post and the lm.mhc_pre that reads its result,
        with the norm where that has joined. `mhc` decides: `separate` never,
        `fused` wherever the target's kernel takes the shape and its revision is
        not excluded, `auto` as the module's `lm.target` prefers.

    Reshapes that keep the last dimension are looked through and applied to the
    quantised data and scale. Before planning, slices of slice assignments are
    replaced by the assigned values, equal quantisations are merged, and sizes
    of results become sizes of destinations. `-canonicalize` and `-cse` before
    this pass help it.

    Every place that nearly matches is refused with one reason, listed in
    `docs/Diagnostics.md`. Decisions are remarks of the category `lm-fuse`
    (`--remarks-filter=lm-fuse`), statistics, and entries of the JSON report.

    Preconditions: tensors; operations on memrefs are refused.
  }];
  let options = LM_FusionOptions # [
    ListOption<"requireMatch", "require-match", "std::string",
      "Fail where fewer fusions are found than NAME:COUNT demands; names are "
      "those of the options">,
    Option<"report", "report", "std::string", "",
      "Write the decisions to this file, as JSON (`-` is the standard output)">
  ];
  let statistics = [
    Statistic<"numForwardedSlices", "num-forwarded-slices",
              "Slices of slice assignments replaced">,
    Statistic<"numMergedQuantizes", "num-merged-quantizes",
              "Equal quantisations merged">,
    Statistic<"numDuplicateCacheWrite", "num-duplicate-cache-write",
              "Cache writes removed">,
    Statistic<"numAddRmsNormQuantize", "num-add-rms-norm-quantize",
              "Fusions of add-rms-norm-quantize">,
    Statistic<"numRmsNormQuantize", "num-rms-norm-quantize",
              "Fusions of rms-norm-quantize">,
    Statistic<"numSiluMulQuantize", "num-silu-mul-quantize",
              "Fusions of silu-mul-quantize">,
    Statistic<"numRopeMlaCacheWrite", "num-rope-mla-cache-write",
              "Fusions of rope-mla-cache-write">,
    Statistic<"numRopeQuantize", "num-rope-quantize",
              "Fusions of rope-quantize">,
    Statistic<"numDualRmsNorm", "num-dual-rms-norm",
              "Fusions of dual-rms-norm">,
    Statistic<"numShuffleScale", "num-shuffle-scale",
              "Fusions of shuffle-scale">,
    Statistic<"numMhcBroadcast", "num-mhc-broadcast",
              "Hyper-connections that read one row for all streams">,
    Statistic<"numMhcPreRmsNorm", "num-mhc-pre-rms-norm",
              "Fusions of mhc-pre-rms-norm">,
    Statistic<"numMhcPostPre", "num-mhc-post-pre", "Fusions of mhc-post-pre">,
    Statistic<"numRefusedDuplicateCacheWrite",
              "num-refused-duplicate-cache-write", "Cache writes kept">,
    Statistic<"numRefusedAddRmsNormQuantize",
              "num-refused-add-rms-norm-quantize",
              "Refusals of add-rms-norm-quantize">,
    Statistic<"numRefusedRmsNormQuantize", "num-refused-rms-norm-quantize",
              "Refusals of rms-norm-quantize">,
    Statistic<"numRefusedSiluMulQuantize", "num-refused-silu-mul-quantize",
              "Refusals of silu-mul-quantize">,
    Statistic<"numRefusedRopeMlaCacheWrite",
              "num-refused-rope-mla-cache-write",
              "Refusals of rope-mla-cache-write">,
    Statistic<"numRefusedRopeQuantize", "num-refused-rope-quantize",
              "Refusals of rope-quantize">,
    Statistic<"numRefusedDualRmsNorm", "num-refused-dual-rms-norm",
              "Refusals of dual-rms-norm">,
    Statistic<"numRefusedShuffleScale", "num-refused-shuffle-scale",
              "Refusals of shuffle-scale">,
    Statistic<"numRefusedMhcBroadcast", "num-refused-mhc-broadcast",
              "Refusals of mhc-broadcast">,
    Statistic<"numRefusedMhcPreRmsNorm", "num-refused-mhc-pre-rms-norm",
              "Refusals of mhc-pre-rms-norm">,
    Statistic<"numRefusedMhcPostPre", "num-refused-mhc-post-pre",
              "Refusals of mhc-post-pre">
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::tensor::TensorDialect"];
}

def PrintFusionPlanPass : Pass<"lm-print-fusion-plan", "::mlir::ModuleOp"> {
  let summary = "Print what lm-fuse would do";
  let description = [{
    Prints to the standard output what `-lm-fuse` with the same options would
    do: a line for each fusion that is planned, and for each that is refused
    with its reason. The program is not changed.

    ```
    fusion plan: 1 planned, 1 refused
      @f model.mlir:4:3 rms-norm-quantize planned: lm.rms_norm + lm.quantize -> lm.rms_norm_quantize
      @f model.mlir:9:3 silu-mul-quantize refused [extra-uses]: the result of lm.silu_mul has 2 uses, but lm.silu_mul_quantize has no result for it
    ```
  }];
  let options = LM_FusionOptions;
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::tensor::TensorDialect"];
}

def AttachTargetPass : Pass<"lm-attach-target", "::mlir::ModuleOp"> {
  let summary = "Say what a module is compiled for";
  let description = [{
    Puts the attribute `lm.target` on the module, over one that is there:

    ```mlir
    module attributes {lm.target = #lm.target<chip = "gfx950">} { ... }
    ```

    A chip that is not in the table of known targets is an error that lists
    those that are.
  }];
  let options = [
    Option<"chip", "chip", "std::string", "",
      "Name of the chip: gfx942, gfx950, sm_90 or host">,
    Option<"maxHeadsPerLaunch", "max-heads-per-launch", "int64_t", "0",
      "Query heads that one attention launch takes, in place of the table's">,
    ListOption<"revisions", "revisions", "std::string",
      "Revisions of kernels that do not come with the compiler, as "
      "KERNEL:VERSION or KERNEL:VERSION:MINIMUM, such as mhc_pre:0.1.13">
  ];
  let dependentDialects = ["::mlir::lm::LMDialect"];
}

def PrintTargetPass : Pass<"lm-print-target", "::mlir::ModuleOp"> {
  let summary = "Print what the module's target offers";
  let description = [{
    Prints to the standard output the figures and features of the module's
    `lm.target`, for each feature that is off the reason, and for each kernel
    whose revision is named whether it may be used. A module without a target
    is an error. The program is not changed.

    ```
    target gfx942: AMD Instinct MI300X
      vendor                   AMD
      wave size                64
      fp4-convert              off: no v_cvt_scalef32_pk_fp4_f32 before CDNA4; FP4 codes are computed with integers
    ```
  }];
}

#endif // HIPFUSE_TRANSFORMS_PASSES_TD
