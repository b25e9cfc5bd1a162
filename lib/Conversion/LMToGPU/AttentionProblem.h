//===-- AttentionProblem.h - What an attention kernel computes --*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The part of decode attention that all kernels share, whatever their matrix
// instructions: operands, the walk over the works of a plan, and where the keys
// are.
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_LIB_CONVERSION_LMTOGPU_ATTENTIONPROBLEM_H
#define HIPFUSE_LIB_CONVERSION_LMTOGPU_ATTENTIONPROBLEM_H

#include "KernelBuilder.h"

#include <variant>

namespace mlir::lm {

/// One scope of keys. All values are memrefs.
struct ScopeOperands {
  CacheLayout layout;
  int64_t pageSize; ///< of ds_mla_584, else 0: the cache's dimension
  Value cache;
  Value slots;   ///< null in a paged scope
  Value lengths; ///< may be null for a list: all of its columns
  Value kvScale; ///< may be null
};

/// An operation on memrefs.
struct AttentionProblem {
  static AttentionProblem of(MlaDecodeOp op);
  static AttentionProblem of(SparseMlaDecodeOp op);

  /// Why no kernel takes it, whatever the target.
  Refusal check() const;
  /// Why no kernel reads its keys, 16 bytes at a time.
  Refusal checkKeys() const;

  bool isPaged() const { return static_cast<bool>(blockTable); }
  bool hasPlan() const { return !plan.empty(); }
  /// Rows of the plan's partial results.
  int64_t getNumPartials() const;
  /// Workgroups that the plan is for.
  int64_t getNumClusters() const;
  /// Host: workgroups that walk over works, as many as requests without a plan.
  Value hostClusters(KernelBuilder &b) const;

  Operation *op;
  Value q, out;
  Value lse, qScale, sink; ///< may be null
  Value blockTable;        ///< null for lists of slots
  SmallVector<Value, 5> plan;
  SmallVector<ScopeOperands, 2> scopes;
  int64_t heads, columns, valueColumns;
  int64_t qLen;
  bool a8w8;
  float smScale;
};

/// Which column a partial result has at a position of its row.
enum class PartialOrder {
  Columns, ///< the column of that number
  /// As wgmma leaves O^T in registers, so that a thread stores 16 bytes and
  /// eight of them a line: position g 256 + w 64 + q 32 + l 4 + k has column
  /// g 256 + (2 q + k / 2) 64 + w 16 + (k mod 2) 8 + l.
  Wgmma,
};

/// The f32 memory where a plan's partial results go: `out` `[R, H, V]`,
/// normalised, and `lse` `[R, H]`, natural, -inf and a row of zeros where a
/// work has no key.
struct Partials {
  Value out, lse;
  PartialOrder order = PartialOrder::Columns;

  /// Memory of the function around the problem's operation that all its
  /// attention operations share: they run one after another.
  static Partials of(const AttentionProblem &problem);
};

/// Merges the partial results of the tiles that the plan split, in the order of
/// their works, applies the sink, and writes `out` and `lse`. Replaces the
/// problem's operation.
void emitAttentionReduce(const AttentionProblem &problem,
                         const EmitterContext &context,
                         const Partials &partials);

/// Why no kernel of sm_90's matrix unit takes the problem.
Refusal refuseWgmmaDecode(const AttentionProblem &problem);

/// The emitters for sm_90's matrix unit and for gfx950's, of what is not
/// refused. They leave the operation in place, for the reduction.
void emitWgmmaDecode(const AttentionProblem &problem,
                     const EmitterContext &context, const Partials &partials);
void emitMfmaDecode(const AttentionProblem &problem,
                    const EmitterContext &context, const Partials &partials);

/// A work: keys `begin` to `end` (positions in the request's keys) for the
/// query rows `firstRow` to `lastRow`. All values are i32.
struct AttentionWork {
  Value request;
  Value partialRow; ///< where its partial result goes; -1: it is the result
  Value firstRow, lastRow;
  Value begin, end;
  /// Keys of the request, per scope; of two lists the second follows the first
  /// at `secondBegin`.
  SmallVector<Value, 2> lengths;
  Value secondBegin;
};

/// Where an entry of a list or block table is.
struct EntryPlace {
  Value exists; ///< i1
  Value pointer;
};

/// Where a key is.
struct KeyPlace {
  Value visible; ///< i1; the offsets mean nothing without it
  Value offset;  ///< bytes from the cache to the key's elements, i64
  Value scales; ///< bytes to the scales of ds_mla_584 and ds_mla_656, else null
};

/// Builds what all attention kernels have alike.
class AttentionKernel {
public:
  AttentionKernel(KernelBuilder &b, const AttentionProblem &problem);

  /// Loads what all works share; comes before all that follows here.
  void loadScalars();
  /// The works of this workgroup, whose number is `workgroup`. `body` maps the
  /// values that are carried from work to work.
  SmallVector<Value> forWorks(
      Value workgroup, ValueRange init,
      function_ref<SmallVector<Value>(const AttentionWork &, ValueRange)> body);
  /// The key at index `index` (i32, from 0) of a scope.
  KeyPlace findKey(const AttentionWork &work, unsigned scope, Value index) {
    return findKey(scope, index, loadEntry(work, scope, index));
  }
  /// The same in two steps, for loads that are issued long before they are
  /// needed: what the list or block table has (i32), -1 where that is nothing,
  /// and the key that it names.
  Value loadEntry(const AttentionWork &work, unsigned scope, Value index);
  /// The entry's element in memory; the pointer means nothing without `exists`.
  EntryPlace placeOfEntry(const AttentionWork &work, unsigned scope,
                          Value index);
  /// What `loadEntry` gives for an element (i32 or i64).
  Value entryOf(Value element, Value exists);
  /// The type of these elements.
  Type entryType(unsigned scope) const { return listOf(scope).element; }
  KeyPlace findKey(unsigned scope, Value index, Value entry);
  /// Keys of a paged request that query row `row` sees: those below.
  Value visibleKeys(const AttentionWork &work, Value row);
  /// What the dot products of a scope are multiplied by, f32: sm_scale with the
  /// scales of fp8 operands.
  Value logitFactor(unsigned scope);
  /// What the values of a scope are multiplied by; null for 1.
  Value valueFactor(unsigned scope);
  /// The scale of q, f32; null where it has none.
  Value queryScale() const { return qScale; }
  const Buffer &cache(unsigned scope) const { return caches[scope]; }

private:
  Value loadI32(const Buffer &buffer, ValueRange indices);
  Value toI32(Value value);
  /// Whether an entry exists, and its number in the list or block table.
  std::pair<Value, Value> indexOfEntry(const AttentionWork &work,
                                       unsigned scope, Value index);
  const Buffer &listOf(unsigned scope) const {
    return problem.isPaged() ? table : slots[scope];
  }
  Value loadScalar(Value memref);
  /// The row of work number `number`, as two vectors of four i32.
  SmallVector<Value> loadWork(Value number);
  AttentionWork plannedWork(ValueRange row);
  AttentionWork wholeRequest(Value request);
  void findLengths(AttentionWork &work);
  Value pageSizeOf(unsigned scope);

  KernelBuilder &b;
  const AttentionProblem &problem;
  SmallVector<Buffer, 2> caches, slots, lengths;
  SmallVector<Value, 2> kvScales, numPages, pageSizes;
  Value qScale;
  Buffer table, works, workIndptr;
  Value tableColumns;
};

} // namespace mlir::lm

#endif // HIPFUSE_LIB_CONVERSION_LMTOGPU_ATTENTIONPROBLEM_H
