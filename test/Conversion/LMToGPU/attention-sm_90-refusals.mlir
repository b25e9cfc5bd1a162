// RUN: hipfuse-opt %s --lm-attach-target=chip=sm_90 --convert-lm-to-gpu=require-kernels --split-input-file --verify-diagnostics

func.func @fnuz_cache(%q: memref<?x16x576xbf16>, %c: memref<?x64x576xf8E4M3FNUZ>, %s: memref<1xf32>, %t: memref<?x?xi32>, %n: memref<?xi32>, %o: memref<?x16x512xbf16>) {
  // expected-error @below {{'lm.mla_decode' op has no kernel for sm_90: FP8 in the FNUZ format, which sm_90 does not convert}}
  lm.mla_decode fp8 {sm_scale = 0.5 : f32} ins(%q : memref<?x16x576xbf16>) cache(%c : memref<?x64x576xf8E4M3FNUZ>)
    block_table(%t : memref<?x?xi32>) lengths(%n : memref<?xi32>) kv_scale(%s : memref<1xf32>) outs(%o : memref<?x16x512xbf16>)
  return
}

// -----

func.func @fnuz_query(%q: memref<?x16x576xf8E4M3FNUZ>, %c: memref<?x64x576xbf16>, %s: memref<1xf32>, %t: memref<?x?xi32>, %n: memref<?xi32>, %o: memref<?x16x512xbf16>) {
  // expected-error @below {{'lm.mla_decode' op has no kernel for sm_90: FP8 in the FNUZ format, which sm_90 does not convert}}
  lm.mla_decode bf16 {sm_scale = 0.5 : f32} ins(%q : memref<?x16x576xf8E4M3FNUZ>) cache(%c : memref<?x64x576xbf16>)
    block_table(%t : memref<?x?xi32>) lengths(%n : memref<?xi32>) q_scale(%s : memref<1xf32>) outs(%o : memref<?x16x512xbf16>)
  return
}

// -----

func.func @rows_apart(%q: memref<?x16x576xbf16>, %c: memref<?x64x576xbf16, strided<[36928, 577, 1]>>, %t: memref<?x?xi32>, %n: memref<?xi32>, %o: memref<?x16x512xbf16>) {
  // expected-error @below {{'lm.mla_decode' op has no kernel for sm_90: a cache whose keys do not start at multiples of 16 bytes}}
  lm.mla_decode bf16 {sm_scale = 0.5 : f32} ins(%q : memref<?x16x576xbf16>) cache(%c : memref<?x64x576xbf16, strided<[36928, 577, 1]>>)
    block_table(%t : memref<?x?xi32>) lengths(%n : memref<?xi32>) outs(%o : memref<?x16x512xbf16>)
  return
}

// -----

func.func @plan_per_scope(%q: memref<4x16x512xbf16>, %c: memref<?x37440xi8>, %s: memref<4x64xi32>, %n: memref<4xi32>, %o: memref<4x16x512xbf16>,
                          %w: memref<135x8xi32>, %wi: memref<133xi32>, %ri: memref<5xi32>, %rf: memref<4x2xi32>, %rp: memref<262xi32>) {
  // expected-error @below {{'lm.sparse_mla_decode' op has no kernel for sm_90: a plan for each of two scopes; one launch needs one plan of both}}
  lm.sparse_mla_decode ds_mla_584 {sm_scale = 0.5 : f32, page_size = 64, extra_layout = #lm.cache_layout<ds_mla_584>, extra_page_size = 64}
    ins(%q : memref<4x16x512xbf16>) cache(%c : memref<?x37440xi8>) slots(%s : memref<4x64xi32>) lengths(%n : memref<4xi32>)
    extra_cache(%c : memref<?x37440xi8>) extra_slots(%s : memref<4x64xi32>) extra_lengths(%n : memref<4xi32>)
    plan(%w, %wi, %ri, %rf, %rp : memref<135x8xi32>, memref<133xi32>, memref<5xi32>, memref<4x2xi32>, memref<262xi32>)
    extra_plan(%w, %wi, %ri, %rf, %rp : memref<135x8xi32>, memref<133xi32>, memref<5xi32>, memref<4x2xi32>, memref<262xi32>)
    outs(%o : memref<4x16x512xbf16>)
  return
}
