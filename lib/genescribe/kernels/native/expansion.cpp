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

constexpr int A = 0, G = 2, T = 3, EDGE = 5, LETTERS = 6, MOST_CHANNELS = 61;
constexpr float NONE = -std::numeric_limits<float>::infinity();

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
void begin_columns(const GeneExpansion &x, const float *score, const int *b, int frame, float *columns) {
    const int codon = word(b[2], b[3], b[4]), before = b[1], second = b[0];
    const float start = score[0], donor = score[1], stop = score[3];
    const bool site = x.donor[word(b[2], b[3])] || before == EDGE;
    const bool t = before == T, ta = second == T && before == A, tg = second == T && before == G;
    // Beyond the edge may be what an intron carries, and may be anything else.
    const bool unseen = before == EDGE, half = second == EDGE;
    columns[0] = 0;
    for (int f = 0; f < 3; f++) columns[1 + f] = where(x.start[codon] && frame == f, start);
    columns[4] = where(x.stop[codon], stop);
    columns[5] = where(site, donor);
    columns[6] = where(site && !t, donor);
    columns[7] = where(site && (t || unseen), donor);
    columns[8] = where(site && !ta && !tg, donor);
    columns[9] = where(site && (ta || unseen || (half && before == A)), donor);
    columns[10] = where(site && (tg || unseen || (half && before == G)), donor);
}

void end_columns(const GeneExpansion &x, const float *score, const int *b, float *columns) {
    const bool site = x.acceptor[word(b[1], b[2])] || b[3] == EDGE;
    const float acceptor = score[2];
    columns[0] = 0;
    columns[1] = where(site, acceptor);
    columns[2] = where(site && !x.stop_inside[word(T, b[3], b[4])], acceptor);
    columns[3] = where(site && !x.stop_inside[word(T, A, b[3])], acceptor);
    columns[4] = where(site && !x.stop_inside[word(T, G, b[3])], acceptor);
}

}  // namespace
}  // namespace genescribe

using namespace genescribe;

extern "C" {

// 0, or 1: more channels than this is made for.
API int64_t genescribe_gene_expansion(const GeneExpansion *x) {
    if (x->channels > MOST_CHANNELS) return 1;
    const Around base{x->codes, x->length};
    const float nothing[4] = {};
    float content[MOST_CHANNELS + 3], begin[11], end[5];
    for (int64_t t = 0; t < x->length; t++) {
        const int frame = int((t + x->offset) % 3);
        const int around[5] = {base(t - 2), base(t - 1), base(t), base(t + 1), base(t + 2)};
        const float *scores = x->scores ? x->scores + t * x->signals : nothing;
        content_columns(*x, t, frame, x->stop_inside[word(around[0], around[1], around[2])] != 0, content);
        begin_columns(*x, scores, around, frame, begin);
        end_columns(*x, scores, around, end);
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
