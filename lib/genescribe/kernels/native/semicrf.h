// The C interface of the native semi-Markov kernels, and what its parts share.
//
// Arrays are contiguous, row major, float64; -inf forbids. Equations and names: blocked_layout.py. Scores of a chain are
// kept as remainders of the size of one block, next to whole numbers a block, which float64 holds exactly.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <new>

extern "C" {

// The scores that all chains share: C labels, durations 1..K, P transition matrices.
struct Model {
    int64_t labels, durations, period;
    const double *transition;      // (P, C, C), source first
    const double *duration;        // (K, C)
    const double *tail;            // (C)
    const double *start, *final_;  // (C)
    const int64_t *explicit_rows;  // (C) or null: rows of `duration` that each label uses
};

// One chain of n bases. Null: not given.
struct Chain {
    int64_t length, phase;
    const double *content;       // (n, C)
    const double *begin, *end;   // (n, C)
    const double *arrive;        // (n + 1, C)
    const double *depart;        // (n + 1, C)
    const double *whole;         // (C)
};

// Expected counts of one chain, in the shapes of the scores, and messages (n + 1, C). Null: not wanted.
struct Counts {
    double *content, *begin, *end, *arrive, *depart, *whole;
    double *transition, *duration, *tail, *start, *final_;
    double *entry, *leave, *onward;
};
}

namespace genescribe {

constexpr int SIZE = 32;           // bases a block
constexpr double NEVER = -1e300;   // log of zero: -inf would make NaN of a difference
constexpr double HARDLY = -1e290;  // anything below is zero
constexpr double TINY = 1e-250;    // a sum of exponentials below this is summed again in the log domain
constexpr double HUGE_ = 1e150;    // and one above this
constexpr double LARGE = 600.;     // so are products of exponentials whose scale is above this

// The model as the kernels read it. D(k) of label c is `scores[c * stride + k - 1]` up to k = (blocks[c] + 1) * SIZE.
struct Table {
    int labels, period;
    int64_t stride;
    const int *blocks;             // source blocks before its own that a block reads by duration, per label
    const int *reach;              // last explicit duration
    const int *shortest, *longest; // least and greatest possible duration within the table
    const double *scores;
    const double *tail;            // NEVER: none
    const double *ramp;            // (C, SIZE): tail times 1, 2, ...
    const double *onward;          // (C, SIZE): from the bases of the oldest explicit block to the block's end
    const double *transition;      // (P, C, C)
    const double *start, *final_;
    double growth;                 // nats a base by which exponentials of all paths may grow, the content aside
};

// What one instruction set offers. `prepare` gives what the chains of one model share; `expectation` returns log Z.
struct Kernels {
    void *(*prepare)(const Table &);
    void (*release)(void *);
    double (*expectation)(const Table &, const void *, const Chain &, const Counts &);
};

extern const Kernels kernels_baseline;
#if defined(__x86_64__) && defined(__GNUC__)
#define GENESCRIBE_X86 1
extern const Kernels kernels_avx2, kernels_avx512;
#endif

}  // namespace genescribe
