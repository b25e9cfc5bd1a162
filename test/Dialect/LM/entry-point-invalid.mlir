// RUN: hipfuse-opt %s --split-input-file --verify-diagnostics

// expected-error @below {{'lm.entry_points' must be an array of #lm.entry_point on a module}}
module attributes {lm.entry_points = [1]} {}

// -----

// expected-error @below {{an entry point needs a name}}
module attributes {lm.entry_points = [#lm.entry_point<name = "", shape = @s, args = [], results = []>]} {}

// -----

// expected-error @below {{arguments and results of entry point 'f' must be #lm.entry_buffer}}
module attributes {lm.entry_points = [#lm.entry_point<name = "f", shape = @s, args = [1], results = []>]} {}

// -----

// expected-error @below {{result 0 of entry point 'f' is tied to argument 1, but there is 1}}
module attributes {lm.entry_points = [#lm.entry_point<name = "f", shape = @s, args = [#lm.entry_buffer<name = "x", type = tensor<4xf32>>], results = [#lm.entry_buffer<name = "y", type = tensor<4xf32>, tied = 1>]>]} {}

// -----

// expected-error @below {{constraints of entry point 'f' must be strings}}
module attributes {lm.entry_points = [#lm.entry_point<name = "f", shape = @s, args = [], results = [], constraints = [1]>]} {}

// -----

// expected-error @below {{devices of entry point 'f' must be #lm.device_code}}
module attributes {lm.entry_points = [#lm.entry_point<name = "f", shape = @s, args = [], results = [], devices = [1]>]} {}
