//===-- RopeMlaCacheWrite.cpp - rope of query and key, concat, cache write ===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//   %q = rope(%q_pe)   %k = rope(%k_pe)
//   %query = concat(%q_nope, %q)          ->   %query, %cache1[, %k] =
//   [%query8 = quantize(%query)]                 lm.rope_mla_cache_write ...
//   %cache1 = mla_cache_write(%kv, %k)
//
// The concatenation may be a tensor.concat or two insertions; it and the
// quantisation stay outside where they cannot be taken in. The key may be
// rotated as [T, 1, R].
//
//===----------------------------------------------------------------------===//

#include "Planner.h"

#include "mlir/Dialect/Tensor/IR/Tensor.h"

#define DEBUG_TYPE "lm-fuse"

using namespace mlir;
using namespace mlir::lm;
using namespace mlir::lm::fusion;

namespace {

/// How the query leaves the fused operation.
struct Query {
  RopeOp rope;
  /// The part beside the rotated one; null without a concatenation.
  Value nope;
  /// The destination of the concatenation; null where there is none yet.
  Value init;
  /// The value that the fused operation's result replaces.
  Value result;
  /// What the rope's result goes through on the way to `result`.
  SmallVector<Operation *> members;
  /// A static quantisation of the concatenation and the reshapes before it.
  QuantizeOp quantize;
  SmallVector<Operation *> views;

  std::string describe() const {
    std::string text;
    if (nope)
      text += isa<tensor::ConcatOp>(members.front()) ? " + tensor.concat"
                                                     : " + tensor.insert_slice";
    if (quantize)
      text += " + lm.quantize";
    return text;
  }
};

class RopeMlaCacheWriteGroup final : public Group {
public:
  RopeMlaCacheWriteGroup(RopeOp keyRope, MlaCacheWriteOp write)
      : Group(FusionKind::RopeMlaCacheWrite), keyRope(keyRope), write(write) {}

  void getNeeds(SmallVectorImpl<Value> &needs) override {
    auto add = [&](Value value) {
      if (value)
        needs.push_back(value);
    };
    for (Value value :
         {query.nope, query.rope.getX(), getKey(), keyRope.getPositions(),
          write.getKvC(), write.getSlots(), write.getScale(), write.getCache()})
      add(value);
    llvm::append_range(needs, keyRope.getTables());
    if (query.quantize) {
      add(query.quantize.getInputScale());
      for (Operation *view : query.views)
        llvm::append_range(needs, view->getOperands().drop_front());
      if (query.views.empty())
        add(query.quantize.getData());
    } else {
      add(query.init);
    }
    if (keepsKey && getTensorType(keyRope.getOut()).getRank() == 2)
      add(keyRope.getOut());
  }

  void apply(RewriterBase &rewriter) override;

  StringRef getFusedName() const override {
    return RopeMlaCacheWriteOp::getOperationName();
  }

  void setQuery(Query newQuery) {
    query = std::move(newQuery);
    members = {query.rope, keyRope, write};
    if (collapse)
      members.push_back(collapse);
    llvm::append_range(members, query.members);
  }

  RopeOp keyRope;
  /// Takes the rotated key from [T, 1, R] to [T, R]; may be null.
  tensor::CollapseShapeOp collapse;
  MlaCacheWriteOp write;
  Query query;
  bool keepsKey = false;

private:
  /// The key before its rotation, as [T, R] where it exists as such.
  Value getKey() {
    if (collapse)
      if (auto expand = keyRope.getX().getDefiningOp<tensor::ExpandShapeOp>();
          expand && expand.getSrcType().getRank() == 2)
        return expand.getSrc();
    return keyRope.getX();
  }
};

} // namespace

/// [T, 1, R] <-> [T, R].
static SmallVector<ReassociationIndices> getKeyReassociation() {
  return {{0, 1}, {2}};
}

void RopeMlaCacheWriteGroup::apply(RewriterBase &rewriter) {
  Location loc = rewriter.getFusedLoc(
      {query.rope.getLoc(), keyRope.getLoc(), write.getLoc()});
  Value key = getKey();
  if (getTensorType(key).getRank() == 3)
    key = tensor::CollapseShapeOp::create(rewriter, loc, key,
                                          getKeyReassociation());

  RankedTensorType queryType = getTensorType(query.rope.getX());
  int64_t columns = queryType.getShape().back();
  if (query.nope)
    columns += getTensorType(query.nope).getShape().back();
  Value queryInit = query.quantize && query.views.empty()
                        ? query.quantize.getData()
                        : (query.quantize ? Value() : query.init);
  if (!queryInit)
    queryInit = createEmptyRows(
        rewriter, loc, query.rope.getX(), columns,
        query.quantize
            ? getTensorType(query.quantize.getData()).getElementType()
            : queryType.getElementType());
  Value keyInit;
  if (keepsKey)
    keyInit =
        collapse
            ? createEmptyRows(rewriter, loc, key,
                              getTensorType(key).getShape().back(),
                              getTensorType(keyRope.getOut()).getElementType())
            : keyRope.getOut();

  auto fused = RopeMlaCacheWriteOp::create(
      rewriter, loc, query.nope, query.rope.getX(), write.getKvC(), key,
      keyRope.getPositions(), keyRope.getTables(), write.getSlots(),
      write.getScale(),
      query.quantize ? query.quantize.getInputScale() : Value(), queryInit,
      write.getCache(), keyInit, keyRope.getStyleAttr(),
      keyRope.getComputeAttr(), write.getLayoutAttr(), write.getSkipRuleAttr(),
      write.getRopeFirstAttr(), write.getPageSizeAttr());

  Value newQuery = fused->getResult(0);
  if (query.quantize)
    newQuery = reapplyViews(rewriter, query.views, newQuery);
  rewriter.replaceAllUsesWith(query.result, newQuery);
  rewriter.replaceAllUsesWith(write->getResult(0), fused->getResult(1));
  if (!keepsKey)
    return;
  Value newKey = fused->getResult(2);
  if (!collapse)
    return rewriter.replaceAllUsesWith(keyRope->getResult(0), newKey);
  rewriter.replaceAllUsesWith(collapse.getResult(), newKey);
  if (!keyRope->hasOneUse())
    rewriter.replaceAllUsesWith(
        keyRope->getResult(0),
        tensor::ExpandShapeOp::create(rewriter, loc,
                                      getTensorType(keyRope->getResult(0)),
                                      newKey, getKeyReassociation()));
}

//===----------------------------------------------------------------------===//
// The query
//===----------------------------------------------------------------------===//

/// Fills `query` with the concatenation that `rotated`, its only use, goes
/// into.
static bool takeConcat(Query &query, Value rotated) {
  if (!rotated.hasOneUse())
    return false;
  Operation *user = *rotated.user_begin();
  int64_t rank = getTensorType(rotated).getRank();
  if (auto concat = dyn_cast<tensor::ConcatOp>(user)) {
    if (static_cast<int64_t>(concat.getDim()) != rank - 1 ||
        concat.getInputs().size() != 2 || concat.getInputs()[1] != rotated ||
        concat.getInputs()[0] == rotated ||
        ShapedType::isDynamic(
            getTensorType(concat.getInputs()[0]).getShape().back()))
      return false;
    query.nope = concat.getInputs()[0];
    query.result = concat.getResult();
    query.members = {concat};
    return true;
  }

  // Two insertions that together fill the columns of their destination.
  auto insert = dyn_cast<tensor::InsertSliceOp>(user);
  if (!insert || insert.getSource() != rotated)
    return false;
  tensor::InsertSliceOp inner =
      insert.getDest().getDefiningOp<tensor::InsertSliceOp>();
  tensor::InsertSliceOp outer = insert;
  if (!inner) {
    inner = insert;
    if (!insert->hasOneUse())
      return false;
    outer = dyn_cast<tensor::InsertSliceOp>(*insert->user_begin());
    if (!outer || outer.getDest() != inner.getResult())
      return false;
  }
  if (!inner->hasOneUse())
    return false;
  tensor::InsertSliceOp other = outer == insert ? inner : outer;
  std::optional<int64_t> at = getInsertedColumn(insert);
  std::optional<int64_t> otherAt = getInsertedColumn(other);
  int64_t nope = other.getSourceType().getShape().back();
  int64_t width = outer.getType().getShape().back();
  if (!at || !otherAt || *otherAt != 0 || *at != nope ||
      ShapedType::isDynamic(nope) || other.getSource() == rotated ||
      nope + getTensorType(rotated).getShape().back() != width)
    return false;
  query.nope = other.getSource();
  query.init = inner.getDest();
  query.result = outer.getResult();
  query.members = {inner, outer};
  return true;
}

/// Fills `query` with a static FP8 quantisation of the concatenation.
static bool takeQuantize(Query &query) {
  Value value = query.result;
  SmallVector<Operation *> views;
  while (value.hasOneUse()) {
    Operation *user = *value.user_begin();
    if (isa<tensor::CollapseShapeOp, tensor::ExpandShapeOp>(user)) {
      views.push_back(user);
      value = user->getResult(0);
      continue;
    }
    auto quantize = dyn_cast<QuantizeOp>(user);
    if (!quantize || quantize.getX() != value)
      return false;
    // What q_scale means: see the decomposition of the fused operation.
    SchemeAttr scheme = quantize.getScheme();
    if (scheme.isDynamic() || scheme.isFp4() ||
        scheme.getElementRounding() != ElementRounding::NearestEven ||
        scheme.getLayout() != ScaleLayout::RowMajor ||
        scheme.getNonfinite() != NonFinite::Propagate)
      return false;
    query.quantize = quantize;
    query.views = views;
    query.result = quantize->getResult(0);
    llvm::append_range(query.members, views);
    query.members.push_back(quantize);
    return true;
  }
  return false;
}

/// The ways in which the query of `rope` may leave the fused operation, the
/// largest first.
static SmallVector<Query> getQueries(RopeOp rope, CacheLayout layout) {
  SmallVector<Query> queries;
  Query query;
  query.rope = rope;
  if (takeConcat(query, rope->getResult(0))) {
    Query quantized = query;
    if (layout == CacheLayout::Fp8 && takeQuantize(quantized))
      queries.push_back(quantized);
    queries.push_back(query);
  }
  Query bare;
  bare.rope = rope;
  bare.init = rope.getOut();
  bare.result = rope->getResult(0);
  queries.push_back(bare);
  return queries;
}

//===----------------------------------------------------------------------===//
// Planning
//===----------------------------------------------------------------------===//

/// The rope that rotates the key of `write`, and the reshape between them.
static std::pair<RopeOp, tensor::CollapseShapeOp>
getKeyRope(MlaCacheWriteOp write) {
  auto collapse = write.getKPe().getDefiningOp<tensor::CollapseShapeOp>();
  Value key = collapse ? collapse.getSrc() : write.getKPe();
  auto rope = key.getDefiningOp<RopeOp>();
  if (rope && collapse) {
    ArrayRef<int64_t> shape = getTensorType(key).getShape();
    if (shape.size() != 3 || shape[1] != 1)
      return {};
  }
  return {rope, collapse};
}

/// Pairs each rope of a key with the rope of a query next to it: in a layer the
/// two follow each other, in either order.
static llvm::DenseMap<Operation *, RopeOp>
pairRopes(Planner &planner, const llvm::DenseSet<Operation *> &keys) {
  llvm::DenseMap<Operation *, RopeOp> queryOf;
  llvm::DenseMap<Block *, Operation *> pendingOf;
  for (Operation *op : planner.getOps<RopeOp>()) {
    if (op->getNumResults() == 0)
      continue;
    bool isKey = keys.contains(op);
    if (!isKey && getTensorType(op->getResult(0)).getRank() != 3)
      continue;
    Operation *&pending = pendingOf[op->getBlock()];
    if (pending && keys.contains(pending) != isKey) {
      queryOf[isKey ? op : pending] = cast<RopeOp>(isKey ? pending : op);
      pending = nullptr;
    } else {
      pending = op;
    }
  }
  return queryOf;
}

static std::optional<Refusal> compareRopes(RopeOp query, RopeOp key) {
  StringRef fused = RopeMlaCacheWriteOp::getOperationName();
  SmallVector<StringRef> differences;
  if (!isSameValue(query.getPositions(), key.getPositions()))
    differences.push_back("positions");
  if (!llvm::equal(query.getTables(), key.getTables(),
                   [](Value a, Value b) { return isSameValue(a, b); }))
    differences.push_back("tables");
  if (query.getStyle() != key.getStyle())
    differences.push_back("style");
  if (query.getCompute() != key.getCompute())
    differences.push_back("compute");
  if (query.getInverse() != key.getInverse())
    differences.push_back("inverse");
  if (!differences.empty())
    return Refusal{RefusalReason::RopeMismatch,
                   {llvm::join(differences, " and ")}};
  if (key.getInverse())
    return Refusal{RefusalReason::InverseRope, {"key", fused}};
  for (RopeOp rope : {query, key}) {
    Type in = getTensorType(rope.getX()).getElementType();
    Type out = getTensorType(rope.getOut()).getElementType();
    if (in != out)
      return Refusal{
          RefusalReason::ElementTypeChanges,
          {rope->getName().getStringRef(), str(in), str(out), fused}};
  }
  return std::nullopt;
}

static void planWrite(Planner &planner, MlaCacheWriteOp write,
                      const llvm::DenseMap<Operation *, RopeOp> &queryOf) {
  constexpr FusionKind kind = FusionKind::RopeMlaCacheWrite;
  auto refuse = [&](Refusal refusal) {
    planner.refuse(kind, write, std::move(refusal));
  };
  auto [keyRope, collapse] = getKeyRope(write);
  if (!keyRope)
    return refuse({RefusalReason::NoKeyRope, {producerName(write.getKPe())}});
  RopeOp queryRope = queryOf.lookup(keyRope);
  if (!queryRope)
    return refuse({RefusalReason::NoQueryRope, {}});
  if (std::optional<Refusal> refusal = planner.checkUnclaimed(keyRope))
    return refuse(*refusal);
  if (std::optional<Refusal> refusal = compareRopes(queryRope, keyRope))
    return refuse(*refusal);
  if (std::optional<Refusal> refusal = planner.judge(kind, write.getKvC()))
    return refuse(*refusal);

  auto group = std::make_unique<RopeMlaCacheWriteGroup>(keyRope, write);
  group->collapse = collapse;
  group->keepsKey = !keyRope->hasOneUse() ||
                    (collapse && !collapse->hasOneUse()) ||
                    llvm::count(write->getOperands(), write.getKPe()) != 1;

  std::optional<Refusal> firstRefusal;
  for (Query &query : getQueries(queryRope, write.getLayout())) {
    std::string detail = "lm.rope + lm.rope" + query.describe() +
                         " + lm.mla_cache_write -> " +
                         group->getFusedName().str();
    group->setQuery(std::move(query));
    std::optional<Refusal> refusal = planner.tryPlace(*group);
    if (refusal) {
      if (!firstRefusal)
        firstRefusal = refusal;
      continue;
    }
    if (group->keepsKey)
      detail += ", key kept for other users";
    if (firstRefusal)
      detail +=
          ", without what follows the query's rope: " + firstRefusal->str();
    planner.commit(std::move(group), write, detail);
    return;
  }
  refuse(*firstRefusal);
}

void fusion::planRopeMlaCacheWrite(Planner &planner) {
  llvm::DenseSet<Operation *> keys;
  for (Operation *op : planner.getOps<MlaCacheWriteOp>())
    if (op->getNumResults() != 0)
      if (RopeOp rope = getKeyRope(cast<MlaCacheWriteOp>(op)).first)
        keys.insert(rope);
  llvm::DenseMap<Operation *, RopeOp> queryOf = pairRopes(planner, keys);
  for (Operation *op : planner.getOps<MlaCacheWriteOp>()) {
    if (op->getNumResults() == 0)
      planner.refuse(
          FusionKind::RopeMlaCacheWrite, op,
          {RefusalReason::MemrefSemantics, {op->getName().getStringRef()}});
    else
      planWrite(planner, cast<MlaCacheWriteOp>(op), queryOf);
  }
}
