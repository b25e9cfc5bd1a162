// RUN: hipfuse-opt %s --lm-attach-target=chip=gfx950 | FileCheck %s --check-prefix=PLAIN
// RUN: hipfuse-opt %s --lm-attach-target="chip=gfx950 max-heads-per-launch=16 revisions=mhc_pre:0.1.13,mla_decode:2.0:2.1" --verify-roundtrip | FileCheck %s --check-prefix=FULL
// RUN: hipfuse-opt %s --lm-attach-target=chip=gfx950 --lm-attach-target=chip=sm_90 | FileCheck %s --check-prefix=LAST
// RUN: not hipfuse-opt %s --lm-attach-target=chip=gfx90a 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// RUN: not hipfuse-opt %s --lm-attach-target 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: not hipfuse-opt %s --lm-attach-target="chip=gfx950 max-heads-per-launch=-1" 2>&1 | FileCheck %s --check-prefix=HEADS
// RUN: not hipfuse-opt %s --lm-attach-target="chip=gfx950 revisions=mhc_pre" 2>&1 | FileCheck %s --check-prefix=FORM
// RUN: not hipfuse-opt %s --lm-attach-target="chip=gfx950 revisions=mhc:0.1" 2>&1 | FileCheck %s --check-prefix=BADKERNEL
// RUN: not hipfuse-opt %s --lm-attach-target="chip=gfx950 revisions=mhc_pre:new" 2>&1 | FileCheck %s --check-prefix=BADVERSION

// PLAIN: module attributes {lm.target = #lm.target<chip = "gfx950">}
// FULL: module attributes {lm.target = #lm.target<chip = "gfx950", max_heads_per_launch = 16, revisions = [#lm.kernel_revision<kernel = mhc_pre, version = "0.1.13">, #lm.kernel_revision<kernel = mla_decode, version = "2.0", minimum = "2.1">]>}
// LAST: module attributes {lm.target = #lm.target<chip = "sm_90">}
// UNKNOWN: error: unknown chip 'gfx90a'; known are gfx942, gfx950, sm_90, host
// NONE: error: unknown chip ''; known are gfx942, gfx950, sm_90, host
// HEADS: error: max_heads_per_launch is -1, but must be positive
// FORM: error: revisions: 'mhc_pre' is not KERNEL:VERSION or KERNEL:VERSION:MINIMUM
// BADKERNEL: error: revisions: unknown kernel 'mhc'
// BADVERSION: error: revisions: 'new' is not a version such as "0.1.14"
module {}
