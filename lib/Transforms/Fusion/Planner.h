//===-- Planner.h - What the fusions share --------------------*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_LIB_TRANSFORMS_FUSION_PLANNER_H
#define HIPFUSE_LIB_TRANSFORMS_FUSION_PLANNER_H

#include "OpIndex.h"

#include "hipfuse/Dialect/LM/IR/LM.h"
#include "hipfuse/Transforms/Fusion/FusionPlan.h"

#include "mlir/IR/PatternMatch.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/SmallPtrSet.h"

namespace mlir::lm::fusion {

/// Operations that one fused operation replaces.
class Group {
public:
  Group(FusionKind kind) : kind(kind) {}
  virtual ~Group();

  /// The values that the fused operation reads and that are not results of its
  /// members.
  virtual void getNeeds(SmallVectorImpl<Value> &needs) = 0;
  /// Builds the fused operation at the rewriter's insertion point and replaces
  /// the uses of what its members compute; the members are erased later.
  virtual void apply(RewriterBase &rewriter) = 0;
  /// The name of the fused operation.
  virtual StringRef getFusedName() const = 0;
  /// The quantisation whose scale may be written shuffled, if there is one.
  virtual struct QuantizingPart *getQuantizingPart() { return nullptr; }

  const FusionKind kind;
  /// What dies. All in one block.
  SmallVector<Operation *> members;
  /// The fused operation is built before this one.
  Operation *before = nullptr;
};

/// The quantising end of a group.
struct QuantizingPart {
  QuantizeOp quantize;
  /// Reshapes between the producer of the rows and `quantize`, in that order.
  SmallVector<Operation *> views;
  /// A reordering of the scales that the quantisation takes over.
  ShuffleScaleOp shuffle;

  /// The scheme of the fused operation.
  SchemeAttr getScheme();
  void getNeeds(SmallVectorImpl<Value> &needs);
  /// Destinations of data and scale (null where the scheme has none); where
  /// reshapes are to be applied again, fresh ones with the rows of `rows`,
  /// without its first `leading` dimensions.
  std::pair<Value, Value> getInits(OpBuilder &builder, Location loc, Value rows,
                                   int64_t leading = 0);
  /// Replaces data and scale by results of the fused operation.
  void replace(RewriterBase &rewriter, Value data, Value scale);
};

/// What stands between a quantisation and the operation that computes its rows.
struct Chain {
  /// Reshapes, casts and slices, in the order of execution.
  SmallVector<Operation *> ops;
  /// What the first of them reads.
  Value root;
};

/// Follows `value` back through reshapes, casts and slices.
Chain traceChain(Value value);

/// A quantisation of tensors and what stands before it.
struct QuantizedRows {
  QuantizeOp quantize;
  Chain chain;
};

/// The first of `chain` that is more than a reshape of whole rows, as a reason
/// to refuse the fusion of `producer` and `consumer`. With `anyReshape` rows
/// may change.
std::optional<Refusal> checkChain(const Chain &chain, Operation *producer,
                                  Operation *consumer, bool anyReshape = false);

/// Columns of a tensor of rows.
struct Columns {
  Value tensor;
  int64_t offset = 0;
  int64_t width = 0;
  /// The sizes of the other dimensions.
  SmallVector<OpFoldResult> rows;
};

/// Looks through slices that keep rows from the first on; returns `value` as a
/// part of the tensor that they are taken from. Nothing for other slices.
std::optional<Columns> getColumns(Value value);

/// True if `rows` are all the leading sizes of `tensor`.
bool areAllRows(Value tensor, ArrayRef<OpFoldResult> rows);
/// The first column that `insert` writes, if it writes columns of all rows.
std::optional<int64_t> getInsertedColumn(Operation *insert);

/// True if both sizes are known to be equal.
bool isSameSize(OpFoldResult lhs, OpFoldResult rhs);
/// True if both values are known to be equal: one value, or two results of
/// equal operations on equal values.
bool isSameValue(Value lhs, Value rhs, unsigned depth = 4);

/// An empty tensor with the rows of `rows` and the given columns and element.
Value createEmptyRows(OpBuilder &builder, Location loc, Value rows,
                      int64_t columns, Type element, int64_t leading = 0);
/// Applies reshapes once more, to a tensor with other columns or elements.
Value reapplyViews(OpBuilder &builder, ArrayRef<Operation *> views,
                   Value value);

RankedTensorType getTensorType(Value value);
std::string str(Type type);
std::string str(ArrayRef<int64_t> shape);
/// The name of what computes `value`.
std::string producerName(Value value);

/// Collects decisions and groups, and finds where fused operations can stand.
class Planner {
public:
  Planner(std::unique_ptr<OpIndex> index, const FusionOptions &options)
      : options(options), index(std::move(index)) {}

  /// Records that `group` is planned at `anchor`, if it can be placed and pays.
  /// `x` is the input by whose size the policy judges. Returns whether it is
  /// planned.
  bool plan(std::unique_ptr<Group> group, Operation *anchor, Value x,
            const std::string &detail);
  /// Places a group without recording it; nothing is changed on refusal.
  std::optional<Refusal> tryPlace(Group &group);
  /// Asks the policy.
  std::optional<Refusal> judge(FusionKind kind, Value x);
  /// Records a group that `tryPlace` has placed.
  void commit(std::unique_ptr<Group> group, Operation *anchor,
              const std::string &detail);
  /// Records that an extension of a group, already placed again, is planned.
  void commitExtension(FusionKind kind, Group &group, Operation *anchor,
                       const std::string &detail);
  void refuse(FusionKind kind, Operation *anchor, Refusal refusal);

  /// The group that replaces `op`, if there is one.
  Group *getGroup(Operation *op) const { return claims.lookup(op); }
  /// The reason that `op` belongs to another group.
  std::optional<Refusal> checkUnclaimed(Operation *op) const;

  void apply(RewriterBase &rewriter);

  const FusionOptions &getOptions() const { return options; }

  template <typename OpTy>
  ArrayRef<Operation *> getOps() const {
    return index->getOps<OpTy>();
  }

  /// The quantisations whose chains start at results of `OpTy`.
  template <typename OpTy>
  ArrayRef<QuantizedRows> getQuantized() {
    traceQuantizes();
    auto it = quantized.find(TypeID::get<OpTy>());
    return it == quantized.end() ? ArrayRef<QuantizedRows>()
                                 : ArrayRef<QuantizedRows>(it->second);
  }

  std::vector<FusionDecision> decisions;

private:
  /// A place in a block: `slot` counts the hoisted operations (0), the groups
  /// (1, 2, ...) before `op`, and the operation itself (kSelf).
  struct Position {
    Operation *op;
    unsigned slot;
  };
  static constexpr unsigned kSelf = ~0u;

  Position getPosition(Operation *op) const;
  bool isBefore(Position lhs, Position rhs) const;
  bool hoist(Value value, Position target, unsigned depth,
             llvm::SetVector<Operation *> &hoisted) const;
  void record(FusionKind kind, Operation *anchor, std::string detail,
              std::optional<Refusal> refusal);
  void traceQuantizes();

  const FusionOptions &options;
  std::unique_ptr<OpIndex> index;
  /// Traced once for all fusions, when the first asks.
  llvm::DenseMap<TypeID, std::vector<QuantizedRows>> quantized;
  bool isTraced = false;
  llvm::DenseMap<Operation *, Group *> claims;
  llvm::MapVector<Operation *, SmallVector<Group *>> groupsBefore;
  SmallVector<std::pair<Operation *, Operation *>> hoists;
  llvm::DenseMap<Operation *, Operation *> hoistedTo;
  std::vector<std::unique_ptr<Group>> groups;
};

/// Each fusion plans all its places.
void planAddRmsNormQuantize(Planner &planner);
void planRmsNormQuantize(Planner &planner);
void planSiluMulQuantize(Planner &planner);
void planRopeMlaCacheWrite(Planner &planner);
void planRopeQuantize(Planner &planner);
void planDualRmsNorm(Planner &planner);
void planShuffleScale(Planner &planner);
void planMhcPreRmsNorm(Planner &planner);
void planMhcPostPre(Planner &planner);

/// Lets hyper-connections read one row where their streams repeat it, and
/// records it.
void readRepeatedRows(OpIndex &index, RewriterBase &rewriter, bool fastNumerics,
                      function_ref<void(Operation *, std::string)> record);

/// Removes the second of two equal cache writes, and records it.
void removeDuplicateCacheWrites(
    OpIndex &index, RewriterBase &rewriter,
    function_ref<void(Operation *, std::string, std::optional<Refusal>)>
        record);

/// A decision about `anchor`.
FusionDecision makeDecision(FusionKind kind, Operation *anchor, unsigned order,
                            std::string detail, std::optional<Refusal> refusal);

/// Says that `reduce`, if there is one and it has other users, is not part of
/// `fusedName`.
void refuseSharedSplitK(Planner &planner, FusionKind kind,
                        SplitKReduceOp reduce, llvm::StringRef fusedName);

} // namespace mlir::lm::fusion

#endif // HIPFUSE_LIB_TRANSFORMS_FUSION_PLANNER_H
