// Attention on sm_90: the matrix instructions of one tile of keys are as many
// as the two products need, and nothing is left to a slower path.

// RUN: hipfuse-compile --target=sm_90 --ptxas=none --emit=isa %s -o %t.ptx
// RUN: FileCheck %s < %t.ptx
// RUN: grep -c 'm64n32k16' %t.ptx | FileCheck %s --check-prefix=SCORES
// RUN: grep -c 'm64n64k16' %t.ptx | FileCheck %s --check-prefix=VALUES
// RUN: hipfuse-compile --target=sm_90 --ptxas=none --print-kernels %s | FileCheck %s --check-prefix=KERNELS

// Two tiles of 64 keys and the queries, each of 64 x 576 bf16, weights of 64 x
// 64, and 1824 bytes for the tiles' barriers and the softmax: of the 232448
// that a workgroup may have. The launch asks for them.
// KERNELS: mla_decode_0 sm_90 384x1x1 - - - 231200

// Instructions of this architecture alone, and registers moved from the warp
// group that loads to those that multiply.
// CHECK: .target sm_90a
// CHECK: .entry mla_decode_0
// CHECK: .reqntid 384
// CHECK: .minnctapersm 1
// CHECK: mbarrier.init.shared
// CHECK: setmaxnreg.inc.sync.aligned.u32 216
// CHECK-NOT: mma.sync
// Weights that become an operand.
// CHECK: stmatrix.sync.aligned.m8n8.x4.trans.shared.b16
// CHECK: setmaxnreg.dec.sync.aligned.u32 72
// Keys come by asynchronous copies of 16 bytes.
// CHECK: cp.async.cg.shared.global
// CHECK: cp.async.mbarrier.arrive.noinc
// Per warp group, 576 columns of the half of 64 heads, 16 at a time; then four
// tiles of 64 of its 256 columns of values, from 64 keys, 16 at a time.
// SCORES: {{^}}36{{$}}
// VALUES: {{^}}16{{$}}

func.func @decode(%q: tensor<?x64x576xbf16>, %cache: tensor<?x64x576xbf16>,
                  %table: tensor<?x?xi32>, %n: tensor<?xi32>,
                  %o: tensor<?x64x512xbf16>, %l: tensor<?x64xf32>,
                  %w: tensor<?x8xi32>, %wi: tensor<133xi32>, %ri: tensor<?xi32>,
                  %rf: tensor<?x2xi32>, %rp: tensor<262xi32>)
    -> (tensor<?x64x512xbf16>, tensor<?x64xf32>) {
  %0, %1 = lm.mla_decode bf16 {sm_scale = 0.0416666679 : f32}
             ins(%q : tensor<?x64x576xbf16>)
             cache(%cache : tensor<?x64x576xbf16>)
             block_table(%table : tensor<?x?xi32>)
             lengths(%n : tensor<?xi32>)
             plan(%w, %wi, %ri, %rf, %rp : tensor<?x8xi32>, tensor<133xi32>,
                  tensor<?xi32>, tensor<?x2xi32>, tensor<262xi32>)
             outs(%o : tensor<?x64x512xbf16>) lse(%l : tensor<?x64xf32>)
  return %0, %1 : tensor<?x64x512xbf16>, tensor<?x64xf32>
}
