// One layer of local features, float32: GELU(LayerNorm(convolution + before)) + after. Included once an instruction set,
// inside its namespace.

typedef float fvec __attribute__((vector_size(8 * WIDTH)));
typedef float fvec_unaligned __attribute__((vector_size(8 * WIDTH), aligned(4), may_alias));
constexpr int LANES = 2 * WIDTH;

inline fvec load_floats(const float *p) { return *reinterpret_cast<const fvec_unaligned *>(p); }
inline void store_floats(float *p, fvec x) { *reinterpret_cast<fvec_unaligned *>(p) = x; }
inline fvec splat_float(float x) { return fvec{} + x; }

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

// `V` vectors of outputs of `R` rows: sums over `taps` x `inputs`, rows of the input following each other.
template <int R, int V>
inline void convolve_rows(const float *input, int64_t inputs, int64_t taps, const float *weights, int64_t outputs,
                          float *to) {
    fvec sums[R][V];
    for (int r = 0; r < R; r++)
        for (int v = 0; v < V; v++) sums[r][v] = fvec{};
    const int64_t count = taps * inputs;  // the rows of one window stand side by side
    for (int64_t i = 0; i < count; i++) {
        fvec w[V];
#pragma GCC unroll 8
        for (int v = 0; v < V; v++) w[v] = load_floats(weights + i * outputs + v * LANES);
#pragma GCC unroll 8
        for (int r = 0; r < R; r++) {
            const fvec x = splat_float(input[r * inputs + i]);
#pragma GCC unroll 8
            for (int v = 0; v < V; v++) sums[r][v] += x * w[v];
        }
    }
    for (int r = 0; r < R; r++)
        for (int v = 0; v < V; v++) store_floats(to + r * outputs + v * LANES, sums[r][v]);
}

constexpr int ROWS = WIDTH == 8 ? 8 : 4;      // rows that share the loads of weights
constexpr int PANEL = WIDTH == 8 ? 3 : 2;     // vectors of outputs that are summed together: what registers hold

template <int R>
inline void convolve_panels(const LocalLayer &x, const float *input, float *to) {
    int64_t v = 0;
    const int64_t vectors = x.outputs / LANES;
    for (; v + PANEL <= vectors; v += PANEL)
        convolve_rows<R, PANEL>(input, x.inputs, x.taps, x.weights + v * LANES, x.outputs, to + v * LANES);
    for (; v < vectors; v++)
        convolve_rows<R, 1>(input, x.inputs, x.taps, x.weights + v * LANES, x.outputs, to + v * LANES);
}

inline void normalise(const LocalLayer &x, int64_t row, float *y) {
    const int64_t W = x.outputs;
    const float *before = x.before ? x.before + row * W : nullptr, *after = x.after ? x.after + row * W : nullptr;
    fvec sums = {}, squares = {};
    for (int64_t i = 0; i < W; i += LANES) {
        fvec v = load_floats(y + i) + load_floats(x.bias + i);
        if (before) v += load_floats(before + i);
        store_floats(y + i, v);
        sums += v;
    }
    const float mean = sum_floats(sums) / float(W);
    for (int64_t i = 0; i < W; i += LANES) {
        const fvec v = load_floats(y + i) - mean;
        squares += v * v;
    }
    const float scale = 1.f / std::sqrt(sum_floats(squares) / float(W) + x.epsilon);
    for (int64_t i = 0; i < W; i += LANES) {
        fvec v = (load_floats(y + i) - mean) * scale * load_floats(x.gain + i) + load_floats(x.shift + i);
        v = 0.5f * v * (1.f + erf_(v * 0.70710678118654752f));
        store_floats(x.output + row * W + i, after ? load_floats(after + i) + v : v);
    }
}

inline void local_layer(const LocalLayer &x) {
    Buffer<float> sums(size_t(ROWS) * x.outputs);
    const float *input = x.input - x.taps / 2 * x.inputs;
    int64_t row = 0;
    for (; row + ROWS <= x.rows; row += ROWS) {
        convolve_panels<ROWS>(x, input + row * x.inputs, sums);
        for (int r = 0; r < ROWS; r++) normalise(x, row + r, sums + r * x.outputs);
    }
    for (; row < x.rows; row++) {
        convolve_panels<1>(x, input + row * x.inputs, sums);
        normalise(x, row, sums);
    }
}
