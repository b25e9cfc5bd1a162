//===-- Report.cpp - What hipfuse-bench prints ----------------------------===//
//
// Part of the Hipfuse Project, under the Apache License v2.0 with LLVM
// Exceptions. See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Report.h"

#include <cinttypes>
#include <cstdio>
#include <utility>
#include <vector>

using namespace hipfuse::tools;

static std::string format(const char *pattern, double value) {
  char text[64];
  std::snprintf(text, sizeof(text), pattern, value);
  return text;
}

/// Bytes per second that the median call moves.
static double rate(const Report &report) {
  return static_cast<double>(report.bytes) /
         (report.measurement.perCall.median * 1e-6);
}

/// Teraflops of the median call.
static double flopRate(const Report &report) {
  return static_cast<double>(report.flops) /
         (report.measurement.perCall.median * 1e6);
}

static void printText(const Report &report) {
  const Times &times = report.measurement.perCall;
  std::printf("%s(%s)\n", report.label.c_str(), report.arguments.c_str());
  std::printf("device: %s\n",
              report.note.empty()
                  ? (report.device + ": " + report.description).c_str()
                  : report.note.c_str());
  std::printf("method: %" PRIu32 " replays of %s %" PRIu32 " calls, %" PRIu32
              " set%s of %s MB\n",
              report.replays,
              report.measurement.isGraph ? "a graph of" : "single launches,",
              report.measurement.calls, report.sets,
              report.sets == 1 ? "" : "s",
              format("%.3f", double(report.setBytes) / 1e6).c_str());
  std::printf("time: median %.3f us, min %.3f us, p10 %.3f us, p90 %.3f us\n",
              times.median, times.min, times.p10, times.p90);
  std::printf("rate: %.1f GB/s of %.3f MB", rate(report) / 1e9,
              double(report.bytes) / 1e6);
  if (report.copyRate > 0)
    std::printf(", %.1f %% of a copy's %.1f GB/s",
                100 * rate(report) / report.copyRate, report.copyRate / 1e9);
  if (report.flops)
    std::printf(", %.1f TFLOP/s", flopRate(report));
  std::printf("\n");
}

/// A name and its value, which is a number or a text.
struct Field {
  std::string name;
  std::string value;
  bool isText;
};

static std::vector<Field> fieldsOf(const Report &report) {
  const Measurement &m = report.measurement;
  auto number = [](uint64_t value) { return std::to_string(value); };
  bool hasCopy = report.copyRate > 0;
  return {
      {"label", report.label, true},
      {"device", report.device, true},
      {"architecture", report.architecture, true},
      {"arguments", report.arguments, true},
      {"median_us", format("%.4f", m.perCall.median), false},
      {"min_us", format("%.4f", m.perCall.min), false},
      {"p10_us", format("%.4f", m.perCall.p10), false},
      {"p90_us", format("%.4f", m.perCall.p90), false},
      {"bytes", number(report.bytes), false},
      {"gb_per_s", format("%.2f", rate(report) / 1e9), false},
      {"copy_gb_per_s", hasCopy ? format("%.2f", report.copyRate / 1e9) : "",
       false},
      {"share_of_copy",
       hasCopy ? format("%.4f", rate(report) / report.copyRate) : "", false},
      {"tflop_per_s", report.flops ? format("%.3f", flopRate(report)) : "",
       false},
      {"method", m.isGraph ? "graph" : "launches", true},
      {"calls", number(m.calls), false},
      {"replays", number(report.replays), false},
      {"sets", number(report.sets), false},
      {"set_bytes", number(report.setBytes), false},
  };
}

/// RFC 4180: quotes around what needs them, and doubled inside.
static std::string csvText(const std::string &text) {
  if (text.find_first_of(",\"\n\r") == std::string::npos)
    return text;
  std::string quoted = "\"";
  for (char c : text)
    quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + '"';
}

static std::string jsonText(const std::string &text) {
  std::string quoted = "\"";
  for (char c : text) {
    char escaped[8];
    if (c == '"' || c == '\\')
      quoted += '\\';
    if (static_cast<unsigned char>(c) < 0x20) {
      std::snprintf(escaped, sizeof(escaped), "\\u%04x", c);
      quoted += escaped;
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

static void printCSV(const Report &report) {
  std::string names, values;
  for (const Field &field : fieldsOf(report)) {
    const char *separator = names.empty() ? "" : ",";
    names += separator + field.name;
    values += separator + csvText(field.value);
  }
  std::printf("%s\n%s\n", names.c_str(), values.c_str());
}

static void printJSON(const Report &report) {
  std::string text;
  for (const Field &field : fieldsOf(report)) {
    std::string value = field.value.empty() && !field.isText ? "null"
                        : field.isText ? jsonText(field.value)
                                       : field.value;
    text +=
        (text.empty() ? "" : ",") + ("\n  \"" + field.name + "\": ") + value;
  }
  std::printf("{%s\n}\n", text.c_str());
}

void hipfuse::tools::print(const Report &report, Format format) {
  switch (format) {
  case Format::Text:
    return printText(report);
  case Format::CSV:
    return printCSV(report);
  case Format::JSON:
    return printJSON(report);
  }
}
