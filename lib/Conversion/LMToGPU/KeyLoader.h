//===-- KeyLoader.h - Brings keys from a cache to LDS -----------*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_LIB_CONVERSION_LMTOGPU_KEYLOADER_H
#define HIPFUSE_LIB_CONVERSION_LMTOGPU_KEYLOADER_H

#include "AttentionProblem.h"
#include "MatrixUnit.h"

namespace mlir::lm {

/// Fills tiles of keys (KeyTile.h) in two LDS stages. A wave fills its 16 keys
/// of each tile: bf16 that is to stay as it is goes straight to LDS, a row per
/// instruction; all else passes through registers and becomes bf16, four lanes
/// to a key. An invisible key becomes a row of zeros, without a look at the
/// cache: it is read from a constant.
class KeyLoader {
public:
  KeyLoader(KernelBuilder &b, MatrixUnit &unit, AttentionKernel &kernel,
            const AttentionProblem &problem, unsigned scope);

  /// Keys go straight to LDS: `finish` has nothing to do, and `waitForCopies`
  /// says that they are there.
  bool isCopied() const { return copied; }
  /// The entry (i32) of the key that this lane looks after in the tile whose
  /// first key of the scope is `first`, of keys below `end` (i32); a load that
  /// is issued, not waited for.
  Value loadEntry(const AttentionWork &work, Value first, Value end);
  /// Types of what `start` returns.
  SmallVector<Type> stagedTypes();
  /// Issues the loads of the tile with these entries, and stores each key's
  /// index, or `kNoKey`, to `indices` of the stage.
  SmallVector<Value> start(Value first, Value entry, int64_t stage);
  /// Stores what `start` has loaded to LDS.
  void finish(ArrayRef<Value> staged, int64_t stage);

  /// LDS memory of a stage.
  Value rows(int64_t stage);
  Value lines(int64_t stage); ///< only of keys of 576 columns
  Value indices(int64_t stage);

  /// What no query sees: greater than any index that one does see.
  static constexpr int32_t kNoKey = std::numeric_limits<int32_t>::max();

  /// A vector of f32 divided by `scale` (null for 1) and rounded to the
  /// problem's FP8 type, as bf16, which holds that.
  Value roundToFp8(Value value, Value scale);
  /// Codes of an FP8 type, four to a word of 32 bits, as bf16.
  Value decode(ArrayRef<Value> words, Type type);

private:
  Value noKey();
  Value keyNumber(); ///< of its wave, that this lane looks after
  Value index(Value first);
  void copyRows(Value pointer, int64_t stage);
  void storePair(ArrayRef<Value> pair, int64_t step, int64_t stage);
  /// Two chunks of bf16 from 16 codes, step `step` of a key.
  SmallVector<Value, 2> convert(Value codes, int64_t step,
                                ArrayRef<Value> scales);
  Value quantised(Value value);
  /// Codes of f8E4M3FN times `scale`, an f32 power of two, as bf16.
  Value decodeScaled(ArrayRef<Value> words, Value scale);
  /// Chunks of 16 bytes: of codes, a multiple of four, and of bf16 after them.
  int64_t codeSteps() const;
  int64_t bf16Steps() const;

  KernelBuilder &b;
  MatrixUnit &unit;
  AttentionKernel &kernel;
  const AttentionProblem &problem;
  unsigned number;
  const ScopeOperands &scope;
  bool copied;
  Type fp8; ///< that a8w8 rounds to
  Value lane, wave;
};

/// Fills tiles with the keys of a work, of one scope or two: the second's
/// follow the first's at a multiple of a tile, so that a tile has keys of one.
class TileLoader {
public:
  TileLoader(KernelBuilder &b, MatrixUnit &unit, AttentionKernel &kernel,
             const AttentionProblem &problem);

  /// As above; `first` is the position of a tile in the keys of the request.
  bool hasCopies() const;
  Value loadEntry(const AttentionWork &work, Value first);
  SmallVector<Type> stagedTypes();
  SmallVector<Value> start(const AttentionWork &work, Value first, Value entry,
                           int64_t stage);
  void finish(const AttentionWork &work, Value first, ArrayRef<Value> staged,
              int64_t stage);
  /// `of` the tile's scope; a value or null, alike for all scopes.
  Value select(const AttentionWork &work, Value first,
               function_ref<Value(unsigned scope)> of);

  KeyLoader &ofScope(unsigned scope) { return loaders[scope]; }

private:
  Value isSecond(const AttentionWork &work, Value first);
  /// What `body` returns, of these types, for the loader of the tile's scope
  /// and the position where the scope's keys begin; under a branch.
  using Body = function_ref<SmallVector<Value>(KeyLoader &, Value origin)>;
  SmallVector<Value> branch(const AttentionWork &work, Value first,
                            TypeRange types, Body body);

  KernelBuilder &b;
  SmallVector<KeyLoader, 2> loaders;
  /// Both scopes keep what they load in the same registers, and convert it in
  /// the same way.
  bool shareStaged, shareFinish;
};

} // namespace mlir::lm

#endif // HIPFUSE_LIB_CONVERSION_LMTOGPU_KEYLOADER_H
