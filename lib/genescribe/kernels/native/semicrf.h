// The C interface of the native semi-Markov kernels, and what its parts share.
//
// Arrays are contiguous, row major, float64; -inf forbids. Equations and names: blocked/layout.py. Scores of a chain are
// kept as remainders of the size of one block, next to whole numbers per block, which float64 holds exactly.
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

// Expected counts of one chain, in the shapes of the scores, and messages (n + 1, C). Null: not wanted. With `places`,
// ascending boundaries, `entry` and `onward` are of these alone, (count, C).
struct Counts {
    double *content, *begin, *end, *arrive, *depart, *whole;
    double *transition, *duration, *tail, *start, *final_;
    double *entry, *leave, *onward;
    const int64_t *places;
    int64_t count;
};

// One layer of local features: see local.h. Rows past both ends of the input are zero. `before` and `after` (rows,
// outputs) may be null, `after` may be the input.
struct LocalLayer {
    int64_t rows, inputs, outputs, taps;
    const float *input;                  // (rows, inputs)
    const float *weights;                // (taps, inputs, outputs)
    const float *bias, *gain, *shift;    // (outputs)
    const float *before, *after;
    float *output;                       // (rows, outputs)
    float epsilon;
};

// One direction of a layer of an LSTM: see lstm.h. Gates in the order input, forget, cell, output.
struct LstmLayer {
    int64_t batch, steps, inputs, hidden;
    int64_t stride;                      // floats between the outputs of two steps
    int64_t leftward;                    // 1: from each sequence's last step to its first
    const int64_t *lengths;              // (batch)
    const float *input;                  // (batch, steps, inputs)
    const float *weights;                // (inputs, 4 hidden)
    const float *recurrent;              // (hidden, 4 hidden)
    const float *bias;                   // (4 hidden)
    float *output;                       // (batch, steps, hidden) at `stride`; steps past a length are not touched
};

// Rows times a matrix, plus a bias.
struct LinearMap {
    int64_t rows, inputs, outputs;
    const float *input;    // (rows, inputs)
    const float *weights;  // (inputs, outputs)
    const float *bias;     // (outputs)
    float *output;         // (rows, outputs)
};

// Log posteriors of channels from logits, with a share `floor` > 0 of doubt: see rows.h.
struct LogPosteriors {
    int64_t rows, channels;
    const float *logits;         // (rows, channels)
    const uint8_t *noncoding;    // (channels): 1 where a channel is not coding
    float *output;               // (rows, channels)
    double floor, share;
};

// Of an array: the least score that is not -inf, the largest, and 0 unless one is NaN or +inf.
struct Extent {
    double least, most, poison;
};
}

namespace genescribe {

constexpr int SIZE = 32;           // bases per block
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
    double growth;                 // nats per base by which exponentials of all paths may grow, the content aside
    int most_blocks;               // the largest of `blocks`
};

// What one part of a chain tells the next: scores at boundary t. Entries are counted from S = 0 there, which takes
// `origin` out of W, and A is less `total`.
struct Message {
    int64_t boundary;                        // t
    double total;
    double *entries;                         // (C, past SIZE): W of the last bases, NEVER where cut off
    double *rest, *rest_source;              // (C): best older W, its durations included, and where it begins
    double *parting, *parting_source;        // (C): best W + depart of a censored last segment, and where it begins
    double *leave;                           // (C): A
    double *origin;                          // (C)
    double *open;                            // (C): 1 while no base before t is forbidden
};

// What is kept of a part to walk back through it, bases and blocks counted from its start.
struct Trace {
    int64_t first_base, length, blocks, past;  // past: blocks of the parts before whose entries are repeated here
    double *sources;                           // (C, past + blocks, SIZE): W less `base`
    double *base;                              // (past + blocks, C)
    double *leave;                             // (blocks SIZE, C): A less `offset`
    double *offset;                            // (blocks)
    double *rest, *rest_source;                // (blocks, C)
    double *alive;                             // (blocks SIZE, C): first boundary from which a segment covers a base, or null
    double *origin, *open;                     // (C): as in the message before
};

// What one instruction set offers. `prepare` gives what the chains of one model share; `expectation` returns log Z.
struct Kernels {
    void *(*prepare)(const Table &);
    void (*release)(void *);
    double (*expectation)(const Table &, const void *, const Chain &, const Counts &);
    void *(*prepare_best)(const Table &);
    void (*release_best)(void *);
    void (*best_part)(const Table &, const void *, const Chain &, Message &, Trace &);
    void (*local_layer)(const LocalLayer &);
    void (*lstm_layer)(const LstmLayer &);
    void (*log_posteriors)(const LogPosteriors &);
    Extent (*extent)(const double *, int64_t);
    void (*linear_map)(const LinearMap &);
    int lanes;  // of floats: `outputs` and `hidden` must be multiples
};

const Kernels &kernels(const char *name);  // the best of this processor, or the one named

extern const Kernels kernels_baseline;
#if defined(__x86_64__) && defined(__GNUC__)
#define GENESCRIBE_X86 1
extern const Kernels kernels_avx2, kernels_avx512;
#endif

}  // namespace genescribe
