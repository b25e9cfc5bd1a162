// RUN: hipfuse-opt %s --pass-pipeline='builtin.module(gpu.module(hipfuse-lower-kernel-math))' | FileCheck %s

// What every target has an instruction for becomes an intrinsic, fast-math
// flags and all; the rest is left to be refused.

gpu.module @hipfuse_kernels {
  // CHECK-LABEL: gpu.func @f
  gpu.func @f(%x: f32, %y: f32, %v: vector<4xf32>, %h: f16) kernel {
    // CHECK-DAG: llvm.call_intrinsic "llvm.sqrt.v4f32"(%{{.*}}) {fastmathFlags = #llvm.fastmath<nnan>} : (vector<4xf32>) -> vector<4xf32>
    %0 = math.sqrt %v fastmath<nnan> : vector<4xf32>
    // CHECK-DAG: llvm.call_intrinsic "llvm.fma.f32"(%{{.*}}, %{{.*}}, %{{.*}}) : (f32, f32, f32) -> f32
    %1 = math.fma %x, %y, %x : f32
    // CHECK-DAG: "llvm.fabs.f32"
    %2 = math.absf %1 : f32
    // CHECK-DAG: "llvm.copysign.f32"
    %3 = math.copysign %2, %y : f32
    // CHECK-DAG: "llvm.floor.f32"
    %4 = math.floor %3 : f32
    // CHECK-DAG: "llvm.ceil.f32"
    %5 = math.ceil %4 : f32
    // CHECK-DAG: "llvm.trunc.f32"
    %6 = math.trunc %5 : f32
    // CHECK-DAG: "llvm.roundeven.f32"
    %7 = math.roundeven %6 : f32
    // CHECK-DAG: "llvm.minnum.f32"
    %lo = arith.minnumf %7, %y : f32
    // CHECK-DAG: "llvm.maxnum.f32"
    %hi = arith.maxnumf %lo, %x : f32
    // CHECK-DAG: math.exp %{{.*}} : f32
    %8 = math.exp %hi : f32
    // CHECK-DAG: math.sqrt %{{.*}} : f16
    %9 = math.sqrt %h : f16
    gpu.return
  }
}
