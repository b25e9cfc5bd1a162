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

def DecomposeAttentionPass : Pass<"lm-decompose-attention"> {
  let summary = "Write sparse attention over two scopes as the target runs it";
  let description = [{
    Where one launch takes one scope, a two-scope operation on tensors

    ```mlir
    %o = lm.sparse_mla_decode bf16 {extra_layout = ..., ...} ins(%q : ...)
           cache(...) slots(...) extra_cache(...) extra_slots(...)
           sink(%s : ...) outs(%o0 : ...)
    ```

    becomes two f32 partial results, their merge, and the sink:

    ```mlir
    %x0, %l0 = lm.sparse_mla_decode bf16 {...} ins(%q : ...) cache(...) ...
    %x1, %l1 = lm.sparse_mla_decode bf16 {...} ins(%q : ...) cache(...) ...
    %x, %l = lm.merge_attention ins(%x0, %x1 : ...) lse(%l0, %l1 : ...) ...
    %o = lm.apply_sink ins(%x : ...) lse(%l : ...) sink(%s : ...) outs(%o0 : ...)
    ```

    with equal bits. Where one launch takes both scopes, the second form becomes
    the first, if the partial results are f32 and have no other use, and the
    queries, the scale and the precision are the same.

    A plan says who computes, not what, and is of launches: one of both scopes is
    dropped where they are separated, and those of each where they are joined;
    `lm-materialize-plans` then makes new ones. `scopes` says which form
    is wanted; `auto` asks `lm.target`, and without a target nothing changes.

    A merge that stays is a remark of the category `lm-decompose-attention`,
    with its reason; an operation on memrefs is too, for its partial results
    would need buffers.
  }];
  let options = [
    Option<"scopes", "scopes", "::mlir::lm::ScopePolicy",
      "::mlir::lm::ScopePolicy::Auto", "The form that is wanted",
      [{::llvm::cl::values(
        clEnumValN(::mlir::lm::ScopePolicy::Auto, "auto",
                   "What the target launches"),
        clEnumValN(::mlir::lm::ScopePolicy::Separate, "separate",
                   "An operation per scope"),
        clEnumValN(::mlir::lm::ScopePolicy::Together, "together",
                   "One operation"))}]>
  ];
  let statistics = [
    Statistic<"numDecomposed", "num-decomposed",
              "Number of two-scope operations decomposed">,
    Statistic<"numFused", "num-fused", "Number of merges fused">
  ];
  let dependentDialects = ["::mlir::tensor::TensorDialect"];
}

def SplitHeadsPass : Pass<"lm-split-heads"> {
  let summary = "Split attention into launches of as many heads as one takes";
  let description = [{
    An attention on tensors with more heads than one launch takes is halved,
    and its halves again, until each fits:

    ```mlir
    %o = lm.sparse_mla_decode ... ins(%q : tensor<?x64x512xbf16>) ...
           sink(%s : tensor<64xf32>) outs(%o0 : tensor<?x64x512xbf16>)
    ```

    becomes, for 32 heads,

    ```mlir
    %q0 = tensor.extract_slice %q[0, 0, 0] [%t, 32, 512] [1, 1, 1] ...
    %s0 = tensor.extract_slice %s[0] [32] [1] ...
    %h0 = lm.sparse_mla_decode ... ins(%q0 : tensor<?x32x512xbf16>) ...
            sink(%s0 : tensor<32xf32>) outs(... : tensor<?x32x512xbf16>)
    %r0 = tensor.insert_slice %h0 into %o0 ...
    ...                                       the same of heads 32 to 63
    ```

    The destinations of the parts are empty tensors, for nothing of a destination
    is read; `hipfuse-eliminate-empty-tensors` makes each its part of `%o0`.
    Every operand on the side of the keys and the plan are shared, and the merge
    of two scopes and the sink happen inside each half, so that the bits stay
    the same. A number of heads that cannot be halved is an error.

    `method = fold` makes rows of the groups of heads instead, with a copy of
    the slots for each: one launch, for sparse attention without a sink. It is
    an error for `lm.mla_decode`, whose queries are masked causally: its heads
    would become queries at earlier positions and lose the last keys.

    The number of heads is `max-heads`, or that of `lm.target`; without either
    nothing changes.
  }];
  let options = [
    Option<"maxHeads", "max-heads", "int64_t", "0",
           "Heads that one launch takes (default: the target's)">,
    Option<"method", "method", "::mlir::lm::HeadPolicy",
      "::mlir::lm::HeadPolicy::Split", "How fewer heads are taken",
      [{::llvm::cl::values(
        clEnumValN(::mlir::lm::HeadPolicy::Split, "split",
                   "An operation per half of the heads"),
        clEnumValN(::mlir::lm::HeadPolicy::Fold, "fold",
                   "One operation with a row per group of heads"))}]>
  ];
  let statistics = [
    Statistic<"numSplit", "num-split", "Number of operations split">,
    Statistic<"numFolded", "num-folded", "Number of operations folded">
  ];
  let dependentDialects = ["::mlir::linalg::LinalgDialect",
                           "::mlir::tensor::TensorDialect"];
}

def MaterializePlansPass : Pass<"lm-materialize-plans"> {
  let summary = "Give attention the plan of its lengths";
  let description = [{
    Inserts the `lm.attention_plan` of an attention that has none, right after
    the lengths of which it is made:

    ```mlir
    %p:5 = lm.attention_plan {num_clusters = 256, topk = 128}
             ins(%n : tensor<?xi32>) outs(...)
    %o = lm.sparse_mla_decode ... lengths(%n : ...) plan(%p#0, ... : ...) ...
    ```

    Two scopes have a plan each, or one of both lists where one launch takes both
    scopes (`lm.target`), right after the later of both lengths:

    ```mlir
    %p:5 = lm.attention_plan {extra_topk = 512, granularity = 64, overhead = 1,
             topk = 128, num_clusters = 132} ins(%n : tensor<?xi32>)
             extra_lengths(%m : tensor<?xi32>) outs(...)
    %o = lm.sparse_mla_decode ... lengths(%n : ...) ... extra_lengths(%m : ...)
           plan(%p#0, ... : ...) ...
    ```

    Operations with the same lengths and the same configuration share a plan, in
    whatever layer they are; a step of DeepSeek-V4 has three: for the window and
    the two compressed caches, or for the window alone and with each of those.
    Because a plan is a function of the lengths'
    value, it cannot be older than they are. `-cse` before this pass makes equal
    lengths one value. The lengths of an `lm.topk_slots` that is `full` become
    those of an `lm.slot_lengths` of its positions, which all layers share:

    ```mlir
    %m = lm.slot_lengths {window = 512, compress_ratio = 4} ins(%positions : ...)
    %p:5 = lm.attention_plan {num_clusters = 256, topk = 512} ins(%m : ...) ...
    %s, %n = lm.topk_slots {full, compress_ratio = 4} ins(%indices : ...) ...
               positions(%positions : ...) outs(...)
    %o = lm.sparse_mla_decode ... slots(%s : ...) lengths(%m : ...) plan(...) ...
    ```

    The configuration: as many clusters as the target has compute units; blocks
    of as many tokens as the target says (16 without one), or of a page if that
    has more, for two scopes at least 64; tiles of queries of up to 128 rows of
    heads; works that cost, besides their keys, what the target says, in whole
    blocks (the default of the plan where it says nothing); requests that are split
    evenly, where the target's plans do that and requests can have clusters of
    their own.

    An attention without lengths (of each scope, if it has two) or with a page
    size that is not a static power of two stays as it is, which is a remark of
    the category `lm-materialize-plans`. So is a plan for each scope that the
    program has where the target wants one of both; they stay. A plan that was
    made of other lengths or for another shape of operation is an error.
  }];
  let options = [
    Option<"numClusters", "num-clusters", "int64_t", "0",
           "Workgroups of a launch (default: the target's compute units)">,
    Option<"tileRows", "tile-rows", "int64_t", "128",
           "Rows of queries times heads that share a work's keys">,
    Option<"maxSplit", "max-split", "int64_t", "0",
           "Most clusters per request (0: no limit)">,
    Option<"blockTokens", "block-tokens", "int64_t", "0",
           "Tokens of a block, a power of two (0: the target's)">,
    Option<"overheadTokens", "overhead-tokens", "int64_t", "0",
           "What a work costs besides its keys, in tokens (0: the target's)">,
    Option<"evenSplit", "even-split", "bool", "true",
           "Split requests evenly where the target's plans do">
  ];
  let statistics = [
    Statistic<"numPlans", "num-plans", "Number of plans inserted">,
    Statistic<"numShared", "num-shared",
              "Number of attentions that share another's plan">
  ];
  let dependentDialects = ["::mlir::arith::ArithDialect",
                           "::mlir::tensor::TensorDialect"];
}

def CompactSlotsPass : Pass<"lm-compact-slots"> {
  let summary = "Pack slot lists where the kernel needs it";
  let description = [{
    Where the target's sparse attention does not skip holes, a slot list whose
    producer does not promise to have none goes through `lm.compact_slots`:

    ```mlir
    %p, %m = lm.compact_slots ins(%s : ...) lengths(%n : ...) outs(...)
    %o = lm.sparse_mla_decode ... slots(%p : ...) lengths(%m : ...) ...
    ```

    `lm.swa_slots`, `lm.compact_slots` and `lm.topk_slots` without `keep_holes`
    promise it, if the lengths are theirs too. Attentions over the same list share the packed one. `packed`
    says whether the kernel needs packed lists; `auto` asks `lm.target`, and
    without a target nothing changes. Packed lists must come before plans: an
    attention that has a plan is an error where packing would change its
    lengths.
  }];
  let options = [
    Option<"packed", "packed", "::mlir::lm::PackedPolicy",
      "::mlir::lm::PackedPolicy::Auto", "Whether lists must be packed",
      [{::llvm::cl::values(
        clEnumValN(::mlir::lm::PackedPolicy::Auto, "auto",
                   "What the target's kernels need"),
        clEnumValN(::mlir::lm::PackedPolicy::Yes, "yes", "They must"),
        clEnumValN(::mlir::lm::PackedPolicy::No, "no", "They need not"))}]>
  ];
  let statistics = [
    Statistic<"numCompacted", "num-compacted", "Number of lists packed">,
    Statistic<"numPromised", "num-promised",
              "Number of lists that were packed already">
  ];
  let dependentDialects = ["::mlir::tensor::TensorDialect"];
}

#endif // HIPFUSE_TRANSFORMS_PASSES_TD
