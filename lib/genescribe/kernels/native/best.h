// The best segmentation of one chain that comes in parts. Included once an instruction set, inside its namespace.
//
// The max-plus twin of sum.h: additions and comparisons only, so that every instruction set gives the same bits. The
// chain is cut into parts of PART bases, wherever the pieces end in which it is pushed; between two parts stand exact
// messages (the last entries of each label, the best older one, the last scores).

// total[j] = max(total[j], max_r weights[r] + shift + band[SIZE - 1 - r + j]); returns the least of them.
inline double toeplitz_best(const double *weights, double shift, const double *band, double *total) {
    constexpr int N = SIZE / WIDTH;
    vec best[N];
    for (int i = 0; i < N; i++) best[i] = load(total + WIDTH * i);
    for (int residue = 0; residue < WIDTH; residue++) {
        vec bands[2 * N - 1];
        const double *first = band + SIZE - 1 - residue - WIDTH * (N - 1);
#pragma GCC unroll 32
        for (int i = 0; i < 2 * N - 1; i++) bands[i] = load(first + WIDTH * i);
#pragma GCC unroll 32
        for (int p = 0; p < N; p++) {
            vec w = splat(weights[residue + WIDTH * p] + shift);
#pragma GCC unroll 32
            for (int i = 0; i < N; i++) best[i] = larger(w + bands[i - p + N - 1], best[i]);
        }
    }
    vec least = best[0];
    for (int i = 0; i < N; i++) {
        store(total + WIDTH * i, best[i]);
        least = smaller(least, best[i]);
    }
    return -largest(-least);
}

// The same over the rows of `rows` alone, where most weights are NEVER.
inline double toeplitz_best_rows(const double *weights, uint32_t rows, double shift, const double *band,
                                 double *total) {
    constexpr int N = SIZE / WIDTH;
    vec best[N];
    for (int i = 0; i < N; i++) best[i] = load(total + WIDTH * i);
    for (; rows; rows &= rows - 1) {
        const int r = lowest_bit(rows);
        const vec w = splat(weights[r] + shift);
#pragma GCC unroll 32
        for (int i = 0; i < N; i++) best[i] = larger(w + load(band + SIZE - 1 - r + WIDTH * i), best[i]);
    }
    vec least = best[0];
    for (int i = 0; i < N; i++) {
        store(total + WIDTH * i, best[i]);
        least = smaller(least, best[i]);
    }
    return -largest(-least);
}

// What a model's chains share, for the best path.
struct BestTables {
    int width;
    Buffer<double> near;     // (SIZE, width): D(1), D(2), ...; NEVER for geometric labels
    Buffer<double> tail, first;  // (width): of geometric labels tail and D(1); of others NEVER
    Leaders leaders;
    Buffer<double> step;     // (P, C, width)
    Buffer<double> highest;  // (C, lags): the largest D of each lag
    int lags;

    explicit BestTables(const Table &t)
        : width(padded(t.labels)), near(size_t(SIZE) * width), tail(width), first(width),
          leaders(t.period, t.labels, width), step(size_t(t.period) * t.labels * width),
          highest(size_t(t.labels) * t.most_blocks), lags(t.most_blocks) {
        near.fill(size_t(SIZE) * width, NEVER);
        tail.fill(width, NEVER);
        first.fill(width, NEVER);
        step.fill(size_t(t.period) * t.labels * width, NEVER);
        for (int i = 0; i < t.period * t.labels; i++)
            std::memcpy(step + i * width, t.transition + i * t.labels, sizeof(double) * t.labels);
        for (int f = 0; f < t.period; f++) leaders.fill(f, step + size_t(f) * t.labels * width);
        for (int c = 0; c < t.labels; c++) {
            const double *d = t.scores + c * t.stride;
            const bool geometric = is_geometric(t, c);
            for (int k = 1; k <= SIZE; k++) near[(k - 1) * width + c] = geometric ? NEVER : d[k - 1];
            if (geometric) tail[c] = t.tail[c], first[c] = d[0];
            for (int q = 1; q <= t.blocks[c]; q++) {
                double top = NEVER;
                for (int m = 0; m < 2 * SIZE - 1; m++) {
                    double x = d[(q - 1) * SIZE + 1 + m];
                    top = x > top ? x : top;
                }
                highest[c * lags + q - 1] = top;
            }
        }
    }
};

// The recurrence over one part.
class BestPart : public Layout {
  public:
    // Fills `trace` and moves `message` from the part's start to its end.
    BestPart(const Table &t, const BestTables &tables, const Chain &part, Message &m, Trace &trace)
        : Layout(t, part, false, 1), e(tables), message(m), trace(trace), highest(size_t(C) * (trace.past + blocks)),
          rows_of(size_t(C) * (trace.past + blocks)), arrived(width), rest(width), parting(width), first_block(C),
          cut(width), alive_entries(SIZE), ends(size_t(SIZE) * width), sources(size_t(SIZE) * width),
          leave(size_t(SIZE) * width), row(width), living_sources(size_t(SIZE) * width), going(width),
          still(width), active(size_t(width) * SIZE), actives(width) {}

    void run() {
        if (!forbids) trace.alive = nullptr;
        receive();
        double before = 0;
        for (int64_t block = 0; block < blocks; block++) {
            std::memcpy(cut, alive_now, sizeof(double) * width);
            stage(block);
            for (int c = 0; c < C; c++) arrived[c] = before - level[block * width + c];
            for (int c = 0; c < C; c++) {
                trace.rest[block * C + c] = rest[c];
                trace.rest_source[block * C + c] = message.rest_source[c];
            }
            ends_from_before(block);
            before = recentre(block, before);
            steps(block);
            keep(block);
        }
        send(before);
    }

  private:
    const BestTables &e;
    Message &message;
    Trace &trace;
    Buffer<double> highest;  // (C, past + blocks): the largest W of each block, less its base
    Buffer<uint32_t> rows_of;  // (C, past + blocks): bit j: there is an entry
    Buffer<double> arrived, rest, parting;   // (width)
    Buffer<int64_t> first_block;             // (C): blocks before it are cut off by a forbidden base
    Buffer<double> cut, alive_entries;       // (width): first boundary that lives at the start of the block; (SIZE)
    Buffer<double> ends, sources, leave, row;       // (SIZE, width), (width)
    Buffer<double> living_sources;  // (SIZE, width): less those that a forbidden base cut off; the walk back needs all
    Buffer<double> going;    // (width): the best segment of a geometric label that began in the block
    Buffer<int64_t> still;   // (width): -1 where a segment that began in the block lives
    Buffer<uint8_t> active;  // (width / WIDTH, SIZE): bases of the block at which segments of other labels begin
    Buffer<int> actives;     // (width / WIDTH): how many

    double *entries(int64_t block, int c) const {
        return trace.sources + (c * (trace.past + blocks) + trace.past + block) * SIZE;
    }
    double *base(int64_t block) const { return trace.base + (trace.past + block) * C; }

    void receive() {
        for (int c = 0; c < C; c++) {
            trace.origin[c] = message.origin[c];
            trace.open[c] = message.open[c];
            rest[c] = message.rest[c];
            parting[c] = message.parting[c];
            first_block[c] = -trace.past;
            for (int64_t block = -trace.past; block < 0; block++) {
                const double *w = message.entries + (c * trace.past + trace.past + block) * SIZE;
                std::memcpy(entries(block, c), w, sizeof(double) * SIZE);
                base(block)[c] = 0;
                find_highest(block, c, 0);
            }
        }
    }

    void find_highest(int64_t block, int c, int dead) {
        vec tops = splat(NEVER);
        uint32_t rows = 0;
        const double *w = entries(block, c);
        for (int j = 0; j < SIZE; j += WIDTH) {
            const vec x = load(w + j);
            rows |= uint32_t(bits(x > splat(HARDLY))) << j;
            tops = larger(tops, x);
        }
        double top = largest(tops);
        if (dead) {
            top = NEVER;
            rows = dead < SIZE ? rows >> dead << dead : 0;
            for (int j = dead; j < SIZE; j++) top = w[j] > top ? w[j] : top;
        }
        highest[c * (trace.past + blocks) + trace.past + block] = top;
        rows_of[c * (trace.past + blocks) + trace.past + block] = rows;
    }

    // Best of the segments that began before this block, less `arrived`, to `ends`.
    void ends_from_before(int64_t block) {
        int64_t t0 = block * SIZE;
        ends.fill(size_t(SIZE) * width, NEVER);
        for (int c = 0; c < C && c < live; c++) {
            alignas(64) double total[SIZE];
            bool any = far(block, c, total);
            if (rest[c] > HARDLY) {
                const double *ramp = table.ramp + c * SIZE;
                for (int j = 0; j < SIZE; j += WIDTH)
                    store(total + j, larger(rest[c] + load(ramp + j), load(total + j)));
                any = true;
            }
            for (int j = 0; any && j < SIZE; j++) {
                if (alive_at(t0 + j, c) > t0) break;
                ends[j * width + c] = total[j] < HARDLY ? NEVER : total[j];
            }
        }
        for (int64_t i = t0; chain.arrive && i < t0 + SIZE && i < n; i++)
            for (int c = 0; c < C; c++) {
                if (!message.open[c] || alive_at(i, c) > 0 || injected(i)[c] < HARDLY) continue;
                double x = injected(i)[c] - (message.origin[c] + arrived[c]), &y = ends[(i - t0) * width + c];
                y = x > y ? x : y;
            }
    }

    // Best of the segments that are read by duration, to `total`; whether there are any.
    bool far(int64_t block, int c, double *total) {
        for (int j = 0; j < SIZE; j++) total[j] = NEVER;
        double least = NEVER;
        bool any = false;
        const double *d = table.scores + c * table.stride, *tops = highest + c * (trace.past + blocks) + trace.past;
        int64_t oldest = block - table.blocks[c];
        oldest = oldest < first_block[c] ? first_block[c] : oldest;
        for (int64_t source = block - 1; source >= oldest; source--) {
            int64_t lag = block - source;
            double shift = base(source)[c] - arrived[c];
            // No entry of the block can improve any end: nothing to do.
            if (tops[source] < HARDLY || tops[source] + shift + e.highest[c * e.lags + lag - 1] <= least) continue;
            const double *w = source == first_block[c] ? living(source, c) : entries(source, c);
            const uint32_t rows = rows_of[c * (trace.past + blocks) + trace.past + source];
            const double *band = d + (lag - 1) * SIZE + 1;
            least = bit_count(rows) <= SIZE / 2 ? toeplitz_best_rows(w, rows, shift, band, total)
                                                : toeplitz_best(w, shift, band, total);
            any = true;
        }
        return any;
    }

    // Entries of a block without those that a forbidden base cut off from what follows it.
    const double *living(int64_t block, int c) {
        const double *w = entries(block, c);
        for (int j = 0; j < SIZE; j++) alive_entries[j] = cut[c] > 0 && block * SIZE + j < int64_t(cut[c]) ? NEVER : w[j];
        return alive_entries;
    }

    double recentre(int64_t block, double before) {
        const double *last = block ? leave + (SIZE - 1) * width : nullptr;
        bool start = block == 0 && trace.first_base == 0;
        double top = NEVER;
        for (int c = 0; c < C; c++) {
            row[c] = start ? first(c) : last ? last[c] : message.leave[c];
            top = row[c] > top ? row[c] : top;
        }
        const double *out_ = out + slot(block * SIZE);
        vec tops = splat(top);
        for (int j = 0; j < SIZE; j++)
            for (int c = 0; c < live; c += WIDTH)
                tops = larger(tops, load(ends + j * width + c) + load(out_ + j * width + c));
        top = largest(tops);
        double shift = top < HARDLY ? 0. : std::rint(top), offset = before + shift;
        trace.offset[block] = offset;
        for (int i = 0; i < SIZE * width; i += WIDTH) store(ends + i, load(ends + i) - shift);
        for (int c = 0; c < C; c++) {
            base(block)[c] = offset - level[block * width + c];
            row[c] = row[c] < HARDLY ? NEVER : row[c] - shift;
        }
        for (int c = C; c < width; c++) row[c] = NEVER;
        return offset;
    }

    void steps(int64_t block) {
        int64_t t0 = block * SIZE;
        bool start = t0 == 0 && trace.first_base == 0;
        going.fill(width, NEVER);
        actives.fill(width / WIDTH, 0);
        still.fill(width, 0);
        for (int j = 0; j < SIZE; j++) {
            for (int c = live; c < width; c += WIDTH) store(leave + j * width + c, splat(NEVER));
            const double *before = j ? leave + (j - 1) * width : row.data;
            const int64_t at_phase = phase(t0 + j);
            for (int c = 0; c < live; c += WIDTH) {
                vec u = splat(NEVER);
                if (start && j == 0) u = load(row + c);
                else {
                    const double *step = e.step + at_phase * C * width + c;
                    const Leaders::Some leading = e.leaders.at(at_phase, c, j ? live : width);
                    for (int i = 0; i < leading.count; i++) {
                        const int p = leading.labels[i];
                        u = larger(before[p] + load(step + p * width), u);
                    }
                }
                vec a = larger(entered(block, j, c, u), load(ends + j * width + c));
                vec b = a + load(out + slot(t0 + j) + c);
                store(leave + j * width + c, (a < HARDLY) | (b < HARDLY) ? splat(NEVER) : b);
            }
            std::memcpy(trace.leave + (t0 + j) * C, leave + j * width, sizeof(double) * C);
        }
    }

    // Best of the segments that began in the block and end after a base, given U before it.
    vec entered(int64_t block, int j, int c, vec u) {
        const int64_t i = block * SIZE + j;
        vec w = u + load(into + slot(i) + c);
        w = (u < HARDLY) | (w < HARDLY) ? splat(NEVER) : w;
        store(sources + j * width + c, w);
        store(living_sources + j * width + c, w);
        vec on = larger(load(going + c) + load(e.tail + c), w);
        uint8_t *at = active + c / WIDTH * SIZE;
        int &count = actives[c / WIDTH];
        if (bits((w > splat(HARDLY)) & (load(e.tail + c) < splat(HARDLY)))) at[count++] = uint8_t(j);
        if (forbids) {
            ivec some = load_whole(still + c) | (w > splat(HARDLY));
            const ivec stop = load(alive + slot(i) + c) == splat(double(i + 1));
            if (bits(stop)) {
                on = stop ? splat(NEVER) : on;
                // Where a label is forbidden for long, nothing of it is left to be cleared.
                const bool cuts = bits(stop & some);
                some = some & ~stop;
                for (int s = 0; cuts && s <= j; s++) {
                    double *x = living_sources + s * width + c;
                    store(x, stop ? splat(NEVER) : load(x));
                }
            }
            store_whole(still + c, some);
        }
        store(going + c, on);
        vec a = on + load(e.first + c), b = splat(NEVER);
        const double *d = e.near + j * width + c, *x = living_sources + c;
        int k = 0;
        for (; k + 1 < count; k += 2) {
            a = larger(load(x + at[k] * width) + load(d - at[k] * width), a);
            b = larger(load(x + at[k + 1] * width) + load(d - at[k + 1] * width), b);
        }
        if (k < count) a = larger(load(x + at[k] * width) + load(d - at[k] * width), a);
        return larger(a, b);
    }

    void keep(int64_t block) {
        int64_t t0 = block * SIZE;
        for (int j = 0; forbids && j < SIZE; j++)
            std::memcpy(trace.alive + (t0 + j) * C, alive + slot(t0 + j), sizeof(double) * C);
        for (int c = 0; c < C; c++) {
            double *w = entries(block, c);
            for (int j = 0; j < SIZE; j++) w[j] = c < live ? sources[j * width + c] : NEVER;
            int dead = 0;
            if (alive_now[c] > t0) {
                first_block[c] = block;
                dead = int(alive_now[c] - t0);
                rest[c] = parting[c] = NEVER;
                message.open[c] = 0;
            }
            if (c >= live) {
                highest[c * (trace.past + blocks) + trace.past + block] = NEVER;
                rows_of[c * (trace.past + blocks) + trace.past + block] = 0;
                continue;
            }
            if (chain.depart) part(block, c, dead);
            find_highest(block, c, dead);
            double ahead = (arrived[c] - (trace.offset[block] - level_after(block, c)));
            rest[c] = rest[c] < HARDLY ? NEVER : rest[c] + ahead + table.ramp[c * SIZE + SIZE - 1];
            parting[c] = parting[c] < HARDLY ? NEVER : parting[c] + ahead;
            if (table.tail[c] > HARDLY) grow_rest(block, c);
        }
    }

    // Best censored last segment that begins in the block, less `arrived`.
    void part(int64_t block, int c, int dead) {
        const double *w = entries(block, c), shift = base(block)[c] - arrived[c];
        for (int j = dead; j < SIZE && block * SIZE + j < n; j++) {
            double x = w[j] < HARDLY ? NEVER : w[j] + shift + chain.depart[(block * SIZE + j) * C + c];
            if (x > parting[c] && x > HARDLY) {
                parting[c] = x;
                message.parting_source[c] = double(trace.first_base + block * SIZE + j);
            }
        }
    }

    // The oldest block that was read by duration joins the older entries, at the end of this block.
    void grow_rest(int64_t block, int c) {
        int64_t oldest = block - table.blocks[c];
        if (oldest < first_block[c]) return;
        const double *w = entries(oldest, c), *onward = table.onward + c * SIZE;
        double shift = base(oldest)[c] - (trace.offset[block] - level_after(block, c));
        int64_t dead = int64_t(alive_now[c]) > 0 ? int64_t(alive_now[c]) - oldest * SIZE : 0;
        for (int64_t j = dead > 0 ? dead : 0; j < SIZE; j++) {
            double x = w[j] + onward[j] + shift;
            if (w[j] > HARDLY && x > rest[c]) {
                rest[c] = x;
                message.rest_source[c] = double(trace.first_base + oldest * SIZE + j);
            }
        }
    }

    void send(double before) {
        int64_t last = blocks - 1;
        for (int c = 0; c < C; c++) {
            // The next part's S begins at 0.
            const double sum = level[last * width + c] + running[c], following = before - sum;
            const double drift = sum - level_after(last, c);
            for (int64_t back = trace.past; back > 0; back--) {
                int64_t block = blocks - back;
                double *to = message.entries + (c * trace.past + trace.past - back) * SIZE;
                const double *w = entries(block, c), shift = base(block)[c] - following;
                bool cut = block < first_block[c];
                for (int64_t j = 0; j < SIZE; j++) {
                    bool dead = cut || (alive_now[c] > 0 && block * SIZE + j < int64_t(alive_now[c]));
                    to[j] = dead || w[j] < HARDLY ? NEVER : w[j] + shift;
                }
            }
            message.rest[c] = rest[c] < HARDLY ? NEVER : rest[c] + drift;
            message.parting[c] = parting[c] < HARDLY ? NEVER : parting[c] + drift;
            message.leave[c] = trace.leave[(n - 1) * C + c];
            message.origin[c] += following;
        }
        message.total += shift_total + before;
        message.boundary += n;
    }
};

inline void *prepare_best(const Table &table) { return new BestTables(table); }
inline void release_best(void *prepared) { delete static_cast<BestTables *>(prepared); }
inline void best_part(const Table &table, const void *prepared, const Chain &part, Message &message, Trace &trace) {
    BestPart(table, *static_cast<const BestTables *>(prepared), part, message, trace).run();
}
