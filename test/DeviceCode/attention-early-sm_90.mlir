// The kernels of attention start while the work before them ends, and let others
// start only when they have waited for it. The first sets up nothing but shared
// memory before; the second reads the plan, which is older than the results of
// the first, and writes nothing. No load may come from a cache that could be
// older.

// RUN: hipfuse-compile --target=sm_90 --ptxas=none --emit=isa %s -o - | FileCheck %s
// CHECK: .entry mla_decode
// CHECK-NOT: {{(ld|st|red|atom)\.global|cp\.async|launch_dependents}}
// CHECK: griddepcontrol.wait
// CHECK: griddepcontrol.launch_dependents
// CHECK-NOT: ld.global.nc
// CHECK: .entry attention_reduce
// Where its partial results begin and end, and the place of one.
// CHECK-NOT: {{(st|red|atom)\.global|cp\.async|launch_dependents|ld.global.nc}}
// CHECK-COUNT-3: ld.global.b32
// CHECK-NOT: {{(ld|st|red|atom)\.global|cp\.async|launch_dependents}}
// CHECK: griddepcontrol.wait
// CHECK-NOT: ld.global.nc

func.func @decode(%q: tensor<?x16x576xbf16>, %cache: tensor<?x64x576xbf16>,
                  %table: tensor<?x?xi32>, %n: tensor<?xi32>,
                  %o: tensor<?x16x512xbf16>, %l: tensor<?x16xf32>)
    -> (tensor<?x16x512xbf16>, tensor<?x16xf32>) {
  %0, %1 = lm.mla_decode bf16 {sm_scale = 0.0416666679 : f32}
             ins(%q : tensor<?x16x576xbf16>)
             cache(%cache : tensor<?x64x576xbf16>)
             block_table(%table : tensor<?x?xi32>)
             lengths(%n : tensor<?xi32>)
             outs(%o : tensor<?x16x512xbf16>) lse(%l : tensor<?x16xf32>)
  return %0, %1 : tensor<?x16x512xbf16>, tensor<?x16xf32>
}
