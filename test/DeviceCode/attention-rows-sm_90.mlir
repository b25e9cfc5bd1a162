// Where 16 rows have keys that are converted, a thread has no more registers than
// let a workgroup of the merging kernel start beside this one: 65536 are 512 times
// 96 and 256 times 64.

// RUN: hipfuse-compile --target=sm_90 --ptxas=none --emit=isa %s -o - | FileCheck %s
// CHECK: .entry sparse_mla_decode_0
// CHECK: .reqntid 512
// CHECK: .maxnreg 96
// CHECK-NOT: setmaxnreg
// CHECK: .entry

// Rows are filled to a power of two, so that stores of four matrices divide each
// warp group's blocks of eight: three queries of 16 heads are 48 rows, and 64 are
// computed, four blocks for each of two warp groups.

// RUN: hipfuse-compile --target=sm_90 --ptxas=none --emit=isa %s -o %t.ptx
// RUN: FileCheck %s --input-file=%t.ptx --check-prefix=SCORES
// RUN: FileCheck %s --input-file=%t.ptx --check-prefix=WEIGHTS
// SCORES: .entry mla_decode_0
// SCORES: wgmma.mma_async.sync.aligned.m64n32k16
// WEIGHTS: .entry mla_decode_0
// WEIGHTS-COUNT-2: stmatrix.sync.aligned.m8n8.x4.trans.shared.b16
// WEIGHTS: wgmma.mma_async.sync.aligned.m64n64k16

func.func @decode(%q: tensor<?x16x576xbf16>, %cache: tensor<?x64x576xbf16>,
                  %table: tensor<?x?xi32>, %n: tensor<?xi32>,
                  %o: tensor<?x16x512xbf16>, %l: tensor<?x16xf32>)
    -> (tensor<?x16x512xbf16>, tensor<?x16xf32>) {
  %0, %1 = lm.mla_decode bf16 {sm_scale = 0.0416666679 : f32, q_len = 3}
             ins(%q : tensor<?x16x576xbf16>)
             cache(%cache : tensor<?x64x576xbf16>)
             block_table(%table : tensor<?x?xi32>)
             lengths(%n : tensor<?xi32>)
             outs(%o : tensor<?x16x512xbf16>) lse(%l : tensor<?x16xf32>)
  return %0, %1 : tensor<?x16x512xbf16>, tensor<?x16xf32>
}

func.func @few_rows(%q: tensor<?x16x512xbf16>, %cache: tensor<?x37440xi8>,
                    %slots: tensor<?x128xi32>, %n: tensor<?xi32>,
                    %o: tensor<?x16x512xbf16>) -> tensor<?x16x512xbf16> {
  %0 = lm.sparse_mla_decode ds_mla_584 {sm_scale = 0.0441941738 : f32, page_size = 64}
             ins(%q : tensor<?x16x512xbf16>)
             cache(%cache : tensor<?x37440xi8>)
             slots(%slots : tensor<?x128xi32>) lengths(%n : tensor<?xi32>)
             outs(%o : tensor<?x16x512xbf16>)
  return %0 : tensor<?x16x512xbf16>
}
