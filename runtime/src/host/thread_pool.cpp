//===-- thread_pool.cpp - Threads that share the iterations of a loop -----===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "host/thread_pool.h"

#include <algorithm>
#include <chrono>

using namespace hipfuse::rt;

namespace {

/// More chunks than threads, so that a thread which lost its CPU for a while
/// leaves the rest to the others.
constexpr uint64_t chunksPerThread = 4;

/// How long an idle thread watches for the next loop before it sleeps. Waking
/// a sleeping thread costs about as much as a tenth of this.
constexpr std::chrono::microseconds spinTime(50);

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

/// Calls `done` until it is true or the spin time is over.
template <typename Done>
bool spinUntil(Done done) {
  auto start = std::chrono::steady_clock::now();
  for (;;) {
    // Reading the clock takes some ten pauses; do not do it every time.
    for (int i = 0; i < 32; ++i) {
      if (done())
        return true;
      pause();
    }
    if (std::chrono::steady_clock::now() - start >= spinTime)
      return done();
  }
}

uint32_t loopOf(uint64_t ticket) { return static_cast<uint32_t>(ticket >> 32); }

} // namespace

ThreadPool::ThreadPool(unsigned threads, bool spin) : spin(spin) {
  workers.reserve(threads - 1);
  try {
    for (unsigned i = 1; i < threads; ++i)
      workers.emplace_back([this] { work(); });
  } catch (...) {
    stop();
    throw;
  }
}

ThreadPool::~ThreadPool() { stop(); }

void ThreadPool::stop() noexcept {
  {
    std::lock_guard<std::mutex> lock(mutex);
    stopping.store(true);
  }
  newLoop.notify_all();
  for (std::thread &worker : workers)
    worker.join();
  workers.clear();
}

void ThreadPool::work() noexcept {
  uint32_t seen = 0;
  for (;;) {
    seen = waitForNewLoop(seen);
    if (stopping.load(std::memory_order_relaxed))
      return;
    if (runChunks(seen) && callerSleeps.load()) {
      // The lock orders this after the caller's check of `pending`.
      {
        std::lock_guard<std::mutex> lock(mutex);
      }
      loopDone.notify_one();
    }
  }
}

uint32_t ThreadPool::waitForNewLoop(uint32_t seen) noexcept {
  auto ready = [&] { return loopOf(ticket.load()) != seen || stopping.load(); };
  if (!(spin && spinUntil(ready))) {
    std::unique_lock<std::mutex> lock(mutex);
    // Either this thread sees the new ticket, or parallelFor sees the sleeper:
    // both stores come before both loads in one total order.
    sleepers.fetch_add(1);
    newLoop.wait(lock, ready);
    sleepers.fetch_sub(1);
  }
  return loopOf(ticket.load());
}

/// Runs chunks of loop number `loop` until none is left to claim. Returns true
/// if this thread finished the loop's last chunk.
bool ThreadPool::runChunks(uint32_t loop) noexcept {
  bool last = false;
  uint64_t current = ticket.load(std::memory_order_acquire);
  for (;;) {
    if (loopOf(current) != loop)
      return last;
    uint32_t index = static_cast<uint32_t>(current);
    if (index >= numChunks.load(std::memory_order_relaxed))
      return last;
    Body function = body.load(std::memory_order_relaxed);
    void *context = ctx.load(std::memory_order_relaxed);
    int64_t from = begin.load(std::memory_order_relaxed);
    int64_t to = end.load(std::memory_order_relaxed);
    int64_t step = chunk.load(std::memory_order_relaxed);
    if (!ticket.compare_exchange_weak(current, current + 1,
                                      std::memory_order_acq_rel,
                                      std::memory_order_acquire))
      continue;
    // Unsigned: a range may be wider than half of the 64-bit numbers.
    uint64_t offset = uint64_t(index) * uint64_t(step);
    uint64_t length =
        std::min(uint64_t(step), uint64_t(to) - uint64_t(from) - offset);
    int64_t first = static_cast<int64_t>(uint64_t(from) + offset);
    function(context, first, static_cast<int64_t>(uint64_t(first) + length));
    last = pending.fetch_sub(1) == 1;
    current = ticket.load(std::memory_order_acquire);
  }
}

void ThreadPool::parallelFor(Body newBody, void *newCtx, int64_t newBegin,
                             int64_t newEnd, int64_t grain) noexcept {
  if (newBegin >= newEnd)
    return;
  uint64_t length = uint64_t(newEnd) - uint64_t(newBegin);
  uint64_t wanted = (workers.size() + 1) * chunksPerThread;
  uint64_t step = std::max<uint64_t>((length - 1) / wanted + 1,
                                     grain < 1 ? 1 : uint64_t(grain));
  if (length <= step || workers.empty() ||
      busy.exchange(true, std::memory_order_acquire)) {
    newBody(newCtx, newBegin, newEnd);
    return;
  }

  uint32_t chunks = static_cast<uint32_t>((length - 1) / step + 1);
  body.store(newBody, std::memory_order_relaxed);
  ctx.store(newCtx, std::memory_order_relaxed);
  begin.store(newBegin, std::memory_order_relaxed);
  end.store(newEnd, std::memory_order_relaxed);
  chunk.store(static_cast<int64_t>(step), std::memory_order_relaxed);
  numChunks.store(chunks, std::memory_order_relaxed);
  pending.store(chunks, std::memory_order_relaxed);
  uint32_t loop = loopOf(ticket.load(std::memory_order_relaxed)) + 1;
  ticket.store(uint64_t(loop) << 32);
  if (unsigned asleep = sleepers.load()) {
    {
      std::lock_guard<std::mutex> lock(mutex);
    }
    if (chunks - 1 >= asleep) {
      newLoop.notify_all();
    } else {
      for (uint32_t i = 1; i < chunks; ++i)
        newLoop.notify_one();
    }
  }

  runChunks(loop);
  auto done = [&] { return pending.load() == 0; };
  if (!done() && !(spin && spinUntil(done))) {
    std::unique_lock<std::mutex> lock(mutex);
    callerSleeps.store(true);
    loopDone.wait(lock, done);
    callerSleeps.store(false);
  }
  busy.store(false, std::memory_order_release);
}
