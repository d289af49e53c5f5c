// Tracks of reading frames and counted evidence along one sequence: segment/features.py and segment/evidence.py in C++.
//
// Codes below 4 are A C G T, 4 is N; bit 3 is the softmask. Codons are numbered 0..63, 64: with an N, or cut by an edge.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <exception>
#include <vector>

#include "model.h"

namespace genescribe {
namespace {

constexpr int N = 4, AMBIGUOUS = 64;

using Bases = std::vector<uint8_t>;

Bases bases_of(const uint8_t *codes, int64_t length, int64_t total) {
    Bases bases(static_cast<size_t>(total), uint8_t(N));
    for (int64_t i = 0; i < length; i++) bases[i] = codes[i] & 7;
    return bases;
}

// The codon at each start -2 .. T - 1: entry j starts at base j - 2.
std::vector<uint8_t> codons_of(const Bases &bases) {
    const int64_t T = int64_t(bases.size());
    std::vector<uint8_t> codons(static_cast<size_t>(T) + 2, uint8_t(AMBIGUOUS));
    for (int64_t i = 0; i + 2 < T; i++) {
        const int a = bases[i], b = bases[i + 1], c = bases[i + 2];
        if (a < N && b < N && c < N) codons[i + 2] = uint8_t(16 * a + 4 * b + c);
    }
    return codons;
}

// Runs of codons between stops: features.StopFreeRuns. Entry j belongs to the frame j % 3.
class Runs {
  public:
    std::vector<int32_t> last, next, before, behind;  // last, next: codons within the frame, -1 and n where there is none

    Runs(const std::vector<uint8_t> &codons, const uint8_t *stops, int32_t cap)
        : last(codons.size()), next(codons.size()), before(codons.size()), behind(codons.size()), codons(codons),
          stops(stops), cap(cap), size(int64_t(codons.size())), n(int32_t((size + 2) / 3)) {
        for (int64_t j = 0; j < size; j++) {
            const int32_t here = int32_t(j / 3);
            last[j] = is_stop(j) ? here : j < 3 ? -1 : last[j - 3];
            before[j] = std::min(here - last[j], cap);
        }
        for (int64_t j = size - 1; j >= 0; j--) {
            const int32_t here = int32_t(j / 3);
            // Past the last whole row of frames stand stops.
            const int32_t after = j + 3 < size ? next[j + 3] : j + 3 < 3 * int64_t(n) ? here + 1 : n;
            next[j] = is_stop(j) ? here : after;
            behind[j] = std::min(next[j] - here, cap);
        }
    }

    bool is_stop(int64_t j) const { return stops[codons[j]] != 0; }
    int32_t total(int64_t j) const { return std::max(before[j] + behind[j] - 1, 0); }

    // Codons from the run's first start codon to its last; 0 where none is here or before.
    std::vector<int32_t> from_first(const uint8_t *starts) const {
        std::vector<int32_t> following(codons.size()), found(codons.size(), 0);
        for (int64_t j = size - 1; j >= 0; j--)
            following[j] = starts[codons[j]] ? int32_t(j / 3) : j + 3 < size ? following[j + 3] : n;
        for (int64_t j = 0; j < size; j++) {
            if (is_stop(j)) continue;
            const int32_t here = int32_t(j / 3), first = following[3 * int64_t(seen_from(j)) + j % 3];
            if (first <= here) found[j] = behind[j] + here - first;
        }
        return found;
    }

    // Start codons of the run before each codon.
    std::vector<int32_t> rank(const uint8_t *starts) const {
        std::vector<int32_t> seen(codons.size() + 3, 0), found(codons.size(), 0);
        for (int64_t j = 0; j < size; j++) seen[j + 3] = seen[j] + (starts[codons[j]] != 0);
        for (int64_t j = 0; j < size; j++)
            if (!is_stop(j)) found[j] = std::max(seen[j] - seen[3 * int64_t(seen_from(j)) + j % 3], 0);
        return found;
    }

  private:
    const std::vector<uint8_t> &codons;
    const uint8_t *stops;
    const int32_t cap;
    const int64_t size;
    const int32_t n;

    // The first codon of the run that is looked at; not past this one, which is no stop.
    int32_t seen_from(int64_t j) const { return std::max(last[j] + 1, int32_t(j / 3) - cap + 1); }
};

}  // namespace
}  // namespace genescribe

using namespace genescribe;

extern "C" {

// Tracks of a sequence of `length` bases in rows of `width`; a column below 0 is not wanted.
struct Tracks {
    int64_t length, width, cap;  // cap: in codons
    const uint8_t *codes;
    int64_t bases, softmask, orf, stops_, starts_;            // columns
    const uint8_t *stops, *antisense_stops, *starts;          // (65)
    const float *scaled;                                      // (2 cap + 1): a count of codons as a track has it
    const float *base_values;                                 // (5, 4)
    float *output;                                            // (length, width)
};

// Evidence of a sequence of `length` bases, in an array of `total` rows, whose other rows are N.
struct EvidenceTables {
    int64_t length, total, order, channels, codon, intron, window, cap, sites, branch_width, branch_reach, ranks, width;
    float scale;
    const uint8_t *codes, *stops, *starts;
    const float *content;            // (4^(order + 1) + 1, channels)
    const int64_t *site_left, *site_right;
    const float *const *site;        // (16, left + right) each
    const float *motif, *distance;   // (4, branch_width), (branch_reach)
    const float *rank;               // (ranks)
    float *found_content, *found_signals, *found_tracks;  // (total, channels), (total, sites + 2), (total, width)
};

API int64_t genescribe_tracks(const Tracks *x) {
    try {
        const int64_t n = x->length, W = x->width;
        float *out = x->output;
        for (int64_t t = 0; t < n; t++) {
            const int base = x->codes[t] & 7;
            for (int k = 0; x->bases >= 0 && k < 4; k++) out[t * W + x->bases + k] = x->base_values[base * 4 + k];
            if (x->softmask >= 0) out[t * W + x->softmask] = float((x->codes[t] & 8) != 0);
        }
        if (x->orf < 0 && x->stops_ < 0 && x->starts_ < 0) return 0;
        const auto codons = codons_of(bases_of(x->codes, n, n));
        const Runs runs(codons, x->stops, int32_t(x->cap));
        // Codon position f: the codon starts f bases before the base.
        auto put = [&](int64_t column, auto count) {
            for (int64_t t = 0; t < n; t++)
                for (int f = 0; f < 3; f++) out[t * W + column + f] = x->scaled[count(t + 2 - f)];
        };
        if (x->orf >= 0) {
            const Runs other(codons, x->antisense_stops, int32_t(x->cap));
            put(x->orf, [&](int64_t j) { return runs.total(j); });
            put(x->orf + 3, [&](int64_t j) { return other.total(j); });
        }
        if (x->stops_ >= 0) {
            put(x->stops_, [&](int64_t j) { return runs.before[j]; });
            put(x->stops_ + 3, [&](int64_t j) { return runs.behind[j]; });
        }
        if (x->starts_ >= 0) {
            const auto first = runs.from_first(x->starts);
            put(x->starts_, [&](int64_t j) { return first[j]; });
        }
        return 0;
    } catch (const std::exception &) {
        return 1;
    }
}
}

namespace genescribe {
namespace {

// Evidence column by column; rows of the results are (total, ...).
class EvidenceOf {
  public:
    explicit EvidenceOf(const EvidenceTables &tables)
        : x(tables), n(tables.length), T(tables.total), bases(bases_of(tables.codes, n, T)), sense(size_t(T)) {}

    void run() {
        const int64_t none = int64_t(1) << (2 * (x.order + 1));
        number(bases, none, &sense);
        for (int64_t t = 0; t < n; t++)
            std::copy_n(x.content + sense[t] * x.channels, x.channels, x.found_content + t * x.channels);
        tracks(none);
        const int64_t S = x.sites + 2;
        std::vector<float> column(size_t(T) + 1);
        for (int64_t k = 0; k < x.sites; k++) {
            site(k, &column);
            put(column, k, S);
        }
        branch(&column);
        put(column, x.sites, S);
        rank(&column);
        put(column, x.sites + 1, S);
    }

  private:
    const EvidenceTables &x;
    const int64_t n, T;
    const Bases bases;
    std::vector<int64_t> sense;

    void put(const std::vector<float> &column, int64_t k, int64_t S) {
        for (int64_t t = 0; t < n; t++) {
            x.found_signals[t * S + k] = column[t];
            x.found_tracks[t * x.width + 10 + k] = x.scale * column[t];
        }
    }

    // The word of order + 1 bases that ends at each base.
    void number(const Bases &letters, int64_t none, std::vector<int64_t> *words) const {
        int64_t word = 0, known = 0;
        for (int64_t t = 0; t < T; t++) {
            known = letters[t] < N ? known + 1 : 0;
            word = (4 * word + (letters[t] & 3)) & (none - 1);
            (*words)[t] = known > x.order ? word : none;
        }
    }

    void tracks(int64_t none) {
        Bases other(bases.rbegin(), bases.rend());
        for (auto &letter : other) letter = letter < N ? uint8_t(3 - letter) : uint8_t(N);
        std::vector<int64_t> antisense(static_cast<size_t>(T));
        number(other, none, &antisense);
        std::reverse(antisense.begin(), antisense.end());
        for (int64_t t = 0; t < n; t++)
            for (int f = 0; f < 3; f++)
                x.found_tracks[t * x.width + f] = x.content[sense[t] * x.channels + x.codon + f];
        std::vector<double> sums(static_cast<size_t>(T) + 1);
        for (int frame = 0; frame < 3; frame++) {
            means(&sums, [&](int64_t t) { return coding(sense[t], t - frame); });
            for (int64_t t = 0; t < n; t++) x.found_tracks[t * x.width + 3 + (t + 3 - frame) % 3] = mean(sums, t);
            means(&sums, [&](int64_t t) { return coding(antisense[t], frame - t); });
            // Column f at t is that of the frame g with (t + f) % 3 = g.
            for (int64_t t = 0; t < n; t++) x.found_tracks[t * x.width + 6 + (frame + 3 - t % 3) % 3] = mean(sums, t);
        }
        means(&sums, [&](int64_t t) { return x.content[sense[t] * x.channels + x.intron]; });
        for (int64_t t = 0; t < n; t++) x.found_tracks[t * x.width + 9] = mean(sums, t);
    }

    float coding(int64_t word, int64_t place) const {
        return x.content[word * x.channels + x.codon + (place % 3 + 3) % 3];
    }
    template <typename Value>
    void means(std::vector<double> *sums, Value value) const {
        (*sums)[0] = 0;
        for (int64_t t = 0; t < T; t++) (*sums)[t + 1] = (*sums)[t] + double(value(t));
    }
    // Centred mean, in nats over ten bases.
    float mean(const std::vector<double> &sums, int64_t t) const {
        const int64_t half = x.window / 2;
        return float(10. / double(x.window) * (sums[std::min(t + half + 1, T)] - sums[std::max<int64_t>(t - half, 0)]));
    }

    void site(int64_t k, std::vector<float> *score) const {
        const int64_t left = x.site_left[k], width = left + x.site_right[k], block = 512;
        // By place and pair; a pair with an N adds nothing.
        std::vector<float> table(size_t(width) * 17, 0.f);
        for (int64_t i = 0; i < width; i++)
            for (int pair = 0; pair < 16; pair++) table[i * 17 + pair] = x.site[k][pair * width + i];
        std::vector<uint8_t> pairs(static_cast<size_t>(T + width), uint8_t(16));  // `left` before the first
        for (int64_t t = 1; t < T; t++)
            if (bases[t] < N && bases[t - 1] < N) pairs[t + left] = uint8_t(4 * bases[t - 1] + bases[t]);
        std::fill(score->begin(), score->end(), 0.f);
        for (int64_t low = 0; low < n; low += block) {
            const int64_t high = std::min(n, low + block);
            for (int64_t i = 0; i < width; i++) {
                const float *row = &table[i * 17];
                const uint8_t *pair = &pairs[i];
                float *to = score->data();
                for (int64_t t = low; t < high; t++) to[t] += row[pair[t]];
            }
        }
    }

    // The motif before an acceptor at each base, its place summed over; in the linear domain.
    void branch(std::vector<float> *score) const {
        const int64_t width = x.branch_width, reach = x.branch_reach, before = reach + width - 1, block = 512;
        std::vector<float> odds(size_t(T + before + 1), 1.f);
        for (int64_t t = 0; t + width <= T; t++) {
            float log_odds = 0;
            for (int64_t i = 0; i < width; i++)
                if (bases[t + i] < N) log_odds += x.motif[bases[t + i] * width + i];
            odds[t + before] = std::exp(log_odds);
        }
        float rest = 1;
        for (int64_t d = 0; d < reach; d++) rest -= x.distance[d];
        std::fill(score->begin(), score->end(), 0.f);
        for (int64_t low = 0; low < n; low += block) {
            const int64_t high = std::min(n, low + block);
            float *to = score->data();
            for (int64_t i = 0; i < reach; i++) {
                const float share = x.distance[reach - 1 - i];
                const float *from = &odds[i];
                for (int64_t t = low; t < high; t++) to[t] += from[t] * share;
            }
            for (int64_t t = low; t < high; t++) to[t] = std::log(to[t] + rest);
        }
    }

    void rank(std::vector<float> *score) const {
        const auto codons = codons_of(bases);
        const auto ranks = Runs(codons, x.stops, int32_t(x.cap)).rank(x.starts);
        std::fill(score->begin(), score->end(), 0.f);
        for (int64_t t = 0; t < n; t++)
            if (x.starts[codons[t + 2]]) (*score)[t] = x.rank[std::min<int64_t>(ranks[t + 2], x.ranks - 1)];
    }
};

}  // namespace
}  // namespace genescribe

extern "C" {

API int64_t genescribe_evidence(const EvidenceTables *x) {
    try {
        EvidenceOf(*x).run();
        return 0;
    } catch (const std::exception &) {
        return 1;
    }
}
}
