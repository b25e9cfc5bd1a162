//===-- KernelBuilder.h - Build and launch one kernel -----------*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_LIB_CONVERSION_LMTOGPU_KERNELBUILDER_H
#define HIPFUSE_LIB_CONVERSION_LMTOGPU_KERNELBUILDER_H

#include "Emitters.h"
#include "KernelConfig.h"

#include "hipfuse/Conversion/RowCode/RowBuilder.h"
#include "hipfuse/Conversion/RowCode/Scales.h"
#include "llvm/ADT/DenseMap.h"

namespace mlir::lm {

/// A memref as a kernel sees it: offsets and strides count elements, as i64.
struct Buffer {
  MemRefType type;
  Type element;  ///< what is loaded and stored: i8 for 8-bit floats
  Value pointer; ///< !llvm.ptr<1> to the first element
  SmallVector<Value> strides;
  int64_t alignment; ///< bytes that divide the address of each row's start

  /// The same rows from column `columns` on.
  Buffer advanced(RowBuilder &b, int64_t columns) const;
  explicit operator bool() const { return static_cast<bool>(pointer); }
  int64_t rank() const { return type.getRank(); }
  int64_t elementBytes() const { return element.getIntOrFloatBitWidth() / 8; }
};

/// Builds a kernel for one operation on memrefs, and its launch in the
/// operation's place. What is built through the base class goes into the
/// kernel. Kernels have one-dimensional workgroups; numbers of threads,
/// workgroups and columns are i32.
class KernelBuilder : public RowBuilder {
public:
  /// `vector` is the width of the vectors that a thread works on.
  KernelBuilder(Operation *op, const EmitterContext &context, int64_t threads,
                int64_t vector);
  KernelBuilder(Operation *op, const EmitterContext &context,
                const RowConfig &config)
      : KernelBuilder(op, context, config.threads, config.vector) {}

  const hipfuse::TargetInfo &getTarget() const { return target; }
  int64_t getThreads() const { return threads; }

  //===--------------------------------------------------------------------===//
  // Parameters
  //===--------------------------------------------------------------------===//

  /// `memref`, or an empty buffer for an empty value.
  Buffer buffer(Value memref);
  /// A host value of type index (as i64), i32, i64 or f32.
  Value parameter(Value host);
  /// Size of a dimension as i32: a constant where it is static.
  Value size(Value memref, int64_t dim);

  //===--------------------------------------------------------------------===//
  // Launch
  //===--------------------------------------------------------------------===//

  /// Host code before the launch.
  OpBuilder &host() { return hostBuilder; }
  /// Host: size of a dimension, and the product of dimensions, as index.
  Value hostSize(Value memref, int64_t dim);
  Value hostSize(Value memref, int64_t firstDim, int64_t lastDim);
  /// Host: number of rows of all but the last dimension.
  Value hostRows(Value memref);
  /// Host: number of groups of `size` that hold `count`.
  Value hostGroups(Value count, int64_t size);
  /// Host: a constant of type index.
  Value hostNumber(int64_t value);
  /// Bytes that the kernel moves per row, for reports.
  void setBytesPerRow(int64_t bytes);
  /// Kernels are numbered after `stem`, by default the operation's name.
  void setName(StringRef stem) { name = stem.str(); }
  /// Ends the kernel and launches it with `grid` workgroups (up to three index
  /// values) of `dynamicLds` bytes, or launches an equal one that the module
  /// has already.
  void enqueue(ValueRange grid, int64_t dynamicLds = 0);
  /// The same, and erases the operation.
  void launch(ValueRange grid);
  /// The kernel has instructions of the target's architecture alone, which
  /// later ones do not have, and one workgroup has a compute unit for itself.
  void useArchitectureFeatures();
  /// A thread has no more registers than these, on NVIDIA GPUs.
  void limitRegisters(int64_t registers);
  /// Lets the kernel start while the launch just before it still runs, where
  /// the target can. What is built from here on may load what that does not
  /// write: all before that has ended, and is seen, when this kernel starts, as
  /// kernels let others start only when they have waited themselves.
  void startEarly();
  /// Waits for the launch just before, after which all may be read and written,
  /// and lets the next one start. A thread may end without this, but not all:
  /// the launch after the next takes it that one has waited.
  void awaitLaunchBefore();

  //===--------------------------------------------------------------------===//
  // Threads
  //===--------------------------------------------------------------------===//

  Value thread();                    ///< number in the workgroup, i32
  Value workgroup(unsigned dim = 0); ///< i32
  Value wave();                      ///< number in the workgroup, i32
  Value laneInWave();                ///< i32
  Value zext64(Value value);
  /// The low 32 bits of a host value of type index, which must be enough.
  Value parameter32(Value host);
  /// `value < bound` for unsigned numbers.
  Value below(Value value, int64_t bound);
  Value isNonZero(Value value);
  Value isZero(Value value);
  void barrier();
  /// Loads built before this, unless of constant data, are issued before what
  /// follows: they are not moved into branches where alone they are used.
  void issueLoads();
  /// Values under a condition; else those of `otherwise`.
  SmallVector<Value> ifElse(Value condition,
                            function_ref<SmallVector<Value>()> then,
                            ValueRange otherwise);
  /// Values that either function gives.
  SmallVector<Value> ifElse(Value condition,
                            function_ref<SmallVector<Value>()> then,
                            function_ref<SmallVector<Value>()> otherwise);
  /// A loop from `begin` while below `end` (i32) by `step` that carries a
  /// value.
  Value loop(Value begin, Value end, int64_t step, Value init,
             function_ref<Value(Value, Value)> body);

  //===--------------------------------------------------------------------===//
  // Memory
  //===--------------------------------------------------------------------===//

  /// Offset of the row whose leading indices are `indices` (i32).
  Value rowOffset(const Buffer &buffer, ValueRange indices);
  /// Leading indices of row number `row` of the dimensions `first` up to the
  /// last but `inner` of `memref`.
  SmallVector<Value> rowIndices(Value memref, Value row, int64_t first = 0,
                                int64_t inner = 1);
  /// Address of the element at `offset` + `column`, either of which may be
  /// null.
  Value address(const Buffer &buffer, Value offset, Value column);
  /// `lanes` elements (a scalar for 1) at `offset` + `column`; `offset` (i64)
  /// is the same for all threads of a wave, `column` (i32) is not. Constant
  /// data is written by nothing while the kernel runs, from where it waits on
  /// if it starts early.
  Value load(const Buffer &buffer, Value offset, Value column, int64_t lanes,
             bool constant = false);
  /// The i32 or i64 at `offset` + `column`, as i64.
  Value loadInteger(const Buffer &buffer, Value offset, Value column = Value());
  /// As `load`, extended to f32.
  Value loadF32(const Buffer &buffer, Value offset, Value column, int64_t lanes,
                bool constant = false);
  void store(Value value, const Buffer &buffer, Value offset, Value column);
  /// Rounds f32 to the buffer's elements and stores them.
  void storeF32(Value value, const Buffer &buffer, Value offset, Value column);

  /// Address of the i32 number `index` in LDS memory `name` of `bytes` bytes.
  Value ldsAddress(StringRef name, int64_t bytes, Value index);
  /// Address of the LDS memory whose size the launch says.
  Value dynamicLds();

  //===--------------------------------------------------------------------===//
  // Across lanes
  //===--------------------------------------------------------------------===//

  using Combine = function_ref<Value(Value, Value)>;

  /// Combines a scalar (i32 or f32) over each aligned group of `lanes` lanes, a
  /// power of two; every lane gets the result. The order is fixed.
  Value reduceLanes(Value scalar, int64_t lanes, Combine combine);
  /// Combines a scalar over the workgroup; every thread gets the result.
  Value reduceWorkgroup(Value scalar, Combine combine);
  /// Numbers (i32) of the threads before this one and of all threads of the
  /// workgroup for which `condition` holds. A barrier must come between two
  /// counts. All loads of the workgroup that the condition depends on come
  /// before all stores after the count.
  std::pair<Value, Value> countThreads(Value condition);
  /// The same for the lanes of a wave, without a barrier.
  std::pair<Value, Value> countLanes(Value condition);
  /// The lanes of the wave for which `condition` holds, as bits: i64 on AMD,
  /// i32 on NVIDIA.
  Value ballot(Value condition);
  /// The value of the lane whose number differs by xor `distance`.
  Value shuffleXor(Value scalar, int64_t distance);
  /// The value of lane number `lane` (i32).
  Value shuffleFrom(Value scalar, Value lane);

  //===--------------------------------------------------------------------===//
  // Leaves that differ between targets
  //===--------------------------------------------------------------------===//

  /// 1 / sqrt(value), within 2 units in the last place.
  Value rsqrt(Value value);
  Value fma(Value a, Value b, Value c);
  Value intrinsic(StringRef name, Type result, ValueRange operands);
  /// Inline assembly with side effects, in LLVM's syntax; null without results.
  Value assembly(TypeRange results, StringRef text, StringRef constraints,
                 ValueRange operands);
  /// The pattern of the largest magnitude of a vector of f32 or bf16, of what
  /// takes part in amax, as f32 has it.
  Value amax(SchemeAttr scheme, Value value);
  /// Elements of a vector of f32 or bf16 as `lm::encodeElements` defines them,
  /// by the target's converts where it has them: an i8 vector.
  Value encode(SchemeAttr scheme, Value value, const BlockScale &scale);

private:
  /// AMD: the value of the lane that a DPP control names.
  Value moveLanes(Value scalar, int64_t control);
  Value encodeFp4Codes(SchemeAttr scheme, Value value, const BlockScale &scale);
  /// bf16 `value` is encoded without becoming f32, two elements to a register.
  bool isPackedBf16(SchemeAttr scheme, Value value);
  /// AMD: codes by the convert `name`, which takes what `pairAt` gives for the
  /// lanes from an even one on.
  Value convertToFp4(StringRef name, int64_t lanes, const BlockScale &scale,
                     function_ref<SmallVector<Value>(int64_t)> pairAt);
  Value encodeFp4Packed(Value value, const BlockScale &scale);
  Value constant16(int64_t pattern, Value like);
  Value encodeFp4(SchemeAttr scheme, Value value, const BlockScale &scale);
  Value encodeFp8(SchemeAttr scheme, Value value, const BlockScale &scale);
  Value lane(Value vector, int64_t index);
  Value addParameter(Type type, Value host);

  Operation *op;
  gpu::GPUModuleOp kernels;
  const hipfuse::TargetInfo &target;
  int64_t threads;
  /// So that memory may change after the kernel's start.
  bool startsEarly = false;
  OpBuilder hostBuilder;
  gpu::GPUFuncOp kernel;
  SmallVector<Value> arguments; ///< host values, one per parameter
  llvm::DenseMap<Value, Value> parameters;
  llvm::DenseMap<std::pair<Value, int64_t>, Value> hostSizes;
  llvm::DenseMap<Value, unsigned> buffers;
  Value threadId;
  unsigned numReductions = 0;
  std::string name;
};

} // namespace mlir::lm

#endif // HIPFUSE_LIB_CONVERSION_LMTOGPU_KERNELBUILDER_H
