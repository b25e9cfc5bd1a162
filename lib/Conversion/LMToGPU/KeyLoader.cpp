//===-- KeyLoader.cpp - Brings keys from a cache to LDS -------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "KeyLoader.h"
#include "KeyTile.h"
#include "KeyWriter.h"

#include "hipfuse/Conversion/RowCode/Numerics.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

#include <numeric>

using namespace mlir;
using namespace mlir::lm;
using namespace mlir::lm::keytile;

/// Columns that rope turns, the last of a key: bf16 in every layout of bytes.
static constexpr int64_t kRopeColumns = 64;
/// Bytes of a key that no layout exceeds.
static constexpr int64_t kMaxKeyBytes = kRowBytes + kLineBytes;

KeyLoader::KeyLoader(KernelBuilder &b, MatrixUnit &unit,
                     AttentionKernel &kernel, const AttentionProblem &problem,
                     unsigned scope)
    : b(b), unit(unit), kernel(kernel), problem(problem), number(scope),
      scope(problem.scopes[scope]),
      copied(this->scope.layout == CacheLayout::Bf16 && !problem.a8w8),
      fp8(Float8E4M3FNType::get(b.getContext())), lane(b.laneInWave()),
      wave(b.wave()) {
  if (isa<Float8E4M3FNUZType>(elementOf(problem.q)) ||
      isa<Float8E4M3FNUZType>(elementOf(this->scope.cache)))
    fp8 = Float8E4M3FNUZType::get(b.getContext());
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

Value KeyLoader::rows(int64_t stage) {
  return unit.lds("key_rows_" + Twine(stage), kKeys * kRowBytes);
}

Value KeyLoader::lines(int64_t stage) {
  return unit.lds("key_lines_" + Twine(stage), kKeys * kLineBytes);
}

Value KeyLoader::indices(int64_t stage) {
  return unit.lds("key_indices_" + Twine(stage), kKeys * 4);
}

Value KeyLoader::noKey() {
  constexpr llvm::StringLiteral kName = "no_key";
  auto kernels =
      b.getInsertionBlock()->getParentOp()->getParentOfType<gpu::GPUModuleOp>();
  if (!kernels.lookupSymbol(kName)) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(kernels.getBody());
    auto zeros =
        b.getZeroAttr(RankedTensorType::get({kMaxKeyBytes}, b.getI8Type()));
    LLVM::GlobalOp::create(
        b, LLVM::LLVMArrayType::get(b.getI8Type(), kMaxKeyBytes),
        /*isConstant=*/true, LLVM::Linkage::Internal, kName, zeros,
        /*alignment=*/kChunkBytes, /*addrSpace=*/1);
  }
  auto pointer = LLVM::LLVMPointerType::get(b.getContext(), /*addressSpace=*/1);
  return LLVM::AddressOfOp::create(b, pointer, kName);
}

//===----------------------------------------------------------------------===//
// Entries
//===----------------------------------------------------------------------===//

Value KeyLoader::keyNumber() {
  if (copied)
    return b.remui(lane, kWaveKeys);
  return unit.placeOf(lane, filledKey).base;
}

Value KeyLoader::index(Value first) {
  Value ofWave = b.addi(first, b.muli(wave, b.i32(kWaveKeys)));
  return b.addi(ofWave, keyNumber());
}

Value KeyLoader::loadEntry(const AttentionWork &work, Value first, Value end) {
  Value key = index(first);
  Value exists = b.cmpi(arith::CmpIPredicate::slt, key, end);
  // Beyond all lists is beyond the work, too.
  return kernel.loadEntry(work, number, b.select(exists, key, b.i32(kNoKey)));
}

//===----------------------------------------------------------------------===//
// Keys
//===----------------------------------------------------------------------===//

int64_t KeyLoader::codeSteps() const {
  switch (scope.layout) {
  case CacheLayout::Bf16:
    return 0;
  case CacheLayout::Fp8:
    return problem.columns / kChunkBytes / 4;
  case CacheLayout::DsMla656:
  case CacheLayout::DsMla584:
    return (problem.columns - kRopeColumns) / kChunkBytes / 4;
  }
  llvm_unreachable("all layouts are handled");
}

int64_t KeyLoader::bf16Steps() const {
  int64_t columns = problem.columns - codeSteps() * 4 * kChunkBytes;
  return columns * 2 / kChunkBytes / 4;
}

SmallVector<Type> KeyLoader::stagedTypes() {
  SmallVector<Type> types;
  if (copied)
    return types;
  types.append(codeSteps(), b.vectorOf(b.getI32Type(), 4));
  types.append(bf16Steps(), b.vectorOf(b.getBF16Type(), 8));
  if (scope.layout == CacheLayout::DsMla656)
    types.push_back(b.vectorOf(b.getF32Type(), 4));
  if (scope.layout == CacheLayout::DsMla584)
    types.append(2, b.getI32Type());
  return types;
}

SmallVector<Value> KeyLoader::start(Value first, Value entry, int64_t stage) {
  Value ofScope = index(first);
  KeyPlace key = kernel.findKey(number, ofScope, entry);
  Value seen = b.select(key.visible, ofScope, b.i32(kNoKey));
  Value place = b.addi(b.muli(wave, b.i32(kWaveKeys)), keyNumber());
  LLVM::StoreOp::create(b, seen, unit.advance(indices(stage), b.shli(place, 2)),
                        4);
  Value nothing = noKey();
  auto select = [&](Value offset) {
    Value base = kernel.cache(number).pointer;
    return b.select(key.visible, unit.advance(base, offset), nothing);
  };
  Value pointer = select(key.offset);
  if (copied) {
    copyRows(pointer, stage);
    return {};
  }

  SmallVector<Value> staged;
  // The lane's chunk of four adjacent ones, or its pair of eight.
  Value quarter = unit.placeOf(lane, filledQuarter).base;
  auto load = [&](Type type, Value from, int64_t offset, int64_t alignment) {
    staged.push_back(
        LLVM::LoadOp::create(b, type, unit.advance(from, offset), alignment));
  };
  Value single = unit.advance(pointer, b.shli(quarter, 4));
  Value paired = unit.advance(pointer, b.shli(quarter, 5));
  SmallVector<Type> types = stagedTypes();
  int64_t codes = codeSteps();
  for (int64_t step = 0; step < codes; ++step)
    load(types[step], single, 4 * kChunkBytes * step, kChunkBytes);
  for (int64_t step = 0; step < bf16Steps(); ++step) {
    // Chunks of rows are stored in pairs, chunks of lines are not.
    bool inRow = codes * 4 * 2 + step * 4 < kRowChunks;
    int64_t ropeBegin = scope.layout == CacheLayout::DsMla656   ? 528
                        : scope.layout == CacheLayout::DsMla584 ? 448
                                                                : 0;
    if (inRow)
      load(types[codes + step], paired,
           ropeBegin + kChunkBytes * (step / 2 * 8 + step % 2), kChunkBytes);
    else
      load(types[codes + step], single, ropeBegin + 4 * kChunkBytes * step,
           kChunkBytes);
  }
  if (scope.layout == CacheLayout::DsMla656)
    load(types.back(), select(key.scales), 0, kChunkBytes);
  if (scope.layout == CacheLayout::DsMla584) {
    Value scales = select(key.scales);
    load(types.back(), scales, 0, 8);
    load(types.back(), scales, 4, 4);
  }
  return staged;
}

void KeyLoader::copyRows(Value pointer, int64_t stage) {
  Type i64 = b.getI64Type();
  Value address = LLVM::PtrToIntOp::create(b, i64, pointer);
  auto toPointer = [&](Value integer) -> Value {
    return LLVM::IntToPtrOp::create(b, pointer.getType(), integer);
  };
  // What is beyond the rows goes to LDS by lines, eight keys to a copy: the
  // lane that looks after a key knows where it is. The answers are waited for
  // before the first copy: LLVM counts copies where it counts answers of LDS,
  // but the hardware does not, and a wait for all but some of them would be too
  // short.
  int64_t lineSteps =
      problem.columns * 2 > kRowBytes ? kWaveKeys * kLineChunks / kLanes : 0;
  SmallVector<Value> sources;
  for (int64_t step = 0; step < lineSteps; ++step) {
    auto placeOf = [&](function_ref<int64_t(int64_t)> place) {
      return unit.placeOf(lane, place).base;
    };
    Value from =
        placeOf([&](int64_t lane) { return 4 * copiedLineKey(lane, step); });
    auto fetch = [&](Value bits) {
      Value half = arith::TruncIOp::create(b, b.getI32Type(), bits);
      return b.zext64(unit.recompute(b.intrinsic(
          "llvm.amdgcn.ds.bpermute", b.getI32Type(), {from, half})));
    };
    Value base = b.ori(fetch(address), b.shli(fetch(b.shrui(address, 32)), 32));
    Value chunk = placeOf([&](int64_t lane) {
      return kRowBytes + kChunkBytes * copiedLineChunk(lane, step);
    });
    sources.push_back(unit.advance(toPointer(base), b.zext64(chunk)));
  }

  Value bytes = unit.recompute(b.shli(lane, 4));
  Value row =
      unit.advance(rows(stage), b.muli(wave, b.i32(kWaveKeys * kRowBytes)));
  for (int64_t key = 0; key < kWaveKeys; ++key) {
    // A scalar address, and the chunk that belongs to where the lane's go.
    Value base =
        b.intrinsic("llvm.amdgcn.readlane.i64", i64, {address, b.i32(key)});
    Value chunk = arith::XOrIOp::create(
        b, bytes, b.i32(kChunkBytes * copiedChunk(0, key)));
    unit.copy(unit.advance(toPointer(base), b.zext64(chunk)),
              unit.advance(row, key * kRowBytes));
  }
  if (sources.empty())
    return;
  Value line =
      unit.advance(lines(stage), b.muli(wave, b.i32(kWaveKeys * kLineBytes)));
  for (auto [step, source] : llvm::enumerate(sources))
    unit.copy(source, unit.advance(line, step * kLanes * kChunkBytes));
}

//===----------------------------------------------------------------------===//
// Conversion
//===----------------------------------------------------------------------===//

static Value immediate(KernelBuilder &b, Type type, int64_t value) {
  return LLVM::ConstantOp::create(b, b.getIntegerAttr(type, value));
}

static Value element(KernelBuilder &b, Value vector, int64_t index) {
  return vector::ExtractOp::create(b, vector, ArrayRef<int64_t>{index});
}

/// The vector of the elements of small vectors.
static Value concatenate(KernelBuilder &b, ArrayRef<Value> parts) {
  SmallVector<Value> elements;
  for (Value part : parts)
    for (int64_t i = 0; i < cast<VectorType>(part.getType()).getNumElements();
         ++i)
      elements.push_back(element(b, part, i));
  return vector::FromElementsOp::create(
      b, b.vectorOf(elementOf(parts[0]), elements.size()), elements);
}

Value KeyLoader::decodeScaled(ArrayRef<Value> words, Value scale) {
  SmallVector<Value> pairs;
  for (Value word : words)
    for (int64_t half : {0, 1})
      pairs.push_back(
          b.intrinsic("llvm.amdgcn.cvt.scalef32.pk.bf16.fp8",
                      b.vectorOf(b.getBF16Type(), 2),
                      {word, scale, immediate(b, b.getI1Type(), half)}));
  return concatenate(b, pairs);
}

Value KeyLoader::decode(ArrayRef<Value> words, Type type) {
  if (isa<Float8E4M3FNType>(type))
    return decodeScaled(words, b.f32(1.0f));
  // The converts read the other FP8 type only.
  Value vector = vector::FromElementsOp::create(
      b, b.vectorOf(b.getI32Type(), words.size()), words);
  Value bytes = vector::BitCastOp::create(
      b, b.vectorOf(b.getI8Type(), 4 * words.size()), vector);
  return truncateTo(b, decodeFp8(b, bytes, type), b.getBF16Type());
}

/// The f32 values of FP8 codes.
static Value decodeF32(KernelBuilder &b, ArrayRef<Value> words) {
  SmallVector<Value> pairs;
  for (Value word : words)
    for (int64_t half : {0, 1})
      pairs.push_back(b.intrinsic("llvm.amdgcn.cvt.pk.f32.fp8",
                                  b.vectorOf(b.getF32Type(), 2),
                                  {word, immediate(b, b.getI1Type(), half)}));
  return concatenate(b, pairs);
}

Value KeyLoader::roundToFp8(Value value, Value scale) {
  int64_t lanes = cast<VectorType>(value.getType()).getNumElements();
  Value codes = encodeByTensor(b, fp8, value, scale ? scale : b.f32(1.0f));
  Value vector = vector::BitCastOp::create(
      b, b.vectorOf(b.getI32Type(), lanes / 4), codes);
  SmallVector<Value> words;
  for (int64_t i = 0; i < lanes / 4; ++i)
    words.push_back(element(b, vector, i));
  return decode(words, fp8);
}

Value KeyLoader::quantised(Value value) {
  if (!problem.a8w8)
    return value;
  return roundToFp8(extendToF32(b, value), kernel.valueFactor(number));
}

SmallVector<Value, 2> KeyLoader::convert(Value codes, int64_t step,
                                         ArrayRef<Value> scales) {
  SmallVector<Value, 2> chunks;
  for (int64_t half : {0, 1}) {
    Value words[] = {element(b, codes, 2 * half),
                     element(b, codes, 2 * half + 1)};
    if (scope.layout == CacheLayout::Fp8) {
      chunks.push_back(decode(words, elementOf(scope.cache)));
      continue;
    }
    Value value;
    if (scope.layout == CacheLayout::DsMla656) {
      // 128 columns, two steps, share a scale, any f32.
      Value scale = element(b, scales[0], step / 2);
      value = decodeF32(b, words);
      value =
          b.mulf(value, vector::BroadcastOp::create(b, value.getType(), scale));
      value = truncateTo(b, value, b.getBF16Type());
    } else {
      // A step's 64 columns share a scale, an exponent.
      Value byte = b.andi(b.shrui(scales[step / 4], step % 4 * 8), b.i32(255));
      value = decodeScaled(words, b.fromBits(b.shli(byte, 23)));
    }
    chunks.push_back(quantised(value));
  }
  return chunks;
}

void KeyLoader::finish(ArrayRef<Value> staged, int64_t stage) {
  if (copied)
    return;
  int64_t codes = codeSteps(), halves = bf16Steps();
  ArrayRef<Value> scales = staged.drop_front(codes + halves);
  Value rowMemory = rows(stage);
  Value rowOffset = b.muli(wave, b.i32(kWaveKeys * kRowBytes));
  LanePlace rowPlace = unit.placeOf(
      lane, [](int64_t lane) { return fill(lane, 0, 0); }, rowOffset);
  auto store = [&](Value chunk, Value address) {
    LLVM::StoreOp::create(b, chunk, address, kChunkBytes);
  };
  auto storeRow = [&](Value chunk, int64_t step, int64_t half) {
    store(chunk, unit.address(rowMemory, rowPlace,
                              fill(0, step, half) ^ fill(0, 0, 0)));
  };
  auto lineAddress = [&](function_ref<int64_t(int64_t)> place) {
    return unit.address(
        lines(stage),
        unit.placeOf(lane, place, b.muli(wave, b.i32(kWaveKeys * kLineBytes))));
  };
  for (int64_t step = 0; step < codes; ++step) {
    SmallVector<Value, 2> pair = convert(staged[step], step, scales);
    if (step < kRowChunks / 8) {
      for (int64_t half : {0, 1})
        storeRow(pair[half], step, half);
      continue;
    }
    Value swaps = b.isNonZero(
        unit.placeOf(lane,
                     [](int64_t lane) -> int64_t { return swapsHalves(lane); })
            .base);
    for (int64_t half : {0, 1})
      store(
          b.select(swaps, pair[1 - half], pair[half]),
          lineAddress([&](int64_t lane) { return fillLinePair(lane, half); }));
  }
  for (int64_t step = 0; step < halves; ++step) {
    Value chunk = quantised(staged[codes + step]);
    int64_t first = codes * 8 + step * 4; // chunk of the key
    if (first < kRowChunks)
      storeRow(chunk, first / 8, step % 2);
    else
      store(chunk, lineAddress([&](int64_t lane) {
              return fillLine(lane, (first - kRowChunks) / 4);
            }));
  }
}

//===----------------------------------------------------------------------===//
// Two scopes
//===----------------------------------------------------------------------===//

TileLoader::TileLoader(KernelBuilder &b, MatrixUnit &unit,
                       AttentionKernel &kernel, const AttentionProblem &problem)
    : b(b) {
  for (unsigned scope = 0; scope < problem.scopes.size(); ++scope)
    loaders.emplace_back(b, unit, kernel, problem, scope);
  const ScopeOperands &one = problem.scopes.front();
  const ScopeOperands &other = problem.scopes.back();
  shareStaged = one.layout == other.layout;
  shareFinish = shareStaged && !problem.a8w8 &&
                elementOf(one.cache) == elementOf(other.cache);
}

bool TileLoader::hasCopies() const {
  return llvm::any_of(
      loaders, [](const KeyLoader &loader) { return loader.isCopied(); });
}

Value TileLoader::isSecond(const AttentionWork &work, Value first) {
  return b.cmpi(arith::CmpIPredicate::sge, first, work.secondBegin);
}

Value TileLoader::select(const AttentionWork &work, Value first,
                         function_ref<Value(unsigned)> of) {
  if (loaders.size() == 1)
    return of(0);
  Value second = of(1), other = of(0);
  return other ? b.select(isSecond(work, first), second, other) : Value();
}

SmallVector<Value> TileLoader::branch(const AttentionWork &work, Value first,
                                      TypeRange types, Body body) {
  Value zero = b.i32(0);
  if (loaders.size() == 1)
    return body(loaders[0], zero);
  auto branch = scf::IfOp::create(b, types, isSecond(work, first),
                                  /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  auto fill = [&](Region &region, KeyLoader &loader, Value origin) {
    b.setInsertionPointToStart(&region.front());
    SmallVector<Value> values = body(loader, origin);
    if (!types.empty())
      scf::YieldOp::create(b, values);
  };
  fill(branch.getThenRegion(), loaders[1], work.secondBegin);
  fill(branch.getElseRegion(), loaders[0], zero);
  return SmallVector<Value>(branch.getResults());
}

Value TileLoader::loadEntry(const AttentionWork &work, Value first) {
  return branch(work, first, b.getI32Type(),
                [&](KeyLoader &loader, Value origin) {
                  return SmallVector<Value>{loader.loadEntry(
                      work, b.subi(first, origin), b.subi(work.end, origin))};
                })[0];
}

SmallVector<Type> TileLoader::stagedTypes() {
  SmallVector<Type> types = loaders[0].stagedTypes();
  if (!shareStaged)
    types.append(loaders[1].stagedTypes());
  return types;
}

SmallVector<Value> TileLoader::start(const AttentionWork &work, Value first,
                                     Value entry, int64_t stage) {
  SmallVector<Type> types = stagedTypes();
  return branch(work, first, types, [&](KeyLoader &loader, Value origin) {
    SmallVector<Value> staged =
        loader.start(b.subi(first, origin), entry, stage);
    if (shareStaged)
      return staged;
    // The other scope's come before or after.
    SmallVector<Value> all;
    size_t begin = &loader == &loaders[0] ? 0 : types.size() - staged.size();
    for (auto [i, type] : llvm::enumerate(types))
      all.push_back(i >= begin && i < begin + staged.size()
                        ? staged[i - begin]
                        : LLVM::UndefOp::create(b, type).getResult());
    return all;
  });
}

void TileLoader::finish(const AttentionWork &work, Value first,
                        ArrayRef<Value> staged, int64_t stage) {
  if (shareFinish)
    return loaders[0].finish(staged, stage);
  branch(work, first, {}, [&](KeyLoader &loader, Value) {
    size_t count = loader.stagedTypes().size();
    loader.finish(&loader == &loaders[0] ? staged.take_front(count)
                                         : staged.take_back(count),
                  stage);
    return SmallVector<Value>();
  });
}
