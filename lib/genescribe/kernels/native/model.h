// The arrays behind a Table. For code that is compiled once, not once an instruction set.
#pragma once

#include <algorithm>
#include <cstddef>
#include <limits>
#include <vector>

#include "semicrf.h"

#ifdef __GNUC__
#define API __attribute__((visibility("default")))
#else
#define API
#endif

namespace genescribe {

inline double bounded(double x) { return x < HARDLY ? NEVER : x; }

// Log-sum of exp(x(i)), i < count.
template <typename Score>
inline double log_sum(int count, Score x) {
    double top = NEVER, total = 0;
    for (int i = 0; i < count; i++) top = std::max(top, x(i));
    if (top < HARDLY) return NEVER;
    for (int i = 0; i < count; i++) total += std::exp(x(i) - top);
    return top + std::log(total);
}

// Owns the arrays of a Table.
class Tables {
  public:
    explicit Tables(const Model &m) : C(int(m.labels)), blocks(C), reach(C), shortest(C), longest(C), tail(C) {
        for (int c = 0; c < C; c++) measure(m, c);
        int most = C ? *std::max_element(blocks.begin(), blocks.end()) : 0;
        stride = int64_t(most + 1) * SIZE;
        scores.assign(size_t(C) * stride, NEVER);
        ramp.assign(size_t(C) * SIZE, NEVER);
        onward.assign(size_t(C) * SIZE, NEVER);
        for (int c = 0; c < C; c++) fill(m, c);
        copy(m.transition, size_t(m.period) * C * C, &transition);
        copy(m.start, C, &start);
        copy(m.final_, C, &final_);
        table = {C, int(m.period), stride, blocks.data(), reach.data(), shortest.data(), longest.data(),
                 scores.data(), tail.data(), ramp.data(), onward.data(), transition.data(), start.data(),
                 final_.data(), 0., most};
    }

    Table table;

    // Bound the growth of exponentials: see growth in blocked/layout.py. Best begin and end score of each label.
    void bound_growth(const std::vector<double> &begin, const std::vector<double> &end) {
        std::vector<double> best(C);
        for (int c = 0; c < C; c++) {
            double into = NEVER;
            for (int f = 0; f < table.period; f++) {
                const double *step = &transition[size_t(f) * C * C];
                into = std::max(into, log_sum(C, [&](int p) { return step[p * C + c]; }));
                into = std::max(into, log_sum(C, [&](int p) { return step[c * C + p]; }));
            }
            best[c] = into + begin[c] + end[c];
        }
        double low = 0, high = std::max(0., excess(best, 0));
        while (high - low > 0.01) {
            double middle = (low + high) / 2;
            (excess(best, middle) <= 0 ? high : low) = middle;
        }
        table.growth = high;
    }

  private:
    const int C;
    int64_t stride;
    std::vector<int> blocks, reach, shortest, longest;
    std::vector<double> scores, tail, ramp, onward, transition, start, final_;

    static void copy(const double *x, size_t count, std::vector<double> *to) {
        to->resize(count);
        std::transform(x, x + count, to->begin(), bounded);
    }

    // A tail that starts from -inf, and -inf rows before none, shorten a label.
    void measure(const Model &m, int c) {
        int last = m.explicit_rows ? int(m.explicit_rows[c]) : int(m.durations), finite = 0, first = 0;
        for (int k = last; k >= 1; k--)
            if (m.duration[(k - 1) * m.labels + c] > HARDLY) {
                finite = finite ? finite : k;
                first = k;
            }
        bool open = m.tail[c] > HARDLY && finite == last;
        tail[c] = open ? m.tail[c] : NEVER;
        reach[c] = open ? last : std::max(1, finite);
        shortest[c] = std::max(1, first);
        blocks[c] = (reach[c] + SIZE - 2) / SIZE;
        longest[c] = open ? std::numeric_limits<int>::max() : reach[c];
    }

    void fill(const Model &m, int c) {
        double *d = &scores[c * stride];
        for (int k = 1; k <= reach[c]; k++) d[k - 1] = bounded(m.duration[(k - 1) * m.labels + c]);
        if (tail[c] < HARDLY) return;
        double last = d[reach[c] - 1];
        for (int k = reach[c] + 1; k <= (blocks[c] + 1) * SIZE; k++) d[k - 1] = last + (k - reach[c]) * tail[c];
        for (int j = 0; j < SIZE; j++) {
            ramp[c * SIZE + j] = (j + 1) * tail[c];
            onward[c * SIZE + j] = last + ((blocks[c] + 1) * SIZE - j - reach[c]) * tail[c];
        }
    }

    double excess(const std::vector<double> &best, double growth) const {
        double worst = NEVER;
        for (int c = 0; c < C; c++) {
            const double *d = &scores[c * stride];
            worst = std::max(worst, log_sum(SIZE, [&](int k) { return d[k] + best[c] - growth * (k + 1); }));
        }
        return worst;
    }
};

}  // namespace genescribe
