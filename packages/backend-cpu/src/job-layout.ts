/*
 * The memory layout kernels and host agree on. This file is compiled by TypeScript and by AssemblyScript, so it holds
 * nothing but integer constants.
 *
 * A job describes one head: a record of 4-byte fields at a byte address. Pointers are byte addresses, 0 means absent.
 */

// Geometry and parameters (i32 unless noted).
export const BLOCK_SIZE = 0;
export const HEAD_DIM = 4;
export const VISUAL = 8;
export const TOKENS = 12;
export const VISUAL_BLOCKS = 16;
export const TEXT_VALID = 20;
/** Text blocks with at least one valid key. */
export const TEXT_BLOCKS = 24;
/** Element type of query, key, value: 0 f32, 1 f16, 2 bf16. */
export const DTYPE = 28;
export const OUT_DTYPE = 32;
/** f32 */
export const SCALE = 36;
export const ZERO_PADDING = 40;
/** Query blocks per anchor. */
export const GROUP = 44;
/** First group and number of groups the group-wise tensors hold at the moment. */
export const GROUP_FIRST = 48;
export const GROUP_COUNT = 52;
export const STRATA_KIND = 56;
export const STRATA_PER_BLOCK = 60;
export const POWER_STEPS = 64;
export const UNIFORM_WEIGHTS = 68;
export const RANKED = 72;
export const TOP_BLOCKS = 76;
/** f32 */
export const COVER_MASS = 80;
export const TEXT_COMPETES = 84;
export const STRIDE = 88;
/** f32 */
export const H_MAX = 92;
/** f32 */
export const TAU_MAX = 96;
/** f32 */
export const M_MIN = 100;
export const DENSE = 104;
/** 0 none, 1 paper, 2 tail. */
export const RECTIFY = 108;
/** Columns of the probabilities: visual blocks, plus one when there are text slots. */
export const COLUMNS = 112;

// Tensors of one head.
export const QUERY = 128;
export const KEY = 132;
export const VALUE = 136;
export const QUERY_MEAN = 140;
export const KEY_MEAN = 144;
export const VALUE_MEAN = 148;
export const QUERY_DEVIATION = 152;
export const KEY_DEVIATION = 156;
export const ANCHOR = 160;
export const QUERY_SPREAD = 164;
export const ORDER = 168;
export const STRATA_KEY = 172;
export const STRATA_VALUE = 176;
export const STRATA_MASS = 180;
export const STRATA_SPREAD = 184;
export const STRATA_NOISE = 188;
export const COUNTS = 192;
export const INDICES = 196;
export const FACTOR = 200;
export const COMPENSATION = 204;
export const SCORES = 208;
export const PROBABILITIES = 212;
export const GAIN = 216;
export const BIAS = 220;
export const STRATA_BIAS = 224;
export const LOGIT_VARIANCE = 228;
export const BLOCK_ERROR = 232;
export const BLOCK_MASS = 236;
export const FORCED = 240;
export const OUTPUT = 244;
export const LSE = 248;
/** Keys in panels of 16: `[block][panel][headDim][16]`; slots past a block's last valid key are zero. */
export const KEY_PANELS = 252;
/** Values in panels of 16 channels: `[block][panel][blockSize][16]`. */
export const VALUE_PANELS = 256;
/** Strata keys and values in the same forms, in tiles of 128 strata. */
export const STRATA_KEY_PANELS = 260;
export const STRATA_VALUE_PANELS = 264;
/** Sampled queries and centred keys of strata "eigen", and its two directions. */
export const EIGEN_SAMPLES = 268;
export const EIGEN_AXES = 272;
export const JOB_BYTES = 320;

// Kernels.
export const OP_PACK = 0;
export const OP_POOL = 1;
export const OP_ANCHOR = 2;
export const OP_SPREAD = 3;
export const OP_EIGEN = 4;
export const OP_STRATA = 5;
export const OP_SUMMARIZE = 6;
export const OP_PACK_STRATA = 7;
export const OP_ESTIMATE_PAPER = 8;
export const OP_ESTIMATE_TAIL = 9;
export const OP_ATTEND = 10;

/** Rows of one attend task. */
export const TILE_ROWS = 64;
/** Columns of the widest tile: a block, or strata. */
export const TILE_COLUMNS = 128;
/** Key blocks or pseudo-tiles one call of attend works through before it returns to look around. */
export const CHUNK_TILES = 32;
