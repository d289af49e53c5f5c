// One instruction set's kernels: everything below lives in a namespace of its own, so that no function compiled for one
// processor can be linked in place of another's. Define ISA and WIDTH before.
namespace genescribe {
namespace ISA {
namespace {
#include "simd.h"
#include "tables.h"
#include "layout.h"
#include "sources.h"
#include "sum.h"
#include "durations.h"
#include "counts.h"
#include "best.h"
#include "dense.h"
#include "rows.h"
#include "local.h"
#include "lstm.h"
}  // namespace
}  // namespace ISA
}  // namespace genescribe
