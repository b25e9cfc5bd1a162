//===-- device_api.cpp - The C API of devices -----------------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "handles.h"

#include <algorithm>

using namespace hipfuse::rt;

Status hipfuse::rt::nullArgument(const char *call, const char *argument) {
  return Status::error(HIPFUSE_RT_INVALID_ARGUMENT, "%s: '%s' is null", call,
                       argument);
}

//===----------------------------------------------------------------------===//
// Devices
//===----------------------------------------------------------------------===//

hipfuse_rt_status_t hipfuse_rt_enumerate_devices(size_t capacity,
                                                 hipfuse_rt_device_info *infos,
                                                 size_t *count) {
  HIPFUSE_RT_REQUIRE(count);
  if (capacity)
    HIPFUSE_RT_REQUIRE(infos);
  return guarded([&] {
    std::vector<hipfuse_rt_device_info> found;
    HIPFUSE_RT_RETURN_IF_ERROR(enumerateDevices(found));
    std::copy_n(found.begin(), std::min(capacity, found.size()), infos);
    *count = found.size();
    return Status();
  });
}

static Status openHandle(const char *name, const char *library,
                         hipfuse_rt_device_t **device) {
  auto opened = std::make_unique<hipfuse_rt_device>();
  HIPFUSE_RT_RETURN_IF_ERROR(openDevice(name, library, opened->device));
  *device = opened.release();
  return Status();
}

hipfuse_rt_status_t hipfuse_rt_device_open(const char *name,
                                           hipfuse_rt_device_t **device) {
  HIPFUSE_RT_REQUIRE(name);
  HIPFUSE_RT_REQUIRE(device);
  return guarded([&] { return openHandle(name, nullptr, device); });
}

hipfuse_rt_status_t
hipfuse_rt_device_open_with_library(const char *name, const char *library,
                                    hipfuse_rt_device_t **device) {
  HIPFUSE_RT_REQUIRE(name);
  HIPFUSE_RT_REQUIRE(library);
  HIPFUSE_RT_REQUIRE(device);
  return guarded([&] { return openHandle(name, library, device); });
}

const char *hipfuse_rt_device_name(const hipfuse_rt_device_t *device) {
  return device->device->name();
}

const hipfuse_rt_device_info *
hipfuse_rt_device_get_info(const hipfuse_rt_device_t *device) {
  return &device->device->info();
}

void hipfuse_rt_device_close(hipfuse_rt_device_t *device) { delete device; }

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

hipfuse_rt_status_t hipfuse_rt_device_allocate(hipfuse_rt_device_t *device,
                                               uint64_t size, void **memory) {
  HIPFUSE_RT_REQUIRE(device);
  HIPFUSE_RT_REQUIRE(memory);
  return guarded([&] {
    void *allocated = nullptr;
    if (size)
      HIPFUSE_RT_RETURN_IF_ERROR(device->device->allocate(size, allocated));
    *memory = allocated;
    return Status();
  });
}

hipfuse_rt_status_t hipfuse_rt_device_free(hipfuse_rt_device_t *device,
                                           void *memory) {
  HIPFUSE_RT_REQUIRE(device);
  return guarded(
      [&] { return memory ? device->device->free(memory) : Status(); });
}

hipfuse_rt_status_t hipfuse_rt_device_copy_to(hipfuse_rt_device_t *device,
                                              void *destination,
                                              const void *source,
                                              uint64_t size) {
  HIPFUSE_RT_REQUIRE(device);
  if (size == 0)
    return nullptr;
  HIPFUSE_RT_REQUIRE(destination);
  HIPFUSE_RT_REQUIRE(source);
  return guarded(
      [&] { return device->device->copyTo(destination, source, size); });
}

hipfuse_rt_status_t hipfuse_rt_device_copy_from(hipfuse_rt_device_t *device,
                                                void *destination,
                                                const void *source,
                                                uint64_t size) {
  HIPFUSE_RT_REQUIRE(device);
  if (size == 0)
    return nullptr;
  HIPFUSE_RT_REQUIRE(destination);
  HIPFUSE_RT_REQUIRE(source);
  return guarded(
      [&] { return device->device->copyFrom(destination, source, size); });
}

hipfuse_rt_status_t hipfuse_rt_device_fill(hipfuse_rt_device_t *device,
                                           void *destination, uint8_t value,
                                           uint64_t size) {
  HIPFUSE_RT_REQUIRE(device);
  if (size == 0)
    return nullptr;
  HIPFUSE_RT_REQUIRE(destination);
  return guarded(
      [&] { return device->device->fill(destination, value, size); });
}

//===----------------------------------------------------------------------===//
// Streams
//===----------------------------------------------------------------------===//

hipfuse_rt_status_t hipfuse_rt_stream_create(hipfuse_rt_device_t *device,
                                             void **stream) {
  HIPFUSE_RT_REQUIRE(device);
  HIPFUSE_RT_REQUIRE(stream);
  return guarded([&] { return device->device->createStream(*stream); });
}

hipfuse_rt_status_t hipfuse_rt_stream_destroy(hipfuse_rt_device_t *device,
                                              void *stream) {
  HIPFUSE_RT_REQUIRE(device);
  return guarded([&] {
    return stream ? device->device->destroyStream(stream) : Status();
  });
}

hipfuse_rt_status_t hipfuse_rt_stream_synchronize(hipfuse_rt_device_t *device,
                                                  void *stream) {
  HIPFUSE_RT_REQUIRE(device);
  return guarded([&] { return device->device->synchronize(stream); });
}

hipfuse_rt_status_t hipfuse_rt_stream_copy(hipfuse_rt_device_t *device,
                                           void *stream, void *destination,
                                           const void *source, uint64_t size) {
  HIPFUSE_RT_REQUIRE(device);
  if (size == 0)
    return nullptr;
  HIPFUSE_RT_REQUIRE(destination);
  HIPFUSE_RT_REQUIRE(source);
  return guarded([&] {
    TraceScope scope(device->device->trace(), "copy", "copy", stream);
    return device->device->copy(stream, destination, source, size);
  });
}

//===----------------------------------------------------------------------===//
// Graphs
//===----------------------------------------------------------------------===//

hipfuse_rt_status_t hipfuse_rt_graph_begin_capture(hipfuse_rt_device_t *device,
                                                   void *stream) {
  HIPFUSE_RT_REQUIRE(device);
  HIPFUSE_RT_REQUIRE(stream);
  return guarded([&] { return device->device->beginCapture(stream); });
}

hipfuse_rt_status_t hipfuse_rt_graph_end_capture(hipfuse_rt_device_t *device,
                                                 void *stream,
                                                 hipfuse_rt_graph_t **graph) {
  HIPFUSE_RT_REQUIRE(device);
  HIPFUSE_RT_REQUIRE(stream);
  HIPFUSE_RT_REQUIRE(graph);
  return guarded([&] {
    auto captured = std::make_unique<hipfuse_rt_graph>();
    captured->device = device->device;
    HIPFUSE_RT_RETURN_IF_ERROR(
        device->device->endCapture(stream, captured->graph));
    *graph = captured.release();
    return Status();
  });
}

hipfuse_rt_status_t hipfuse_rt_graph_launch(hipfuse_rt_graph_t *graph,
                                            void *stream) {
  HIPFUSE_RT_REQUIRE(graph);
  return guarded([&] {
    TraceScope scope(graph->device->trace(), "graph", "graph", stream);
    return graph->graph->launch(stream);
  });
}

void hipfuse_rt_graph_destroy(hipfuse_rt_graph_t *graph) { delete graph; }

//===----------------------------------------------------------------------===//
// Events
//===----------------------------------------------------------------------===//

hipfuse_rt_status_t hipfuse_rt_event_create(hipfuse_rt_device_t *device,
                                            hipfuse_rt_event_t **event) {
  HIPFUSE_RT_REQUIRE(device);
  HIPFUSE_RT_REQUIRE(event);
  return guarded([&] {
    auto created = std::make_unique<hipfuse_rt_event>();
    created->device = device->device;
    HIPFUSE_RT_RETURN_IF_ERROR(device->device->createEvent(created->event));
    *event = created.release();
    return Status();
  });
}

hipfuse_rt_status_t hipfuse_rt_event_record(hipfuse_rt_event_t *event,
                                            void *stream) {
  HIPFUSE_RT_REQUIRE(event);
  return guarded([&] { return event->event->record(stream); });
}

hipfuse_rt_status_t hipfuse_rt_event_elapsed(hipfuse_rt_event_t *start,
                                             hipfuse_rt_event_t *end,
                                             double *milliseconds) {
  HIPFUSE_RT_REQUIRE(start);
  HIPFUSE_RT_REQUIRE(end);
  HIPFUSE_RT_REQUIRE(milliseconds);
  return guarded([&] {
    if (start->device != end->device)
      return Status::error(HIPFUSE_RT_INVALID_ARGUMENT,
                           "the events are of different devices");
    return start->event->elapsed(*end->event, *milliseconds);
  });
}

void hipfuse_rt_event_destroy(hipfuse_rt_event_t *event) { delete event; }

//===----------------------------------------------------------------------===//
// Trace
//===----------------------------------------------------------------------===//

hipfuse_rt_status_t hipfuse_rt_device_trace_start(hipfuse_rt_device_t *device,
                                                  const char *path) {
  HIPFUSE_RT_REQUIRE(device);
  HIPFUSE_RT_REQUIRE(path);
  return guarded([&] { return device->device->trace().start(path); });
}

hipfuse_rt_status_t hipfuse_rt_device_trace_stop(hipfuse_rt_device_t *device) {
  HIPFUSE_RT_REQUIRE(device);
  return guarded([&] { return device->device->trace().stop(); });
}
