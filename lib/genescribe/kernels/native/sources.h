// The segments that began in earlier blocks: what they add to the boundaries of a block, and how the entries of a block
// become sources of those that follow. Included once an instruction set, inside its namespace.
//
// Sums are taken of exponentials; a far sum below TINY is taken again in the log domain.

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

class Sources : public Layout {
  public:
    const Exponentials &e;
    Buffer<double> entry, leave;  // (blocks SIZE, width): U at each base and A after it, less `offset`; see `to_logs`
    Buffer<double> offset;        // (blocks): whole numbers
    Buffer<double> base;          // (blocks, width): offset - level

    // Unless `all`, the rows of older bases are written over.
    Sources(const Table &t, const Exponentials &exponentials, const Chain &x, bool is_mirrored, bool all)
        : Layout(t, x, is_mirrored, all ? 0 : mask_over(t.most_blocks) + 1), e(exponentials), entry(rows()),
          leave(rows()), offset(blocks), base(blocks * width), linear(blocks), rest(width), arrived(width),
          alive_before(width), tops(width), totals(size_t(SIZE) * width), least_total(width), cut(width),
          near_sources(size_t(SIZE) * width), ring(mask_over(t.most_blocks)), weights(size_t(ring + 1) * SIZE * C),
          scale(size_t(ring + 1) * width), weighty(size_t(ring + 1) * C), first_block(C),
          factors(size_t(ring) + WIDTH) {
        rest.fill(width, NEVER);
        first_block.fill(C, 0);
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

  protected:
    Buffer<uint8_t> linear;         // (blocks): whether `entry` and `leave` hold exponentials
    Buffer<double> rest, arrived;   // (width): as in blocked/sum.py
    Buffer<double> alive_before;    // (width): `alive_now` at the start of the block
    // Of the block: sums over segments that began before it, `tops` taken out, and the least but zero.
    Buffer<double> tops, totals, least_total;  // (width), (C, SIZE), (width)
    Buffer<double> cut;                        // (width): first forbidden base of the block, SIZE where there is none
    Buffer<double> near_sources;               // (SIZE, width): W, or exp(W) where the block is `linear`
    bool lost = false;                         // a sum is not zero, but too small to be kept in `totals`

    // Begin a block: its sums over the segments that began before it. `before`: the offset of the last block.
    // `whole`: entries of all labels are wanted, also of those that are forbidden throughout.
    void begin(int64_t block, double before, bool whole) {
        std::memcpy(alive_before, alive_now, sizeof(double) * width);
        stage(block);
        if (whole || kept < 0) live = width;
        for (int c = 0; c < width; c += WIDTH) {
            vec first = splat(SIZE);
            for (int j = SIZE - 1; forbids && j >= 0; j--) first = forbidden(block, j, c) ? splat(j) : first;
            store(cut + c, first);
        }
        for (int c = 0; c < width; c++) arrived[c] = before - level[block * width + c];
        lost = false;
        for (int c = 0; c < C && c < live; c++) ends_from_before(block, c);
        for (int c = live; c < width; c++) tops[c] = NEVER, least_total[c] = HUGE_;
    }

    // Which labels the content of a base of the block forbids.
    ivec forbidden(int64_t block, int j, int c) const {
        const int64_t i = block * SIZE + j;
        return (load(alive + slot(i) + c) == splat(double(i + 1))) & load_whole(e.lanes + c);
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

    // Make the block's entries sources of those that follow.
    void keep(int64_t block) {
        const int64_t t0 = block * SIZE;
        double *scale_ = scale + (block & ring) * width;
        if (linear[block]) {
            // Forbidden bases have cleared what they cut off.
            for (int c = 0; c < live; c += WIDTH) {
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
            if (c >= live) {
                scale_[c] = NEVER;
                weighty[(block & ring) * C + c] = 0;
                continue;
            }
            weigh(block, c, dead);
            if (table.tail[c] > HARDLY) grow_rest(block, c);
        }
    }

  private:
    const int ring;                 // blocks whose weights are kept, less one: a mask
    Buffer<double> weights, scale;  // (ring + 1, C, SIZE), (ring + 1, width): exp(W - scale)
    Buffer<uint32_t> weighty;       // (ring + 1, C): bit j: weight j is not zero
    Buffer<int64_t> first_block;    // (C): blocks before it are cut off by a forbidden base
    Buffer<double> factors;         // of the source blocks of a label

    static int mask_over(int count) {
        int mask = 1;
        while (mask < count) mask = 2 * mask + 1;
        return mask;
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
