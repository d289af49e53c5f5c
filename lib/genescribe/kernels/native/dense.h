// Vectors of floats, their exp, log, erf and sigmoid, and products of rows with a matrix. Included once an instruction set,
// inside its namespace.

typedef float fvec __attribute__((vector_size(8 * WIDTH)));
typedef float fvec_unaligned __attribute__((vector_size(8 * WIDTH), aligned(4), may_alias));
typedef int32_t fivec __attribute__((vector_size(8 * WIDTH)));
constexpr int LANES = 2 * WIDTH;

inline fvec load_floats(const float *p) { return *reinterpret_cast<const fvec_unaligned *>(p); }
inline void store_floats(float *p, fvec x) { *reinterpret_cast<fvec_unaligned *>(p) = x; }
inline fvec splat_float(float x) { return x - fvec{}; }  // not 0 + x, which no compiler may leave out: -0

inline float sum_floats(fvec x) {
    float total = 0;
    for (int i = 0; i < LANES; i++) total += x[i];
    return total;
}

// The error function to a few units in the last place: rational, after Eigen's and XLA's.
inline fvec erf_(fvec x) {
    x = x > 4.f ? splat_float(4.f) : x;
    x = x < -4.f ? splat_float(-4.f) : x;
    const fvec z = x * x;
    fvec p = z * -2.72614225801306e-10f + 2.77068142495902e-08f;
    p = p * z + -2.10102402082508e-06f;
    p = p * z + -5.69250639462346e-05f;
    p = p * z + -7.34990630326855e-04f;
    p = p * z + -2.95459980854025e-03f;
    p = p * z + -1.60960333262415e-02f;
    fvec q = z * -1.45660718464996e-05f + -2.13374055278905e-04f;
    q = q * z + -1.68282697438203e-03f;
    q = q * z + -7.37332916720468e-03f;
    q = q * z + -1.42647390514189e-02f;
    return x * p / q;
}

// exp to a few units in the last place, of what is cut off at -80 and 80.
inline fvec exp_floats(fvec x) {
    x = x > 80.f ? splat_float(80.f) : x;
    x = x < -80.f ? splat_float(-80.f) : x;
    const float shifter = 0x1.8p23f;  // adding it rounds to a whole number, left in the low bits
    const fvec z = x * 0x1.715476p0f + shifter;
    const fvec n = z - shifter;
    const fvec r = (x - n * 0x1.62e4p-1f) - n * 0x1.7f7d1cp-20f;
    fvec p = r * (1.f / 5040) + 1.f / 720;
    p = p * r + 1.f / 120;
    p = p * r + 1.f / 24;
    p = p * r + 1.f / 6;
    p = p * r + .5f;
    p = p * r + 1.f;
    p = p * r + 1.f;
    return (fvec)((fivec)p + ((fivec)z << 23));
}

// log to a few units in the last place of positive normal x. After FreeBSD's e_logf.c (Sun, 1993).
inline fvec log_floats(fvec x) {
    const fivec root_half = fivec{} + 0x3f3504f3;
    const fivec bits = (fivec)x, exponent = (bits - root_half) >> 23;  // arithmetic: floor
    const fvec f = (fvec)(bits - (exponent << 23)) - 1.f;
    const fvec k = __builtin_convertvector(exponent, fvec);
    const fvec s = f / (2.f + f), z = s * s, w = z * z, half = 0.5f * f * f;
    const fvec rest = w * (0.40000972152f + w * 0.24279078841f) + z * (0.66666662693f + w * 0.28498786688f);
    return k * 6.9313812256e-01f - ((half - (s * (half + rest) + k * 9.0580006145e-06f)) - f);
}

inline fvec sigmoid(fvec x) { return 1.f / (1.f + exp_floats(-x)); }
inline fvec tanh_(fvec x) { return 2.f / (1.f + exp_floats(-2.f * x)) - 1.f; }

// Rows times a matrix: `to` (rows, outputs) = `from` + x (rows, count) @ weights (count, outputs). Rows of x follow each
// other at `x_step`, which may be shorter than a row, or negative; those of `from` at `from_step`, 0 for one row for all.
struct Product {
    const float *x;
    int64_t x_step, count;
    const float *weights;
    int64_t outputs;
    const float *from;
    int64_t from_step;
    float *to;
};

// `V` vectors of outputs of `R` rows. A sum runs over `count` in order, whatever rows it is worked out with.
template <int R, int V>
inline void multiply(const Product &p, int64_t row, int64_t column) {
    const float *x = p.x + row * p.x_step, *weights = p.weights + column, *from = p.from + row * p.from_step + column;
    fvec sums[R][V];
    for (int r = 0; r < R; r++)
        for (int v = 0; v < V; v++) sums[r][v] = load_floats(from + r * p.from_step + v * LANES);
    for (int64_t i = 0; i < p.count; i++, weights += p.outputs) {
        fvec w[V];
#pragma GCC unroll 8
        for (int v = 0; v < V; v++) w[v] = load_floats(weights + v * LANES);
#pragma GCC unroll 8
        for (int r = 0; r < R; r++) {
            const fvec each = splat_float(x[r * p.x_step + i]);
#pragma GCC unroll 8
            for (int v = 0; v < V; v++) sums[r][v] += each * w[v];
        }
    }
    float *to = p.to + row * p.outputs + column;
    for (int r = 0; r < R; r++)
        for (int v = 0; v < V; v++) store_floats(to + r * p.outputs + v * LANES, sums[r][v]);
}

constexpr int ROWS = WIDTH == 8 ? 8 : 6;   // rows that share the loads of weights
constexpr int PANEL = WIDTH == 8 ? 3 : 2;  // vectors of outputs that are summed together: what registers hold

template <int V>
inline void multiply_panel(const Product &p, int64_t rows, int64_t column) {
    for (int64_t row = 0; row < rows;) {
        const int64_t left = rows - row;
        if (left >= 2 * ROWS || left == ROWS) multiply<ROWS, V>(p, row, column), row += ROWS;
        else if (left >= 4) multiply<4, V>(p, row, column), row += 4;
        else if (left >= 2) multiply<2, V>(p, row, column), row += 2;
        else multiply<1, V>(p, row, column), row += 1;
    }
}

// Panel by panel: the weights of a panel stay in the first cache while the rows pass by.
inline void multiply(const Product &p, int64_t rows) {
    int64_t column = 0;
    for (; column + PANEL * LANES <= p.outputs; column += PANEL * LANES) multiply_panel<PANEL>(p, rows, column);
    for (; column < p.outputs; column += LANES) multiply_panel<1>(p, rows, column);
}
