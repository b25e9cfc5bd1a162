// RUN: hipfuse-opt %s --lm-attach-target=chip=gfx950 --convert-lm-to-gpu --canonicalize --cse --split-input-file | FileCheck %s --check-prefixes=CHECK,GFX950
// RUN: hipfuse-opt %s --lm-attach-target=chip=sm_90 --convert-lm-to-gpu --canonicalize --cse --split-input-file | FileCheck %s --check-prefixes=CHECK,SM90

// One launch: the first workgroups write a token's key with a wave each, the
// others eight heads of a token each, of which a thread copies 16 bytes twice.

// CHECK-LABEL: func.func @rope_bf16
// GFX950: arith.ceildivui %{{.*}}, %c4
// SM90: arith.ceildivui %{{.*}}, %c8
// CHECK: gpu.launch_func @hipfuse_kernels::@rope_mla_cache_write_0 blocks in (%{{.*}}, %c1, %c1) threads in (%c256, %c1, %c1)
// CHECK: gpu.func @rope_mla_cache_write_0
// CHECK-SAME: known_block_size = array<i32: 256, 1, 1>, lm.bytes_per_row = 39168 : i64
// CHECK: scf.if
// The slot, the position, then the slots of later tokens.
// CHECK: llvm.load {{.*}} invariant {{.*}} -> i64
// CHECK: llvm.load {{.*}} -> i64
// CHECK: scf.if
// CHECK: scf.for
// CHECK: llvm.load {{.*}} -> i64
// CHECK: gpu.barrier
// The latent columns, the key, cosines and sines, all of them issued before it
// is known whether the slot is written.
// GFX950: llvm.load {{.*}} {alignment = 16 : i64} : {{.*}} -> vector<8xbf16>
// SM90-COUNT-2: llvm.load {{.*}} {alignment = 16 : i64} : {{.*}} -> vector<8xbf16>
// CHECK: llvm.load {{.*}} {alignment = 16 : i64} : {{.*}} -> vector<8xbf16>
// CHECK-COUNT-2: llvm.load {{.*}} {alignment = 16 : i64} : {{.*}} -> vector<4xf32>
// CHECK: llvm.inline_asm has_side_effects {{.*}}"~{memory}"
// CHECK: scf.if
// A cache without gaps: the slot alone gives the row.
// CHECK-NOT: arith.divui {{.*}} : i64
// GFX950: llvm.store {{.*}} {alignment = 16 : i64} : vector<8xbf16>
// SM90-COUNT-2: llvm.store {{.*}} {alignment = 16 : i64} : vector<8xbf16>
// CHECK: llvm.store {{.*}} {alignment = 16 : i64} : vector<8xbf16>
// The query: copies are loaded before the angles and stored after them.
// CHECK: scf.if
// CHECK-COUNT-2: llvm.load {{.*}} {alignment = 16 : i64} : {{.*}} -> vector<8xbf16>
// CHECK: scf.if
// CHECK: llvm.load {{.*}} {alignment = 16 : i64} : {{.*}} -> vector<8xbf16>
// CHECK-COUNT-2: llvm.load {{.*}} invariant {alignment = 16 : i64} : {{.*}} -> vector<4xf32>
// CHECK: llvm.store {{.*}} {alignment = 16 : i64} : vector<8xbf16>
// CHECK-COUNT-2: llvm.store {{.*}} {alignment = 16 : i64} : vector<8xbf16>
// CHECK-NOT: llvm.store
// CHECK: gpu.return
func.func @rope_bf16(%qn: memref<?x16x512xbf16>, %qp: memref<?x16x64xbf16>, %kv: memref<?x512xbf16>, %kp: memref<?x64xbf16>,
    %pos: memref<?xi64>, %cs: memref<4096x64xf32>, %slots: memref<?xi64>, %q0: memref<?x16x576xbf16>, %cache: memref<?x64x576xbf16>) {
  lm.rope_mla_cache_write interleaved bf16 {skip_rule = #lm.skip_rule<negative>}
    q_nope(%qn : memref<?x16x512xbf16>) q_pe(%qp : memref<?x16x64xbf16>)
    kv(%kv, %kp : memref<?x512xbf16>, memref<?x64xbf16>) positions(%pos : memref<?xi64>)
    tables(%cs : memref<4096x64xf32>) slots(%slots : memref<?xi64>)
    outs(%q0, %cache : memref<?x16x576xbf16>, memref<?x64x576xbf16>)
  return
}

// -----

// NeoX: a thread holds both halves of its pairs. 12 heads are two workgroups of
// six; a number that is not known is divided at run time. A rotated key is
// stored for tokens without a slot, too.

// CHECK-LABEL: func.func @neox_heads
// CHECK: gpu.func @rope_mla_cache_write_0
// CHECK: scf.if %{{.*}} -> (i64)
// CHECK: arith.maxsi
// CHECK: vector<8xf32>
// CHECK: llvm.store {{.*}} : vector<8xbf16>
// CHECK: llvm.store {{.*}} : vector<8xbf16>
// CHECK: gpu.func @rope_mla_cache_write_1
// CHECK: arith.divui
func.func @neox_heads(%qp: memref<?x12x64xbf16>, %qp2: memref<?x?x64xbf16>, %kv: memref<?x512xbf16>, %kp: memref<?x64xbf16>,
    %pos: memref<?xi32>, %cos: memref<?x32xf32>, %sin: memref<?x32xf32>, %slots: memref<?xi32>, %q0: memref<?x12x64xbf16>,
    %q2: memref<?x?x64xbf16>, %cache: memref<?x?x576xbf16>, %kr: memref<?x64xbf16>) {
  lm.rope_mla_cache_write neox bf16 {skip_rule = #lm.skip_rule<negative>}
    q_pe(%qp : memref<?x12x64xbf16>)
    kv(%kv, %kp : memref<?x512xbf16>, memref<?x64xbf16>) positions(%pos : memref<?xi32>)
    tables(%cos, %sin : memref<?x32xf32>, memref<?x32xf32>) slots(%slots : memref<?xi32>)
    outs(%q0, %cache : memref<?x12x64xbf16>, memref<?x?x576xbf16>) k_rot(%kr : memref<?x64xbf16>)
  lm.rope_mla_cache_write neox bf16 {skip_rule = #lm.skip_rule<negative>}
    q_pe(%qp2 : memref<?x?x64xbf16>)
    kv(%kv, %kp : memref<?x512xbf16>, memref<?x64xbf16>) positions(%pos : memref<?xi32>)
    tables(%cos, %sin : memref<?x32xf32>, memref<?x32xf32>) slots(%slots : memref<?xi32>)
    outs(%q2, %cache : memref<?x?x64xbf16>, memref<?x?x576xbf16>) k_rot(%kr : memref<?x64xbf16>)
  return
}

// -----

// FP8 by an operand's scale: eight codes are one store.

// CHECK-LABEL: func.func @fp8
// CHECK: gpu.func @mla_cache_write_0
// CHECK: llvm.load {{.*}} invariant {{.*}} -> f32
// GFX950-COUNT-4: llvm.amdgcn.cvt.pk.fp8.f32
// SM90-COUNT-4: llvm.nvvm.ff.to.e4m3x2.rn
// CHECK: llvm.store {{.*}} {alignment = 8 : i64} : vector<8xi8>
func.func @fp8(%kv: memref<?x512xbf16>, %kp: memref<?x64xbf16>, %slots: memref<?xi64>, %s: memref<1xf32>,
    %cache: memref<?x64x576xf8E4M3FN>) {
  lm.mla_cache_write fp8 {skip_rule = #lm.skip_rule<negative_or_zero>, rope_first}
    ins(%kv, %kp : memref<?x512xbf16>, memref<?x64xbf16>) slots(%slots : memref<?xi64>)
    scale(%s : memref<1xf32>) outs(%cache : memref<?x64x576xf8E4M3FN>)
  return
}

// -----

// 656 bytes: codes, an f32 scale of each 16 lanes' 128 columns at byte 512,
// bf16 at byte 528.

// CHECK-LABEL: func.func @ds_mla_656
// CHECK: gpu.func @mla_cache_write_0
// CHECK-DAG: arith.constant 656 : i64
// CHECK-DAG: arith.constant 512 : i64
// CHECK-DAG: arith.constant 528 : i32
// CHECK: llvm.store {{.*}} {alignment = 8 : i64} : vector<8xi8>
// CHECK: llvm.store {{.*}} {alignment = 4 : i64} : vector<4xi8>
// CHECK: llvm.store {{.*}} {alignment = 16 : i64} : vector<16xi8>
func.func @ds_mla_656(%kv: memref<?x512xbf16>, %kp: memref<?x64xbf16>, %slots: memref<?xi64>, %cache: memref<?x64x656xi8>) {
  lm.mla_cache_write ds_mla_656 {skip_rule = #lm.skip_rule<negative>}
    ins(%kv, %kp : memref<?x512xbf16>, memref<?x64xbf16>) slots(%slots : memref<?xi64>)
    outs(%cache : memref<?x64x656xi8>)
  return
}

// -----

// 584 bytes: the scales of a page of 64 tokens start at byte 36864; a wave
// of 32 lanes has no columns for some of them in its second access.

// CHECK-LABEL: func.func @ds_mla_584
// CHECK: gpu.func @mla_cache_write_0
// CHECK-DAG: arith.constant 36864 : i64
// CHECK: arith.divui %{{.*}} : i64
// CHECK: llvm.store {{.*}} {alignment = 8 : i64} : vector<8xi8>
// CHECK: llvm.store {{.*}} : i8
// SM90: llvm.store {{.*}} {alignment = 8 : i64} : vector<8xi8>
// SM90: llvm.store {{.*}} : i8
// CHECK: llvm.store %c0_i8{{.*}} : i8
// CHECK: llvm.store {{.*}} {alignment = 16 : i64} : vector<16xi8>
func.func @ds_mla_584(%kv: memref<?x448xbf16>, %kp: memref<?x64xbf16>, %slots: memref<?xi64>, %cache: memref<?x37440xi8>) {
  lm.mla_cache_write ds_mla_584 {skip_rule = #lm.skip_rule<negative>, page_size = 64 : i64}
    ins(%kv, %kp : memref<?x448xbf16>, memref<?x64xbf16>) slots(%slots : memref<?xi64>)
    outs(%cache : memref<?x37440xi8>)
  return
}
