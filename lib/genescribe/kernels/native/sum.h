// The sum-product recurrence over one chain in one direction: blocked_sum.py in C++. Included once an instruction set,
// inside its namespace.
//
// Sums are taken of exponentials and counted only where they stay well above underflow: a far sum below TINY is taken
// again in the log domain, and so is a block whose steps leave the range [tiny, HUGE_] other than by a zero to which
// nothing leads.

constexpr double LEAST = 1e-300;  // exponentials below this may have lost digits

// Toeplitz product: total[j] += sum_r weights[r] * band[SIZE - 1 - r + j], scaled.
inline void toeplitz(const double *weights, double scale, const double *band, double *total) {
    constexpr int N = SIZE / WIDTH;
    vec sums[N];
    for (int i = 0; i < N; i++) sums[i] = load(total + WIDTH * i);
    // Sources WIDTH apart read the same vectors of the band, one further on.
    for (int residue = 0; residue < WIDTH; residue++) {
        vec bands[2 * N - 1];
        const double *first = band + SIZE - 1 - residue - WIDTH * (N - 1);
#pragma GCC unroll 32
        for (int i = 0; i < 2 * N - 1; i++) bands[i] = load(first + WIDTH * i);
#pragma GCC unroll 32
        for (int p = 0; p < N; p++) {
            vec w = splat(weights[residue + WIDTH * p] * scale);
#pragma GCC unroll 32
            for (int i = 0; i < N; i++) sums[i] += w * bands[i - p + N - 1];
        }
    }
    for (int i = 0; i < N; i++) store(total + WIDTH * i, sums[i]);
}

// total += factor * sum_r weights[r] * band[SIZE - 1 - r + j] over the rows of `rows`, where most weights are zero.
inline void toeplitz_rows(const double *weights, uint32_t rows, double factor, const double *band, double *total) {
    constexpr int N = SIZE / WIDTH;
    vec sums[N];
    for (int i = 0; i < N; i++) sums[i] = load(total + WIDTH * i);
    for (; rows; rows &= rows - 1) {
        const int r = lowest_bit(rows);
        const vec w = splat(weights[r] * factor);
#pragma GCC unroll 32
        for (int i = 0; i < N; i++) sums[i] += w * load(band + SIZE - 1 - r + WIDTH * i);
    }
    for (int i = 0; i < N; i++) store(total + WIDTH * i, sums[i]);
}

class Direction : public Layout {
  public:
    const Exponentials &e;
    Buffer<double> entry, leave;  // (blocks SIZE, width): U at each base and A after it, less `offset`; see `to_logs`
    Buffer<double> offset;        // (blocks): whole numbers
    Buffer<double> base;          // (blocks, width): offset - level
    Buffer<double> picked;        // (count, C): U at the places that are asked for

    // U is kept aside at `places`, ascending boundaries; unless `all`, the rows of older bases are written over.
    Direction(const Table &t, const Exponentials &exponentials, const Chain &x, bool is_mirrored, bool all,
              const int64_t *places, int64_t count)
        : Layout(t, x, is_mirrored, all ? 0 : mask_over(t.most_blocks) + 1), e(exponentials), entry(rows()),
          leave(rows()), offset(blocks), base(blocks * width), picked(size_t(count) * C), places(places), count(count),
          ring(mask_over(t.most_blocks)),
          weights(size_t(ring + 1) * SIZE * C), scale(size_t(ring + 1) * width), weighty(size_t(ring + 1) * C),
          linear(blocks), rest(width), arrived(width), first_block(C), alive_before(width), tops(width), totals(size_t(SIZE) * width), least_total(width), cut(width),
          ends_log(size_t(SIZE) * width), ending(size_t(SIZE) * width), into_exp(size_t(SIZE) * width),
          out_exp(size_t(SIZE) * width), near_sources(size_t(SIZE) * width), last_leave(width),
          row(width > e.wide ? width : e.wide), row_exp(width > e.wide ? width : e.wide), running_on(width), open(width),
          active(size_t(width) * SIZE), actives(width), factors(size_t(ring) + WIDTH) {}

    void run() {
        rest.fill(width, NEVER);
        first_block.fill(C, 0);
        picked.fill(size_t(count) * C, NEVER);
        double before = 0;
        for (int64_t block = 0; block < blocks; block++) {
            std::memcpy(alive_before, alive_now, sizeof(double) * width);
            stage_block(block);
            for (int c = 0; c < width; c++) arrived[c] = before - level[block * width + c];
            lost = false;
            for (int c = 0; c < C; c++) ends_from_before(block, c);
            const double shift = recentre(block, before);
            linear[block] = !lost && e.by_bits && steps(block);
            if (!linear[block]) steps_log(block, shift);
            before += shift;
            keep(block);
            pick(block);
        }
    }

    // Turn all `entry` and `leave` from base `from` on into logarithms: `run` leaves exponentials where it can.
    void to_logs(int64_t from = 0) {
        for (int64_t block = from / SIZE; block < blocks; block++) {
            if (!linear[block]) continue;
            double *entry_ = entry + slot(block * SIZE), *leave_ = leave + slot(block * SIZE);
            for (int i = 0; i < SIZE * width; i += WIDTH) {
                store(entry_ + i, log_(load(entry_ + i)));
                store(leave_ + i, log_(load(leave_ + i)));
            }
            linear[block] = 0;
        }
    }

    // W less `base` of the segment of label c that begins at base i; NEVER for none.
    double source(int64_t i, int c) const {
        const double u = entry[slot(i) + c], x = into[slot(i) + c];
        if (x < HARDLY || (linear[i / SIZE] ? u == 0 : u < HARDLY)) return NEVER;
        return (linear[i / SIZE] ? log_(u) : u) + x;
    }

  private:
    const int64_t *places;          // boundaries
    const int64_t count;
    int64_t next_pick = 0;
    const int ring;                 // blocks whose weights are kept, less one: a mask
    Buffer<double> weights, scale;  // (ring + 1, C, SIZE), (ring + 1, width): exp(W - scale)
    Buffer<uint32_t> weighty;       // (ring + 1, C): bit j: weight j is not zero
    Buffer<uint8_t> linear;         // (blocks): whether `entry` and `leave` hold exponentials
    Buffer<double> rest, arrived;   // (width): as in blocked_sum.py
    Buffer<int64_t> first_block;    // (C): blocks before it are cut off by a forbidden base
    Buffer<double> alive_before;    // (width): `alive_now` at the start of the block
    // Of the block: sums over segments that began before it, `tops` taken out, and the least but zero.
    Buffer<double> tops, totals, least_total;  // (width), (C, SIZE), (width)
    Buffer<double> cut;                        // (width): first forbidden base of the block, SIZE where there is none
    bool lost = false;                         // a sum is not zero, but too small to be kept in `totals`
    Buffer<double> ends_log, ending, into_exp, out_exp, near_sources, last_leave, row, row_exp;
    Buffer<double> running_on;      // (width): segments of geometric labels that began in the block
    Buffer<int64_t> open;           // (width): bit k: a segment began k bases before, and lives
    Buffer<uint8_t> active;         // (chunks, SIZE): bases of the block at which segments of other labels begin
    Buffer<int> actives;            // (chunks): how many
    Buffer<double> factors;         // of the source blocks of a label

    static int mask_over(int count) {
        int mask = 1;
        while (mask < count) mask = 2 * mask + 1;
        return mask;
    }

    // Keep U at the places in the block, in the order of the places; none stands behind the last base.
    void pick(int64_t block) {
        for (; next_pick < count; next_pick++) {
            const int64_t row_ = mirrored ? count - 1 - next_pick : next_pick;
            const int64_t i = mirrored ? n - places[row_] : places[row_];
            if (i >= (block + 1) * SIZE) return;
            for (int c = 0; i < n && c < C; c++) {
                const double x = entry[slot(i) + c];
                picked[row_ * C + c] = !linear[block] ? x : x > 0 ? log_(x) : NEVER;
            }
        }
    }

    void stage_block(int64_t block) {
        stage(block);
        for (int i = 0; i < SIZE * width; i += WIDTH) {
            store(into_exp + i, exp_(load(into + slot(block * SIZE) + i)));
            store(out_exp + i, exp_(load(out + slot(block * SIZE) + i)));
        }
        for (int c = 0; c < width; c += WIDTH) {
            vec first = splat(SIZE);
            for (int j = SIZE - 1; forbids && j >= 0; j--) first = forbidden(block, j, c) ? splat(j) : first;
            store(cut + c, first);
        }
    }

    // Which labels the content of a base of the block forbids.
    ivec forbidden(int64_t block, int j, int c) const {
        const int64_t i = block * SIZE + j;
        return (load(alive + slot(i) + c) == splat(double(i + 1))) & load_whole(e.lanes + c);
    }

    // Sums over the segments of a label that began before this block: exponentials less `tops`, to `totals`.
    void ends_from_before(int64_t block, int c) {
        double *total = totals + c * SIZE;
        for (int j = 0; j < SIZE; j += WIDTH) store(total + j, vec{});
        alignas(64) double given[SIZE];
        double top = rest[c] < HARDLY ? NEVER : rest[c] + e.ramp_top[c];
        const double injected_top = alive_before[c] > 0 ? NEVER : injections(block, c, given);
        top = injected_top > top ? injected_top : top;
        top = far(block, c, top, total);
        tops[c] = top;
        least_total[c] = HUGE_;
        if (top < HARDLY) return;
        if (injected_top > HARDLY)
            for (int j = 0; j < SIZE; j += WIDTH) store(total + j, load(total + j) + exp_(load(given + j) - top));
        if (rest[c] > HARDLY) {
            const double factor = exp_(rest[c] + e.ramp_top[c] - top), *ramp = e.ramp + c * SIZE;
            for (int j = 0; j < SIZE; j += WIDTH) store(total + j, load(total + j) + factor * load(ramp + j));
        }
        const int until = int(cut[c]);
        for (int j = until; j < SIZE; j++) total[j] = 0;
        vec least = splat(HUGE_), small = least;
        for (int j = 0; j < SIZE; j += WIDTH) {
            vec x = load(total + j);
            least = smaller(least, x > vec{} ? x : splat(HUGE_));
            small = smaller(small, x);
        }
        least_total[c] = -largest(-least);
        if (until == SIZE && -largest(-small) >= TINY) return;
        for (int j = 0; j < until && !lost; j++) {
            if (total[j] >= TINY) continue;
            lost = rest[c] > HARDLY || (injected_top > HARDLY && given[j] > HARDLY) || sum_again(block, c, j) > HARDLY;
        }
    }

    // Scores of censored first segments that end in the block, less `arrived`; return the largest.
    double injections(int64_t block, int c, double *given) const {
        const int64_t t0 = block * SIZE;
        if (!injected(t0)) return NEVER;
        double top = NEVER;
        for (int j = 0; j < SIZE; j++) {
            const double x = t0 + j < n ? injected(t0 + j)[c] : NEVER;
            given[j] = x < HARDLY ? NEVER : x - arrived[c];
            if (j < cut[c]) top = given[j] > top ? given[j] : top;
        }
        return top;
    }

    int64_t oldest_block(int64_t block, int c) const {
        const int64_t oldest = block - table.blocks[c];
        return oldest < first_block[c] ? first_block[c] : oldest;
    }

    // Add the segments that are read by duration; return the new top.
    double far(int64_t block, int c, double top, double *total) {
        const int64_t oldest = oldest_block(block, c);
        const int count = int(block - oldest);
        for (int i = 0; i < count; i++) {
            factors[i] = far_score(oldest + i, block, c);
            top = factors[i] > top ? factors[i] : top;
        }
        if (top < HARDLY || !count) return top;
        for (int i = 0; i < count; i += WIDTH) store(factors + i, exp_(load(factors + i) - top));
        for (int i = 0; i < count; i++) {
            if (factors[i] == 0) continue;
            const int64_t source = oldest + i, slot = (source & ring) * C + c;
            const double *w = weights + slot * SIZE;
            const double *band = e.far + (e.far_at[c] + block - source - 1) * 2 * SIZE;
            const uint32_t rows = weighty[slot];
            if (bit_count(rows) <= SIZE / 2)
                toeplitz_rows(w, rows, factors[i], band, total);
            else
                toeplitz(w, factors[i], band, total);
        }
        return top;
    }

    // Largest score of what leads from a source block to this one, less `arrived`.
    double far_score(int64_t source, int64_t block, int c) const {
        const double x = scale[(source & ring) * width + c];
        if (x < HARDLY) return NEVER;
        return x + (base[source * width + c] - arrived[c]) + e.far_scale[e.far_at[c] + block - source - 1];
    }

    // The far sum of one boundary in the log domain.
    double sum_again(int64_t block, int c, int j) const {
        int64_t t = block * SIZE + j + 1, from = oldest_block(block, c) * SIZE, to = block * SIZE;
        from = from < int64_t(alive_before[c]) ? int64_t(alive_before[c]) : from;
        from = from < t - table.longest[c] ? t - table.longest[c] : from;
        to = to > t - table.shortest[c] + 1 ? t - table.shortest[c] + 1 : to;
        const double *d = table.scores + c * table.stride;
        double top = NEVER, total = 0;
        for (int pass = 0; pass < 2; pass++) {
            for (int64_t s = from; s < to; s++) {
                if (d[t - s - 1] < HARDLY) continue;
                const double w = source(s, c);
                if (w < HARDLY) continue;
                double x = w + (base[s / SIZE * width + c] - arrived[c]) + d[t - s - 1];
                if (pass)
                    total += exp_(x - top);
                else
                    top = x > top ? x : top;
            }
            if (top < HARDLY) return NEVER;
        }
        return top + log_(total);
    }

    // Choose the whole number near the largest A of the block and take it out: `totals` to `ending`. Return it.
    double recentre(int64_t block, double before) {
        const double *out_ = out + slot(block * SIZE);
        for (int i = 0; i < SIZE * width; i += WIDTH) store(ending + i, vec{});
        for (int c = 0; c < C; c++) {
            const double *total = totals + c * SIZE;
            for (int j = 0; tops[c] > HARDLY && j < SIZE; j++) ending[j * width + c] = total[j];
            row[c] = block ? last_leave[c] : first(c);
        }
        for (int c = C; c < width; c++) tops[c] = row[c] = NEVER, least_total[c] = HUGE_;
        for (int c = width; c < e.wide; c++) row[c] = NEVER;
        vec tallest = splat(NEVER);
        for (int c = 0; c < width; c += WIDTH) {
            vec most = {}, high = splat(NEVER);
            for (int j = 0; j < SIZE; j++) {
                const vec x = load(ending + j * width + c);
                most = larger(most, x * load(out_exp + j * width + c));
                high = larger(high, x > vec{} ? load(out_ + j * width + c) : splat(NEVER));
            }
            // Where the product underflows a bound will do: what is wanted is a whole number near it.
            tallest = larger(tallest, load(tops + c) + (most > vec{} ? log_(most) : high));
            tallest = larger(tallest, load(row + c));
        }
        const double top = largest(tallest);
        const double shift = top < HARDLY ? 0. : std::rint(top);
        offset[block] = before + shift;
        for (int c = 0; c < width; c += WIDTH) {
            vec factor = load(tops + c) < HARDLY ? vec{} : exp_(load(tops + c) - shift);
            for (int j = 0; j < SIZE; j++) store(ending + j * width + c, load(ending + j * width + c) * factor);
            store(base + block * width + c, offset[block] - load(level + block * width + c));
            store(least_total + c, load(least_total + c) * factor);
            store(row + c, load(row + c) < HARDLY ? splat(NEVER) : load(row + c) - shift);
        }
        // Sums that are not zero must not become zero.
        for (int c = 0; c < C; c++) lost |= tops[c] > HARDLY && least_total[c] < LEAST;
        return shift;
    }

    // Step through the block in the exponential domain; false where the result is not to be trusted.
    bool steps(int64_t block) {
        const int64_t t0 = block * SIZE;
        double *entry_ = entry + slot(t0), *leave_ = leave + slot(t0), *before = row_exp;
        uint64_t left = 0;  // bit p: something ends with label p here
        for (int c = 0; c < e.wide || c < width; c++) before[c] = 0;
        for (int c = 0; c < width; c += WIDTH) {
            left |= uint64_t(bits(load(row + c) > splat(HARDLY))) << c;
            store(before + c, exp_(load(row + c)));
            store(running_on + c, vec{});
            std::memset(open + c, 0, sizeof(int64_t) * WIDTH);
            actives[c / WIDTH] = 0;
        }
        Checks checks;
        int64_t at_phase = phase(t0);
        for (int j = 0; j < SIZE; j++) {
            uint64_t following = 0;
            for (int c = 0; c < width; c += WIDTH) {
                const int at_ = j * width + c;
                const bool started = block + j > 0;
                const vec u = started ? step_from(before, at_phase, c) : load(before + c);
                const ivec led = started ? (e.leads_at(mirrored, at_phase, table.period, c) & int64_t(left)) != 0
                                         : load(row + c) > splat(HARDLY);
                store(entry_ + at_, u);
                const vec a = step_to(block, j, c, u, led, checks);
                store(leave_ + at_, a);
                checks.most = larger(checks.most, larger(u, a));
                checks.least = smaller(checks.least, led ? u : splat(HUGE_));
                checks.poison += a * 0.;
                following |= uint64_t(bits(a > vec{})) << c;
            }
            std::memcpy(before, leave_ + j * width, sizeof(double) * width);
            left = following;
            at_phase = next_phase(at_phase);
        }
        return checks.passed(e.tiny);
    }

    // What must hold for exponentials to be trusted: all values finite, and none below `tiny` but for nothing.
    struct Checks {
        vec least = splat(HUGE_), most = {}, poison = {};  // poison: 0 as long as all is finite
        bool passed(double tiny) const {
            const double top = largest(most);
            return sum(poison) == 0 && top < HUGE_ && -largest(-least) >= tiny * (top > 1. ? top : 1.);
        }
    };

    // A after a base, of one vector of labels, from U before it.
    vec step_to(int64_t block, int j, int c, vec u, ivec led, Checks &checks) {
        const int at_ = j * width + c;
        const int64_t row_at = slot(block * SIZE + j) + c;
        vec w = u * load(into_exp + at_), going = load(running_on + c) * load(e.onward_factor + c) + w;
        ivec begun = led & (load(into + row_at) > splat(HARDLY));
        ivec opened = load_whole(open + c) << 1 | (begun & 1);
        // What begins here must be there still when it is read as a source.
        checks.least = smaller(checks.least, begun & (w < splat(LEAST)) ? vec{} : splat(HUGE_));
        store(near_sources + at_, w);
        uint8_t *some = active + c / WIDTH * SIZE;
        int &count = actives[c / WIDTH];
        if (bits((w > vec{}) & e.explicit_at(c))) some[count++] = uint8_t(j);
        if (forbids) {
            const ivec stop = forbidden(block, j, c);
            if (bits(stop)) {
                going = stop ? vec{} : going;
                opened = opened & ~stop;
                for (int s = 0; s <= j; s++) {
                    double *x = near_sources + s * width + c;
                    store(x, stop ? vec{} : load(x));
                }
            }
        }
        store(running_on + c, going);
        store_whole(open + c, opened);
        vec a = load(ending + at_), b = going * load(e.first_factor + c);
        const ivec ends = ((a > vec{}) | ((opened & e.lasts_at(c)) != 0)) & (load(out + row_at) > splat(HARDLY));
        const double *d = e.near + j * width + c, *x = near_sources + c;
        int k = 0;
        for (; k + 1 < count; k += 2) {
            a += load(x + some[k] * width) * load(d - some[k] * width);
            b += load(x + some[k + 1] * width) * load(d - some[k + 1] * width);
        }
        if (k < count) a += load(x + some[k] * width) * load(d - some[k] * width);
        a = (a + b) * load(out_exp + at_);
        checks.least = smaller(checks.least, ends ? a : splat(HUGE_));
        return a;
    }

    int64_t next_phase(int64_t at) const {
        at += mirrored ? -1 : 1;
        return at < 0 ? table.period - 1 : at == table.period ? 0 : at;
    }

    vec step_from(const double *before, int64_t at_phase, int c) const {
        const double *step = e.steps(mirrored, at_phase, table.period) + c;
        const Leaders::Some leading = e.leading(mirrored, at_phase, table.period, c);
        vec a = {}, b = {};
        int i = 0;
        for (; i + 1 < leading.count; i += 2) {
            const int p = leading.labels[i], q = leading.labels[i + 1];
            a += before[p] * load(step + p * width);
            b += before[q] * load(step + q * width);
        }
        if (i < leading.count) a += before[leading.labels[i]] * load(step + leading.labels[i] * width);
        return a + b;
    }

    // Step through the block in the log domain.
    void steps_log(int64_t block, double shift) {
        int64_t t0 = block * SIZE;
        ends_in_logs(block, shift);
        for (int j = 0; j < SIZE; j++) {
            const double *step = e.steps_log(mirrored, phase(t0 + j), table.period);
            const double *before = j ? leave + slot(t0 + j - 1) : (const double *)row;
            for (int c = 0; c < width; c += WIDTH) {
                const int at_ = j * width + c;
                vec u = block + j ? step_from_log(before, step + c) : load(row + c);
                store(entry + slot(t0) + at_, u);
                vec w = u + load(into + slot(t0) + at_);
                store(near_sources + at_, u < HARDLY ? splat(NEVER) : w);
                vec from = forbids ? load(alive + slot(t0) + at_) - double(t0) : vec{};
                vec top = load(ends_log + at_), total = {};
                for (int s = 0; s <= j; s++) {
                    vec x = load(near_sources + s * width + c) + load(e.near_log + (j - s) * width + c);
                    top = larger(top, from <= splat(double(s)) ? x : splat(NEVER));
                }
                for (int s = 0; s <= j; s++) {
                    vec x = load(near_sources + s * width + c) + load(e.near_log + (j - s) * width + c);
                    total += from <= splat(double(s)) ? exp_(x - top) : vec{};
                }
                total += exp_(load(ends_log + at_) - top);
                vec a = top + log_(total) + load(out + slot(t0) + at_);
                store(leave + slot(t0) + at_, (top < HARDLY) | (a < HARDLY) ? splat(NEVER) : a);
            }
        }
    }

    vec step_from_log(const double *before, const double *step) const {
        vec top = splat(NEVER), total = {};
        for (int p = 0; p < C; p++) top = larger(top, before[p] + load(step + p * width));
        for (int p = 0; p < C; p++) total += exp_(before[p] + load(step + p * width) - top);
        return top < HARDLY ? splat(NEVER) : top + log_(total);
    }

    // Log-sums over the segments that began before this block, less the offset, to `ends_log`.
    void ends_in_logs(int64_t block, double shift) {
        for (int c = 0; c < width; c++) {
            alignas(64) double given[SIZE];
            const double injected_top = c >= C || alive_before[c] > 0 ? NEVER : injections(block, c, given);
            for (int j = 0; j < SIZE; j++) {
                double x = NEVER;
                if (c < C && j < cut[c]) {
                    const double total = tops[c] < HARDLY ? 0. : totals[c * SIZE + j];
                    x = total < TINY ? sum_again(block, c, j) : tops[c] + log_(total);
                    if (total < TINY && rest[c] > HARDLY) x = log_add(x, rest[c] + table.ramp[c * SIZE + j]);
                    if (total < TINY && injected_top > HARDLY && given[j] > HARDLY) x = log_add(x, given[j]);
                }
                ends_log[j * width + c] = x < HARDLY ? NEVER : x - shift;
            }
        }
    }

    // Make the block's entries sources of those that follow.
    void keep(int64_t block) {
        const int64_t t0 = block * SIZE;
        const double *last = leave + slot(t0 + SIZE - 1);
        for (int c = 0; c < width; c += WIDTH)
            store(last_leave + c, linear[block] ? log_(load(last + c)) : load(last + c));
        double *scale_ = scale + (block & ring) * width;
        if (linear[block]) {
            // Forbidden bases have cleared what they cut off.
            for (int c = 0; c < width; c += WIDTH) {
                vec top = {};
                for (int j = 0; j < SIZE; j++) top = larger(top, load(near_sources + j * width + c));
                store(tops + c, top);
                store(scale_ + c, log_(top));
            }
        }
        for (int c = 0; c < C; c++) {
            int dead = 0;
            if (alive_now[c] > t0) {
                first_block[c] = block;
                rest[c] = NEVER;
                dead = int(alive_now[c] - t0);
            }
            weigh(block, c, dead);
            if (table.tail[c] > HARDLY) grow_rest(block, c);
        }
    }

    // Weights of the block's entries: exponentials less their largest.
    void weigh(int64_t block, int c, int dead) {
        const int64_t slot = (block & ring) * C + c;
        double *kept = weights + slot * SIZE, &top = scale[(block & ring) * width + c];
        if (linear[block]) {
            const double factor = 1. / tops[c];
            for (int j = 0; tops[c] > 0 && j < SIZE; j++) kept[j] = near_sources[j * width + c] * factor;
        } else {
            top = NEVER;
            for (int j = 0; j < SIZE; j++) kept[j] = j < dead ? NEVER : source(block * SIZE + j, c);
            for (int j = 0; j < SIZE; j++) top = kept[j] > top ? kept[j] : top;
            for (int j = 0; top > HARDLY && j < SIZE; j += WIDTH) store(kept + j, exp_(load(kept + j) - top));
        }
        uint32_t rows = 0;
        for (int j = 0; top > HARDLY && j < SIZE; j += WIDTH) rows |= uint32_t(bits(load(kept + j) > vec{})) << j;
        weighty[slot] = rows;
    }

    // Carry `rest` to the end of the block, and add the oldest block that was read by duration.
    void grow_rest(int64_t block, int c) {
        if (block + 1 == blocks) return;
        double arrived_next = offset[block] - level_after(block, c);
        double x = rest[c] < HARDLY ? NEVER : rest[c] + (arrived[c] - arrived_next) + table.ramp[c * SIZE + SIZE - 1];
        int64_t oldest = block - table.blocks[c];
        const int64_t slot = (oldest & ring) * C + c;
        if (oldest >= first_block[c] && weighty[slot]) {
            const double *w = weights + slot * SIZE, *onward = e.onward + c * SIZE;
            vec sums = {};
            for (int j = 0; j < SIZE; j += WIDTH) sums += load(w + j) * load(onward + j);
            const double total = sum(sums);
            const double y = total < TINY ? onward_again(oldest, c)
                                          : scale[(oldest & ring) * width + c] + e.onward_top[c] + log_(total);
            if (y > HARDLY) x = log_add(x, y + (base[oldest * width + c] - arrived_next));
        }
        rest[c] = x;
    }

    // Log-sum of the oldest block's entries carried on, in the log domain.
    double onward_again(int64_t oldest, int c) const {
        const double *onward = table.onward + c * SIZE;
        const int64_t dead = int64_t(alive_now[c]) - oldest * SIZE, from = dead > 0 ? dead : 0;
        double top = NEVER, total = 0;
        for (int64_t j = from; j < SIZE; j++) {
            const double x = source(oldest * SIZE + j, c) + onward[j];
            top = x > top ? x : top;
        }
        if (top < HARDLY) return NEVER;
        for (int64_t j = from; j < SIZE; j++) total += exp_(source(oldest * SIZE + j, c) + onward[j] - top);
        return top + log_(total);
    }
};
