/**
 * The 8 x 8 discrete cosine transform and its inverse in the integer arithmetic of libjpeg's default method ("islow"):
 * the algorithm of Loeffler, Ligtenberg and Moschytz ("Practical fast 1-D DCT algorithms with 11 multiplications",
 * ICASSP 1989) with 13-bit constants. Every JPEG library that follows libjpeg computes the same integers.
 */

/** Fraction bits of the constants. */
const CONSTANT_BITS = 13;
/** Fraction bits that are kept between the two passes. */
const PASS_BITS = 2;

// Sums of cosines from section 3 of the paper, times 2^13.
const F_0_298631336 = 2446;
const F_0_390180644 = 3196;
const F_0_541196100 = 4433;
const F_0_765366865 = 6270;
const F_0_899976223 = 7373;
const F_1_175875602 = 9633;
const F_1_501321110 = 12299;
const F_1_847759065 = 15137;
const F_1_961570560 = 16069;
const F_2_053119869 = 16819;
const F_2_562915447 = 20995;
const F_3_072711026 = 25172;

/** Transforms a block (64) of samples centred on 0 in place. The coefficients are eight times the orthonormal ones. */
export function forwardDct(block: Int32Array): void {
  for (let row = 0; row < 64; row += 8) forwardPass(block, row, 1, CONSTANT_BITS - PASS_BITS, -PASS_BITS);
  for (let column = 0; column < 8; column++) forwardPass(block, column, 8, CONSTANT_BITS + PASS_BITS, PASS_BITS);
}

/** Transforms a block (64) of orthonormal coefficients in place into samples centred on 0, without clipping. */
export function inverseDct(block: Int32Array): void {
  for (let column = 0; column < 8; column++) inversePass(block, column, 8, CONSTANT_BITS - PASS_BITS);
  for (let row = 0; row < 64; row += 8) inversePass(block, row, 1, CONSTANT_BITS + PASS_BITS + 3);
}

/** value / 2^bits, rounded. Negative `bits` shift to the left. */
function descale(value: number, bits: number): number {
  return bits > 0 ? (value + (1 << (bits - 1))) >> bits : value << -bits;
}

function forwardPass(b: Int32Array, at: number, step: number, bits: number, evenBits: number): void {
  const i1 = at + step;
  const i2 = i1 + step;
  const i3 = i2 + step;
  const i4 = i3 + step;
  const i5 = i4 + step;
  const i6 = i5 + step;
  const i7 = i6 + step;
  const s07 = b[at] + b[i7];
  const s16 = b[i1] + b[i6];
  const s25 = b[i2] + b[i5];
  const s34 = b[i3] + b[i4];
  const d07 = b[at] - b[i7];
  const d16 = b[i1] - b[i6];
  const d25 = b[i2] - b[i5];
  const d34 = b[i3] - b[i4];

  const outer = s07 - s34;
  const inner = s16 - s25;
  b[at] = descale(s07 + s34 + s16 + s25, evenBits);
  b[i4] = descale(s07 + s34 - s16 - s25, evenBits);
  const even = Math.imul(inner + outer, F_0_541196100);
  b[i2] = descale(even + Math.imul(outer, F_0_765366865), bits);
  b[i6] = descale(even - Math.imul(inner, F_1_847759065), bits);

  const odd = Math.imul(d34 + d16 + d25 + d07, F_1_175875602);
  const z1 = Math.imul(d34 + d07, -F_0_899976223);
  const z2 = Math.imul(d25 + d16, -F_2_562915447);
  const z3 = Math.imul(d34 + d16, -F_1_961570560) + odd;
  const z4 = Math.imul(d25 + d07, -F_0_390180644) + odd;
  b[i7] = descale(Math.imul(d34, F_0_298631336) + z1 + z3, bits);
  b[i5] = descale(Math.imul(d25, F_2_053119869) + z2 + z4, bits);
  b[i3] = descale(Math.imul(d16, F_3_072711026) + z2 + z3, bits);
  b[i1] = descale(Math.imul(d07, F_1_501321110) + z1 + z4, bits);
}

function inversePass(b: Int32Array, at: number, step: number, bits: number): void {
  const i1 = at + step;
  const i2 = i1 + step;
  const i3 = i2 + step;
  const i4 = i3 + step;
  const i5 = i4 + step;
  const i6 = i5 + step;
  const i7 = i6 + step;

  const even = Math.imul(b[i2] + b[i6], F_0_541196100);
  const low = even - Math.imul(b[i6], F_1_847759065);
  const high = even + Math.imul(b[i2], F_0_765366865);
  const sum = (b[at] + b[i4]) << CONSTANT_BITS;
  const difference = (b[at] - b[i4]) << CONSTANT_BITS;
  const e0 = sum + high;
  const e3 = sum - high;
  const e1 = difference + low;
  const e2 = difference - low;

  const odd = Math.imul(b[i7] + b[i3] + b[i5] + b[i1], F_1_175875602);
  const z1 = Math.imul(b[i7] + b[i1], -F_0_899976223);
  const z2 = Math.imul(b[i5] + b[i3], -F_2_562915447);
  const z3 = Math.imul(b[i7] + b[i3], -F_1_961570560) + odd;
  const z4 = Math.imul(b[i5] + b[i1], -F_0_390180644) + odd;
  const o0 = Math.imul(b[i7], F_0_298631336) + z1 + z3;
  const o1 = Math.imul(b[i5], F_2_053119869) + z2 + z4;
  const o2 = Math.imul(b[i3], F_3_072711026) + z2 + z3;
  const o3 = Math.imul(b[i1], F_1_501321110) + z1 + z4;

  b[at] = descale(e0 + o3, bits);
  b[i7] = descale(e0 - o3, bits);
  b[i1] = descale(e1 + o2, bits);
  b[i6] = descale(e1 - o2, bits);
  b[i2] = descale(e2 + o1, bits);
  b[i5] = descale(e2 - o1, bits);
  b[i3] = descale(e3 + o0, bits);
  b[i4] = descale(e3 - o0, bits);
}
