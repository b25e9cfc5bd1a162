//===-- LMEntryPoint.td - Entry points of an artefact ------*- tablegen -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_DIALECT_LM_IR_LMENTRYPOINT_TD
#define HIPFUSE_DIALECT_LM_IR_LMENTRYPOINT_TD

include "hipfuse/Dialect/LM/IR/LMDialect.td"
include "mlir/IR/AttrTypeBase.td"

def LM_EntryBufferAttr : AttrDef<LM_Dialect, "EntryBuffer"> {
  let mnemonic = "entry_buffer";
  let summary = "An argument or result of an entry point";
  let description = [{
    `tied` is -1, or for a result the number of the argument that is updated in
    place and holds it after the call.

    Example: `#lm.entry_buffer<name = "cache", type = tensor<?x576xbf16>,
    tied = 1>`.
  }];
  let parameters = (ins
    StringRefParameter<"what the artefact calls it">:$name,
    TypeParameter<"::mlir::RankedTensorType", "shape and element type">:$type,
    DefaultValuedParameter<"int64_t", "-1">:$tied
  );
  let assemblyFormat = "`<` struct(params) `>`";
}

def LM_DeviceCodeAttr : AttrDef<LM_Dialect, "DeviceCode"> {
  let mnemonic = "device_code";
  let summary = "Launch code of an entry point for one target";
  let description = [{
    Example: `#lm.device_code<target = "gfx950", launch =
    @hipfuse_device_gfx950_f>`.
  }];
  let parameters = (ins
    StringRefParameter<"name of the chip">:$target,
    AttrParameter<"::mlir::FlatSymbolRefAttr",
                  "function that enqueues the kernels">:$launch
  );
  let assemblyFormat = "`<` struct(params) `>`";
}

def LM_EntryPointAttr : AttrDef<LM_Dialect, "EntryPoint"> {
  let mnemonic = "entry_point";
  let summary = "A function of an artefact";
  let description = [{
    What the artefact's descriptor says of one function, and the symbols of its
    code. The array `lm.entry_points` of a module holds one per function:
    `hipfuse-make-entry-points` writes it, programs for several targets are put
    together by it, and `hipfuse-emit-descriptor` turns it into data.

    | parameter | meaning |
    |---|---|
    | `name` | the function's name |
    | `shape` | computes the shapes of the results and checks the constraints |
    | `args`, `results` | arrays of `#lm.entry_buffer` |
    | `constraints` | array of strings: what `shape` checks, in its order |
    | `host` | the code for the host, if there is some |
    | `devices` | array of `#lm.device_code`, one per target with code |

    Example: `#lm.entry_point<name = "f", shape = @hipfuse_shape_f, args =
    [#lm.entry_buffer<name = "x", type = tensor<4xf32>>], results =
    [#lm.entry_buffer<name = "y", type = tensor<4xf32>>], host =
    @hipfuse_entry_f>`.
  }];
  let parameters = (ins
    StringRefParameter<"the function's name">:$name,
    AttrParameter<"::mlir::FlatSymbolRefAttr", "the shape function">:$shape,
    AttrParameter<"::mlir::ArrayAttr", "buffers of the arguments">:$args,
    AttrParameter<"::mlir::ArrayAttr", "buffers of the results">:$results,
    OptionalParameter<"::mlir::ArrayAttr">:$constraints,
    OptionalParameter<"::mlir::FlatSymbolRefAttr">:$host,
    OptionalParameter<"::mlir::ArrayAttr">:$devices
  );
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// The name of the module's array of entry points.
    static constexpr ::llvm::StringLiteral kName = "lm.entry_points";
  }];
}

#endif // HIPFUSE_DIALECT_LM_IR_LMENTRYPOINT_TD
