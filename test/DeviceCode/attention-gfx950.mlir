// Attention on gfx950: matrix instructions are as many as the two products
// need, keys are read 16 bytes a lane, and nothing is left to slower memory.

// RUN: hipfuse-compile %s --target=gfx950 --print-kernels -o %t.so | FileCheck %s --check-prefix=TABLE
// A wave of each SIMD: LDS holds two tiles of keys.
//                      VGPR   AGPR    SGPR      LDS  scratch spills  waves/SIMD
// TABLE: {{^}}mla_decode_0 {{ *}}gfx950 {{ *}}256x1x1 {{ *[0-9]+}} {{ *[0-9]+}} {{ *[0-9]+}} {{ *}}150528 {{ *}}0 {{ *}}0 {{ *}}1 
// TABLE: {{^}}sparse_mla_decode_0 {{ *}}gfx950 {{ *}}256x1x1 {{ *[0-9]+}} {{ *[0-9]+}} {{ *[0-9]+}} {{ *}}136704 {{ *}}0 {{ *}}0 {{ *}}1 
// TABLE: {{^}}sparse_mla_decode_1 {{ *}}gfx950 {{ *}}256x1x1 {{ *[0-9]+}} {{ *[0-9]+}} {{ *[0-9]+}} {{ *}}153088 {{ *}}0 {{ *}}0 {{ *}}1 
// TABLE: {{^}}sparse_mla_decode_2 {{ *}}gfx950 {{ *}}256x1x1 {{ *[0-9]+}} {{ *[0-9]+}} {{ *[0-9]+}} {{ *}}136704 {{ *}}0 {{ *}}0 {{ *}}1 

// RUN: hipfuse-compile %s --target=gfx950 --emit=isa -o %t.s
// RUN: sed -n '/^mla_decode_0:/,/s_endpgm/p' %t.s > %t.dense.s
// RUN: sed -n '/^sparse_mla_decode_0:/,/s_endpgm/p' %t.s > %t.584.s
// RUN: sed -n '/^sparse_mla_decode_1:/,/s_endpgm/p' %t.s > %t.656.s
// RUN: sed -n '/^sparse_mla_decode_2:/,/s_endpgm/p' %t.s > %t.both.s
// RUN: grep -oE "^[[:space:]]+(v_mfma|v_cvt|global_load|buffer|flat|scratch|ds)_[a-z0-9_]*" %t.dense.s | sort | uniq -c | FileCheck %s --check-prefix=DENSE
// RUN: grep -oE "^[[:space:]]+(v_mfma|v_cvt|global_load|buffer|flat|scratch|ds)_[a-z0-9_]*" %t.584.s | sort | uniq -c | FileCheck %s --check-prefix=B584
// RUN: grep -oE "^[[:space:]]+(v_mfma|global_load|buffer|flat|scratch)_[a-z0-9_]*" %t.656.s | sort | uniq -c | FileCheck %s --check-prefix=B656

// The loop has two tiles, for each of which a wave computes 16 of 64 keys by 16
// rows, 576 / 32 = 18 instructions, and 128 columns of values by 16 rows from 64
// keys, 8 * 64 / 32 = 16: 68 in all, for 32 rows twice as many. Operands come
// from LDS once for all rows: 18 reads of 16 bytes for the scores (one more is of
// the keys' indices), 32 transposing reads of 8 for the values, two of weights.
// Keys go straight to LDS, 16 rows and 2 of what is beyond 512 columns: for the
// first tile of a work and in either half of the loop.
// DENSE-NOT:  buffer
// DENSE:      {{^ *}}38 ds_read_b128{{$}}
// DENSE:      {{^ *}}64 ds_read_b64_tr_b16{{$}}
// DENSE-NOT:  flat
// DENSE:      {{^ *}}18 global_load_dwordx4{{$}}
// DENSE-NEXT: {{^ *}}54 global_load_lds_dwordx4{{$}}
// DENSE-NOT:  scratch
// DENSE:      {{^ *}}68 v_mfma_f32_16x16x32_bf16{{$}}

// Keys of bytes pass through registers: of each lane seven loads of 16 codes and
// two of rope, the scales of which are eight bytes; and 32 of queries. They are
// converted in pairs, by their scale's exponent, and stored 16 bytes a lane.
// B584-NOT:   buffer
// B584:       {{^ *}}34 ds_read_b128{{$}}
// B584:       {{^ *}}64 ds_read_b64_tr_b16{{$}}
// B584:       {{^ *}}48 ds_write_b128{{$}}
// B584-NOT:   flat
// B584:       {{^ *}}3 global_load_dwordx2{{$}}
// B584-NEXT:  {{^ *}}59 global_load_dwordx4{{$}}
// B584-NOT:   scratch
// B584:       {{^ *}}168 v_cvt_scalef32_pk_bf16_fp8{{$}}
// B584:       {{^ *}}128 v_mfma_f32_16x16x32_bf16{{$}}

// Eight of codes, two of rope, one of scales; 36 of queries.
// B656-NOT:   buffer
// B656-NOT:   flat
// B656-NOT:   global_load_dwordx2
// B656:       {{^ *}}69 global_load_dwordx4{{$}}
// B656-NOT:   scratch
// B656:       {{^ *}}136 v_mfma_f32_16x16x32_bf16{{$}}

// Two scopes, whose tiles are loaded by one or the other branch: nothing of what
// follows is there twice. 64 heads are two groups of workgroups.
// RUN: grep -oE "^[[:space:]]+(v_mfma|v_cvt_scalef32|buffer|flat|scratch|ds_read_b64_tr)_[a-z0-9_]*" %t.both.s | sort | uniq -c | FileCheck %s --check-prefix=BOTH
// BOTH-NOT:   buffer
// BOTH:       {{^ *}}64 ds_read_b64_tr_b16{{$}}
// BOTH-NOT:   flat
// BOTH-NOT:   scratch
// BOTH:       {{^ *}}168 v_cvt_scalef32_pk_bf16_fp8{{$}}
// BOTH:       {{^ *}}128 v_mfma_f32_16x16x32_bf16{{$}}

// While a tile is computed the next one is on its way: in the loop, all copies
// and loads are waited for where a tile begins and nowhere else.
// RUN: FileCheck %s --check-prefix=WAITS < %t.dense.s
// WAITS:      s_waitcnt vmcnt(0)
// WAITS-COUNT-18: global_load_lds_dwordx4
// WAITS:      s_waitcnt vmcnt(0)
// WAITS:      s_barrier
// WAITS-NOT:  vmcnt
// WAITS-COUNT-18: global_load_lds_dwordx4
// WAITS-NOT:  vmcnt
// WAITS-COUNT-34: v_mfma
// WAITS:      s_waitcnt vmcnt(0)
// WAITS:      s_barrier
// WAITS-NOT:  vmcnt
// WAITS-COUNT-18: global_load_lds_dwordx4
// WAITS-NOT:  vmcnt
// WAITS-COUNT-34: v_mfma

// LLVM counts copies to LDS in lgkmcnt, where the hardware has LDS's own answers
// alone: no wait for those is among the 18 copies of a tile.
// RUN: awk '/s_barrier/ { n = 0 } /global_load_lds/ { n++ } n > 0 && n < 18 && /lgkmcnt/' %t.dense.s | count 0

func.func @dense(%q: tensor<?x16x576xbf16>, %cache: tensor<?x64x576xbf16>,
                 %table: tensor<?x?xi32>, %n: tensor<?xi32>,
                 %o: tensor<?x16x512xbf16>, %l: tensor<?x16xf32>,
                 %w: tensor<?x8xi32>, %wi: tensor<257xi32>, %ri: tensor<?xi32>,
                 %rf: tensor<?x2xi32>, %rp: tensor<510xi32>)
    -> (tensor<?x16x512xbf16>, tensor<?x16xf32>) {
  %0, %1 = lm.mla_decode bf16 {sm_scale = 0.0416666679 : f32}
             ins(%q : tensor<?x16x576xbf16>)
             cache(%cache : tensor<?x64x576xbf16>)
             block_table(%table : tensor<?x?xi32>)
             lengths(%n : tensor<?xi32>)
             plan(%w, %wi, %ri, %rf, %rp : tensor<?x8xi32>, tensor<257xi32>,
                  tensor<?xi32>, tensor<?x2xi32>, tensor<510xi32>)
             outs(%o : tensor<?x16x512xbf16>) lse(%l : tensor<?x16xf32>)
  return %0, %1 : tensor<?x16x512xbf16>, tensor<?x16xf32>
}

func.func @bytes_584(%q: tensor<?x32x512xbf16>, %cache: tensor<?x37440xi8>,
                     %slots: tensor<?x640xi32>, %n: tensor<?xi32>,
                     %o: tensor<?x32x512xbf16>, %l: tensor<?x32xf32>,
                     %w: tensor<?x8xi32>, %wi: tensor<257xi32>, %ri: tensor<?xi32>,
                     %rf: tensor<?x2xi32>, %rp: tensor<510xi32>)
    -> (tensor<?x32x512xbf16>, tensor<?x32xf32>) {
  %0, %1 = lm.sparse_mla_decode ds_mla_584
             {sm_scale = 0.0441941738 : f32, page_size = 64}
             ins(%q : tensor<?x32x512xbf16>)
             cache(%cache : tensor<?x37440xi8>) slots(%slots : tensor<?x640xi32>)
             lengths(%n : tensor<?xi32>)
             plan(%w, %wi, %ri, %rf, %rp : tensor<?x8xi32>, tensor<257xi32>,
                  tensor<?xi32>, tensor<?x2xi32>, tensor<510xi32>)
             outs(%o : tensor<?x32x512xbf16>) lse(%l : tensor<?x32xf32>)
  return %0, %1 : tensor<?x32x512xbf16>, tensor<?x32xf32>
}

func.func @bytes_656(%q: tensor<?x32x576xbf16>, %cache: tensor<?x64x656xi8>,
                     %slots: tensor<?x2048xi32>, %n: tensor<?xi32>,
                     %o: tensor<?x32x512xbf16>, %l: tensor<?x32xf32>,
                     %w: tensor<?x8xi32>, %wi: tensor<257xi32>, %ri: tensor<?xi32>,
                     %rf: tensor<?x2xi32>, %rp: tensor<510xi32>)
    -> (tensor<?x32x512xbf16>, tensor<?x32xf32>) {
  %0, %1 = lm.sparse_mla_decode ds_mla_656 {sm_scale = 0.0416666679 : f32}
             ins(%q : tensor<?x32x576xbf16>)
             cache(%cache : tensor<?x64x656xi8>)
             slots(%slots : tensor<?x2048xi32>) lengths(%n : tensor<?xi32>)
             plan(%w, %wi, %ri, %rf, %rp : tensor<?x8xi32>, tensor<257xi32>,
                  tensor<?xi32>, tensor<?x2xi32>, tensor<510xi32>)
             outs(%o : tensor<?x32x512xbf16>) lse(%l : tensor<?x32xf32>)
  return %0, %1 : tensor<?x32x512xbf16>, tensor<?x32xf32>
}

func.func @both(%q: tensor<?x64x512xbf16>, %cache: tensor<?x37440xi8>,
                %slots: tensor<?x128xi32>, %n: tensor<?xi32>,
                %cache1: tensor<?x1728xi8>, %slots1: tensor<?x512xi32>,
                %n1: tensor<?xi32>, %sink: tensor<64xf32>,
                %o: tensor<?x64x512xbf16>, %l: tensor<?x64xf32>,
                %w: tensor<?x8xi32>, %wi: tensor<257xi32>, %ri: tensor<?xi32>,
                %rf: tensor<?x2xi32>, %rp: tensor<510xi32>)
    -> (tensor<?x64x512xbf16>, tensor<?x64xf32>) {
  %0, %1 = lm.sparse_mla_decode ds_mla_584
             {sm_scale = 0.0441941738 : f32, page_size = 64,
              extra_layout = #lm.cache_layout<ds_mla_584>, extra_page_size = 2}
             ins(%q : tensor<?x64x512xbf16>)
             cache(%cache : tensor<?x37440xi8>) slots(%slots : tensor<?x128xi32>)
             lengths(%n : tensor<?xi32>)
             extra_cache(%cache1 : tensor<?x1728xi8>)
             extra_slots(%slots1 : tensor<?x512xi32>)
             extra_lengths(%n1 : tensor<?xi32>) sink(%sink : tensor<64xf32>)
             plan(%w, %wi, %ri, %rf, %rp : tensor<?x8xi32>, tensor<257xi32>,
                  tensor<?xi32>, tensor<?x2xi32>, tensor<510xi32>)
             outs(%o : tensor<?x64x512xbf16>) lse(%l : tensor<?x64xf32>)
  return %0, %1 : tensor<?x64x512xbf16>, tensor<?x64xf32>
}
