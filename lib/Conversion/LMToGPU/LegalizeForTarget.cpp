//===-- LegalizeForTarget.cpp - Decompose what the target lacks -----------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Whether there is a kernel is known by the emitters alone. They are asked by
// letting them build it, in a module that is thrown away, for a copy of the
// operation on buffers: no second list of what they refuse can be wrong.
//
//===----------------------------------------------------------------------===//

#include "Emitters.h"

#include "hipfuse/Conversion/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/Remarks.h"
#include "llvm/ADT/StringSet.h"

#define DEBUG_TYPE "lm-legalize-for-target"

namespace mlir::lm {
#define GEN_PASS_DEF_LEGALIZEFORTARGETPASS
#include "hipfuse/Conversion/Passes.h.inc"
} // namespace mlir::lm

using namespace mlir;
using namespace mlir::lm;

/// True for operations on tensors that cost no code on the device once they
/// are on buffers: allocations, sizes and views.
static bool isFreeOnDevice(Operation *op) {
  if (isa<tensor::EmptyOp, tensor::DimOp, tensor::CastOp,
          tensor::ExtractSliceOp, tensor::CollapseShapeOp,
          tensor::ExpandShapeOp>(op))
    return true;
  return isa<arith::ArithDialect>(op->getDialect()) &&
         llvm::none_of(op->getResultTypes(), llvm::IsaPred<ShapedType>);
}

namespace {

/// Finds out what runs on a GPU, without changing the program.
class Legality {
public:
  Legality(const hipfuse::TargetInfo &target, ArrayRef<std::string> avoided)
      : target(target) {
    this->avoided.insert_range(avoided);
  }

  /// Why `op`, on tensors, has no kernel.
  Refusal refuseKernel(Operation *op);
  /// Why `op` does not run, not even decomposed.
  Refusal refuse(Operation *op);

private:
  Refusal tryEmitter(Operation *op);
  Refusal refuseParts(FusedOpInterface op);

  const hipfuse::TargetInfo &target;
  llvm::StringSet<> avoided;
  /// Answers by name, attributes and types of operands.
  DenseMap<Attribute, Refusal> known;
};

} // namespace

/// A module for experiments, with the values of these types that they need.
static std::pair<OwningOpRef<ModuleOp>, ValueRange>
createScratch(MLIRContext *context, ArrayRef<Type> types) {
  Location loc = UnknownLoc::get(context);
  OwningOpRef<ModuleOp> module = ModuleOp::create(loc);
  OpBuilder builder = OpBuilder::atBlockBegin(module->getBody());
  auto values =
      UnrealizedConversionCastOp::create(builder, loc, types, ValueRange());
  return {std::move(module), values.getResults()};
}

Refusal Legality::tryEmitter(Operation *op) {
  SmallVector<Type> types;
  for (Type type : op->getOperandTypes()) {
    auto tensor = dyn_cast<RankedTensorType>(type);
    types.push_back(
        tensor ? MemRefType::get(tensor.getShape(), tensor.getElementType())
               : type);
  }
  auto [scratch, operands] = createScratch(op->getContext(), types);
  OpBuilder builder = OpBuilder::atBlockEnd(scratch->getBody());
  EmitterContext context{
      gpu::GPUModuleOp::create(builder, op->getLoc(), "kernels"), target};
  OperationState state(op->getLoc(), op->getName(), operands, TypeRange(),
                       op->getAttrs());
  state.propertiesAttr = op->getPropertiesAsAttribute();
  builder.setInsertionPoint(context.kernels);
  return lowerToKernels(builder.create(state), context);
}

Refusal Legality::refuseKernel(Operation *op) {
  if (avoided.contains(op->getName().getStringRef()))
    return "its kernel is not to be used";
  MLIRContext *context = op->getContext();
  SmallVector<Attribute> key = {
      StringAttr::get(context, op->getName().getStringRef()),
      op->getAttrDictionary()};
  for (Type type : op->getOperandTypes())
    key.push_back(TypeAttr::get(type));
  auto [entry, isNew] =
      known.try_emplace(ArrayAttr::get(context, key), std::nullopt);
  if (isNew)
    entry->second = tryEmitter(op);
  return entry->second;
}

Refusal Legality::refuseParts(FusedOpInterface op) {
  auto [scratch, operands] =
      createScratch(op->getContext(), llvm::to_vector(op->getOperandTypes()));
  OpBuilder builder = OpBuilder::atBlockEnd(scratch->getBody());
  IRMapping mapping;
  mapping.map(op->getOperands(), operands);
  auto copy = cast<FusedOpInterface>(builder.clone(*op, mapping));
  builder.setInsertionPoint(copy);
  copy.decompose(builder);
  for (Operation &part : *scratch->getBody()) {
    if (&part == copy || isa<UnrealizedConversionCastOp>(part) ||
        isFreeOnDevice(&part))
      continue;
    if (!isa<LMDialect>(part.getDialect()))
      return ("its part '" + part.getName().getStringRef() +
              "' is no kernel's work")
          .str();
    if (Refusal refusal = refuse(&part))
      return ("its part '" + part.getName().getStringRef() +
              "' has no kernel either: " + *refusal)
          .str();
  }
  return std::nullopt;
}

Refusal Legality::refuse(Operation *op) {
  Refusal refusal = refuseKernel(op);
  auto fused = dyn_cast<FusedOpInterface>(op);
  if (!refusal || !fused)
    return refusal;
  return refuseParts(fused);
}

namespace {

struct LegalizeForTargetPass final
    : lm::impl::LegalizeForTargetPassBase<LegalizeForTargetPass> {
  using Base::Base;

  void runOnOperation() override;

private:
  void keep(Operation *op, const Twine &reason) {
    ++numKept;
    remark::missed(op->getLoc(),
                   remark::RemarkOpts::name("kept").category(DEBUG_TYPE))
        << reason.str();
  }
};

} // namespace

void LegalizeForTargetPass::runOnOperation() {
  TargetAttr target = TargetAttr::lookup(getOperation());
  if (!target || target.isHost())
    return;
  Legality legality(target.getInfo(), withoutKernel);
  SmallVector<FusedOpInterface> worklist;
  getOperation()->walk([&](FusedOpInterface op) { worklist.push_back(op); });
  // In the order of the program.
  std::reverse(worklist.begin(), worklist.end());

  IRRewriter rewriter(&getContext());
  while (!worklist.empty()) {
    FusedOpInterface op = worklist.pop_back_val();
    std::string subject = ("'" + op->getName().getStringRef() + "'").str();
    if (op->getNumResults() == 0) {
      keep(op, subject + " stays: on memrefs its parts would have no buffers");
      continue;
    }
    Refusal refusal = legality.refuseKernel(op);
    if (!refusal)
      continue;
    std::string reason =
        "no " + target.getChip().str() + " kernel: " + *refusal;
    if (Refusal hopeless = legality.refuse(op)) {
      keep(op,
           subject + " stays, though there is " + reason + "; " + *hopeless);
      continue;
    }
    remark::passed(op->getLoc(),
                   remark::RemarkOpts::name("decomposed").category(DEBUG_TYPE))
        << subject + " decomposed: " + reason;
    Operation *before = op->getPrevNode();
    Block *block = op->getBlock();
    rewriter.setInsertionPoint(op);
    SmallVector<Value> results = op.decompose(rewriter);
    Operation *first = before ? before->getNextNode() : &block->front();
    size_t known = worklist.size();
    for (Operation *part = first; part != op; part = part->getNextNode())
      if (auto fused = dyn_cast<FusedOpInterface>(part))
        worklist.push_back(fused);
    std::reverse(worklist.begin() + known, worklist.end());
    rewriter.replaceOp(op, results);
    ++numDecomposed;
  }
}
