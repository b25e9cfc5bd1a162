// RUN: hipfuse-opt %s --convert-lm-to-gpu --verify-diagnostics --split-input-file

// expected-error @below {{convert-lm-to-gpu needs a module whose lm.target is a GPU; lm-attach-target sets it}}
module {
}

// -----

// expected-error @below {{convert-lm-to-gpu needs a module whose lm.target is a GPU; lm-attach-target sets it}}
module attributes {lm.target = #lm.target<chip = "host">} {
}
