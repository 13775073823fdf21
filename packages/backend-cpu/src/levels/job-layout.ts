/*
 * What jobs of rectify "levels" hold besides the fields of `job-layout.ts`; compiled by TypeScript and AssemblyScript.
 *
 * Nodes are kept block by block: those of key block j are columns `j * 2^(L+1)` on, its 2^L leaves first, then coarser and
 * coarser levels, and one column of padding. Level l starts at column `2^(L+1) - 2^(l+1)` of its block.
 */

// Parameters (i32 unless noted).
/** L */
export const DEPTH = 320;
/** R */
export const PARTS = 324;
/** Clusters to start from. */
export const CLUSTERS_WANTED = 328;
/** f32 */
export const GAMMA = 332;
/** The first cluster whose nodes are held at the moment. */
export const CLUSTER_FIRST = 336;
/** Clusters OP_NODES works on: one after the other, so that the estimate finds their nodes in the cache. */
export const WORK_COUNT = 340;
export const WORK_FIRST = 352;
/** Slots per query block of `COLUMNS_LISTED` and `COLUMN_BIAS`. */
export const LIST_STRIDE = 344;
/** 1: errors come from moments alone; PARTS is 1 then. */
export const PROBES_OFF = 348;

// Tensors of one head.
/** `[n + 1]` i32: cluster of each query block, then the number of clusters. */
export const CLUSTER = 384;
/** `[n, R, d]`, `[n]` i32, `[n, R]`: means of the parts, how many there are, and their shares of the block's tokens. */
export const PROBE = 388;
export const PROBE_COUNT = 392;
export const PROBE_SHARE = 396;
/** `[n, 2]`: squared distances of keys and of values from the means of their block. */
export const SPREADS = 400;
/** `[clusters held, columns, d]`, and without d. */
export const NODE_KEY = 404;
export const NODE_VALUE = 408;
/** May be absent: the estimate needs the variances alone. */
export const NODE_SPREAD = 412;
export const NODE_MASS = 416;
export const NODE_NOISE = 420;
/** `[clusters held, columns]`: squared lengths of the values */
export const NODE_SQUARE = 424;
/** `[clusters held, columns, 16]`: projected values */
export const NODE_PROJECTED = 428;
/** `[d, 16]` */
export const PROJECTION = 432;
/** `[L + 1, n, n]` each; the last two may be absent. */
export const LEVEL_ERROR = 436;
export const MOMENT_ERROR = 440;
export const PROBE_ERROR = 444;
/** `[n]` */
export const OUTPUT_POWER = 448;
/** `[n, n]` u8 */
export const CHOICE = 452;
/** `[n]` i32 */
export const LIST_COUNTS = 456;
/** `[n, LIST_STRIDE]` i32 and f32 */
export const COLUMNS_LISTED = 460;
export const COLUMN_BIAS = 464;
/** `[n]` i32: query blocks by cluster; `[clusters + 1]` i32: where each cluster begins */
export const MEMBERS = 468;
export const MEMBER_START = 472;
/** `[units]` i32: first member and, times 65536, number of members */
export const ESTIMATE_UNITS = 476;
/** `[n, columns]`: variance of the logits in every node, for every query block */
export const VARIANCE = 480;
/** `[n * blockSize, 16]`: projected values of the tokens */
export const TOKEN_PROJECTED = 484;
export const LEVELS_JOB_BYTES = 512;

// Kernels; those of `job-layout.ts` work on these jobs as well.
export const OP_CLUSTER = 32;
export const OP_QUERY = 33;
export const OP_SPREADS = 34;
export const OP_NESTED_ORDER = 35;
export const OP_NODES = 36;
export const OP_ERRORS = 37;
export const OP_LISTS = 38;
export const OP_ATTEND_LISTS = 39;

/** Query blocks one unit of OP_ERRORS works on at most. */
export const ERROR_BLOCKS = 8;
/** Channels values are projected onto. */
export const PROJECTED = 16;
/** In a choice: exact. */
export const EXACT = 255;
