// The parameters of all products of the estimate.
#pragma once
#include <stdint.h>

struct ProductParams {
  const float* queryMean;       // [heads, n, d]
  const float* querySecond;     // [heads, n, d]: queryDeviation (paper) or querySpread (tail)
  const void* keys;             // paper: keyMean [heads, n, d] f32; tail: strataKey [heads, groups, u, d] 16 bit
  const float* keySecond;       // [.., d]: keyDeviation (paper), null without gain test; strataSpread (tail)
  const float* mass;            // tail: [heads, groups, u]
  const float* noise;           // tail: [heads, groups, u]
  const void* values;           // paper: valueMean f32; tail: strataValue f16
  const void* textKey;          // [heads, tokens, d], 16 bit
  const void* textValue;
  const int* textValid;         // [heads]
  float* logits;                // [heads, n, width]: columns, then text; paper: later weights; tail: later log e
  const float* normaliser;      // tail: [heads, n] log of the sum over a row's exponentials
  float* variance;              // tail: [heads, n, biasStride] tau; the selection turns it into the bias, in place
  float* scores;                // paper: [heads, n, n] unscaled, or null
  float* strataBias;            // tail: [heads, n, columns], or null
  float* logitVariance;         // tail: [heads, n, columns], or null
  uint8_t* gain;                // paper: [heads, n, n], or null
  float* weights;               // tail: [heads, n, columns] softmax weights, or null
  float* out;                   // weighted values: [splits, heads, n, d]
  int heads, n, columns, width, biasStride, tokens, visualTokens, group, groups, splits;
  int uniform;                  // paper: every block weighs the same
  float scale, hMax, tauMax, mMin;
};
