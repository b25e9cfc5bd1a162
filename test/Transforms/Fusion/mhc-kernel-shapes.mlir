// What a target's fused kernel takes: streams, hidden size, number of tokens. The
// host takes everything.

// RUN: hipfuse-opt %s --lm-attach-target=chip=gfx950 --lm-print-fusion-plan=mhc=fused -o /dev/null | FileCheck %s --check-prefix=GFX950
// RUN: hipfuse-opt %s --lm-attach-target=chip=gfx942 --lm-print-fusion-plan=mhc=fused -o /dev/null | FileCheck %s --check-prefix=GFX942
// RUN: hipfuse-opt %s --lm-attach-target=chip=sm_90 --lm-print-fusion-plan -o /dev/null | FileCheck %s --check-prefix=SM90
// RUN: hipfuse-opt %s --lm-attach-target=chip=host --lm-print-fusion-plan=mhc=fused -o /dev/null | FileCheck %s --check-prefix=HOST

// GFX950: fusion plan: 6 planned, 3 refused
// GFX950-NEXT: @any_tokens {{.*}} mhc-post-pre planned: lm.mhc_post + lm.mhc_pre -> lm.mhc_post_pre
// GFX950-NEXT: @two_streams {{.*}} mhc-post-pre refused [kernel-streams]: mhc_post_pre of gfx950 takes 4 streams, not 2
// GFX950-NEXT: @hidden_320 {{.*}} mhc-post-pre refused [kernel-hidden]: mhc_post_pre of gfx950 takes hidden sizes that 256 divides, not 320
// GFX950-NEXT: @tokens_127 {{.*}} mhc-post-pre planned: lm.mhc_post + lm.mhc_pre -> lm.mhc_post_pre
// GFX950-NEXT: @tokens_128 {{.*}} mhc-post-pre planned: lm.mhc_post + lm.mhc_pre -> lm.mhc_post_pre
// GFX950-NEXT: @tokens_512 {{.*}} mhc-post-pre planned: lm.mhc_post + lm.mhc_pre -> lm.mhc_post_pre
// GFX950-NEXT: @tokens_513 {{.*}} mhc-post-pre planned: lm.mhc_post + lm.mhc_pre -> lm.mhc_post_pre
// GFX950-NEXT: @tokens_1023 {{.*}} mhc-post-pre planned: lm.mhc_post + lm.mhc_pre -> lm.mhc_post_pre
// GFX950-NEXT: @tokens_1024 {{.*}} mhc-post-pre refused [mhc-tokens]: 1024 tokens are not below 1024, from where on post and pre are faster separate on gfx950

// GFX942: fusion plan: 2 planned, 7 refused
// GFX942-NEXT: @any_tokens {{.*}} mhc-post-pre planned: lm.mhc_post + lm.mhc_pre -> lm.mhc_post_pre
// GFX942-NEXT: @two_streams {{.*}} mhc-post-pre refused [kernel-streams]: mhc_post_pre of gfx942 takes 4 streams, not 2
// GFX942-NEXT: @hidden_320 {{.*}} mhc-post-pre refused [kernel-hidden]: mhc_post_pre of gfx942 takes hidden sizes that 256 divides, not 320
// GFX942-NEXT: @tokens_127 {{.*}} mhc-post-pre planned: lm.mhc_post + lm.mhc_pre -> lm.mhc_post_pre
// GFX942-NEXT: @tokens_128 {{.*}} mhc-post-pre refused [mhc-tokens]: 128 tokens are not below 128, from where on post and pre are faster separate on gfx942
// GFX942-NEXT: @tokens_512 {{.*}} mhc-post-pre refused [mhc-tokens]: 512 tokens are not below 128, from where on post and pre are faster separate on gfx942
// GFX942-NEXT: @tokens_513 {{.*}} mhc-post-pre refused [mhc-tokens]: 513 tokens are not below 128, from where on post and pre are faster separate on gfx942
// GFX942-NEXT: @tokens_1023 {{.*}} mhc-post-pre refused [mhc-tokens]: 1023 tokens are not below 128, from where on post and pre are faster separate on gfx942
// GFX942-NEXT: @tokens_1024 {{.*}} mhc-post-pre refused [mhc-tokens]: 1024 tokens are not below 128, from where on post and pre are faster separate on gfx942

// SM90: fusion plan: 4 planned, 5 refused
// SM90-NEXT: @any_tokens {{.*}} mhc-post-pre planned: lm.mhc_post + lm.mhc_pre -> lm.mhc_post_pre
// SM90-NEXT: @two_streams {{.*}} mhc-post-pre refused [kernel-streams]: mhc_post_pre of sm_90 takes 4 streams, not 2
// SM90-NEXT: @hidden_320 {{.*}} mhc-post-pre refused [kernel-hidden]: mhc_post_pre of sm_90 takes hidden sizes that 256 divides, not 320
// SM90-NEXT: @tokens_127 {{.*}} mhc-post-pre planned: lm.mhc_post + lm.mhc_pre -> lm.mhc_post_pre
// SM90-NEXT: @tokens_128 {{.*}} mhc-post-pre planned: lm.mhc_post + lm.mhc_pre -> lm.mhc_post_pre
// SM90-NEXT: @tokens_512 {{.*}} mhc-post-pre planned: lm.mhc_post + lm.mhc_pre -> lm.mhc_post_pre
// SM90-NEXT: @tokens_513 {{.*}} mhc-post-pre refused [mhc-tokens]: 513 tokens are not below 513, from where on post and pre are faster separate on sm_90
// SM90-NEXT: @tokens_1023 {{.*}} mhc-post-pre refused [mhc-tokens]: 1023 tokens are not below 513, from where on post and pre are faster separate on sm_90
// SM90-NEXT: @tokens_1024 {{.*}} mhc-post-pre refused [mhc-tokens]: 1024 tokens are not below 513, from where on post and pre are faster separate on sm_90

// HOST: fusion plan: 9 planned, 0 refused
// HOST-NEXT: @any_tokens {{.*}} mhc-post-pre planned: lm.mhc_post + lm.mhc_pre -> lm.mhc_post_pre
// HOST-NEXT: @two_streams {{.*}} mhc-post-pre planned: lm.mhc_post + lm.mhc_pre -> lm.mhc_post_pre
// HOST-NEXT: @hidden_320 {{.*}} mhc-post-pre planned: lm.mhc_post + lm.mhc_pre -> lm.mhc_post_pre
// HOST-NEXT: @tokens_127 {{.*}} mhc-post-pre planned: lm.mhc_post + lm.mhc_pre -> lm.mhc_post_pre
// HOST-NEXT: @tokens_128 {{.*}} mhc-post-pre planned: lm.mhc_post + lm.mhc_pre -> lm.mhc_post_pre
// HOST-NEXT: @tokens_512 {{.*}} mhc-post-pre planned: lm.mhc_post + lm.mhc_pre -> lm.mhc_post_pre
// HOST-NEXT: @tokens_513 {{.*}} mhc-post-pre planned: lm.mhc_post + lm.mhc_pre -> lm.mhc_post_pre
// HOST-NEXT: @tokens_1023 {{.*}} mhc-post-pre planned: lm.mhc_post + lm.mhc_pre -> lm.mhc_post_pre
// HOST-NEXT: @tokens_1024 {{.*}} mhc-post-pre planned: lm.mhc_post + lm.mhc_pre -> lm.mhc_post_pre

func.func @any_tokens(%x: tensor<?x256xbf16>, %r: tensor<?x4x256xbf16>, %post: tensor<?x4xf32>, %comb: tensor<?x4x4xf32>, %fn: tensor<24x1024xf32>, %s: tensor<3xf32>, %b: tensor<24xf32>, %w: tensor<256xbf16>) -> (tensor<?x4x256xbf16>, tensor<?x256xbf16>) {
  %r1 = lm.mhc_post ins(%x, %r : tensor<?x256xbf16>, tensor<?x4x256xbf16>) mix(%post, %comb : tensor<?x4xf32>, tensor<?x4x4xf32>) outs(%r : tensor<?x4x256xbf16>)
  %y, %t1, %c1 = lm.mhc_pre {rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32, sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64} ins(%r1 : tensor<?x4x256xbf16>) fn(%fn : tensor<24x1024xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<24xf32>) outs(%x, %post, %comb : tensor<?x256xbf16>, tensor<?x4xf32>, tensor<?x4x4xf32>)
  return %r1, %y : tensor<?x4x256xbf16>, tensor<?x256xbf16>
}

func.func @two_streams(%x: tensor<?x256xbf16>, %r: tensor<?x2x256xbf16>, %post: tensor<?x2xf32>, %comb: tensor<?x2x2xf32>, %fn: tensor<8x512xf32>, %s: tensor<3xf32>, %b: tensor<8xf32>, %w: tensor<256xbf16>) -> (tensor<?x2x256xbf16>, tensor<?x256xbf16>) {
  %r1 = lm.mhc_post ins(%x, %r : tensor<?x256xbf16>, tensor<?x2x256xbf16>) mix(%post, %comb : tensor<?x2xf32>, tensor<?x2x2xf32>) outs(%r : tensor<?x2x256xbf16>)
  %y, %t1, %c1 = lm.mhc_pre {rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32, sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64} ins(%r1 : tensor<?x2x256xbf16>) fn(%fn : tensor<8x512xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<8xf32>) outs(%x, %post, %comb : tensor<?x256xbf16>, tensor<?x2xf32>, tensor<?x2x2xf32>)
  return %r1, %y : tensor<?x2x256xbf16>, tensor<?x256xbf16>
}

func.func @hidden_320(%x: tensor<?x320xbf16>, %r: tensor<?x4x320xbf16>, %post: tensor<?x4xf32>, %comb: tensor<?x4x4xf32>, %fn: tensor<24x1280xf32>, %s: tensor<3xf32>, %b: tensor<24xf32>, %w: tensor<320xbf16>) -> (tensor<?x4x320xbf16>, tensor<?x320xbf16>) {
  %r1 = lm.mhc_post ins(%x, %r : tensor<?x320xbf16>, tensor<?x4x320xbf16>) mix(%post, %comb : tensor<?x4xf32>, tensor<?x4x4xf32>) outs(%r : tensor<?x4x320xbf16>)
  %y, %t1, %c1 = lm.mhc_pre {rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32, sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64} ins(%r1 : tensor<?x4x320xbf16>) fn(%fn : tensor<24x1280xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<24xf32>) outs(%x, %post, %comb : tensor<?x320xbf16>, tensor<?x4xf32>, tensor<?x4x4xf32>)
  return %r1, %y : tensor<?x4x320xbf16>, tensor<?x320xbf16>
}

func.func @tokens_127(%x: tensor<127x256xbf16>, %r: tensor<127x4x256xbf16>, %post: tensor<127x4xf32>, %comb: tensor<127x4x4xf32>, %fn: tensor<24x1024xf32>, %s: tensor<3xf32>, %b: tensor<24xf32>, %w: tensor<256xbf16>) -> (tensor<127x4x256xbf16>, tensor<127x256xbf16>) {
  %r1 = lm.mhc_post ins(%x, %r : tensor<127x256xbf16>, tensor<127x4x256xbf16>) mix(%post, %comb : tensor<127x4xf32>, tensor<127x4x4xf32>) outs(%r : tensor<127x4x256xbf16>)
  %y, %t1, %c1 = lm.mhc_pre {rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32, sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64} ins(%r1 : tensor<127x4x256xbf16>) fn(%fn : tensor<24x1024xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<24xf32>) outs(%x, %post, %comb : tensor<127x256xbf16>, tensor<127x4xf32>, tensor<127x4x4xf32>)
  return %r1, %y : tensor<127x4x256xbf16>, tensor<127x256xbf16>
}

func.func @tokens_128(%x: tensor<128x256xbf16>, %r: tensor<128x4x256xbf16>, %post: tensor<128x4xf32>, %comb: tensor<128x4x4xf32>, %fn: tensor<24x1024xf32>, %s: tensor<3xf32>, %b: tensor<24xf32>, %w: tensor<256xbf16>) -> (tensor<128x4x256xbf16>, tensor<128x256xbf16>) {
  %r1 = lm.mhc_post ins(%x, %r : tensor<128x256xbf16>, tensor<128x4x256xbf16>) mix(%post, %comb : tensor<128x4xf32>, tensor<128x4x4xf32>) outs(%r : tensor<128x4x256xbf16>)
  %y, %t1, %c1 = lm.mhc_pre {rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32, sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64} ins(%r1 : tensor<128x4x256xbf16>) fn(%fn : tensor<24x1024xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<24xf32>) outs(%x, %post, %comb : tensor<128x256xbf16>, tensor<128x4xf32>, tensor<128x4x4xf32>)
  return %r1, %y : tensor<128x4x256xbf16>, tensor<128x256xbf16>
}

func.func @tokens_512(%x: tensor<512x256xbf16>, %r: tensor<512x4x256xbf16>, %post: tensor<512x4xf32>, %comb: tensor<512x4x4xf32>, %fn: tensor<24x1024xf32>, %s: tensor<3xf32>, %b: tensor<24xf32>, %w: tensor<256xbf16>) -> (tensor<512x4x256xbf16>, tensor<512x256xbf16>) {
  %r1 = lm.mhc_post ins(%x, %r : tensor<512x256xbf16>, tensor<512x4x256xbf16>) mix(%post, %comb : tensor<512x4xf32>, tensor<512x4x4xf32>) outs(%r : tensor<512x4x256xbf16>)
  %y, %t1, %c1 = lm.mhc_pre {rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32, sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64} ins(%r1 : tensor<512x4x256xbf16>) fn(%fn : tensor<24x1024xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<24xf32>) outs(%x, %post, %comb : tensor<512x256xbf16>, tensor<512x4xf32>, tensor<512x4x4xf32>)
  return %r1, %y : tensor<512x4x256xbf16>, tensor<512x256xbf16>
}

func.func @tokens_513(%x: tensor<513x256xbf16>, %r: tensor<513x4x256xbf16>, %post: tensor<513x4xf32>, %comb: tensor<513x4x4xf32>, %fn: tensor<24x1024xf32>, %s: tensor<3xf32>, %b: tensor<24xf32>, %w: tensor<256xbf16>) -> (tensor<513x4x256xbf16>, tensor<513x256xbf16>) {
  %r1 = lm.mhc_post ins(%x, %r : tensor<513x256xbf16>, tensor<513x4x256xbf16>) mix(%post, %comb : tensor<513x4xf32>, tensor<513x4x4xf32>) outs(%r : tensor<513x4x256xbf16>)
  %y, %t1, %c1 = lm.mhc_pre {rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32, sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64} ins(%r1 : tensor<513x4x256xbf16>) fn(%fn : tensor<24x1024xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<24xf32>) outs(%x, %post, %comb : tensor<513x256xbf16>, tensor<513x4xf32>, tensor<513x4x4xf32>)
  return %r1, %y : tensor<513x4x256xbf16>, tensor<513x256xbf16>
}

func.func @tokens_1023(%x: tensor<1023x256xbf16>, %r: tensor<1023x4x256xbf16>, %post: tensor<1023x4xf32>, %comb: tensor<1023x4x4xf32>, %fn: tensor<24x1024xf32>, %s: tensor<3xf32>, %b: tensor<24xf32>, %w: tensor<256xbf16>) -> (tensor<1023x4x256xbf16>, tensor<1023x256xbf16>) {
  %r1 = lm.mhc_post ins(%x, %r : tensor<1023x256xbf16>, tensor<1023x4x256xbf16>) mix(%post, %comb : tensor<1023x4xf32>, tensor<1023x4x4xf32>) outs(%r : tensor<1023x4x256xbf16>)
  %y, %t1, %c1 = lm.mhc_pre {rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32, sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64} ins(%r1 : tensor<1023x4x256xbf16>) fn(%fn : tensor<24x1024xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<24xf32>) outs(%x, %post, %comb : tensor<1023x256xbf16>, tensor<1023x4xf32>, tensor<1023x4x4xf32>)
  return %r1, %y : tensor<1023x4x256xbf16>, tensor<1023x256xbf16>
}

func.func @tokens_1024(%x: tensor<1024x256xbf16>, %r: tensor<1024x4x256xbf16>, %post: tensor<1024x4xf32>, %comb: tensor<1024x4x4xf32>, %fn: tensor<24x1024xf32>, %s: tensor<3xf32>, %b: tensor<24xf32>, %w: tensor<256xbf16>) -> (tensor<1024x4x256xbf16>, tensor<1024x256xbf16>) {
  %r1 = lm.mhc_post ins(%x, %r : tensor<1024x256xbf16>, tensor<1024x4x256xbf16>) mix(%post, %comb : tensor<1024x4xf32>, tensor<1024x4x4xf32>) outs(%r : tensor<1024x4x256xbf16>)
  %y, %t1, %c1 = lm.mhc_pre {rms_epsilon = 1.0e-06 : f32, pre_epsilon = 1.0e-06 : f32, post_mult = 2.0 : f32, sinkhorn_epsilon = 1.0e-06 : f32, sinkhorn_iterations = 20 : i64} ins(%r1 : tensor<1024x4x256xbf16>) fn(%fn : tensor<24x1024xf32>) scale(%s : tensor<3xf32>) base(%b : tensor<24xf32>) outs(%x, %post, %comb : tensor<1024x256xbf16>, tensor<1024x4xf32>, tensor<1024x4x4xf32>)
  return %r1, %y : tensor<1024x4x256xbf16>, tensor<1024x256xbf16>
}

