//===-- LMAttentionOps.td - Attention operations of lm -----*- tablegen -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Included by LMOps.td, which has the base classes.
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_DIALECT_LM_IR_LMATTENTIONOPS_TD
#define HIPFUSE_DIALECT_LM_IR_LMATTENTIONOPS_TD

def LM_I32 : LM_ShapedOf<[I32]>;

//===----------------------------------------------------------------------===//
// Decode attention
//===----------------------------------------------------------------------===//

def LM_MlaDecodeOp : LM_Op<"mla_decode", 7, [AttrSizedOperandSegments]> {
  let summary = "dense multi-head latent attention over a paged cache";
  let description = [{
    Each of `B` requests has `q_len` query rows, `q [B*q_len, H, D]`, and
    `n = lengths[b]` tokens in the cache, the new ones included. Token `j` of
    request `b` is row `j % P` of page `block_table[b, j / P]`. All heads share
    the row `K_j` of `D` columns; its leading `V` columns are the value. Query
    `i` of a request sees the tokens `j <= i + n - q_len` (causal, aligned at
    the bottom right). For each query row and head, in f32:

    ```
    s_j = sm_scale * sum_c q[c] * K_j[c]         tokens j that the query sees
    lse = ln sum_j exp(s_j)
    out = round(sum_j exp(s_j - lse) * K_j[0:V])
    ```

    A row that sees no token has `out = 0` and `lse = -inf`. A token whose page
    is not a page of the cache, or beyond the block table, is not seen; neither
    it nor anything past a length is ever read. `lse` is the natural
    logarithm.

    The stored elements stand for `K` as the layouts of `lm.mla_cache_write`
    (without `rope_first`) say; `bf16` and `fp8` are possible here. An FP8 `q`
    stands for `q * q_scale`. `compute` is the precision of the two products:

    *   `exact`: of the values as they are.
    *   `a8w8`: of FP8 values, as AITER's kernels compute. `q8` and `k8` are the
        stored FP8 elements, or `saturate(round(f32(x / scale)))` with
        `q_scale` and `kv_scale` (1 where absent) of values that are not FP8;
        the FP8 type is f8E4M3FNUZ where `q` or the cache has it, else
        f8E4M3FN. Then, with `m` the largest logit,

        ```
        logit_j = sm_scale * q_scale * kv_scale * sum_c q8[c] * k8_j[c]
        p_j = exp(logit_j - m)      l = sum_j p_j      lse = m + ln l
        out = round(kv_scale * sum_j round_fp8(p_j) * k8_j[0:V] / l)
        ```

    `plan`, the results of `lm.attention_plan` of the same lengths, is the
    schedule of a persistent kernel. It says who computes, not what: results do
    not depend on it beyond the order of sums.

    *   (c1) `q` is `[T, H, D]` and `out` `[T, H, V]`, where `(D, V)` is
        `(576, 512)` or `(512, 512)` and H is static; `lse` is `[T, H]` f32.
    *   (c2) `cache` is as `layout`, `bf16` or `fp8`, says for `D` columns.
    *   (c3) `block_table` is `[B, N]`, `lengths` `[B]`, `T = B * q_len`,
        `q_len >= 1`.
    *   (c4) `kv_scale` is given with layout `fp8`, and only there or with
        `a8w8`; `q_scale` is given with an FP8 `q`, and only there or with
        `a8w8`. FP8 `q` and FP8 cache have one element type.
    *   (c5) `sm_scale` is finite and positive.
    *   (c6) `plan` has no operands or the five of `lm.attention_plan`.

    Source: DeepSeek-AI, "DeepSeek-V2", 2024; ROCm/aiter `aiter/mla.py`
    (`mla_decode_fwd`), FlashMLA.

    Example:

    ```mlir
    %o, %l = lm.mla_decode bf16 {sm_scale = 0.0416666679 : f32}
               ins(%q : tensor<?x16x576xbf16>)
               cache(%cache : tensor<?x64x576xbf16>)
               block_table(%table : tensor<?x?xi32>)
               lengths(%n : tensor<?xi32>)
               outs(%o0 : tensor<?x16x512xbf16>) lse(%l0 : tensor<?x16xf32>)
    ```
  }];
  let arguments = (ins
    LM_Query:$q, LM_Cache:$cache, LM_Index:$block_table, LM_Index:$lengths,
    Optional<LM_F32>:$q_scale, Optional<LM_F32>:$kv_scale,
    Variadic<LM_I32>:$plan,
    LM_Float:$out, Optional<LM_F32>:$lse,
    LM_CacheLayoutAttr:$layout, F32Attr:$sm_scale,
    DefaultValuedAttr<I64Attr, "1">:$q_len,
    DefaultValuedAttr<LM_AttentionComputeAttr,
                      "::mlir::lm::AttentionCompute::Exact">:$compute);
  let assemblyFormat = [{
    custom<CacheLayout>($layout) attr-dict
    `ins` `(` $q `:` type($q) `)`
    `cache` `(` $cache `:` type($cache) `)`
    `block_table` `(` $block_table `:` type($block_table) `)`
    `lengths` `(` $lengths `:` type($lengths) `)`
    (`q_scale` `(` $q_scale^ `:` type($q_scale) `)`)?
    (`kv_scale` `(` $kv_scale^ `:` type($kv_scale) `)`)?
    (`plan` `(` $plan^ `:` type($plan) `)`)?
    `outs` `(` $out `:` type($out) `)`
    (`lse` `(` $lse^ `:` type($lse) `)`)?
  }];
}

def LM_SparseMlaDecodeOp
    : LM_Op<"sparse_mla_decode", 13, [AttrSizedOperandSegments]> {
  let summary = "latent attention over listed slots of one or two caches";
  let description = [{
    Query row `t` sees the tokens at `slots[t, k]`, `k < lengths[t]` (all
    columns where `lengths` is absent), of `cache`: slot `s` is row `s % P` of
    page `s / P`. A negative slot or one beyond the cache is a hole and not
    seen, wherever it is; a slot listed twice counts twice. There is no other
    mask. `extra_slots` and `extra_cache` are a second scope with its own
    layout, page size and lengths (DeepSeek-V4: a sliding window and a
    compressed cache). Per scope, in f32, with `K` and `compute` as in
    `lm.mla_decode`:

    ```
    s_j = sm_scale * sum_c q[c] * K_j[c]                slots j that t sees
    lse_scope = ln sum_j exp(s_j)
    o_scope = sum_j exp(s_j - lse_scope) * K_j[0:V]
    ```

    `o, lse` are those of the only scope, or those of both merged as
    `lm.merge_attention` says; then `out = round(o / (1 + exp(sink[h] - lse)))`
    as `lm.apply_sink` says, `round(o)` without `sink`. `lse` does not include
    the sink. A scope without visible slots is empty; a row with only empty
    scopes has `out = 0` and `lse = -inf`. Nothing but visible slots is read
    from a cache.

    Of the layouts, `ds_mla_656` and `ds_mla_584` stand for
    `K = round_bf16(f32(code) * scale)` in their quantised columns. With
    `compute = a8w8` a `K` of a layout other than `fp8` is rounded to FP8 with
    `kv_scale` (1 where absent). Each scope has its own maximum `m`.

    `plan` and `extra_plan` are the schedules of the scopes, from
    `lm.attention_plan` with `topk` and the scope's lengths. Of two scopes with
    only a `plan`, it is the schedule of both, with `extra_lengths`.

    *   (c1) `q` is `[T, H, D]` and `out` `[T, H, V]`, where `(D, V)` is
        `(576, 512)` or `(512, 512)` and H is static; `lse` is `[T, H]` f32.
    *   (c2) `cache` and `extra_cache` are as their layouts say for `D` columns:
        `ds_mla_656` needs D = 576, `ds_mla_584` D = 512. `page_size` and
        `extra_page_size` are given exactly for `ds_mla_584` and positive.
    *   (c3) `slots` and `extra_slots` are `[T, K]` with a static K;
        `lengths` and `extra_lengths` are `[T]`.
    *   (c4) scales as in `lm.mla_decode`, `kv_scale` and `extra_kv_scale` by
        scope.
    *   (c5) `extra_cache`, `extra_slots` and `extra_layout` are given
        together; the other extra operands need them.
    *   (c6) `sink` is `[H]`.
    *   (c7) `sm_scale` is finite and positive.
    *   (c8) `plan` and `extra_plan` have no operands or the five of
        `lm.attention_plan`, and need the lengths of their scope.

    Source: DeepSeek-AI, "DeepSeek-V3.2", 2025; FlashMLA
    `flash_mla/flash_mla_interface.py`; vLLM `deepseek_v4_attention.py`.

    Example:

    ```mlir
    %o = lm.sparse_mla_decode ds_mla_584
           {sm_scale = 0.0441941738 : f32, page_size = 64,
            extra_layout = #lm.cache_layout<ds_mla_584>, extra_page_size = 2}
           ins(%q : tensor<?x64x512xbf16>)
           cache(%c0 : tensor<?x37440xi8>) slots(%s0 : tensor<?x128xi32>)
           lengths(%n0 : tensor<?xi32>)
           extra_cache(%c1 : tensor<?x1728xi8>)
           extra_slots(%s1 : tensor<?x512xi32>)
           extra_lengths(%n1 : tensor<?xi32>)
           sink(%sink : tensor<64xf32>)
           outs(%o0 : tensor<?x64x512xbf16>)
    ```
  }];
  let arguments = (ins
    LM_Query:$q, LM_Cache:$cache, LM_Index:$slots, Optional<LM_Index>:$lengths,
    Optional<LM_F32>:$q_scale, Optional<LM_F32>:$kv_scale,
    Optional<LM_Cache>:$extra_cache, Optional<LM_Index>:$extra_slots,
    Optional<LM_Index>:$extra_lengths, Optional<LM_F32>:$extra_kv_scale,
    Optional<LM_F32>:$sink,
    Variadic<LM_I32>:$plan, Variadic<LM_I32>:$extra_plan,
    LM_Float:$out, Optional<LM_F32>:$lse,
    LM_CacheLayoutAttr:$layout, OptionalAttr<I64Attr>:$page_size,
    OptionalAttr<LM_CacheLayoutAttr>:$extra_layout,
    OptionalAttr<I64Attr>:$extra_page_size,
    F32Attr:$sm_scale,
    DefaultValuedAttr<LM_AttentionComputeAttr,
                      "::mlir::lm::AttentionCompute::Exact">:$compute);
  let assemblyFormat = [{
    custom<CacheLayout>($layout) attr-dict
    `ins` `(` $q `:` type($q) `)`
    `cache` `(` $cache `:` type($cache) `)`
    `slots` `(` $slots `:` type($slots) `)`
    (`lengths` `(` $lengths^ `:` type($lengths) `)`)?
    (`q_scale` `(` $q_scale^ `:` type($q_scale) `)`)?
    (`kv_scale` `(` $kv_scale^ `:` type($kv_scale) `)`)?
    (`extra_cache` `(` $extra_cache^ `:` type($extra_cache) `)`)?
    (`extra_slots` `(` $extra_slots^ `:` type($extra_slots) `)`)?
    (`extra_lengths` `(` $extra_lengths^ `:` type($extra_lengths) `)`)?
    (`extra_kv_scale` `(` $extra_kv_scale^ `:` type($extra_kv_scale) `)`)?
    (`sink` `(` $sink^ `:` type($sink) `)`)?
    (`plan` `(` $plan^ `:` type($plan) `)`)?
    (`extra_plan` `(` $extra_plan^ `:` type($extra_plan) `)`)?
    `outs` `(` $out `:` type($out) `)`
    (`lse` `(` $lse^ `:` type($lse) `)`)?
  }];
}

//===----------------------------------------------------------------------===//
// Partial results
//===----------------------------------------------------------------------===//

def LM_MergeAttentionOp
    : LM_Op<"merge_attention", 2, [AttrSizedOperandSegments]> {
  let summary = "merge the results of attentions over disjoint keys";
  let description = [{
    Merges `n` partial results of the same queries, each with its natural
    log-sum-exp, into the result over all their keys. Per row and head, in f32
    and in the order of the operands:

    ```
    m = max_i lse_i              w_i = exp(lse_i - m), 0 where i is empty
    Z = sum_i w_i                out = round(sum_{w_i > 0} w_i * x_i / Z)
    lse_out = m + ln Z
    ```

    A partial is empty where `lse_i = -inf`, and with `empty = pos_inf` (the
    convention of FlashMLA and of AITER's reduction) where it is +inf or NaN.
    The `x_i` of weight 0 is not used, whatever it holds. Where all are empty
    `out = 0` and `lse_out = -inf`.

    *   (c1) `x` has one or more `[T, H, D]` f32, as many as `lse` has
        `[T, H]`; `out` is `[T, H, D]`, `lse_out` `[T, H]`. D is static.

    Source: Dao et al., "FlashAttention", 2022; vLLM `merge_attn_states`.

    Example:

    ```mlir
    %o, %l = lm.merge_attention
               ins(%x0, %x1 : tensor<?x64x512xf32>, tensor<?x64x512xf32>)
               lse(%l0, %l1 : tensor<?x64xf32>, tensor<?x64xf32>)
               outs(%oi : tensor<?x64x512xbf16>) lse_out(%li : tensor<?x64xf32>)
    ```
  }];
  let arguments = (ins
    Variadic<LM_F32>:$x, Variadic<LM_F32>:$lse,
    LM_Float:$out, Optional<LM_F32>:$lse_out,
    DefaultValuedAttr<LM_EmptyLseAttr,
                      "::mlir::lm::EmptyLse::NegInf">:$empty);
  let assemblyFormat = [{
    attr-dict `ins` `(` $x `:` type($x) `)` `lse` `(` $lse `:` type($lse) `)`
    `outs` `(` $out `:` type($out) `)`
    (`lse_out` `(` $lse_out^ `:` type($lse_out) `)`)?
  }];
}

def LM_ApplySinkOp : LM_Op<"apply_sink", 3> {
  let summary = "scale an attention result by its sink";
  let description = [{
    A sink is a logit per head that takes part in the softmax and has no value:

    ```
    out = round(f32(x) * f)     f = 1 / (1 + exp(sink[h] - lse)), f32
                                f = 0 where lse = -inf
    ```

    A sink of +inf makes `out` 0, one of -inf has no effect. `lse` stays without
    the sink, so that further partials can be merged with it only before this
    operation.

    *   (c1) `x` and `out` are `[T, H, D]` with static H and D, `lse` is
        `[T, H]`, `sink` `[H]`.

    Source: Xiao et al., "Efficient Streaming Language Models with Attention
    Sinks", 2023; FlashMLA `attn_sink`.

    Example:

    ```mlir
    %y = lm.apply_sink ins(%x : tensor<?x64x512xf32>) lse(%l : tensor<?x64xf32>)
           sink(%s : tensor<64xf32>) outs(%init : tensor<?x64x512xbf16>)
    ```
  }];
  let arguments = (ins LM_Float:$x, LM_F32:$lse, LM_F32:$sink, LM_Float:$out);
  let assemblyFormat = [{
    attr-dict `ins` `(` $x `:` type($x) `)` `lse` `(` $lse `:` type($lse) `)`
    `sink` `(` $sink `:` type($sink) `)` `outs` `(` $out `:` type($out) `)`
  }];
}

//===----------------------------------------------------------------------===//
// Slots
//===----------------------------------------------------------------------===//

def LM_SwaSlotsOp : LM_Op<"swa_slots", 3> {
  let summary = "slots of a sliding window of tokens";
  let description = [{
    Row `t` at position `p = positions[t]` of request `r = requests[t]` sees the
    last `window` of the `n = (p + 1) / compress_ratio` entries of the request's
    cache, entry `e` in slot `block_table[r, e / page_size] * page_size + e %
    page_size`. `compress_ratio` is the number of tokens behind one entry, so a
    window of the whole table with ratio 128 lists a compressed cache.
    `slots[t]` holds them in ascending order of `e`, then -1; `lengths[t]` is
    their number. Entries whose page the table lacks (a column beyond it, a
    negative entry) are left out. A row is empty where `p` is negative (padding)
    or `r` is not a request. `requests` is absent where row `t` belongs to
    request `t / q_len`.

    The slots are left-packed.

    *   (c1) `positions` is `[T]`, `block_table` `[B, N]`, `requests` `[T]`, or
        absent and `T = B * q_len`.
    *   (c2) `slots` is `[T, K]` with a static `K >= window`, `lengths` `[T]`.
    *   (c3) `window`, `page_size`, `compress_ratio` and `q_len` are positive.

    Source: vLLM `vllm/models/deepseek_v4`.

    Example:

    ```mlir
    %s, %n = lm.swa_slots {window = 128, page_size = 64}
               ins(%pos : tensor<?xi32>) block_table(%table : tensor<?x?xi32>)
               outs(%s0, %n0 : tensor<?x128xi32>, tensor<?xi32>)
    ```
  }];
  let arguments = (ins
    LM_Index:$positions, LM_Index:$block_table, Optional<LM_Index>:$requests,
    LM_Index:$slots, LM_Index:$lengths,
    I64Attr:$window, I64Attr:$page_size,
    DefaultValuedAttr<I64Attr, "1">:$compress_ratio,
    DefaultValuedAttr<I64Attr, "1">:$q_len);
  let assemblyFormat = [{
    attr-dict `ins` `(` $positions `:` type($positions) `)`
    `block_table` `(` $block_table `:` type($block_table) `)`
    (`requests` `(` $requests^ `:` type($requests) `)`)?
    `outs` `(` $slots `,` $lengths `:` type($slots) `,` type($lengths) `)`
  }];
  let opDeclaration = [{
    /// True: no hole precedes a slot.
    bool producesPackedSlots() { return true; }
  }];
}

def LM_TopkSlotsOp : LM_Op<"topk_slots", 4, [AttrSizedOperandSegments]> {
  let summary = "slots of the entries that an indexer chose";
  let description = [{
    `indices[t]` are entries of the cache of request `requests[t]`, as an
    indexer's top-k lists them; entry `e` is in slot `block_table[r, e /
    page_size] * page_size + e % page_size`. An index is valid if it is not
    negative, its page is in the table, and, where `positions` is given, it is
    less than `(positions[t] + 1) / compress_ratio`. `slots[t]` holds the slots
    of the valid indices in their order, then -1; `lengths[t]` is their number.
    With `keep_holes` a slot stays in the column of its index, -1 in the column
    of an invalid one, and `lengths[t]` is one more than the last column with a
    slot, 0 without any. `requests` is absent where row `t` belongs to request
    `t / q_len`; a row whose request does not exist is empty.

    Without `keep_holes` the slots are left-packed.

    `full` is a promise about `indices`: the indexer chose as many entries as
    there are, `K` at most, so that `lengths` are those of `lm.slot_lengths`
    with `window = K`, and layers can share them and their plan. Nothing is
    computed otherwise. Where the promise is not kept, the row ends in holes
    before that length.

    *   (c1) `indices` and `slots` are `[T, K]` with a static K; `lengths` and
        `positions` are `[T]`.
    *   (c2) `block_table` is `[B, N]`, `requests` `[T]`, or absent and
        `T = B * q_len`.
    *   (c3) `page_size`, `compress_ratio` and `q_len` are positive.
    *   (c4) `full` needs `positions`, and is not given with `keep_holes`.

    Source: DeepSeek-AI, "DeepSeek-V3.2", 2025; vLLM `vllm/models/deepseek_v4`.

    Example:

    ```mlir
    %s, %n = lm.topk_slots {page_size = 64}
               ins(%idx : tensor<?x512xi32>)
               block_table(%table : tensor<?x?xi32>)
               outs(%s0, %n0 : tensor<?x512xi32>, tensor<?xi32>)
    ```
  }];
  let arguments = (ins
    LM_Index:$indices, LM_Index:$block_table, Optional<LM_Index>:$requests,
    Optional<LM_Index>:$positions, LM_Index:$slots, LM_Index:$lengths,
    I64Attr:$page_size, DefaultValuedAttr<I64Attr, "1">:$compress_ratio,
    DefaultValuedAttr<I64Attr, "1">:$q_len, UnitAttr:$keep_holes,
    UnitAttr:$full);
  let assemblyFormat = [{
    attr-dict `ins` `(` $indices `:` type($indices) `)`
    `block_table` `(` $block_table `:` type($block_table) `)`
    (`requests` `(` $requests^ `:` type($requests) `)`)?
    (`positions` `(` $positions^ `:` type($positions) `)`)?
    `outs` `(` $slots `,` $lengths `:` type($slots) `,` type($lengths) `)`
  }];
  let opDeclaration = [{
    /// True if no hole precedes a slot.
    bool producesPackedSlots() { return !getKeepHoles(); }
    /// The columns of the slots.
    int64_t getColumns() {
      return cast<ShapedType>(getSlots().getType()).getDimSize(1);
    }
  }];
}

def LM_SlotLengthsOp : LM_Op<"slot_lengths", 1> {
  let summary = "numbers of entries that a position sees";
  let description = [{
    Of a cache with an entry per `compress_ratio` tokens, a row at position `p`
    sees `lengths[t] = min(window, (p + 1) / compress_ratio)` entries, none
    where `p` is negative (padding). That many slots are in a list that leaves
    out nothing: a function of the positions, the same in every layer.

    *   (c1) `positions` and `lengths` are `[T]`.
    *   (c2) `window` and `compress_ratio` are positive.

    Source: vLLM `vllm/models/deepseek_v4`.

    Example:

    ```mlir
    %n = lm.slot_lengths {window = 512, compress_ratio = 4}
           ins(%pos : tensor<?xi64>) outs(%n0 : tensor<?xi32>)
    ```
  }];
  let arguments = (ins
    LM_Index:$positions, LM_Index:$lengths,
    I64Attr:$window, DefaultValuedAttr<I64Attr, "1">:$compress_ratio);
  let assemblyFormat = [{
    attr-dict `ins` `(` $positions `:` type($positions) `)`
    `outs` `(` $lengths `:` type($lengths) `)`
  }];
  let opDeclaration = [{
    /// True if these are the lengths that `op` promises.
    bool areLengthsOf(TopkSlotsOp op);
  }];
}

def LM_CompactSlotsOp : LM_Op<"compact_slots", 2> {
  let summary = "pack the slots of each row to the left";
  let description = [{
    `packed[t]` holds the slots `slots[t, k] >= 0` with `k < lengths[t]` (all
    columns where `lengths` is absent) in their order, then -1;
    `packed_lengths[t]` is their number. Kernels that read `0..length-1`
    without a test for holes need this (AITER's persistent sparse decode).

    *   (c1) `slots` and `packed` are `[T, K]` with a static K, `lengths` and
        `packed_lengths` `[T]`.

    Example:

    ```mlir
    %p, %m = lm.compact_slots ins(%s : tensor<?x512xi32>)
               lengths(%n : tensor<?xi32>)
               outs(%p0, %m0 : tensor<?x512xi32>, tensor<?xi32>)
    ```
  }];
  let arguments = (ins
    LM_Index:$slots, Optional<LM_Index>:$lengths,
    LM_Index:$packed, LM_Index:$packed_lengths);
  let assemblyFormat = [{
    attr-dict `ins` `(` $slots `:` type($slots) `)`
    (`lengths` `(` $lengths^ `:` type($lengths) `)`)?
    `outs` `(` $packed `,` $packed_lengths `:` type($packed) `,`
               type($packed_lengths) `)`
  }];
  let opDeclaration = [{
    /// True: no hole precedes a slot.
    bool producesPackedSlots() { return true; }
  }];
}

//===----------------------------------------------------------------------===//
// Plan
//===----------------------------------------------------------------------===//

def LM_AttentionPlanOp : LM_Op<"attention_plan", 2> {
  let summary = "schedule of a persistent decode attention";
  let description = [{
    Divides the keys of `B` requests among `num_clusters` workgroups, each of
    which gets about the same payload, and says which partial results are to be
    merged. A pure function of `lengths` and the attributes.

    Keys are counted in units: pages of `page_size` tokens, or slots with
    `topk`. Request `b` has `n = max(lengths[b], 0)` tokens, at most `topk`,
    and

    ```
    units_b  = ceil(n / page_size)
    base_b   = units_0 + ... + units_{b-1}                b * topk with topk
    blocks_b = ceil(units_b / granularity)
    ```

    `extra_lengths` are those of a second list of `extra_topk` slots, which
    follows the first in the same works (a kernel that takes both scopes of
    `lm.sparse_mla_decode` in one launch). The first list is filled up to a
    multiple of 64 positions, whatever the granularity: a kernel, which has the
    plan but not its attributes, knows from the lengths where the second list
    begins, and no tile of 64 keys holds slots of both. With `n0` and `n1` the
    tokens of the two lists:

    ```
    units_b = n0 where n1 = 0, else roundup(n0, 64) + n1
    base_b = b * (roundup(topk, 64) + extra_topk)
    ```

    Its `q_len` query rows form `tiles = ceil(q_len / q_tile)` tiles of `q_tile`
    rows (the last may be shorter; all rows where `q_tile` is absent).
    `overhead` blocks is what each work costs besides its keys, `max(1, ceil(16
    / page_size))` where absent. With `total` the sum of `(blocks_b + overhead)
    * tiles` over the requests and `N` = `num_clusters`, at most `max(1,
    max_split * B)` where `max_split` is given, every cluster has the payload
    `share + overhead` with `share = ceil(total / N)`. A payload has an overhead
    for the end of each tile, and one more. Where tiles can have clusters of their
    own that is more than they need, and their ends leave clusters with less to do
    than others: with `even_split`, `share` is at most the least number for which

    ```
    sum over tiles of max(1, ceil(blocks_b / share)) <= N
    ```

    if there is one, which is if there are at most `N` tiles. The sweep is the
    same:

    ```
    tile, done, pieces, row = first tile, 0, 0, 0
    for c in 0 .. num_clusters-1:
      work_indptr[c] = number of works so far;   rem = payload
      while there is a tile:
        left = blocks_b - done;   size = rem - overhead
        swallow = page_size == 1 and size > 0 and
                  units_b - (done + size) * granularity < q_len
        if left <= size or swallow:      # the rest of the tile
          work(left);  rem -= left + overhead
          next tile;  done, pieces = 0, 0
        else:
          if size > 0:  work(size);  done += size;  pieces += 1
          break
    ```

    A work that is all of a tile has the partial row -1: its cluster writes the
    final result. Any other takes the partial rows `row .. row + q_tile - 1`,
    after which `row += q_tile`. A row of `works` is

    | column | meaning |
    |---|---|
    | 0 | request b |
    | 1 | first partial row, or -1 |
    | 2, 3 | first query row, and one past the last: the rows of the tile |
    | 4 | `start = base_b + done * granularity` |
    | 5 | `end = min(start + size * granularity, base_b + units_b - trim)`, not less than `start` |
    | 6 | tokens of the request that lie past `end` |
    | 7 | 0 |

    `trim` is `q_len - q_tile * (i + 1)`, not less than 0, for tile `i` with
    `page_size = 1` and no `topk`, else 0: those tokens no query of the tile
    sees. Tile `g` (request-major) merges the partials
    `reduce_partial_map[reduce_indptr[g] .. reduce_indptr[g+1]-1]`, their first
    rows, into its final rows `reduce_final_map[g]`; there are none where it was
    not split. A request without tokens has a work with `start = end`. Unused
    rows of `works` and of `reduce_partial_map` are -1.

    *   (c1) `lengths` is `[B]`.
    *   (c2) `works` is `[W, 8]`, `W >= B * tiles + num_clusters - 1`;
        `work_indptr` `[num_clusters + 1]`; `reduce_indptr` `[B * tiles + 1]`;
        `reduce_final_map` `[B * tiles, 2]`; `reduce_partial_map` `[R]` with a
        static `R >= max(1, 2 * (num_clusters - 1))`.
    *   (c3) `num_clusters`, `q_len`, `q_tile`, `overhead`, `max_split` and
        `topk` are positive, `q_tile` at most `q_len`.
    *   (c4) `page_size` and `granularity` are powers of two.
    *   (c5) `topk` needs `page_size` 1 and `q_len` 1: each query row has its
        own list.
    *   (c6) `extra_lengths` is `[B]`; it and `extra_topk`, which is positive,
        are given together, and need `topk` and a `granularity` of at least 64,
        so that works, too, begin at multiples of 64.

    Source: ROCm/aiter `csrc/kernels/mla/metadata/v1_2_device.cuh`, which has no
    `even_split`; FlashMLA's scheduler is of the same kind.

    Example:

    ```mlir
    %p:5 = lm.attention_plan {num_clusters = 4} ins(%n : tensor<4xi32>)
             outs(%w, %wi, %ri, %rf, %rp : tensor<7x8xi32>, tensor<5xi32>,
                  tensor<5xi32>, tensor<4x2xi32>, tensor<6xi32>)
    ```
  }];
  let arguments = (ins
    LM_Index:$lengths, Optional<LM_Index>:$extra_lengths, LM_I32:$works, LM_I32:$work_indptr,
    LM_I32:$reduce_indptr, LM_I32:$reduce_final_map,
    LM_I32:$reduce_partial_map,
    I64Attr:$num_clusters,
    DefaultValuedAttr<I64Attr, "1">:$page_size,
    DefaultValuedAttr<I64Attr, "16">:$granularity,
    OptionalAttr<I64Attr>:$overhead,
    DefaultValuedAttr<I64Attr, "1">:$q_len, OptionalAttr<I64Attr>:$q_tile,
    OptionalAttr<I64Attr>:$topk, OptionalAttr<I64Attr>:$extra_topk,
    OptionalAttr<I64Attr>:$max_split, UnitAttr:$even_split);
  let assemblyFormat = [{
    attr-dict `ins` `(` $lengths `:` type($lengths) `)`
    (`extra_lengths` `(` $extra_lengths^ `:` type($extra_lengths) `)`)?
    `outs` `(` $works `,` $work_indptr `,` $reduce_indptr `,`
               $reduce_final_map `,` $reduce_partial_map `:`
               type($works) `,` type($work_indptr) `,` type($reduce_indptr) `,`
               type($reduce_final_map) `,` type($reduce_partial_map) `)`
  }];
  let opDeclaration = [{
    /// The first of two lists is filled up to a multiple of this.
    static constexpr int64_t kListAlignment = 64;

    /// Query rows per tile.
    int64_t getTileRows() { return getQTile().value_or(getQLen()); }
    /// Tiles per request.
    int64_t getTiles() {
      return (getQLen() + getTileRows() - 1) / getTileRows();
    }
    /// Positions of the first list, up to which it is filled.
    int64_t getFilledTopk() {
      return llvm::alignTo(*getTopk(), kListAlignment);
    }
    /// Positions per request with `topk`: its keys start at a multiple.
    int64_t getListStride() {
      return getExtraTopk() ? getFilledTopk() + *getExtraTopk() : *getTopk();
    }
    /// Blocks that a work costs besides its keys.
    int64_t getOverheadBlocks() {
      return getOverhead().value_or((16 + getPageSize() - 1) / getPageSize());
    }
  }];
}

#endif // HIPFUSE_DIALECT_LM_IR_LMATTENTIONOPS_TD
