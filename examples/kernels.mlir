// One function for each family of kernels, at the sizes of the models, for
// scripts/kernel_table.py: what a kernel takes of a GPU, and the table in
// docs/Performance.md.

// add + RMSNorm + MXFP4, hidden 7168
func.func @add_norm_mxfp4(%x: tensor<?x7168xbf16>, %r: tensor<?x7168xbf16>, %w: tensor<7168xbf16>)
    -> (tensor<?x3584xi8>, tensor<?x224xf8E8M0FNU>, tensor<?x7168xbf16>) {
  %c0 = arith.constant 0 : index
  %tokens = tensor.dim %x, %c0 : tensor<?x7168xbf16>
  %d0 = tensor.empty(%tokens) : tensor<?x3584xi8>
  %s0 = tensor.empty(%tokens) : tensor<?x224xf8E8M0FNU>
  %q0 = tensor.empty(%tokens) : tensor<?x7168xbf16>
  %d, %s, %q = lm.rms_norm_quantize #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even>
    {epsilon = 1.0e-06 : f32, round_before_quant = bf16}
    ins(%x : tensor<?x7168xbf16>) residual(%r : tensor<?x7168xbf16>) weight(%w : tensor<7168xbf16>)
    outs(%d0, %s0 : tensor<?x3584xi8>, tensor<?x224xf8E8M0FNU>) residual_out(%q0 : tensor<?x7168xbf16>)
  return %d, %s, %q : tensor<?x3584xi8>, tensor<?x224xf8E8M0FNU>, tensor<?x7168xbf16>
}

// RMSNorm + MXFP4, hidden 7168
func.func @norm_mxfp4(%x: tensor<?x7168xbf16>, %w: tensor<7168xbf16>)
    -> (tensor<?x3584xi8>, tensor<?x224xf8E8M0FNU>) {
  %c0 = arith.constant 0 : index
  %tokens = tensor.dim %x, %c0 : tensor<?x7168xbf16>
  %d0 = tensor.empty(%tokens) : tensor<?x3584xi8>
  %s0 = tensor.empty(%tokens) : tensor<?x224xf8E8M0FNU>
  %d, %s = lm.rms_norm_quantize #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even>
    {epsilon = 1.0e-06 : f32, round_before_quant = bf16} ins(%x : tensor<?x7168xbf16>) weight(%w : tensor<7168xbf16>)
    outs(%d0, %s0 : tensor<?x3584xi8>, tensor<?x224xf8E8M0FNU>)
  return %d, %s : tensor<?x3584xi8>, tensor<?x224xf8E8M0FNU>
}

// RMSNorm + FP8 per 128 columns, hidden 7168
func.func @norm_fp8_group(%x: tensor<?x7168xbf16>, %w: tensor<7168xbf16>)
    -> (tensor<?x7168xf8E4M3FN>, tensor<?x56xf32>) {
  %c0 = arith.constant 0 : index
  %tokens = tensor.dim %x, %c0 : tensor<?x7168xbf16>
  %d0 = tensor.empty(%tokens) : tensor<?x7168xf8E4M3FN>
  %s0 = tensor.empty(%tokens) : tensor<?x56xf32>
  %d, %s = lm.rms_norm_quantize #lm.scheme<element = f8E4M3FN, granularity = block, block = 128>
    {epsilon = 1.0e-06 : f32, round_before_quant = bf16} ins(%x : tensor<?x7168xbf16>) weight(%w : tensor<7168xbf16>)
    outs(%d0, %s0 : tensor<?x7168xf8E4M3FN>, tensor<?x56xf32>)
  return %d, %s : tensor<?x7168xf8E4M3FN>, tensor<?x56xf32>
}

// RMSNorm, hidden 7168
func.func @norm(%x: tensor<?x7168xbf16>, %w: tensor<7168xbf16>)
    -> (tensor<?x7168xbf16>) {
  %c0 = arith.constant 0 : index
  %tokens = tensor.dim %x, %c0 : tensor<?x7168xbf16>
  %y0 = tensor.empty(%tokens) : tensor<?x7168xbf16>
  %y = lm.rms_norm {epsilon = 1.0e-06 : f32} ins(%x : tensor<?x7168xbf16>) weight(%w : tensor<7168xbf16>) outs(%y0 : tensor<?x7168xbf16>)
  return %y : tensor<?x7168xbf16>
}

// MXFP4, hidden 7168
func.func @mxfp4(%x: tensor<?x7168xbf16>)
    -> (tensor<?x3584xi8>, tensor<?x224xf8E8M0FNU>) {
  %c0 = arith.constant 0 : index
  %tokens = tensor.dim %x, %c0 : tensor<?x7168xbf16>
  %d0 = tensor.empty(%tokens) : tensor<?x3584xi8>
  %s0 = tensor.empty(%tokens) : tensor<?x224xf8E8M0FNU>
  %d, %s = lm.quantize #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even> ins(%x : tensor<?x7168xbf16>)
    outs(%d0, %s0 : tensor<?x3584xi8>, tensor<?x224xf8E8M0FNU>)
  return %d, %s : tensor<?x3584xi8>, tensor<?x224xf8E8M0FNU>
}

// MXFP8, hidden 7168
func.func @mxfp8(%x: tensor<?x7168xbf16>)
    -> (tensor<?x7168xf8E4M3FN>, tensor<?x224xf8E8M0FNU>) {
  %c0 = arith.constant 0 : index
  %tokens = tensor.dim %x, %c0 : tensor<?x7168xbf16>
  %d0 = tensor.empty(%tokens) : tensor<?x7168xf8E4M3FN>
  %s0 = tensor.empty(%tokens) : tensor<?x224xf8E8M0FNU>
  %d, %s = lm.quantize #lm.scheme<element = f8E4M3FN, granularity = block, block = 32, scale_rounding = rceil> ins(%x : tensor<?x7168xbf16>)
    outs(%d0, %s0 : tensor<?x7168xf8E4M3FN>, tensor<?x224xf8E8M0FNU>)
  return %d, %s : tensor<?x7168xf8E4M3FN>, tensor<?x224xf8E8M0FNU>
}

// FP8 per token, hidden 7168
func.func @fp8_token(%x: tensor<?x7168xbf16>)
    -> (tensor<?x7168xf8E4M3FN>, tensor<?x1xf32>) {
  %c0 = arith.constant 0 : index
  %tokens = tensor.dim %x, %c0 : tensor<?x7168xbf16>
  %d0 = tensor.empty(%tokens) : tensor<?x7168xf8E4M3FN>
  %s0 = tensor.empty(%tokens) : tensor<?x1xf32>
  %d, %s = lm.quantize #lm.scheme<element = f8E4M3FN, granularity = token> ins(%x : tensor<?x7168xbf16>)
    outs(%d0, %s0 : tensor<?x7168xf8E4M3FN>, tensor<?x1xf32>)
  return %d, %s : tensor<?x7168xf8E4M3FN>, tensor<?x1xf32>
}

// SiLU x up + MXFP4, 2048 columns
func.func @silu_mxfp4(%x: tensor<?x4096xbf16>)
    -> (tensor<?x1024xi8>, tensor<?x64xf8E8M0FNU>) {
  %c0 = arith.constant 0 : index
  %tokens = tensor.dim %x, %c0 : tensor<?x4096xbf16>
  %d0 = tensor.empty(%tokens) : tensor<?x1024xi8>
  %s0 = tensor.empty(%tokens) : tensor<?x64xf8E8M0FNU>
  %d, %s = lm.silu_mul_quantize #lm.scheme<element = f4E2M1FN, granularity = block, block = 32, scale_rounding = even> {round_before_quant = bf16} ins(%x : tensor<?x4096xbf16>)
    outs(%d0, %s0 : tensor<?x1024xi8>, tensor<?x64xf8E8M0FNU>)
  return %d, %s : tensor<?x1024xi8>, tensor<?x64xf8E8M0FNU>
}

// RoPE + concat + cache write, 16 heads, bf16 cache
func.func @rope_cache_16(%qn: tensor<?x16x512xbf16>, %qp: tensor<?x16x64xbf16>, %kv: tensor<?x512xbf16>, %pe: tensor<?x64xbf16>, %pos: tensor<?xi64>, %cs: tensor<4096x64xf32>, %slots: tensor<?xi64>, %cache0: tensor<?x64x576xbf16>)
    -> (tensor<?x16x576xbf16>, tensor<?x64x576xbf16>) {
  %c0 = arith.constant 0 : index
  %tokens = tensor.dim %qn, %c0 : tensor<?x16x512xbf16>
  %q0 = tensor.empty(%tokens) : tensor<?x16x576xbf16>
  %q, %cache = lm.rope_mla_cache_write interleaved bf16 {skip_rule = #lm.skip_rule<negative>}
    q_nope(%qn : tensor<?x16x512xbf16>) q_pe(%qp : tensor<?x16x64xbf16>)
    kv(%kv, %pe : tensor<?x512xbf16>, tensor<?x64xbf16>) positions(%pos : tensor<?xi64>)
    tables(%cs : tensor<4096x64xf32>) slots(%slots : tensor<?xi64>)
    outs(%q0, %cache0 : tensor<?x16x576xbf16>, tensor<?x64x576xbf16>)
  return %q, %cache : tensor<?x16x576xbf16>, tensor<?x64x576xbf16>
}

// RoPE + concat + cache write, 128 heads, bf16 cache
func.func @rope_cache_128(%qn: tensor<?x128x512xbf16>, %qp: tensor<?x128x64xbf16>, %kv: tensor<?x512xbf16>, %pe: tensor<?x64xbf16>, %pos: tensor<?xi64>, %cs: tensor<4096x64xf32>, %slots: tensor<?xi64>, %cache0: tensor<?x64x576xbf16>)
    -> (tensor<?x128x576xbf16>, tensor<?x64x576xbf16>) {
  %c0 = arith.constant 0 : index
  %tokens = tensor.dim %qn, %c0 : tensor<?x128x512xbf16>
  %q0 = tensor.empty(%tokens) : tensor<?x128x576xbf16>
  %q, %cache = lm.rope_mla_cache_write interleaved bf16 {skip_rule = #lm.skip_rule<negative>}
    q_nope(%qn : tensor<?x128x512xbf16>) q_pe(%qp : tensor<?x128x64xbf16>)
    kv(%kv, %pe : tensor<?x512xbf16>, tensor<?x64xbf16>) positions(%pos : tensor<?xi64>)
    tables(%cs : tensor<4096x64xf32>) slots(%slots : tensor<?xi64>)
    outs(%q0, %cache0 : tensor<?x128x576xbf16>, tensor<?x64x576xbf16>)
  return %q, %cache : tensor<?x128x576xbf16>, tensor<?x64x576xbf16>
}

// cache write, 656-byte tokens
func.func @cache_656(%kv: tensor<?x512xbf16>, %pe: tensor<?x64xbf16>, %slots: tensor<?xi64>, %cache0: tensor<?x64x656xi8>)
    -> (tensor<?x64x656xi8>) {
  %cache = lm.mla_cache_write ds_mla_656 {skip_rule = #lm.skip_rule<negative>}
    ins(%kv, %pe : tensor<?x512xbf16>, tensor<?x64xbf16>) slots(%slots : tensor<?xi64>) outs(%cache0 : tensor<?x64x656xi8>)
  return %cache : tensor<?x64x656xi8>
}

// cache write, 584-byte tokens
func.func @cache_584(%kv: tensor<?x448xbf16>, %pe: tensor<?x64xbf16>, %slots: tensor<?xi64>, %cache0: tensor<?x37440xi8>)
    -> (tensor<?x37440xi8>) {
  %cache = lm.mla_cache_write ds_mla_584 {skip_rule = #lm.skip_rule<negative>, page_size = 64}
    ins(%kv, %pe : tensor<?x448xbf16>, tensor<?x64xbf16>) slots(%slots : tensor<?xi64>) outs(%cache0 : tensor<?x37440xi8>)
  return %cache : tensor<?x37440xi8>
}

// inverse RoPE + FP8 per 128 columns, 64 heads of 512
func.func @rope_fp8(%o: tensor<?x64x512xbf16>, %pos: tensor<?xi64>, %cs: tensor<4096x64xf32>)
    -> (tensor<?x8x4096xf8E4M3FN>, tensor<?x8x32xf8E8M0FNU>) {
  %c0 = arith.constant 0 : index
  %tokens = tensor.dim %o, %c0 : tensor<?x64x512xbf16>
  %d0 = tensor.empty(%tokens) : tensor<?x8x4096xf8E4M3FN>
  %s0 = tensor.empty(%tokens) : tensor<?x8x32xf8E8M0FNU>
  %d, %s = lm.rope_quantize interleaved inverse #lm.scheme<element = f8E4M3FN, granularity = block, block = 128, scale_rounding = rceil,
    nonfinite = saturate>
    ins(%o : tensor<?x64x512xbf16>) positions(%pos : tensor<?xi64>) tables(%cs : tensor<4096x64xf32>)
    outs(%d0, %s0 : tensor<?x8x4096xf8E4M3FN>, tensor<?x8x32xf8E8M0FNU>)
  return %d, %s : tensor<?x8x4096xf8E4M3FN>, tensor<?x8x32xf8E8M0FNU>
}

// window slots, 128
func.func @swa_slots(%pos: tensor<?xi32>, %table: tensor<?x?xi32>)
    -> (tensor<?x128xi32>, tensor<?xi32>) {
  %c0 = arith.constant 0 : index
  %tokens = tensor.dim %pos, %c0 : tensor<?xi32>
  %s0 = tensor.empty(%tokens) : tensor<?x128xi32>
  %n0 = tensor.empty(%tokens) : tensor<?xi32>
  %s, %n = lm.swa_slots {window = 128, page_size = 64}
    ins(%pos : tensor<?xi32>) block_table(%table : tensor<?x?xi32>)
    outs(%s0, %n0 : tensor<?x128xi32>, tensor<?xi32>)
  return %s, %n : tensor<?x128xi32>, tensor<?xi32>
}

// compaction of 512 slots
func.func @compact_slots(%x: tensor<?x512xi32>, %l: tensor<?xi32>)
    -> (tensor<?x512xi32>, tensor<?xi32>) {
  %c0 = arith.constant 0 : index
  %tokens = tensor.dim %x, %c0 : tensor<?x512xi32>
  %p0 = tensor.empty(%tokens) : tensor<?x512xi32>
  %m0 = tensor.empty(%tokens) : tensor<?xi32>
  %p, %m = lm.compact_slots ins(%x : tensor<?x512xi32>) lengths(%l : tensor<?xi32>)
    outs(%p0, %m0 : tensor<?x512xi32>, tensor<?xi32>)
  return %p, %m : tensor<?x512xi32>, tensor<?xi32>
}

// merge of two partial attentions, 64 heads of 512
func.func @merge_2(%a: tensor<?x64x512xf32>, %b: tensor<?x64x512xf32>, %la: tensor<?x64xf32>, %lb: tensor<?x64xf32>)
    -> (tensor<?x64x512xbf16>, tensor<?x64xf32>) {
  %c0 = arith.constant 0 : index
  %tokens = tensor.dim %a, %c0 : tensor<?x64x512xf32>
  %o0 = tensor.empty(%tokens) : tensor<?x64x512xbf16>
  %lo0 = tensor.empty(%tokens) : tensor<?x64xf32>
  %o, %lo = lm.merge_attention ins(%a, %b : tensor<?x64x512xf32>, tensor<?x64x512xf32>)
    lse(%la, %lb : tensor<?x64xf32>, tensor<?x64xf32>)
    outs(%o0 : tensor<?x64x512xbf16>) lse_out(%lo0 : tensor<?x64xf32>)
  return %o, %lo : tensor<?x64x512xbf16>, tensor<?x64xf32>
}

// attention sink, 64 heads of 512
func.func @sink(%x: tensor<?x64x512xf32>, %ls: tensor<?x64xf32>, %k: tensor<64xf32>)
    -> (tensor<?x64x512xbf16>) {
  %c0 = arith.constant 0 : index
  %tokens = tensor.dim %x, %c0 : tensor<?x64x512xf32>
  %o0 = tensor.empty(%tokens) : tensor<?x64x512xbf16>
  %o = lm.apply_sink ins(%x : tensor<?x64x512xf32>) lse(%ls : tensor<?x64xf32>)
    sink(%k : tensor<64xf32>) outs(%o0 : tensor<?x64x512xbf16>)
  return %o : tensor<?x64x512xbf16>
}
