// One layer of local features, float32: GELU(LayerNorm(convolution + before)) + after. Included once an instruction set,
// inside its namespace.

inline void normalise(const LocalLayer &x, int64_t row, float *y) {
    const int64_t W = x.outputs;
    const float *before = x.before ? x.before + row * W : nullptr, *after = x.after ? x.after + row * W : nullptr;
    fvec sums = {}, squares = {};
    for (int64_t i = 0; i < W; i += LANES) {
        fvec v = load_floats(y + i);
        if (before) {
            v += load_floats(before + i);
            store_floats(y + i, v);
        }
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

constexpr int64_t BLOCK = 96;  // rows between convolution and norm: few enough that they stay in the first caches

inline void local_layer(const LocalLayer &x) {
    const int64_t half = x.taps / 2, I = x.inputs;
    Buffer<float> sums(size_t(BLOCK) * x.outputs), edge(size_t(BLOCK + x.taps) * I);
    for (int64_t row = 0; row < x.rows; row += BLOCK) {
        const int64_t count = x.rows - row < BLOCK ? x.rows - row : BLOCK;
        const int64_t first = row - half, last = row + count + half;
        const float *input = x.input + first * I;
        if (first < 0 || last > x.rows) {  // rows past the ends are zero
            const int64_t low = first < 0 ? 0 : first, high = last > x.rows ? x.rows : last;
            edge.fill(size_t(last - first) * I, 0.f);
            std::memcpy(edge + (low - first) * I, x.input + low * I, size_t((high - low) * I) * sizeof(float));
            input = edge;
        }
        // The rows of one window stand side by side.
        multiply({input, I, x.taps * I, x.weights, x.outputs, x.bias, 0, sums}, count);
        for (int64_t r = 0; r < count; r++) normalise(x, row + r, sums + r * x.outputs);
    }
}

// Rows times a matrix, plus a bias; block by block, so that rows stay in the first caches while the weights pass by.
inline void linear_map(const LinearMap &x) {
    const int64_t I = x.inputs, W = x.outputs;
    for (int64_t row = 0; row < x.rows; row += BLOCK) {
        const int64_t count = x.rows - row < BLOCK ? x.rows - row : BLOCK;
        multiply({x.input + row * I, I, I, x.weights, W, x.bias, 0, x.output + row * W}, count);
    }
}
