/*
 * The kernels of network operations, and the numbers of element types and activations they take. Compiled by TypeScript
 * and by AssemblyScript, so it holds nothing but integer constants.
 */

/** Codes from here on belong to the network module; those below to attention. */
export const NETWORK = 64;

export const K_MATMUL = 64;
export const K_CONVERT = 65;
export const K_NORM = 66;
export const K_GROUP_SUMS = 67;
export const K_GROUP_APPLY = 68;
export const K_HEADS = 69;
export const K_MERGE = 70;
export const K_PACK_KEYS = 71;
export const K_DENSE = 72;
export const K_EMBED = 73;
export const K_TIMESTEP = 74;
export const K_BINARY = 75;
export const K_UNARY = 76;
export const K_COMBINE = 77;
export const K_SUM_ABSOLUTE = 78;
export const K_MEAN_FINISH = 79;
export const K_MEAN = 80;
export const K_MOVE = 81;
export const K_FILL = 82;

// Element types.
export const F32 = 0;
export const F16 = 1;
export const BF16 = 2;
export const F8E4M3 = 3;
export const F8E5M2 = 4;
export const I8 = 5;
export const I32 = 6;
export const U8 = 7;
export const U16 = 8;
export const F64 = 9;
// Block-quantised weights.
export const Q8_0 = 16;
export const Q4_0 = 17;
export const Q4_1 = 18;
export const Q5_0 = 19;
export const Q5_1 = 20;
export const Q4_K = 21;
export const Q5_K = 22;
export const Q6_K = 23;

// What `unary` does; the first seven are the activations.
export const NONE = 0;
export const GELU_TANH = 1;
export const GELU_ERF = 2;
export const QUICK_GELU = 3;
export const SILU = 4;
export const RELU = 5;
export const TANH = 6;
export const AFFINE = 7;
export const CLAMP = 8;
export const EXP = 9;
export const ABS = 10;
export const SQRT = 11;

// Matrix product: rows of a task, columns of a task, and numbers of a row worked through at a time.
export const TASK_ROWS = 256;
export const TASK_COLUMNS = 64;
export const DEPTH = 512;
/** Fewer rows than this are multiplied row by row: unpacking weights into panels would not pay. */
export const FEW_ROWS = 6;

/** Query rows of a task of dense attention, and keys of a tile. */
export const QUERY_ROWS = 64;
export const KEY_COLUMNS = 128;
