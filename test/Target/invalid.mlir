// RUN: hipfuse-opt %s --split-input-file --verify-diagnostics

// expected-error @below {{unknown chip 'mi300'; known are gfx942, gfx950, sm_90, host}}
module attributes {lm.target = #lm.target<chip = "mi300">} {}

// -----

// expected-error @below {{revisions holds "mhc_pre", which is not a #lm.kernel_revision}}
module attributes {lm.target = #lm.target<chip = "gfx950", revisions = ["mhc_pre"]>} {}

// -----

// expected-error @below {{revisions names mhc_pre twice}}
module attributes {lm.target = #lm.target<chip = "gfx950", revisions = [#lm.kernel_revision<kernel = mhc_pre, version = "1.0">, #lm.kernel_revision<kernel = mhc_pre, version = "2.0">]>} {}

// -----

// expected-error @below {{'v2' is not a version such as "0.1.14"}}
module attributes {lm.example = #lm.kernel_revision<kernel = mhc_pre, version = "1.0", minimum = "v2">} {}

// -----

// expected-error @below {{'lm.target' is "gfx950", but must be a #lm.target}}
module attributes {lm.target = "gfx950"} {}

// -----

// expected-error @below {{'lm.target' stands on a module, not on 'func.func'}}
func.func private @f() attributes {lm.target = #lm.target<chip = "gfx950">}
