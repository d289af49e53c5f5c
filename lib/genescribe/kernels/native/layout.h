// One chain in one direction as the recurrences read it. Included once an instruction set, inside its namespace.
//
// Rows of labels are padded to `width`; padding lanes hold neutral values.
class Layout {
  public:
    const Table &table;
    const Chain &chain;
    const bool mirrored;
    const int64_t n, blocks, kept;                   // kept: mask of a base's index; older rows are written over
    const int C, width;
    const bool forbids;                              // some content is -inf
    double shift_total = 0;                          // what was taken out of the content
    Buffer<double> into, out;                        // (rows, width): begin - S before each base, S after it + end
    Buffer<double> alive;                            // (rows, width): first boundary from which a segment covers i
    Buffer<double> level;                            // (blocks, width): whole numbers: S at the start of a block is
    Buffer<double> running, alive_now;               // (width): S less the level, and `alive`, after the last base
    Buffer<double> end_after, end_level, end_alive;  // (width): the same at the chain's end
    int live;                                        // labels of the block from this one on are forbidden throughout

    // `memory`: blocks whose rows are wanted at a time, a power of two; 0: all.
    Layout(const Table &t, const Chain &x, bool is_mirrored, int64_t memory)
        : table(t), chain(x), mirrored(is_mirrored), n(x.length), blocks((x.length + SIZE - 1) / SIZE),
          kept(memory ? memory * SIZE - 1 : -1), C(t.labels),
          width(padded(t.labels)), forbids(has_forbidden(t, x)), into(rows()), out(rows()), alive(forbids ? rows() : 0),
          level(blocks * width), running(width), alive_now(width), end_after(width), end_level(width),
          end_alive(width), live(width), row(width), allowed(width / WIDTH) {
        running.fill(width, 0.);
        alive_now.fill(width, 0.);
    }

    size_t rows() const { return size_t(kept < 0 ? blocks * SIZE : kept + 1) * width; }
    // Where the row of a base begins.
    int64_t slot(int64_t i) const { return (i & kept) * width; }

    // Scores of the base with index i of this direction; null where not given.
    const double *begins(int64_t i) const { return at(mirrored ? chain.end : chain.begin, i); }
    const double *finishes(int64_t i) const { return at(mirrored ? chain.begin : chain.end, i); }

    // Which transitions stand at a boundary.
    int64_t phase(int64_t boundary) const {
        int64_t t = (mirrored ? n - boundary : boundary) + chain.phase;
        return (t % table.period + table.period) % table.period;  // boundaries past the end are negative
    }
    double first(int c) const {
        if (mirrored) return chain.depart ? NEVER : table.final_[c];
        return chain.arrive ? NEVER : table.start[c];
    }
    // Score of a censored first segment that ends after base i, or null.
    const double *injected(int64_t i) const {
        if (mirrored) return chain.depart ? chain.depart + (n - 1 - i) * C : nullptr;
        return chain.arrive ? chain.arrive + (i + 1) * C : nullptr;
    }
    double alive_at(int64_t i, int c) const { return forbids ? alive[slot(i) + c] : 0.; }

    // Lay out one more block.
    void stage(int64_t block) {
        double *levels = level + block * width;
        for (int c = 0; c < width; c++) {
            double whole = std::rint(running[c]);
            levels[c] = (block ? levels[c - width] : 0.) + whole;
            running[c] -= whole;
        }
        allowed.fill(width / WIDTH, !forbids);
        double shifted = 0;
        for (int j = 0; j < SIZE; j++) shifted += stage_base(block * SIZE + j);
        shift_total += shifted;
        live = width;
        // Not at the ends, where other things than content tell of a label.
        while (block && block + 1 < blocks && live > WIDTH && !allowed[live / WIDTH - 1]) live -= WIDTH;
    }

    // Level of the block after the last one that was laid out.
    double level_after(int64_t block, int c) const { return level[block * width + c] + std::rint(running[c]); }

  private:
    Buffer<double> row;
    Buffer<uint8_t> allowed;  // (width / WIDTH): whether a base of the block may have one of these labels

    const double *at(const double *x, int64_t i) const { return x ? x + (mirrored ? n - 1 - i : i) * C : nullptr; }

    static bool has_forbidden(const Table &t, const Chain &x) {
        const int64_t count = x.length * t.labels;
        int64_t i = 0;
        for (; i + WIDTH <= count; i += WIDTH)
            if (bits(load(x.content + i) < splat(HARDLY))) return true;
        for (; i < count; i++)
            if (x.content[i] < HARDLY) return true;
        return false;
    }

    // The scores of a base, padded to whole vectors.
    const double *padded_row(const double *x, double *to) const {
        if (C == width) return x;
        std::memcpy(to, x, sizeof(double) * C);
        for (int c = C; c < width; c++) to[c] = NEVER;
        return to;
    }

    double stage_base(int64_t i) {
        double *into_i = into + slot(i), *out_i = out + slot(i);
        if (i >= n) row.fill(width, 0.);
        const double *x_ = i < n ? padded_row(at(chain.content, i), row) : row.data;
        vec tops = load(x_);
        for (int c = WIDTH; c < width; c += WIDTH) tops = larger(tops, load(x_ + c));
        const double highest = largest(tops), top = highest < HARDLY ? 0. : highest;
        for (int c = 0; c < width; c += WIDTH) {
            vec x = load(x_ + c), s = load(running + c);
            store(into_i + c, -s);
            s += x < HARDLY ? vec{} : x - top;
            store(running + c, s);
            store(out_i + c, s);
            if (forbids) {
                vec from = x < HARDLY ? splat(double(i + 1)) : load(alive_now + c);
                allowed[c / WIDTH] |= bits(x > splat(HARDLY)) != 0;
                store(alive_now + c, from);
                store(alive + slot(i) + c, from);
            }
        }
        if (i == n - 1) {
            std::memcpy(end_after, out_i, sizeof(double) * width);
            std::memcpy(end_level, level + i / SIZE * width, sizeof(double) * width);
            std::memcpy(end_alive, alive_now, sizeof(double) * width);
        }
        if (i < n) {
            add(begins(i), into_i);
            add(finishes(i), out_i);
        }
        return top;
    }

    // Add the scores of boundaries, where there are any.
    void add(const double *scores, double *to) {
        if (!scores) return;
        scores = padded_row(scores, row);
        for (int c = 0; c < width; c += WIDTH) {
            vec x = load(scores + c);
            store(to + c, x < HARDLY ? splat(NEVER) : load(to + c) + x);
        }
    }
};
