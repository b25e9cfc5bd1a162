//===-- DimEvaluator.h - Dimensions as expressions of argument shapes  -*- C++
//-*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_LIB_PACKAGE_DIMEVALUATOR_H
#define HIPFUSE_LIB_PACKAGE_DIMEVALUATOR_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/AffineExpr.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/SetVector.h"

namespace hipfuse {

/// What must hold between two sizes for a call to be valid.
struct ShapeConstraint {
  bool equal; ///< lhs == rhs, else lhs >= rhs
  mlir::AffineExpr lhs;
  mlir::AffineExpr rhs;
};

/// Evaluates the sizes of the tensors of one function as expressions of its
/// arguments' dynamic dimensions: symbol i is the i-th dimension in the
/// flattened list of all dimensions of all arguments. No IR is created.
class DimEvaluator {
public:
  explicit DimEvaluator(mlir::func::FuncOp func);

  /// Size of dimension `dim` of `value`; null, with an error emitted, when it
  /// does not follow from the shapes of the arguments.
  mlir::AffineExpr getDim(mlir::Value value, int64_t dim);

  /// What the operations of the function require of the shapes, without what
  /// always holds. Fails when a size cannot be evaluated.
  llvm::FailureOr<llvm::SmallVector<ShapeConstraint>> getConstraints();

  /// Text of an expression: "dim 0 of argument 'x'".
  std::string describe(mlir::AffineExpr expr);

  /// Name of an argument: its `lm.name`, else "arg<index>".
  static std::string getArgName(mlir::func::FuncOp func, unsigned index);

private:
  mlir::AffineExpr constant(int64_t value);
  mlir::AffineExpr evalDim(mlir::Value value, int64_t dim);
  mlir::AffineExpr evalIndex(mlir::Value value);
  mlir::AffineExpr evalIndex(mlir::OpFoldResult value);
  mlir::AffineExpr fail(mlir::Value value, int64_t dim);
  void addConstraint(bool equal, mlir::AffineExpr lhs, mlir::AffineExpr rhs);
  llvm::LogicalResult addOpConstraints(mlir::Operation *op);

  mlir::func::FuncOp func;
  mlir::MLIRContext *context;
  /// First symbol of each argument.
  llvm::SmallVector<unsigned> firstSymbol;
  unsigned numSymbols = 0;
  llvm::DenseMap<std::pair<mlir::Value, int64_t>, mlir::AffineExpr> cache;
  llvm::SmallVector<ShapeConstraint> constraints;
};

} // namespace hipfuse

#endif // HIPFUSE_LIB_PACKAGE_DIMEVALUATOR_H
