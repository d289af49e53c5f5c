// The sum-product recurrence over one chain in one direction: blocked_sum.py in C++. Included once an instruction set,
// inside its namespace.
//
// Sums are taken of exponentials and counted only where they stay well above underflow: a far sum below TINY is taken
// again in the log domain, and so is a block whose steps leave the range [tiny, HUGE_] other than by a zero to which
// nothing leads.

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

class Direction : public Layout {
  public:
    const Exponentials &e;
    Buffer<double> entry, leave;  // (blocks SIZE, width): U at each base and A after it, less `offset`
    Buffer<double> offset;        // (blocks): whole numbers
    Buffer<double> base;          // (blocks, width): offset - level
    Buffer<double> sources;       // (C, blocks SIZE): W less `base`

    Direction(const Table &t, const Exponentials &exponentials, const Chain &x, bool is_mirrored)
        : Layout(t, x, is_mirrored), e(exponentials), entry(rows()), leave(rows()), offset(blocks),
          base(blocks * width), sources(size_t(C) * blocks * SIZE), ring(t.most_blocks + 1),
          weights(size_t(ring) * SIZE * C), scale(size_t(ring) * C), rest(width), arrived(width), first_block(C),
          alive_before(width), ends_log(size_t(SIZE) * width), ending(size_t(SIZE) * width),
          into_exp(size_t(SIZE) * width), out_exp(size_t(SIZE) * width), near_sources(size_t(SIZE) * width),
          row(width > e.wide ? width : e.wide), row_exp(width > e.wide ? width : e.wide), open(width), led(width) {}

    void run() {
        rest.fill(width, NEVER);
        first_block.fill(C, 0);
        double before = 0;
        for (int64_t block = 0; block < blocks; block++) {
            std::memcpy(alive_before, alive_now, sizeof(double) * width);
            stage_block(block);
            for (int c = 0; c < width; c++) arrived[c] = before - level[block * width + c];
            ends_from_before(block);
            before = recentre(block, before);
            if (!steps(block)) steps_log(block);
            keep(block);
        }
    }

  private:
    const int ring;                 // blocks whose weights are kept
    Buffer<double> weights, scale;  // (ring, C, SIZE), (ring, C): exp(W - scale)
    Buffer<double> rest, arrived;   // (width): as in blocked_sum.py
    Buffer<int64_t> first_block;    // (C): blocks before it are cut off by a forbidden base
    Buffer<double> alive_before;    // (width): `alive_now` at the start of the block
    Buffer<double> ends_log, ending, into_exp, out_exp, near_sources, row, row_exp;  // of the block
    Buffer<uint32_t> open;  // (width): bit k: a segment began k bases before, and lives
    Buffer<uint8_t> led;    // (width): whether anything leads to a label

    void stage_block(int64_t block) {
        stage(block);
        for (int i = 0; i < SIZE * width; i += WIDTH) {
            store(into_exp + i, exp_(load(into + block * SIZE * width + i)));
            store(out_exp + i, exp_(load(out + block * SIZE * width + i)));
        }
    }

    // Log-sums over the segments that began before this block, less `arrived`, to `ends_log`.
    void ends_from_before(int64_t block) {
        int64_t t0 = block * SIZE;
        double ends[SIZE];
        for (int c = 0; c < width; c++) {
            if (c >= C) {
                for (int j = 0; j < SIZE; j++) ends_log[j * width + c] = NEVER;
                continue;
            }
            far(block, c, ends);
            if (rest[c] > HARDLY) {
                const double *ramp = table.ramp + c * SIZE;
                for (int j = 0; j < SIZE; j += WIDTH) store(ends + j, log_add(load(ends + j), rest[c] + load(ramp + j)));
            }
            for (int j = 0; j < SIZE; j++)
                ends_log[j * width + c] = alive_at(t0 + j, c) > t0 ? NEVER : ends[j];
        }
        for (int64_t i = t0; i < t0 + SIZE && i < n; i++) {
            const double *inject = injected(i);
            for (int c = 0; inject && c < C; c++) {
                if (inject[c] < HARDLY || alive_at(i, c) > 0) continue;
                double *x = ends_log + (i - t0) * width + c;
                *x = log_add(*x, inject[c] - arrived[c]);
            }
        }
    }

    void far(int64_t block, int c, double *ends) {
        alignas(64) double total[SIZE];
        int64_t oldest = block - table.blocks[c];
        oldest = oldest < first_block[c] ? first_block[c] : oldest;
        const double *far_scale = e.far_scale + e.far_at[c] - 1;
        double top = NEVER;
        for (int64_t source = oldest; source < block; source++) {
            double x = scale_of(source, c) + far_scale[block - source];
            top = x > top ? x : top;
        }
        if (top < HARDLY) {
            for (int j = 0; j < SIZE; j++) ends[j] = NEVER;
            return;
        }
        for (int j = 0; j < SIZE; j++) total[j] = 0;
        for (int64_t source = oldest; source < block; source++) {
            double x = scale_of(source, c) + far_scale[block - source] - top;
            if (x < -708.) continue;
            const double *w = weights + (size_t(source % ring) * C + c) * SIZE;
            toeplitz(w, exp_(x), e.far + (e.far_at[c] + block - source - 1) * 2 * SIZE, total);
        }
        for (int j = 0; j < SIZE; j += WIDTH) store(ends + j, top + log_(load(total + j)));
        for (int j = 0; j < SIZE; j++)
            if (total[j] < TINY) ends[j] = sum_again(block, c, j, oldest);
    }

    // Scale of the weights of a source block, less `arrived`.
    double scale_of(int64_t source, int c) const {
        double x = scale[source % ring * C + c];
        return x < HARDLY ? NEVER : x + (base[source * width + c] - arrived[c]);
    }

    // The far sum of one boundary in the log domain.
    double sum_again(int64_t block, int c, int j, int64_t oldest) const {
        int64_t t = block * SIZE + j + 1, from = oldest * SIZE, to = block * SIZE;
        from = from < int64_t(alive_before[c]) ? int64_t(alive_before[c]) : from;
        from = from < t - table.longest[c] ? t - table.longest[c] : from;
        to = to > t - table.shortest[c] + 1 ? t - table.shortest[c] + 1 : to;
        const double *w = sources + c * blocks * SIZE, *d = table.scores + c * table.stride;
        double top = NEVER, total = 0;
        for (int pass = 0; pass < 2; pass++) {
            for (int64_t s = from; s < to; s++) {
                if (w[s] < HARDLY || d[t - s - 1] < HARDLY) continue;
                double x = w[s] + (base[s / SIZE * width + c] - arrived[c]) + d[t - s - 1];
                if (pass)
                    total += exp_(x - top);
                else
                    top = x > top ? x : top;
            }
            if (top < HARDLY) return NEVER;
        }
        return top + log_(total);
    }

    // Choose the whole number near the largest A of the block, and take it out of `ends_log`.
    double recentre(int64_t block, double before) {
        vec tops = splat(NEVER);
        const double *out_ = out + block * SIZE * width;
        for (int i = 0; i < SIZE * width; i += WIDTH) tops = larger(tops, load(ends_log + i) + load(out_ + i));
        double top = largest(tops);
        for (int c = 0; c < C; c++) {
            double x = block ? leave[(block * SIZE - 1) * width + c] : first(c);
            top = x > top ? x : top;
        }
        double shift = top < HARDLY ? 0. : std::rint(top);
        offset[block] = before + shift;
        for (int i = 0; i < SIZE * width; i += WIDTH) {
            vec x = load(ends_log + i);
            x = x < HARDLY ? splat(NEVER) : x - shift;
            store(ends_log + i, x);
            store(ending + i, exp_(x));
        }
        for (int c = 0; c < width; c++) {
            base[block * width + c] = offset[block] - level[block * width + c];
            double x = c >= C ? NEVER : block ? leave[(block * SIZE - 1) * width + c] : first(c);
            row[c] = x < HARDLY ? NEVER : x - shift;
        }
        for (int c = width; c < e.wide; c++) row[c] = NEVER;
        return offset[block];
    }

    // Step through the block in the exponential domain; false where the result is not to be trusted.
    bool steps(int64_t block) {
        int64_t t0 = block * SIZE;
        double *entry_ = entry + t0 * width, *leave_ = leave + t0 * width;
        double *before = row_exp;
        for (int c = 0; c < e.wide || c < width; c++) before[c] = row[c] < HARDLY ? 0. : exp_(row[c]);
        vec least = splat(HUGE_), most = {}, poison = {};  // poison: 0 as long as all is finite
        vec padding[2] = {vec{}, vec{}};
        for (int c = C; c < width; c++) padding[1][c % WIDTH] = 1.;
        for (int j = 0; j < SIZE; j++) {
            const double *step = e.steps(mirrored, phase(t0 + j), table.period);
            const int low = j + 1 > e.rows ? j + 1 - e.rows : 0;
            for (int c = 0; c < width; c += WIDTH) {
                const int at_ = j * width + c;
                vec u = block + j ? step_from(before, step + c) : load(before + c);
                store(entry_ + at_, u);
                store(near_sources + at_, u * load(into_exp + at_));
                vec a = load(ending + at_), b = {};
                int s = low;
                const double *d = e.near + (j - low) * width + c;
                if (forbids) {
                    vec from = load(alive + (t0 + j) * width + c) - double(t0);
                    for (; s <= j; s++, d -= width)
                        a += (from <= splat(double(s)) ? load(near_sources + s * width + c) : vec{}) * load(d);
                } else {
                    for (; s < j; s += 2, d -= 2 * width) {
                        a += load(near_sources + s * width + c) * load(d);
                        b += load(near_sources + (s + 1) * width + c) * load(d - width);
                    }
                    if (s == j) a += load(near_sources + s * width + c) * load(d);
                }
                a = (a + b) * load(out_exp + at_);
                store(leave_ + at_, a);
                vec pad = padding[c + WIDTH > C];
                least = smaller(least, smaller(u, a) + pad);
                most = larger(most, larger(u, a));
                poison += a * 0.;
            }
            for (int c = 0; c < C; c++) before[c] = leave_[j * width + c];
        }
        double top = largest(most), bottom = -largest(-least);
        double tiny = e.tiny * (top > 1. ? top : 1.);
        if (sum(poison) != 0 || !(top < HUGE_) || (bottom < tiny && !zeros_are_impossible(block, tiny))) return false;
        for (int i = 0; i < SIZE * width; i += WIDTH) {
            store(entry_ + i, log_(load(entry_ + i)));
            store(leave_ + i, log_(load(leave_ + i)));
        }
        return true;
    }

    vec step_from(const double *before, const double *step) const {
        vec a = {}, b = {}, x = {}, y = {};
        for (int p = 0; p < e.wide; p += 4, step += 4 * width) {
            a += before[p] * load(step);
            b += before[p + 1] * load(step + width);
            x += before[p + 2] * load(step + 2 * width);
            y += before[p + 3] * load(step + 3 * width);
        }
        return (a + b) + (x + y);
    }

    // Whether every value of the block below `tiny` is zero because nothing leads there.
    bool zeros_are_impossible(int64_t block, double tiny) {
        int64_t t0 = block * SIZE;
        open.fill(width, 0);
        for (int j = 0; j < SIZE; j++) {
            const double *entry_ = entry + (t0 + j) * width, *leave_ = leave + (t0 + j) * width;
            const double *into_ = into + (t0 + j) * width, *out_ = out + (t0 + j) * width;
            const double *ends_ = ends_log + j * width;
            led_to(block, j);
            for (int c = 0; c < C; c++) {
                if (led[c] ? entry_[c] < tiny : entry_[c] != 0) return false;
                open[c] = open[c] << 1 | uint32_t((entry_[c] > 0) & (into_[c] > HARDLY));
                if (forbids && alive_at(t0 + j, c) > t0 + j) open[c] = 0;
                bool ends = (ends_[c] > HARDLY || (open[c] & e.lasts[c])) && out_[c] > HARDLY;
                if (ends ? leave_[c] < tiny : leave_[c] != 0) return false;
            }
        }
        return true;
    }

    // Which labels something leads to at base j of the block, to `led`.
    void led_to(int64_t block, int j) {
        const double *before = j ? leave + (block * SIZE + j - 1) * width : (const double *)row;
        const double least = j ? 0. : HARDLY;  // before the block stand logarithms
        if (block + j == 0) {
            for (int c = 0; c < C; c++) led[c] = row[c] > HARDLY;
        } else if (e.by_bits) {
            uint64_t left = 0;
            for (int p = 0; p < C; p++) left |= uint64_t(before[p] > least) << p;
            const uint64_t *leads = e.leads_at(mirrored, phase(block * SIZE + j), table.period);
            for (int c = 0; c < C; c++) led[c] = (left & leads[c]) != 0;
        } else {
            const double *step = e.steps_log(mirrored, phase(block * SIZE + j), table.period);
            for (int c = 0; c < C; c++) {
                led[c] = 0;
                for (int p = 0; p < C && !led[c]; p++) led[c] = before[p] > least && step[p * width + c] > HARDLY;
            }
        }
    }

    // Step through the block in the log domain.
    void steps_log(int64_t block) {
        int64_t t0 = block * SIZE;
        for (int j = 0; j < SIZE; j++) {
            const double *step = e.steps_log(mirrored, phase(t0 + j), table.period);
            const double *before = j ? leave + (t0 + j - 1) * width : (const double *)row;
            for (int c = 0; c < width; c += WIDTH) {
                const int at_ = j * width + c;
                vec u = block + j ? step_from_log(before, step + c) : load(row + c);
                store(entry + t0 * width + at_, u);
                vec w = u + load(into + t0 * width + at_);
                store(near_sources + at_, u < HARDLY ? splat(NEVER) : w);
                vec from = forbids ? load(alive + t0 * width + at_) - double(t0) : vec{};
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
                vec a = top + log_(total) + load(out + t0 * width + at_);
                store(leave + t0 * width + at_, (top < HARDLY) | (a < HARDLY) ? splat(NEVER) : a);
            }
        }
    }

    vec step_from_log(const double *before, const double *step) const {
        vec top = splat(NEVER), total = {};
        for (int p = 0; p < C; p++) top = larger(top, before[p] + load(step + p * width));
        for (int p = 0; p < C; p++) total += exp_(before[p] + load(step + p * width) - top);
        return top < HARDLY ? splat(NEVER) : top + log_(total);
    }

    // Make the block's entries sources of those that follow.
    void keep(int64_t block) {
        int64_t t0 = block * SIZE;
        for (int c = 0; c < C; c++) {
            double *w = sources + c * blocks * SIZE + t0;
            for (int j = 0; j < SIZE; j++) {
                double u = entry[(t0 + j) * width + c], x = u + into[(t0 + j) * width + c];
                w[j] = u < HARDLY || x < HARDLY ? NEVER : x;
            }
            int dead = 0;
            if (alive_now[c] > t0) {
                first_block[c] = block;
                rest[c] = NEVER;
                dead = int(alive_now[c] - t0);
            }
            if (table.blocks[c]) weigh(block, c, w, dead);
            if (table.tail[c] > HARDLY) grow_rest(block, c);
        }
    }

    void weigh(int64_t block, int c, const double *w, int dead) {
        double *kept = weights + (size_t(block % ring) * C + c) * SIZE, top = NEVER;
        for (int j = dead; j < SIZE; j++) top = w[j] > top ? w[j] : top;
        scale[block % ring * C + c] = top;
        for (int j = 0; j < SIZE; j += WIDTH) store(kept + j, exp_(load(w + j) - top));
        for (int j = 0; j < dead; j++) kept[j] = 0;
        if (top < HARDLY)
            for (int j = 0; j < SIZE; j++) kept[j] = 0;
    }

    // Carry `rest` to the end of the block, and add the oldest block that was read by duration.
    void grow_rest(int64_t block, int c) {
        if (block + 1 == blocks) return;
        double arrived_next = offset[block] - level_after(block, c);
        double x = rest[c] < HARDLY ? NEVER : rest[c] + (arrived[c] - arrived_next) + table.ramp[c * SIZE + SIZE - 1];
        int64_t oldest = block - table.blocks[c];
        if (oldest >= first_block[c]) {
            const double *w = sources + c * blocks * SIZE + oldest * SIZE, *onward = table.onward + c * SIZE;
            int64_t dead = int64_t(alive_now[c]) - oldest * SIZE;
            double top = NEVER, total = 0;
            for (int64_t j = dead > 0 ? dead : 0; j < SIZE; j++) top = w[j] + onward[j] > top ? w[j] + onward[j] : top;
            if (top > HARDLY) {
                for (int64_t j = dead > 0 ? dead : 0; j < SIZE; j++) total += exp_(w[j] + onward[j] - top);
                x = log_add(x, top + log_(total) + (base[oldest * width + c] - arrived_next));
            }
        }
        rest[c] = x;
    }
};
