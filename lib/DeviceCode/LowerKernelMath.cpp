//===-- LowerKernelMath.cpp - Math operations of kernels as intrinsics ----===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "hipfuse/DeviceCode/Passes.h"

#include "mlir/Conversion/ArithCommon/AttrToLLVMConverter.h"
#include "mlir/Dialect/Arith/Utils/Utils.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "llvm/ADT/TypeSwitch.h"

#define DEBUG_TYPE "hipfuse-lower-kernel-math"

namespace hipfuse {
#define GEN_PASS_DEF_LOWERKERNELMATHPASS
#include "hipfuse/DeviceCode/Passes.h.inc"
} // namespace hipfuse

using namespace mlir;

/// The intrinsic that every target has an instruction for; empty if there is
/// none.
static StringRef getIntrinsic(Operation *op) {
  return llvm::TypeSwitch<Operation *, StringRef>(op)
      .Case<math::SqrtOp, LLVM::SqrtOp>([](auto) { return "llvm.sqrt"; })
      .Case([](math::FmaOp) { return "llvm.fma"; })
      .Case<math::AbsFOp, LLVM::FAbsOp>([](auto) { return "llvm.fabs"; })
      .Case([](math::CopySignOp) { return "llvm.copysign"; })
      .Case<math::FloorOp, LLVM::FFloorOp>([](auto) { return "llvm.floor"; })
      .Case<math::CeilOp, LLVM::FCeilOp>([](auto) { return "llvm.ceil"; })
      .Case([](math::TruncOp) { return "llvm.trunc"; })
      .Case<math::RoundEvenOp, LLVM::RoundEvenOp>(
          [](auto) { return "llvm.roundeven"; })
      .Case([](arith::MinNumFOp) { return "llvm.minnum"; })
      .Case([](arith::MaxNumFOp) { return "llvm.maxnum"; })
      .Default([](Operation *) { return StringRef(); });
}

/// ".f32" or ".v4f32"; empty for other types.
static std::string getSuffix(Type type) {
  if (type.isF32())
    return ".f32";
  auto vector = dyn_cast<VectorType>(type);
  if (!vector || !vector.getElementType().isF32() || vector.getRank() != 1 ||
      vector.isScalable())
    return "";
  return ".v" + std::to_string(vector.getDimSize(0)) + "f32";
}

static LLVM::FastmathFlagsAttr getFlags(Operation *op) {
  if (auto math = dyn_cast<arith::ArithFastMathInterface>(op))
    return arith::convertArithFastMathAttrToLLVM(math.getFastMathFlagsAttr());
  return cast<LLVM::FastmathFlagsInterface>(op).getFastmathAttr();
}

namespace {

struct LowerKernelMathPass final
    : hipfuse::impl::LowerKernelMathPassBase<LowerKernelMathPass> {
  using Base::Base;

  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    getOperation()->walk([&](Operation *op) {
      StringRef intrinsic = getIntrinsic(op);
      if (intrinsic.empty())
        return;
      Type type = op->getResult(0).getType();
      std::string suffix = getSuffix(type);
      if (suffix.empty())
        return;
      rewriter.setInsertionPoint(op);
      rewriter.replaceOpWithNewOp<LLVM::CallIntrinsicOp>(
          op, type, rewriter.getStringAttr(intrinsic + suffix),
          op->getOperands(), getFlags(op));
      ++numRewritten;
    });
  }
};

} // namespace
