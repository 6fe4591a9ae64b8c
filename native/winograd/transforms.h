// The transforms of Winograd's convolution F(4x4, 3x3), a vector of channels at a time: a tile of 4 by 4 results of a 3x3
// convolution is 36 products of a transformed 6 by 6 tile of the input and the transformed kernel, in place of 144.
//
//     Y = A^T [(G g G^T) * (B^T d B)] A,  summed over the input channels inside the brackets
//
// Source: Lavin and Gray 2016, Fast Algorithms for Convolutional Neural Networks, https://arxiv.org/abs/1509.09308, with the
// matrices of Cook and Toom for the points 0, p, -p, q, -q and infinity. At p = 5/8 and q = 3/2 results are off by 1e-6 of the
// largest in float32, a fifth of what the points 1 and 2 of that paper leave.
#pragma once
#include "vectors/vector.h"

namespace advprop::winograd {

constexpr int kTile = 4;                  // results in a row of a tile
constexpr int kSide = 6;                  // inputs in a row of a tile
constexpr int kPlaces = kSide * kSide;    // products of a tile
constexpr float kP = 0.625f, kQ = 1.5f;
constexpr float kPP = kP * kP, kQQ = kQ * kQ;

// Transforms of one dimension. Vectors are passed in arrays, which stay in registers.

/// B^T: six inputs to six. Rows are the coefficients of M(x) / (x - point) with M = x (x^2 - p^2) (x^2 - q^2), and of M.
struct Inputs {
  static constexpr int from = 6, to = 6;
  static void apply(const Floats* d, Floats* out) {
    const Floats evenP = d[4] - kQQ * d[2], oddP = d[3] - kQQ * d[1];
    const Floats evenQ = d[4] - kPP * d[2], oddQ = d[3] - kPP * d[1];
    out[0] = d[4] - (kPP + kQQ) * d[2] + (kPP * kQQ) * d[0];
    out[1] = evenP + kP * oddP;
    out[2] = evenP - kP * oddP;
    out[3] = evenQ + kQ * oddQ;
    out[4] = evenQ - kQ * oddQ;
    out[5] = d[5] - (kPP + kQQ) * d[3] + (kPP * kQQ) * d[1];
  }
};

/// A^T: six products to four results, the powers 0 to 3 of the points.
struct Products {
  static constexpr int from = 6, to = 4;
  static void apply(const Floats* m, Floats* out) {
    const Floats sumP = m[1] + m[2], differenceP = m[1] - m[2], sumQ = m[3] + m[4], differenceQ = m[3] - m[4];
    out[0] = m[0] + sumP + sumQ;
    out[1] = kP * differenceP + kQ * differenceQ;
    out[2] = kPP * sumP + kQQ * sumQ;
    out[3] = (kP * kPP) * differenceP + (kQ * kQQ) * differenceQ + m[5];
  }
};

/// A: four gradients of results to six gradients of products.
struct Gradients {
  static constexpr int from = 4, to = 6;
  static void apply(const Floats* y, Floats* out) {
    const Floats evenP = y[0] + kPP * y[2], oddP = y[1] + kPP * y[3];
    const Floats evenQ = y[0] + kQQ * y[2], oddQ = y[1] + kQQ * y[3];
    out[0] = y[0];
    out[1] = evenP + kP * oddP;
    out[2] = evenP - kP * oddP;
    out[3] = evenQ + kQ * oddQ;
    out[4] = evenQ - kQ * oddQ;
    out[5] = y[3];
  }
};

// 1 over the product of the differences from a point to the others.
constexpr float kScale0 = 1 / (kPP * kQQ);
constexpr float kScaleP = 1 / (2 * kPP * (kPP - kQQ));
constexpr float kScaleQ = 1 / (2 * kQQ * (kQQ - kPP));

/// G: three weights to six.
struct Weights {
  static constexpr int from = 3, to = 6;
  static void apply(const Floats* g, Floats* out) {
    const Floats evenP = kScaleP * (g[0] + kPP * g[2]), evenQ = kScaleQ * (g[0] + kQQ * g[2]);
    out[0] = kScale0 * g[0];
    out[1] = evenP + (kScaleP * kP) * g[1];
    out[2] = evenP - (kScaleP * kP) * g[1];
    out[3] = evenQ + (kScaleQ * kQ) * g[1];
    out[4] = evenQ - (kScaleQ * kQ) * g[1];
    out[5] = g[2];
  }
};

/// G^T: six gradients of transformed weights to three of weights.
struct WeightGradients {
  static constexpr int from = 6, to = 3;
  static void apply(const Floats* u, Floats* out) {
    const Floats sumP = kScaleP * (u[1] + u[2]), sumQ = kScaleQ * (u[3] + u[4]);
    out[0] = kScale0 * u[0] + sumP + sumQ;
    out[1] = (kScaleP * kP) * (u[1] - u[2]) + (kScaleQ * kQ) * (u[3] - u[4]);
    out[2] = kPP * sumP + kQQ * sumQ + u[5];
  }
};

/// A transform of both dimensions. It reads vectors with `at(row, column)` and writes them with `put(row, column, vector)`.
template <typename Transform, typename At, typename Put>
inline __attribute__((always_inline)) void transformTile(const At& at, const Put& put) {
  Floats half[Transform::to][Transform::from];
#pragma GCC unroll 6
  for (int column = 0; column < Transform::from; ++column) {
    Floats in[Transform::from], out[Transform::to];
#pragma GCC unroll 6
    for (int row = 0; row < Transform::from; ++row) in[row] = at(row, column);
    Transform::apply(in, out);
#pragma GCC unroll 6
    for (int row = 0; row < Transform::to; ++row) half[row][column] = out[row];
  }
#pragma GCC unroll 6
  for (int row = 0; row < Transform::to; ++row) {
    Floats out[Transform::to];
    Transform::apply(half[row], out);
#pragma GCC unroll 6
    for (int column = 0; column < Transform::to; ++column) put(row, column, out[column]);
  }
}

}  // namespace advprop::winograd
