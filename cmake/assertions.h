// Included before everything else where Hipfuse has assertions and LLVM has
// none: the layout of llvm::Statistic depends on NDEBUG, and must be LLVM's
// own.
#ifndef NDEBUG
#define NDEBUG
#include "llvm/ADT/Statistic.h"
#undef NDEBUG
#include <cassert>
#endif
