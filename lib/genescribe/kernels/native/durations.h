// Expected counts of segments of each duration. Included once an instruction set, inside its namespace.

// For one label at a time: W and V - log Z in blocks, their exponentials with one scale per block.
class DurationCounts {
  public:
    DurationCounts(const Direction &past, const Direction &future, double z_whole, double z)
        : f(past), b(future), z_whole(z_whole), z(z), blocks(past.blocks), exit_base(blocks + 1),
          exits(size_t(blocks + 2) * SIZE), exit_weights(size_t(blocks + 2) * SIZE), exit_scale(blocks + 2),
          pairs(size_t(blocks + 1) * 2 * SIZE), pair_scale(blocks + 1), weights(size_t(blocks) * SIZE),
          scale(blocks), killed(blocks + 1), entries(size_t(blocks) * SIZE) {}

    // Add the counts of label c: duration (K, C) and tail (C), in the caller's layout.
    void count(int c, double *duration, double *tail) {
        lay_out(c);
        int reach = f.table.reach[c];
        for (int q = 0; q * SIZE < reach; q++) lag(c, q, reach, duration);
        if (f.forbids) within_cut_blocks(c, reach, duration);
        if (f.table.tail[c] > HARDLY) past_reach(c, duration, tail);
    }

  private:
    const Direction &f, &b;
    const double z_whole, z;
    const int64_t blocks;
    Buffer<double> exit_base;                          // (blocks): whole numbers; V - log Z is `exits` + `exit_base`
    Buffer<double> exits, exit_weights, exit_scale;    // (blocks + 2, SIZE)
    Buffer<double> pairs, pair_scale;                  // (blocks, 2 SIZE): exits of two neighbouring blocks
    Buffer<double> weights, scale;                     // (blocks, SIZE): entries that live to the end of their block
    Buffer<int64_t> killed;                            // (blocks + 1): how many blocks before have a forbidden base

    Buffer<double> entries;                            // (blocks, SIZE): W

    double alive(int64_t i, int c) const { return f.alive_at(i, c); }

    void lay_out(int c) {
        const int width = f.width;
        for (int64_t i = 0; i < blocks * SIZE; i++) entries[i] = f.source(i, c);
        const double *w = entries;
        killed[0] = 0;
        for (int64_t block = 0; block < blocks; block++) {
            int64_t t0 = block * SIZE;
            double last = alive(t0 + SIZE - 1, c), top = NEVER;
            killed[block + 1] = killed[block] + (last > t0);
            int64_t middle = t0 < f.n ? t0 : f.n - 1;
            exit_base[block] = f.level[block * width + c] + b.offset[(f.n - 1 - middle) / SIZE] - z_whole;
            for (int64_t i = t0; i < t0 + SIZE; i++) {
                bool inside = i < f.n;
                double onward = inside ? b.entry[(f.n - 1 - i) * width + c] : NEVER, out = f.out[i * width + c];
                double whole = inside ? f.level[block * width + c] + b.offset[(f.n - 1 - i) / SIZE] - z_whole : 0;
                exits[i] = onward < HARDLY || out < HARDLY ? NEVER : onward + out + (whole - exit_base[block]) - z;
                weights[i] = !inside || i < last ? NEVER : w[i];
                top = weights[i] > top ? weights[i] : top;
            }
            scale[block] = top < HARDLY ? NEVER : top + f.base[block * width + c];
            exponentials(weights + t0, top);
        }
        lay_out_exits(c);
    }

    static void exponentials(double *x, double top) {
        for (int j = 0; j < SIZE; j += WIDTH) store(x + j, top < HARDLY ? vec{} : exp_(load(x + j) - top));
    }

    // Exits reached by entries of earlier blocks, two blocks side by side with one scale.
    void lay_out_exits(int c) {
        for (int64_t block = 0; block < blocks; block++) {
            double top = NEVER, *x = exit_weights + block * SIZE;
            for (int64_t i = 0; i < SIZE; i++) {
                x[i] = alive(block * SIZE + i, c) > block * SIZE ? NEVER : exits[block * SIZE + i];
                top = x[i] > top ? x[i] : top;
            }
            exit_scale[block] = top < HARDLY ? NEVER : top + exit_base[block];
            exponentials(x, top);
        }
        exit_scale[blocks] = NEVER;
        for (int64_t block = 0; block < blocks; block++) {
            bool cut = killed[block + 1] > killed[block];
            double here = exit_scale[block], there = cut ? NEVER : exit_scale[block + 1];
            double top = here > there ? here : there;
            pair_scale[block] = top;
            double a = top < HARDLY ? 0. : exp_(here - top), d = top < HARDLY || there < HARDLY ? 0. : exp_(there - top);
            double *x = pairs + block * 2 * SIZE;
            for (int i = 0; i < SIZE; i += WIDTH) {
                store(x + i, load(exit_weights + block * SIZE + i) * a);
                store(x + SIZE + i, d ? load(exit_weights + (block + 1) * SIZE + i) * d : vec{});
            }
        }
    }

    // Durations q SIZE + 1 .. q SIZE + SIZE, from all blocks to the blocks q and q + 1 further on.
    void lag(int c, int q, int reach, double *duration) {
        const int C = f.C;
        const double *d = f.table.scores + c * f.table.stride + q * SIZE;
        int count = reach - q * SIZE < SIZE ? reach - q * SIZE : SIZE;
        double top = NEVER;
        for (int i = 0; i < count; i++) top = d[i] > top ? d[i] : top;
        if (top < HARDLY) return;
        alignas(64) double total[SIZE] = {};
        for (int64_t source = 0; source + q < blocks; source++) {
            int64_t target = source + q;
            if (scale[source] < HARDLY || pair_scale[target] < HARDLY) continue;
            // A cut between: in the source block it is in the weights, in the target block in the exits.
            if (q ? killed[target] > killed[source + 1] : killed[source + 1] > killed[source]) continue;
            double x = scale[source] + pair_scale[target] + top;
            if (x < -708.) continue;
            if (x > LARGE)
                log_domain(c, q, source, count, duration);
            else
                correlate(weights + source * SIZE, exp_(x), pairs + target * 2 * SIZE, total);
        }
        for (int i = 0; i < count; i++)
            if (d[i] > HARDLY) duration[(q * SIZE + i) * C + c] += total[i] * exp_(d[i] - top);
    }

    // total[i] += scale * sum_s weights[s] * exits[s + i].
    static void correlate(const double *weights, double scale, const double *exits, double *total) {
        constexpr int N = SIZE / WIDTH;
        vec sums[N];
        for (int i = 0; i < N; i++) sums[i] = load(total + WIDTH * i);
        for (int residue = 0; residue < WIDTH; residue++) {
            vec x[2 * N - 1];
#pragma GCC unroll 32
            for (int i = 0; i < 2 * N - 1; i++) x[i] = load(exits + residue + WIDTH * i);
#pragma GCC unroll 32
            for (int p = 0; p < N; p++) {
                vec w = splat(weights[residue + WIDTH * p] * scale);
#pragma GCC unroll 32
                for (int i = 0; i < N; i++) sums[i] += w * x[i + p];
            }
        }
        for (int i = 0; i < N; i++) store(total + WIDTH * i, sums[i]);
    }

    // Probability of the segment of bases s .. i.
    double probability(int c, int64_t s, int64_t i) const {
        double w = entries[s], v = exits[i], d = f.table.scores[c * f.table.stride + i - s];
        if (w < HARDLY || v < HARDLY || d < HARDLY || alive(i, c) > s) return 0;
        return exp_((w + v) + (f.base[s / SIZE * f.width + c] + exit_base[i / SIZE]) + d);
    }

    void log_domain(int c, int q, int64_t source, int count, double *duration) const {
        for (int64_t s = source * SIZE; s < source * SIZE + SIZE && s < f.n; s++)
            for (int k = q * SIZE; k < q * SIZE + count && s + k < f.n; k++)
                duration[k * f.C + c] += probability(c, s, s + k);
    }

    // Durations up to SIZE that begin in a block with a forbidden base; `lag` leaves them out.
    void within_cut_blocks(int c, int reach, double *duration) const {
        for (int64_t block = 0; block < blocks; block++)
            if (killed[block + 1] > killed[block]) log_domain(c, 0, block, reach < SIZE ? reach : SIZE, duration);
    }

    // Segments longer than the table: a running log-sum of their entries, and the mean of their bases past it.
    void past_reach(int c, double *duration, double *tail) const {
        const int reach = f.table.reach[c];
        const double *w = entries, step = f.table.tail[c], last = f.table.scores[c * f.table.stride + reach - 1];
        double longer = NEVER, mean = 0, mass = 0, excess = 0;  // `longer` less the base of the block of base i
        for (int64_t i = reach; i < f.n; i++) {
            int64_t s = i - reach, from = int64_t(alive(i, c));
            double base = f.base[i / SIZE * f.width + c];
            if (i % SIZE == 0 && longer > HARDLY) longer += f.base[(i - 1) / SIZE * f.width + c] - base;
            double joining = w[s] < HARDLY || s < from ? NEVER : w[s] + (f.base[s / SIZE * f.width + c] - base) + last;
            if (from == i + 1) longer = NEVER;
            double before = longer;
            longer = log_add(before, joining);
            if (longer < HARDLY) continue;
            mean = 1 + (before < HARDLY ? 0. : mean * exp_(before - longer));
            longer += step;
            if (exits[i] < HARDLY) continue;
            double p = exp_(longer + exits[i] + (base + exit_base[i / SIZE]));
            mass += p;
            excess += p * mean;
        }
        duration[(reach - 1) * f.C + c] += mass;
        tail[c] += excess;
    }
};
