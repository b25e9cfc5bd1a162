//===-- KeyTile.h - A tile of keys in LDS as matrix units read it -*- C++
//-*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Four waves of 64 lanes share a tile of 64 keys of bf16. A key is cut into
// chunks of 16 bytes: its first 64 are a row of 1 KiB in one array, the 8 that
// a key of 576 columns has beyond them a line of 128 bytes in another. Chunks
// trade places within 256 bytes, as wide as all banks, so that no two lanes
// that LDS serves in one cycle meet in a bank, whether a key is read along its
// columns, across keys, or written.
//
// Every place is linear in the bits of the lane and of the other numbers, with
// exclusive or for the sum: `foldLane` relies on that, and tests try all.
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_LIB_CONVERSION_LMTOGPU_KEYTILE_H
#define HIPFUSE_LIB_CONVERSION_LMTOGPU_KEYTILE_H

#include <cstdint>

namespace mlir::lm::keytile {

inline constexpr int64_t kKeys = 64;       ///< of a tile
inline constexpr int64_t kWaves = 4;       ///< that share it
inline constexpr int64_t kWaveKeys = 16;   ///< that a wave fills and scores
inline constexpr int64_t kLanes = 64;      ///< of a wave
inline constexpr int64_t kChunkBytes = 16; ///< of 8 columns
inline constexpr int64_t kRowChunks = 64;  ///< of a key in the first array
inline constexpr int64_t kLineChunks = 8;  ///< of a key in the second
inline constexpr int64_t kRowBytes = kRowChunks * kChunkBytes;
inline constexpr int64_t kLineBytes = kLineChunks * kChunkBytes;
inline constexpr int64_t kWaveColumns = 128; ///< of the values, by wave

/// What is added, by exclusive or, to the number of a key's chunk.
int64_t rowSwizzle(int64_t key);
int64_t lineSwizzle(int64_t key);
/// Place of a chunk: in the first array, in the second one.
int64_t rowChunk(int64_t key, int64_t chunk);
int64_t lineChunk(int64_t key, int64_t chunk);
/// The key of a wave, 0 to 15, whose line is number `line`.
int64_t keyOfLine(int64_t line);

/// Byte that a lane reads of the keys of its wave, 16 bytes, for columns `32 *
/// step ..`: lane l has key l % 16 and the 8 columns from 8 * (l / 16) on.
/// Steps from 16 on read the second array.
int64_t scoreRead(int64_t lane, int64_t step);
/// Byte that a lane reads, 8 bytes, to get 16 columns of 16 keys transposed:
/// keys `16 * keyTile ..`, columns `16 * columnTile ..` of the wave's.
int64_t valueRead(int64_t lane, int64_t keyTile, int64_t columnTile);

/// The key of its wave, 0 to 15, that a lane fills where keys go through
/// registers, and the lane's number among the four of that key.
int64_t filledKey(int64_t lane);
int64_t filledQuarter(int64_t lane);
/// Chunk of its key that a lane fills in step `step`, half `half` of two
/// adjacent chunks. A step fills 8 chunks of a key.
int64_t filledChunk(int64_t lane, int64_t step, int64_t half);
/// The same for chunks of the second array: a step fills 4.
int64_t filledLineChunk(int64_t lane, int64_t step);
/// The same for pairs of chunks of the second array, all in one step. Lanes
/// that swap the halves store theirs in the other order.
int64_t filledLinePair(int64_t lane, int64_t half);
bool swapsHalves(int64_t lane);
/// Byte of its wave's keys where it stores that chunk, 16 bytes.
int64_t fill(int64_t lane, int64_t step, int64_t half);
int64_t fillLine(int64_t lane, int64_t step);
int64_t fillLinePair(int64_t lane, int64_t half);

/// Chunk that a lane copies from memory to chunk `lane` of the row of `key`.
int64_t copiedChunk(int64_t lane, int64_t key);
/// Key of its wave and chunk beyond the row that a lane copies to chunk `lane`
/// of the lines from `8 * step` on.
int64_t copiedLineKey(int64_t lane, int64_t step);
int64_t copiedLineChunk(int64_t lane, int64_t step);

/// Byte where a lane stores the weights of 4 keys of a head, 8 bytes, and where
/// the same lane of every wave reads them: as the keys `4 * (lane / 16) ..` of
/// a tile of 16 come out of the matrix unit, it takes them.
int64_t weightPlace(int64_t lane, int64_t keyTile);

} // namespace mlir::lm::keytile

#endif // HIPFUSE_LIB_CONVERSION_LMTOGPU_KEYTILE_H
