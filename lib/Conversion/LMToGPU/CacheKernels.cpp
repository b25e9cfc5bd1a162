//===-- CacheKernels.cpp - Kernels that write KV caches -------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Emitters.h"
#include "KeyWriter.h"

#include "hipfuse/Conversion/RowCode/Numerics.h"

using namespace mlir;
using namespace mlir::lm;

using IPredicate = arith::CmpIPredicate;

//===----------------------------------------------------------------------===//
// Parts
//===----------------------------------------------------------------------===//

/// Bytes of a token in `memrefs`, of which some may be empty: of all but the
/// first dimension, a dynamic one counting as 1.
static int64_t bytesPerToken(ArrayRef<Value> memrefs) {
  int64_t bytes = 0;
  for (Value memref : memrefs) {
    if (!memref)
      continue;
    auto type = cast<MemRefType>(memref.getType());
    int64_t elements = 1;
    for (int64_t dim : type.getShape().drop_front())
      elements *= ShapedType::isDynamic(dim) ? 1 : dim;
    bytes += elements * type.getElementTypeBitWidth() / 8;
  }
  return bytes;
}

/// Bytes that a token takes in a cache.
template <typename OpTy>
static int64_t cacheBytesPerToken(OpTy op) {
  auto type = cast<MemRefType>(op.getCache().getType());
  if (op.getLayout() == CacheLayout::DsMla584)
    return 584;
  return type.getShape().back() * type.getElementTypeBitWidth() / 8;
}

static Refusal emitMlaCacheWrite(MlaCacheWriteOp op, EmitterContext &context) {
  if (Refusal refusal = KeyWriter::refuse(op, context.target))
    return refusal;
  KernelBuilder b(op, context, kIndependentThreads,
                  getWidestVector(columnsOf(op.getKvC())));
  KeyWriter writer(b, op, /*rotated=*/Value());
  writer.write(b.workgroup(), /*rotation=*/nullptr);
  b.setBytesPerRow(bytesPerToken({op.getKvC(), op.getKPe()}) +
                   cacheBytesPerToken(op));
  b.launch(writer.hostGroups());
  return std::nullopt;
}

//===----------------------------------------------------------------------===//
// Queries
//===----------------------------------------------------------------------===//

/// Number of heads, all dimensions but the first and the last, of `memref`;
/// negative if it is dynamic.
static int64_t getNumHeads(Value memref) {
  auto type = cast<MemRefType>(memref.getType());
  int64_t heads = 1;
  for (int64_t dim : type.getShape().drop_front().drop_back())
    heads = ShapedType::isDynamic(dim) || heads < 0 ? -1 : heads * dim;
  return heads;
}

namespace {

/// Copies and rotates the heads of a query.
struct QueryWriter {
  QueryWriter(KernelBuilder &b, RopeMlaCacheWriteOp op,
              const HeadsConfig &config, const Rotation &rotation)
      : b(b), config(config), rotation(rotation), nopeRef(op.getQNope()),
        peRef(op.getQPe()), outRef(op.getQOut()), nope(b.buffer(nopeRef)),
        pe(b.buffer(peRef)), out(b.buffer(outRef)),
        scaleRef(b.buffer(op.getQScale())) {}

  /// Host: workgroups that the heads of a token take.
  Value hostGroupsPerToken();
  /// Writes the heads of workgroup `group`.
  void write(Value group);

private:
  /// Heads and pieces, `pieces` to each, that are this thread's turn `turn`.
  struct Turn {
    Value head, piece;
    Value present; ///< i1; empty if always
  };
  Turn turnOf(int64_t turn, int64_t pieces);
  Place placeIn(Value memref, const Buffer &buffer, Value head, Value column) {
    return placeOf(b, memref, buffer, token, firstHead, head, column);
  }
  void whenPresent(const Turn &turn, function_ref<void()> body) {
    if (turn.present)
      b.ifThen(turn.present, body);
    else
      body();
  }
  /// Stores f32 values at column `column` of head `head` of the result.
  void storeF32(Value value, Value head, Value column);

  KernelBuilder &b;
  const HeadsConfig &config;
  const Rotation &rotation;
  Value nopeRef, peRef, outRef;
  Buffer nope, pe, out, scaleRef;
  Value token, firstHead, scale;
  Value present; ///< heads of this workgroup; empty if all
};

} // namespace

Value QueryWriter::hostGroupsPerToken() {
  int64_t rank = pe.rank();
  return arith::CeilDivUIOp::create(b.host(), b.getLoc(),
                                    b.hostSize(peRef, 1, rank - 1),
                                    b.hostNumber(config.heads));
}

QueryWriter::Turn QueryWriter::turnOf(int64_t turn, int64_t pieces) {
  Turn result;
  int64_t threads = b.getThreads();
  if (threads % pieces == 0) {
    result.head =
        b.addi(b.divui(b.thread(), pieces), turn * (threads / pieces));
    result.piece = b.remui(b.thread(), pieces);
  } else {
    Value item = b.addi(b.thread(), turn * threads);
    result.head = b.divui(item, pieces);
    result.piece = b.remui(item, pieces);
  }
  if (present)
    result.present = b.cmpi(IPredicate::ult, result.head, present);
  else if ((turn + 1) * threads > config.heads * pieces)
    result.present = b.below(result.head, config.heads);
  return result;
}

void QueryWriter::storeF32(Value value, Value head, Value column) {
  Place place = placeIn(outRef, out, head, column);
  if (!scale)
    return b.storeF32(value, out, place.offset, place.column);
  b.store(encodeByTensor(b, out.type.getElementType(),
                         roundTo(b, value, pe.element), scale),
          out, place.offset, place.column);
}

void QueryWriter::write(Value group) {
  int64_t numHeads = getNumHeads(peRef);
  int64_t groups =
      llvm::divideCeil(std::max<int64_t>(numHeads, 0), config.heads);
  Value groupsPerToken =
      numHeads < 0 ? b.parameter32(hostGroupsPerToken()) : b.i32(groups);
  token = arith::DivUIOp::create(b, group, groupsPerToken);
  Value groupOfToken = arith::RemUIOp::create(b, group, groupsPerToken);
  firstHead = b.muli(groupOfToken, config.heads);
  if (numHeads != groups * config.heads) {
    Value all = numHeads < 0
                    ? b.parameter32(b.hostSize(peRef, 1, pe.rank() - 1))
                    : b.i32(numHeads);
    present = b.umin(b.subi(all, firstHead), b.i32(config.heads));
  }
  Value tableRow = rotation.tableRow(b, token);
  if (scaleRef)
    scale = b.load(scaleRef, Value(), Value(), 1, /*constant=*/true);

  // All that is copied is loaded before the table's row is waited for.
  SmallVector<Turn> copies;
  SmallVector<Value> copied, columns;
  for (int64_t i = 0; nope && i < config.copies(); ++i) {
    Turn turn = turnOf(i, config.columns / config.vector);
    columns.push_back(b.muli(turn.piece, config.vector));
    Value head = turn.head;
    // A thread without a head reads the last one, which is there.
    if (turn.present)
      head = b.umin(head, present ? b.subi(present, b.i32(1))
                                  : b.i32(config.heads - 1));
    Place place = placeIn(nopeRef, nope, head, columns.back());
    copied.push_back(b.load(nope, place.offset, place.column, config.vector));
    copies.push_back(turn);
  }
  int64_t pieces = rotation.config.pieces();
  for (int64_t i = 0; i * b.getThreads() < config.heads * pieces; ++i) {
    Turn turn = turnOf(i, pieces);
    whenPresent(turn, [&] {
      SmallVector<Value> values;
      SmallVector<Value, 2> at = rotation.columns(b, turn.piece);
      for (Value column : at)
        values.push_back(loadVectorF32(b, pe,
                                       placeIn(peRef, pe, turn.head, column),
                                       rotation.config.vector));
      auto rotated =
          rotation.rotate(b, tableRow, turn.piece, pe.element, values);
      for (auto [column, value] : llvm::zip(at, rotated))
        storeF32(value, turn.head, b.addi(column, config.columns));
    });
  }
  for (auto [turn, value, column] : llvm::zip(copies, copied, columns))
    whenPresent(turn, [&, turn = turn, value = value, column = column] {
      if (scale)
        return storeF32(extendToF32(b, asVector(b, value)), turn.head, column);
      Place place = placeIn(outRef, out, turn.head, column);
      b.store(value, out, place.offset, place.column);
    });
}

/// The first workgroups write keys, a wave each; the others some heads of a
/// token each.
static Refusal emitRopeMlaCacheWrite(RopeMlaCacheWriteOp op,
                                     EmitterContext &context) {
  if (Refusal refusal = KeyWriter::refuse(op, context.target))
    return refusal;
  SmallVector<Value> rows = {op.getQPe(), op.getQOut()};
  for (Value row : {op.getQNope(), op.getKRot()})
    if (row)
      rows.push_back(row);
  llvm::append_range(rows, op.getTables());
  if (Refusal refusal = refuseColumns(rows))
    return refusal;
  HeadsConfig config =
      getHeadsConfig(context.target, getNumHeads(op.getQPe()),
                     op.getQNope() ? columnsOf(op.getQNope()) : 0,
                     getRopeConfig(getRotatedColumns(op.getTables()),
                                   op.getStyle() == RopeStyle::NeoX));
  KernelBuilder b(op, context, config.threads,
                  getWidestVector(columnsOf(op.getKvC())));
  Rotation rotation = Rotation::of(b, op, /*inverse=*/false);
  KeyWriter keys(b, op, op.getKRot());
  QueryWriter query(b, op, config, rotation);

  // Keys come first: they take the longest.
  Value hostKeyGroups = keys.hostGroups();
  Value keyGroups = b.parameter32(hostKeyGroups);
  Value group = b.workgroup();
  Value isKey = b.cmpi(IPredicate::ult, group, keyGroups);
  Value isQuery = b.cmpi(IPredicate::uge, group, keyGroups);
  b.ifThen(isKey, [&] { keys.write(group, &rotation); });
  b.ifThen(isQuery, [&] { query.write(b.subi(group, keyGroups)); });

  b.setBytesPerRow(bytesPerToken({op.getQNope(), op.getQPe(), op.getQOut(),
                                  op.getKvC(), op.getKPe(), op.getKRot()}) +
                   cacheBytesPerToken(op));
  OpBuilder &host = b.host();
  Value queryGroups =
      arith::MulIOp::create(host, op.getLoc(), b.hostSize(op.getQPe(), 0),
                            query.hostGroupsPerToken());
  Value grid =
      arith::AddIOp::create(host, op.getLoc(), hostKeyGroups, queryGroups);
  b.launch(grid);
  return std::nullopt;
}

void lm::addCacheEmitters(EmitterMap &emitters) {
  addEmitter<MlaCacheWriteOp, emitMlaCacheWrite>(emitters);
  addEmitter<RopeMlaCacheWriteOp, emitRopeMlaCacheWrite>(emitters);
}
