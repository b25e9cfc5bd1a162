// What the back ends make of the kernels of rotations and cache writes.

// No kernel spills or uses scratch memory; only the search for equal slots uses
// LDS, four bytes per wave.

// RUN: hipfuse-compile %s --target=gfx950,gfx942,sm_90 --ptxas=none --print-kernels | FileCheck %s --check-prefix=TABLE
//                                   VGPR   AGPR    SGPR      LDS  scratch spills
// TABLE:      rope_mla_cache_write_0 gfx950 {{ *}}256x1x1 {{ *[0-9]+}} {{ *}}0 {{ *[0-9]+}} {{ *}}16 {{ *}}0 {{ *}}0
// TABLE-NEXT: rope_quantize_0        gfx950 {{ *}}256x1x1 {{ *[0-9]+}} {{ *}}0 {{ *[0-9]+}} {{ *}}0 {{ *}}0 {{ *}}0
// TABLE-COUNT-2: gfx942 {{ *}}256x1x1 {{ *[0-9]+}} {{ *}}0 {{ *[0-9]+}} {{ *[0-9]+}} {{ *}}0 {{ *}}0

// Queries and keys cross memory 16 bytes per lane. All that a key is made of is
// on its way before the branch that its slot decides.

// RUN: hipfuse-compile %s --target=gfx950 --emit=isa -o - | FileCheck %s --check-prefix=AMD
// AMD-LABEL: {{^}}rope_mla_cache_write_0:
// AMD-DAG: global_load_dwordx4 [[A:v\[[0-9:]+\]]]
// AMD-DAG: global_load_dwordx4 [[B:v\[[0-9:]+\]]]
// AMD: s_barrier
// AMD-COUNT-4: global_load_dwordx4
// AMD: s_cbranch
// AMD-COUNT-2: global_store_dwordx4
// AMD: s_endpgm
// AMD-LABEL: {{^}}rope_quantize_0:
// AMD-COUNT-2: global_load_dwordx4
// AMD: v_cvt_pk_fp8_f32
// AMD: global_store_dwordx2
// AMD: s_endpgm

// Products and sums stay apart: a rotation has the bits of the host.

// RUN: hipfuse-compile %s --target=sm_90 --emit=isa -o - | FileCheck %s --check-prefix=PTX
// PTX-LABEL: .entry rope_mla_cache_write_0(
// PTX-NOT: fma.
// PTX: mul.rn.f32
// PTX-NOT: fma.
// PTX: sub.rn.f32
// PTX-NOT: fma.
// PTX: st.global.v4.b32
// PTX-NOT: fma.
// PTX: ret;

func.func @cache(%qn: tensor<?x16x512xbf16>, %qp: tensor<?x16x64xbf16>, %kv: tensor<?x512xbf16>, %kp: tensor<?x64xbf16>,
    %pos: tensor<?xi64>, %cs: tensor<4096x64xf32>, %slots: tensor<?xi64>, %q0: tensor<?x16x576xbf16>,
    %cache: tensor<?x64x576xbf16>) -> (tensor<?x16x576xbf16>, tensor<?x64x576xbf16>) {
  %q, %c = lm.rope_mla_cache_write interleaved bf16 {skip_rule = #lm.skip_rule<negative>}
    q_nope(%qn : tensor<?x16x512xbf16>) q_pe(%qp : tensor<?x16x64xbf16>)
    kv(%kv, %kp : tensor<?x512xbf16>, tensor<?x64xbf16>) positions(%pos : tensor<?xi64>)
    tables(%cs : tensor<4096x64xf32>) slots(%slots : tensor<?xi64>)
    outs(%q0, %cache : tensor<?x16x576xbf16>, tensor<?x64x576xbf16>)
  return %q, %c : tensor<?x16x576xbf16>, tensor<?x64x576xbf16>
}

func.func @quantize(%o: tensor<?x64x512xbf16>, %pos: tensor<?xi64>, %cs: tensor<4096x64xf32>, %d0: tensor<?x8x4096xf8E4M3FN>,
    %s0: tensor<?x8x32xf8E8M0FNU>) -> (tensor<?x8x4096xf8E4M3FN>, tensor<?x8x32xf8E8M0FNU>) {
  %d, %s = lm.rope_quantize interleaved inverse #lm.scheme<element = f8E4M3FN, granularity = block, block = 128,
      scale_rounding = rceil, nonfinite = saturate>
    ins(%o : tensor<?x64x512xbf16>) positions(%pos : tensor<?xi64>) tables(%cs : tensor<4096x64xf32>)
    outs(%d0, %s0 : tensor<?x8x4096xf8E4M3FN>, tensor<?x8x32xf8E8M0FNU>)
  return %d, %s : tensor<?x8x4096xf8E4M3FN>, tensor<?x8x32xf8E8M0FNU>
}
