//===-- thread_pool.h - Threads that share loops -------------- -*- C++ -*-===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HIPFUSE_RT_SRC_HOST_THREAD_POOL_H
#define HIPFUSE_RT_SRC_HOST_THREAD_POOL_H

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace hipfuse::rt {

/// Runs one loop at a time on a fixed number of threads, the calling one
/// included.
///
/// The range is cut into chunks whose borders depend only on the range, the
/// grain and the number of threads; threads then claim chunks one by one, so a
/// thread that the system does not schedule holds nobody up. Idle threads spin
/// for a short time, in which a decode step starts its next loop, and then
/// sleep. A loop allocates nothing.
///
/// While a loop runs, any other loop - from inside its body, or from another
/// thread that calls on the same device - runs on the thread that starts it.
class ThreadPool {
public:
  using Body = void (*)(void *ctx, int64_t begin, int64_t end);

  /// Starts `threads` - 1 workers; throws std::system_error if it cannot.
  /// `spin` says whether there is a CPU for each thread to wait on.
  ThreadPool(unsigned threads, bool spin);
  ~ThreadPool();
  ThreadPool(const ThreadPool &) = delete;
  ThreadPool &operator=(const ThreadPool &) = delete;

  void parallelFor(Body body, void *ctx, int64_t begin, int64_t end,
                   int64_t grain) noexcept;

private:
  void work() noexcept;
  void stop() noexcept;
  uint32_t waitForNewLoop(uint32_t seen) noexcept;
  bool runChunks(uint32_t loop) noexcept;

  const bool spin;

  /// Set while a loop is running.
  std::atomic<bool> busy{false};

  /// Number of the current loop (high half) and of chunks claimed in it (low
  /// half). A claim is a compare-and-swap of the whole word, so it can only
  /// succeed for the loop it was meant for.
  std::atomic<uint64_t> ticket{0};

  /// The current loop. Written before `ticket` announces it and not changed
  /// before all its chunks are done; a successful claim proves that what was
  /// read before it belonged to the claimed loop.
  std::atomic<Body> body{nullptr};
  std::atomic<void *> ctx{nullptr};
  std::atomic<int64_t> begin{0};
  std::atomic<int64_t> end{0};
  std::atomic<int64_t> chunk{0};
  std::atomic<uint32_t> numChunks{0};

  /// Chunks that are not done.
  std::atomic<uint32_t> pending{0};

  std::mutex mutex;
  std::condition_variable newLoop;
  std::condition_variable loopDone;
  std::atomic<unsigned> sleepers{0};
  std::atomic<bool> callerSleeps{false};
  std::atomic<bool> stopping{false};

  std::vector<std::thread> workers;
};

} // namespace hipfuse::rt

#endif // HIPFUSE_RT_SRC_HOST_THREAD_POOL_H
