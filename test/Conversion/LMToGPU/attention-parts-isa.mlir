// What the back ends make of the kernels of slots, merges and sinks.

// No kernel spills or uses scratch memory; LDS holds a count per wave.

// RUN: hipfuse-compile %s --target=gfx950,gfx942,sm_90 --ptxas=none --print-kernels | FileCheck %s --check-prefix=TABLE
//                               VGPR   AGPR    SGPR      LDS  scratch spills
// TABLE:      apply_sink_0      gfx950 {{ *}}64x1x1 {{ *[0-9]+}} {{ *}}0 {{ *[0-9]+}} {{ *}}0 {{ *}}0 {{ *}}0 {{ *}}8 {{ *}}3072{{$}}
// TABLE-NEXT: compact_slots_0   gfx950 {{ *}}1024x1x1 {{ *[0-9]+}} {{ *}}0 {{ *[0-9]+}} {{ *}}64 {{ *}}0 {{ *}}0 {{ *}}8 {{ *}}16384{{$}}
// TABLE-NEXT: merge_attention_0 gfx950 {{ *}}64x1x1 {{ *[0-9]+}} {{ *}}0 {{ *[0-9]+}} {{ *}}0 {{ *}}0 {{ *}}0 {{ *}}8 {{ *}}6144{{$}}
// TABLE-NEXT: swa_slots_0       gfx950 {{ *}}128x1x1 {{ *[0-9]+}} {{ *}}0 {{ *[0-9]+}} {{ *}}8 {{ *}}0 {{ *}}0 {{ *}}8 {{ *}}512{{$}}
// TABLE-NEXT: topk_slots_0      gfx950 {{ *}}512x1x1 {{ *[0-9]+}} {{ *}}0 {{ *[0-9]+}} {{ *}}32 {{ *}}0 {{ *}}0 {{ *}}8 {{ *}}4096{{$}}
// TABLE-COUNT-5: gfx942 {{ *[0-9]+}}x1x1 {{ *[0-9]+}} {{ *}}0 {{ *[0-9]+}} {{ *[0-9]+}} {{ *}}0 {{ *}}0 {{ *}}8

// A count is a ballot; lists cross memory once, four bytes per lane at adjacent
// addresses, and rows of partial results 16 bytes per lane.

// RUN: hipfuse-compile %s --target=gfx950 --emit=isa -o - | FileCheck %s --check-prefixes=AMD,GFX950
// RUN: hipfuse-compile %s --target=gfx942 --emit=isa -o - | FileCheck %s --check-prefixes=AMD,GFX942
// AMD-LABEL: {{^}}swa_slots_0:
// AMD: global_load_dword v
// AMD: s_bcnt1_i32_b64
// AMD: ds_write_b32
// AMD: s_barrier
// AMD: v_mbcnt_hi_u32_b32
// AMD: global_store_dword v
// AMD: s_endpgm
// AMD-LABEL: {{^}}topk_slots_0:
// AMD-COUNT-2: global_load_dword v
// AMD-NOT: global_load
// AMD: s_barrier
// AMD-NOT: s_barrier
// AMD: s_endpgm
// AMD-LABEL: {{^}}merge_attention_0:
// AMD-COUNT-4: global_load_dwordx4
// AMD-NOT: global_load
// AMD-COUNT-2: global_store_dwordx4
// AMD: s_endpgm
// AMD-LABEL: {{^}}apply_sink_0:
// AMD-COUNT-2: global_load_dwordx4
// AMD-NOT: global_load
// GFX950-COUNT-4: v_cvt_pk_bf16_f32
// GFX942-NOT: v_cvt_pk_bf16_f32
// AMD: global_store_dwordx4
// AMD: s_endpgm

// Products and sums stay apart: merges have the bits of the host.

// RUN: hipfuse-compile %s --target=sm_90 --emit=isa -o - | FileCheck %s --check-prefix=PTX --implicit-check-not=fma.
// PTX: .entry swa_slots_0(
// PTX: vote.sync.ballot.b32
// PTX: bar.sync
// PTX: .entry merge_attention_0(
// PTX-COUNT-8: ld.global.v4
// PTX: mul.rn.f32
// PTX: st.global.v4
// PTX: .entry apply_sink_0(
// PTX: cvt.rn.bf16x2.f32
// PTX: st.global.v4

func.func @swa(%p: tensor<?xi32>, %t: tensor<?x?xi32>, %s0: tensor<?x128xi32>, %n0: tensor<?xi32>) -> (tensor<?x128xi32>, tensor<?xi32>) {
  %s, %n = lm.swa_slots {window = 128, page_size = 64} ins(%p : tensor<?xi32>) block_table(%t : tensor<?x?xi32>)
    outs(%s0, %n0 : tensor<?x128xi32>, tensor<?xi32>) 
  return %s, %n : tensor<?x128xi32>, tensor<?xi32>
}
func.func @topk(%i: tensor<?x512xi32>, %t: tensor<?x?xi32>, %s0: tensor<?x512xi32>, %n0: tensor<?xi32>) -> (tensor<?x512xi32>, tensor<?xi32>) {
  %s, %n = lm.topk_slots {page_size = 64} ins(%i : tensor<?x512xi32>) block_table(%t : tensor<?x?xi32>)
    outs(%s0, %n0 : tensor<?x512xi32>, tensor<?xi32>) 
  return %s, %n : tensor<?x512xi32>, tensor<?xi32>
}
func.func @compact(%i: tensor<?x2048xi32>, %s0: tensor<?x2048xi32>, %n0: tensor<?xi32>) -> (tensor<?x2048xi32>, tensor<?xi32>) {
  %s, %n = lm.compact_slots ins(%i : tensor<?x2048xi32>) 
    outs(%s0, %n0 : tensor<?x2048xi32>, tensor<?xi32>)
  return %s, %n : tensor<?x2048xi32>, tensor<?xi32>
}
func.func @merge(%x: tensor<?x64x512xf32>, %y: tensor<?x64x512xf32>, %l: tensor<?x64xf32>, %m: tensor<?x64xf32>, %s: tensor<64xf32>,
    %o0: tensor<?x64x512xf32>, %l0: tensor<?x64xf32>, %z0: tensor<?x64x512xbf16>) -> tensor<?x64x512xbf16> {
  %o, %lo = lm.merge_attention ins(%x, %y : tensor<?x64x512xf32>, tensor<?x64x512xf32>) lse(%l, %m : tensor<?x64xf32>, tensor<?x64xf32>)
    outs(%o0 : tensor<?x64x512xf32>) lse_out(%l0 : tensor<?x64xf32>)
  %z = lm.apply_sink ins(%o : tensor<?x64x512xf32>) lse(%lo : tensor<?x64xf32>) sink(%s : tensor<64xf32>) outs(%z0 : tensor<?x64x512xbf16>)
  return %z : tensor<?x64x512xbf16>
}
