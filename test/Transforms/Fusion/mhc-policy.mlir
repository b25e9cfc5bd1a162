// Which implementation of post and pre runs: decided from the module's target and
// the option `mhc`, every branch with its remark.

// DEFINE: %{remarks} = --remarks-filter=lm-fuse --remark-policy=all
// DEFINE: %{target} = --lm-attach-target

// Without a target nothing is known, unless the option asks.
// RUN: hipfuse-opt %s --lm-fuse %{remarks} 2>&1 | FileCheck %s --check-prefixes=CHECK,APART,NOTARGET
// RUN: hipfuse-opt %s --lm-fuse=mhc=fused %{remarks} 2>&1 | FileCheck %s --check-prefixes=CHECK,FUSED
// RUN: hipfuse-opt %s --lm-fuse=mhc=separate %{remarks} 2>&1 | FileCheck %s --check-prefixes=CHECK,APART,SEPARATE

// gfx950 keeps them separate, mhc=fused opts in.
// RUN: hipfuse-opt %s %{target}=chip=gfx950 --lm-fuse %{remarks} 2>&1 | FileCheck %s --check-prefixes=CHECK,APART,GFX950
// RUN: hipfuse-opt %s %{target}=chip=gfx950 --lm-fuse=mhc=auto %{remarks} 2>&1 | FileCheck %s --check-prefixes=CHECK,APART,GFX950
// RUN: hipfuse-opt %s %{target}=chip=gfx950 --lm-fuse=mhc=fused %{remarks} 2>&1 | FileCheck %s --check-prefixes=CHECK,FUSED

// sm_90 fuses by itself; mhc=separate and mhc-post-pre=false do not.
// RUN: hipfuse-opt %s %{target}=chip=sm_90 --lm-fuse %{remarks} 2>&1 | FileCheck %s --check-prefixes=CHECK,FUSED
// RUN: hipfuse-opt %s %{target}=chip=sm_90 --lm-fuse=mhc=separate %{remarks} 2>&1 | FileCheck %s --check-prefixes=CHECK,APART,SEPARATE
// RUN: hipfuse-opt %s %{target}=chip=sm_90 --lm-fuse=mhc-post-pre=false %{remarks} 2>&1 | FileCheck %s --check-prefixes=CHECK,APART,OFF

// The host takes any shape.
// RUN: hipfuse-opt %s %{target}=chip=host --lm-fuse=mhc=fused %{remarks} 2>&1 | FileCheck %s --check-prefixes=CHECK,FUSED
// RUN: hipfuse-opt %s %{target}=chip=host --lm-fuse %{remarks} 2>&1 | FileCheck %s --check-prefixes=CHECK,APART,HOST

// A revision known to be wrong is not used, also where the option asks for it;
// the first right one is. A minimum given with the revision replaces the table's.
// RUN: hipfuse-opt %s %{target}="chip=gfx950 revisions=mhc_post_pre:0.1.13" --lm-fuse=mhc=fused %{remarks} 2>&1 | FileCheck %s --check-prefixes=CHECK,APART,RACE
// RUN: hipfuse-opt %s %{target}="chip=gfx950 revisions=mhc_post_pre:0.1.14" --lm-fuse=mhc=fused %{remarks} 2>&1 | FileCheck %s --check-prefixes=CHECK,FUSED
// RUN: hipfuse-opt %s %{target}="chip=gfx950 revisions=mhc_post_pre:0.1.14:0.2" --lm-fuse=mhc=fused %{remarks} 2>&1 | FileCheck %s --check-prefixes=CHECK,APART,MINIMUM
// RUN: hipfuse-opt %s %{target}="chip=sm_90 revisions=mhc_post_pre:1.0:1.1" --lm-fuse %{remarks} 2>&1 | FileCheck %s --check-prefixes=CHECK,APART,MINIMUM90

// NOTARGET: mhc-post-pre {{.*}} Reason=mhc-no-target, {{.*}}without 'lm.target' post and pre stay separate; mhc=fused fuses them
// SEPARATE: mhc-post-pre {{.*}} Reason=mhc-separate, {{.*}}mhc=separate keeps post and pre separate
// GFX950: mhc-post-pre {{.*}} Reason=mhc-not-default, {{.*}}gfx950: post and pre are separate on ROCm unless mhc=fused asks for the fused kernel
// HOST: mhc-post-pre {{.*}} Reason=mhc-not-default, {{.*}}host: both forms take the same passes
// RACE: mhc-post-pre {{.*}} Reason=kernel-revision, {{.*}}revision 0.1.13 of mhc_post_pre on gfx950 is older than 0.1.14: earlier ones store the sum of squares over rows of other waves (ROCm/aiter#3033)
// MINIMUM: mhc-post-pre {{.*}} Reason=kernel-revision, {{.*}}revision 0.1.14 of mhc_post_pre on gfx950 is older than 0.2
// MINIMUM90: mhc-post-pre {{.*}} Reason=kernel-revision, {{.*}}revision 1.0 of mhc_post_pre on sm_90 is older than 1.1
// OFF-NOT: mhc-post-pre
// FUSED: mhc-post-pre {{.*}}lm.mhc_post + lm.mhc_pre -> lm.mhc_post_pre

// CHECK-LABEL: func.func @decode(
// FUSED-NOT: lm.mhc_post 
// FUSED: lm.mhc_post_pre
// APART: lm.mhc_post ins
// APART: lm.mhc_pre
// CHECK: return
func.func @decode(%x: tensor<?x256xbf16>, %r: tensor<?x4x256xbf16>, %post: tensor<?x4xf32>, %comb: tensor<?x4x4xf32>, %fn: tensor<24x1024xf32>, %s: tensor<3xf32>, %b: tensor<24xf32>, %w: tensor<256xbf16>) -> (tensor<?x4x256xbf16>, tensor<?x256xbf16>) {
  %r1 = lm.mhc_post ins(%x, %r : tensor<?x256xbf16>, tensor<?x4x256xbf16>) mix(%post, %comb : tensor<?x4xf32>, tensor<?x4x4xf32>) outs(%r : tensor<?x4x256xbf16>)
  %y, %t1, %c1 = lm.mhc_pre {rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32, sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64} ins(%r1 : tensor<?x4x256xbf16>) fn(%fn : tensor<24x1024xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<24xf32>) outs(%x, %post, %comb : tensor<?x256xbf16>, tensor<?x4xf32>, tensor<?x4x4xf32>)
  return %r1, %y : tensor<?x4x256xbf16>, tensor<?x256xbf16>
}
