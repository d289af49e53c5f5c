// Scores of channels and signals into those of the labels of the scheme `gene`: segment/gene_scores.py in C++.
#include <cmath>
#include <cstdint>
#include <limits>

#include "model.h"

extern "C" {

// A sequence of `length` bases; what lies beyond its ends is EDGE.
struct GeneExpansion {
    int64_t length, channels, signals, labels, codon, offset;  // codon: the channel of a codon's first base
    const uint8_t *codes;
    const float *content, *scores;                                          // (length, channels), (length, signals)
    const uint8_t *start, *stop, *stop_inside, *donor, *acceptor;           // by word, LETTERS^3 and LETTERS^2
    const int64_t *content_column, *begin_column, *end_column;              // (labels)
    double *found_content, *found_begin, *found_end;                        // (length, labels)
};
}

namespace genescribe {
namespace {

constexpr int A = 0, G = 2, T = 3, EDGE = 5, LETTERS = 6, MOST_CHANNELS = 61, SIGNALS = 4, PHASES = 3;
constexpr float NONE = -std::numeric_limits<float>::infinity();

// What donors and acceptors are worth by the bases of a codon before the intron: behind the signals, or nothing more.
struct Splice {
    float donor[PHASES], acceptor[PHASES];
    Splice(const float *score, bool phased) {
        for (int p = 0; p < PHASES; p++) {
            donor[p] = score[1] + (phased ? score[SIGNALS + p] : 0);
            acceptor[p] = score[2] + (phased ? score[SIGNALS + PHASES + p] : 0);
        }
    }
};

// Bases from two before a base to two behind it.
struct Around {
    const uint8_t *codes;
    int64_t length;
    int operator()(int64_t t) const { return t < 0 || t >= length ? EDGE : codes[t] & 7; }
};

inline int word(int a, int b, int c) { return LETTERS * (LETTERS * a + b) + c; }
inline int word(int a, int b) { return LETTERS * a + b; }
inline float where(bool allowed, float score) { return allowed ? score : NONE; }

void content_columns(const GeneExpansion &x, int64_t t, int frame, bool stopped, float *columns) {
    const float *content = x.content + t * x.channels;
    for (int64_t k = 0; k < x.channels; k++) columns[k] = content[k];
    for (int f = 0; f < 3; f++) {
        const int place = (frame + 3 - f) % 3;
        columns[x.channels + f] = where(!(stopped && place == 2), content[x.codon + place]);
    }
}

// The columns of `_begin` in gene_scores.py, in its order.
void begin_columns(const GeneExpansion &x, const float *score, const Splice &splice, const int *b, int frame,
                   float *columns) {
    const int codon = word(b[2], b[3], b[4]), before = b[1], second = b[0];
    const float start = score[0], stop = score[3], *donor = splice.donor;
    const bool site = x.donor[word(b[2], b[3])] || before == EDGE;
    const bool t = before == T, ta = second == T && before == A, tg = second == T && before == G;
    // Beyond the edge may be what an intron carries, and may be anything else.
    const bool unseen = before == EDGE, half = second == EDGE;
    columns[0] = 0;
    for (int f = 0; f < 3; f++) columns[1 + f] = where(x.start[codon] && frame == f, start);
    columns[4] = where(x.stop[codon], stop);
    columns[5] = where(site, donor[0]);
    columns[6] = where(site && !t, donor[1]);
    columns[7] = where(site && (t || unseen), donor[1]);
    columns[8] = where(site && !ta && !tg, donor[2]);
    columns[9] = where(site && (ta || unseen || (half && before == A)), donor[2]);
    columns[10] = where(site && (tg || unseen || (half && before == G)), donor[2]);
}

void end_columns(const GeneExpansion &x, const Splice &splice, const int *b, float *columns) {
    const bool site = x.acceptor[word(b[1], b[2])] || b[3] == EDGE;
    const float *acceptor = splice.acceptor;
    columns[0] = 0;
    for (int p = 0; p < PHASES; p++) columns[1 + p] = where(site, acceptor[p]);
    columns[4] = where(site && !x.stop_inside[word(T, b[3], b[4])], acceptor[1]);
    columns[5] = where(site && !x.stop_inside[word(T, A, b[3])], acceptor[2]);
    columns[6] = where(site && !x.stop_inside[word(T, G, b[3])], acceptor[2]);
}

}  // namespace
}  // namespace genescribe

using namespace genescribe;

extern "C" {

// 0, or 1: more channels than this is made for.
API int64_t genescribe_gene_expansion(const GeneExpansion *x) {
    if (x->channels > MOST_CHANNELS) return 1;
    const Around base{x->codes, x->length};
    const float nothing[SIGNALS] = {};
    const bool phased = x->scores && x->signals > SIGNALS;
    float content[MOST_CHANNELS + 3], begin[11], end[7];
    for (int64_t t = 0; t < x->length; t++) {
        const int frame = int((t + x->offset) % 3);
        const int around[5] = {base(t - 2), base(t - 1), base(t), base(t + 1), base(t + 2)};
        const float *scores = x->scores ? x->scores + t * x->signals : nothing;
        content_columns(*x, t, frame, x->stop_inside[word(around[0], around[1], around[2])] != 0, content);
        const Splice splice(scores, phased);
        begin_columns(*x, scores, splice, around, frame, begin);
        end_columns(*x, splice, around, end);
        const int64_t row = t * x->labels;
        for (int64_t c = 0; c < x->labels; c++) {
            x->found_content[row + c] = content[x->content_column[c]];
            x->found_begin[row + c] = begin[x->begin_column[c]];
            x->found_end[row + c] = end[x->end_column[c]];
        }
    }
    return 0;
}
}
