//===-- Passes.td - Passes that package a program ----------*- tablegen -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_PACKAGE_PASSES_TD
#define HIPFUSE_PACKAGE_PASSES_TD

include "mlir/Pass/PassBase.td"

def MakeEntryPointsPass : Pass<"hipfuse-make-entry-points", "::mlir::ModuleOp"> {
  let summary = "Give public functions the artefact's calling convention";
  let description = [{
    Prepares a module of functions on tensors for the artefact that
    `runtime/include/hipfuse-rt/artifact.h` describes. For each public function
    `f` it makes

    *   `hipfuse_host_f(api, data, dims)`: the body of `f` between its buffers.
        Arguments are read through `bufferization.to_tensor`, results are
        materialised in the caller's buffers;
    *   `hipfuse_entry_f`: the C entry that calls it;
    *   `hipfuse_shape_f`: computes the shapes of all results from those of the
        arguments and checks what must hold between them, so that a call with
        wrong shapes ends before it runs;

    and for the module `lm.entry_points`, from which `hipfuse-emit-descriptor`
    makes the artefact's descriptor. Private functions are inlined before
    (`inline`).

    With `device` the first two are one function, `hipfuse_device_CHIP_f(api,
    data, dims) -> i32`, whose buffers are in the memory of the device that the
    module's `lm.target` names, and which is to become launches of kernels.

    A result is *tied* to an argument when it is that argument after a chain of
    updates of destinations (a KV cache, a residual): it is updated in
    place. Every other argument is read only, whatever the body does.

    Arguments and results are called by their `lm.name` attribute, else
    `arg0`, `arg1`, ... and `result0`, ...

    Errors: an argument or result that is not a ranked tensor of a type that an
    artefact can name; a public function without a body; a result whose shape
    does not follow from the shapes of the arguments; a remaining call; device
    entries without a device in `lm.target`.
  }];
  let dependentDialects = [
    "::mlir::bufferization::BufferizationDialect", "::mlir::LLVM::LLVMDialect",
    "::mlir::func::FuncDialect", "::mlir::memref::MemRefDialect",
    "::mlir::arith::ArithDialect", "::mlir::lm::LMDialect"
  ];
  let options = [
    Option<"device", "device", "bool", "false",
           "Make entries that launch kernels, not entries for the host">
  ];
}

def EliminateEmptyTensorsPass
    : Pass<"hipfuse-eliminate-empty-tensors", "::mlir::ModuleOp"> {
  let summary = "Compute tensors where they are inserted or materialised";
  let description = [{
    As upstream's `eliminate-empty-tensors`, a `tensor.empty` that is filled and
    then becomes a part of another tensor, or the whole of a result's buffer,
    becomes that part, so that nothing is copied:

    ```mlir
    %0 = tensor.empty() : tensor<32xf32>
    %1 = linalg.fill ... outs(%0 : tensor<32xf32>)
    %2 = tensor.insert_slice %1 into %t[32] [32] [1] ...
    ```

    becomes

    ```mlir
    %0 = tensor.extract_slice %t[32] [32] [1] ...
    %1 = linalg.fill ... outs(%0 : tensor<32xf32>)
    %2 = tensor.insert_slice %1 into %t[32] [32] [1] ...
    ```

    It differs in the order: from the last insertion to the first. Where `%t` is
    empty too and is inserted elsewhere itself, upstream's pass makes `%0` a part
    of the empty tensor, and that of a result's buffer after it.
  }];
  let dependentDialects = ["::mlir::bufferization::BufferizationDialect",
                           "::mlir::tensor::TensorDialect"];
}

def EmitDescriptorPass : Pass<"hipfuse-emit-descriptor", "::mlir::ModuleOp"> {
  let summary = "Emit the artefact's descriptor as constant data";
  let description = [{
    Turns `lm.entry_points` and the code objects in `gpu.binary` operations into
    the tables of `runtime/include/hipfuse-rt/artifact.h`: the constant
    `hipfuse_module`, everything that it points to, and the note that seals the
    file. This is the last step before the module becomes host code; the
    attribute and the binaries are gone after it.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
  let options = [
    Option<"producer", "producer", "std::string", "\"hipfuse\"",
           "Text in the artefact that says what wrote it">
  ];
}

def OutlineParallelLoopsPass
    : Pass<"hipfuse-outline-parallel-loops", "::mlir::ModuleOp"> {
  let summary = "Run outermost parallel loops on the runtime's thread pool";
  let description = [{
    Moves the body of each outermost `scf.parallel` of a host entry into a
    function over a range of iterations and calls the `parallel_for` of the
    entry's function table with it. Values from outside travel in a struct on
    the caller's stack. Several dimensions become one range; the last of them
    stays an inner loop, so that it can be vectorised.

    Tasks that are equal but for their names become one: a program of many layers
    has the code of one.

    A loop whose whole work is known to be small runs where it stands: waking
    threads costs more. `grain` is the least work, in scalar operations, that a
    task has.
  }];
  let dependentDialects = [
    "::mlir::LLVM::LLVMDialect", "::mlir::func::FuncDialect",
    "::mlir::scf::SCFDialect", "::mlir::arith::ArithDialect"
  ];
  let options = [
    Option<"grain", "grain", "int64_t", "16384",
           "Least number of scalar operations in a task">
  ];
  let statistics = [
    Statistic<"numOutlined", "num-outlined", "Number of loops outlined">,
    Statistic<"numSequential", "num-sequential",
              "Number of loops too small to be worth it">,
    Statistic<"numMerged", "num-merged",
              "Number of tasks that equal another one">
  ];
}

def LowerLaunchesPass : Pass<"hipfuse-lower-launches", "::mlir::ModuleOp"> {
  let summary = "Turn launches of device entries into calls of the runtime";
  let description = [{
    Device entries receive a table of functions, `hipfuse_rt_launch_api` of
    `runtime/include/hipfuse-rt/artifact.h`. In them

    *   `gpu.launch_func` becomes a call of its `launch`, with the number of the
        kernel in the code object's table, which is in the order of names. A
        launch whose grid is empty is skipped;
    *   `memref.alloc` becomes a piece of the call's workspace, and
        `memref.dealloc` goes away;
    *   `memref.copy` between contiguous buffers becomes a copy on the device,
        skipped where it is empty.

    The first call that returns another code than 0 ends the entry, which
    returns that code. Control flow is between blocks (`convert-scf-to-cf`).

    An entry that holds anything else than views, arithmetic and these has no
    code for the target: it is dropped, with a warning that names function,
    operation and location. Kernels that nothing launches are dropped too.
  }];
  let dependentDialects = [
    "::mlir::LLVM::LLVMDialect", "::mlir::arith::ArithDialect",
    "::mlir::cf::ControlFlowDialect", "::mlir::memref::MemRefDialect",
    "::mlir::gpu::GPUDialect"
  ];
  let statistics = [
    Statistic<"numEntries", "num-entries", "Number of device entries lowered">,
    Statistic<"numRefused", "num-refused",
              "Number of functions without code for the target">
  ];
}

def LowerStridedCopiesPass : Pass<"hipfuse-lower-strided-copies"> {
  let summary = "Copies of buffers that are not contiguous become linalg.copy";
  let description = [{
    `memref.copy` between contiguous buffers is one `memcpy`. Any other copy
    would call a library; as `linalg.copy` it becomes a loop.
  }];
  let dependentDialects = ["::mlir::linalg::LinalgDialect"];
  let statistics = [
    Statistic<"numLowered", "num-lowered", "Number of copies rewritten">
  ];
}

#endif // HIPFUSE_PACKAGE_PASSES_TD
