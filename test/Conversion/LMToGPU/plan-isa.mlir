// What the back ends make of the kernel of plans.

// No kernel spills or uses scratch memory.

// RUN: hipfuse-compile %s --target=gfx950,gfx942,sm_90 --ptxas=none --print-kernels | FileCheck %s --check-prefix=TABLE
//                                VGPR   AGPR    SGPR      LDS  scratch spills
// TABLE:      attention_plan_0 gfx950 {{ *}}512x1x1 {{ *[0-9]+}} {{ *}}0 {{ *[0-9]+}} {{ *}}44{{[0-9]+}} {{ *}}0 {{ *}}0 {{ *[0-9]+}} {{ *}}96{{$}}
// TABLE-NEXT: attention_plan_1 gfx950 {{ *}}512x1x1 {{ *[0-9]+}} {{ *}}0 {{ *[0-9]+}} {{ *}}44{{[0-9]+}} {{ *}}0 {{ *}}0 {{ *[0-9]+}} {{ *}}48{{$}}
// TABLE-COUNT-2: gfx942 {{ *}}512x1x1 {{ *[0-9]+}} {{ *}}0 {{ *[0-9]+}} {{ *[0-9]+}} {{ *}}0 {{ *}}0
// Kernels of sm_90 get 49152 bytes without asking for more.
// TABLE: attention_plan_1 sm_90 {{.*}} 44{{[0-9]+}} {{.*}} 48{{$}}

// Bits of events are added in LDS; in other plans one wave walks. Works are
// written 16 bytes at a time.

// RUN: hipfuse-compile %s --target=gfx950 --emit=isa -o - | FileCheck %s --check-prefix=AMD
// AMD-LABEL: {{^}}attention_plan_0:
// AMD: ds_bpermute_b32
// AMD: s_ff1_i32_b64
// AMD: ds_or_b32 v{{[0-9]+}}, v{{[0-9]+}}
// AMD-COUNT-2: global_store_dwordx4
// AMD: global_store_dwordx2
// AMD: s_endpgm
// RUN: hipfuse-compile %s --target=sm_90 --emit=isa -o - | FileCheck %s --check-prefix=PTX
// PTX: .entry attention_plan_0(
// PTX: shfl.sync.up.b32
// PTX: redux.sync.add.s32
// PTX: atom.shared.or.b32
// PTX: vote.sync.ballot.b32
// PTX-COUNT-2: st.global.v4
// PTX: st.global.v2

func.func @queries(%n: tensor<?xi64>, %w: tensor<?x8xi32>, %wi: tensor<257xi32>, %ri: tensor<?xi32>, %rf: tensor<?x2xi32>, %rp: tensor<510xi32>) -> (tensor<?x8xi32>, tensor<257xi32>, tensor<?xi32>, tensor<?x2xi32>, tensor<510xi32>) {
  %p:5 = lm.attention_plan {num_clusters = 256, page_size = 16, q_len = 5, q_tile = 3, max_split = 7} ins(%n : tensor<?xi64>)
    outs(%w, %wi, %ri, %rf, %rp : tensor<?x8xi32>, tensor<257xi32>, tensor<?xi32>, tensor<?x2xi32>, tensor<510xi32>)
  return %p#0, %p#1, %p#2, %p#3, %p#4 : tensor<?x8xi32>, tensor<257xi32>, tensor<?xi32>, tensor<?x2xi32>, tensor<510xi32>
}
func.func @two_lists(%n: tensor<?xi32>, %m: tensor<?xi32>, %w: tensor<?x8xi32>, %wi: tensor<1025xi32>, %ri: tensor<?xi32>, %rf: tensor<?x2xi32>, %rp: tensor<2046xi32>) -> (tensor<?x8xi32>, tensor<1025xi32>, tensor<?xi32>, tensor<?x2xi32>, tensor<2046xi32>) {
  %p:5 = lm.attention_plan {granularity = 64, num_clusters = 1024, topk = 100, extra_topk = 500} ins(%n : tensor<?xi32>) extra_lengths(%m : tensor<?xi32>)
    outs(%w, %wi, %ri, %rf, %rp : tensor<?x8xi32>, tensor<1025xi32>, tensor<?xi32>, tensor<?x2xi32>, tensor<2046xi32>)
  return %p#0, %p#1, %p#2, %p#3, %p#4 : tensor<?x8xi32>, tensor<1025xi32>, tensor<?xi32>, tensor<?x2xi32>, tensor<2046xi32>
}
