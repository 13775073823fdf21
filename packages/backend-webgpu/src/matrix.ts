/** What a device offers for `chromium-experimental-subgroup-matrix`, and why it is not used where it is not. */

export const MATRIX_FEATURE = "chromium-experimental-subgroup-matrix";

/** Half-float matrices of M x K and K x N with an f32 result of M x N, held by a subgroup of a fixed size. */
export interface MatrixUnit {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** Invocations of a subgroup. */
  readonly subgroup: number;
}

export type MatrixSupport = { readonly unit: MatrixUnit } | { readonly unit: undefined; readonly reason: string };

interface MatrixConfig {
  readonly componentType: string;
  readonly resultComponentType: string;
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

interface Info {
  readonly subgroupMinSize?: number;
  readonly subgroupMaxSize?: number;
  readonly subgroupMatrixConfigs?: Iterable<MatrixConfig>;
}

const none = (reason: string): MatrixSupport => ({ unit: undefined, reason });

/** Shapes to try where the device does not list any (Dawn in Node lists them at the adapter only). */
const USUAL: readonly Omit<MatrixUnit, "subgroup">[] = [
  { m: 16, n: 16, k: 16 },
  { m: 16, n: 8, k: 16 },
  { m: 8, n: 8, k: 8 },
];

/** Finds the unit that the attention kernel can use: the device compiles a few lines with it. */
export async function matrixSupport(gpu: GPUDevice): Promise<MatrixSupport> {
  for (const feature of ["shader-f16", "subgroups", MATRIX_FEATURE])
    if (!gpu.features.has(feature)) return none(`the device was made without ${feature}`);
  const { subgroupMinSize: least = 0, subgroupMaxSize: most = 0, ...info } = infoOf(gpu);
  if (least === 0 || least !== most) return none(`its subgroups have ${least} to ${most} invocations, not one size`);
  const listed = [...(info.subgroupMatrixConfigs ?? [])];
  const halves = listed.filter((config) => config.componentType === "f16" && config.resultComponentType === "f32");
  const shapes = listed.length === 0 ? USUAL : halves.map(({ M, N, K }) => ({ m: M, n: N, k: K }));
  const usable = shapes
    // Matrices are addressed by vectors of eight half floats, and an invocation works on one row of scores.
    .filter(({ m, n, k }) => [m, n, k].every((size) => size % 8 === 0 && 64 % size === 0) && least % m === 0)
    // Larger matrices need fewer loads for the same products.
    .sort((a, b) => b.m * b.n * b.k - a.m * a.n * a.k);
  let refusal = "it lists no matrices of half floats of a usable shape";
  for (const shape of usable) {
    const unit = { ...shape, subgroup: least };
    const error = await tryToCompile(gpu, unit);
    if (error === undefined) return { unit };
    refusal = `it refuses matrices of ${shape.m} x ${shape.n} x ${shape.k}: ${error.split("\n")[0]}`;
  }
  return none(refusal);
}

/** Attributes of the experiment are not in the types yet, and they are getters: a spread would miss them. */
function infoOf(gpu: GPUDevice): Info {
  const { subgroupMinSize, subgroupMaxSize, subgroupMatrixConfigs } = gpu.adapterInfo as Info;
  return { subgroupMinSize, subgroupMaxSize, subgroupMatrixConfigs };
}

/** Directives of every kernel that uses the unit. The sizes are uniform because workgroups are whole subgroups. */
export const MATRIX_DIRECTIVES = [
  "enable f16;",
  "enable subgroups;",
  "enable chromium_experimental_subgroup_matrix;",
  "diagnostic(off, chromium.subgroup_matrix_uniformity);",
  "diagnostic(off, subgroup_uniformity);",
];

/** The WGSL types of the unit: left (queries, weights), right (keys, values), result. Their sizes are columns, rows. */
export const matrixTypes = ({ m, n, k }: MatrixUnit): string => `
alias Left = subgroup_matrix_left<f16, ${k}, ${m}>;
alias Right = subgroup_matrix_right<f16, ${n}, ${k}>;
alias Result = subgroup_matrix_result<f32, ${n}, ${m}>;`;

/** The extension is an experiment: browsers differ in what they call its functions. */
async function tryToCompile(gpu: GPUDevice, unit: MatrixUnit): Promise<string | undefined> {
  const code = `${MATRIX_DIRECTIVES.join("\n")}
${matrixTypes(unit)}
var<workgroup> pool: array<vec4u, ${(unit.m * unit.n) / 2}>;
@compute @workgroup_size(${unit.subgroup})
fn main(@builtin(subgroup_id) sg: u32) {
  let left = subgroupMatrixLoad<Left, row_major>(&pool, sg, ${unit.k / 8}u);
  let right = subgroupMatrixLoad<Right, col_major>(&pool, sg, ${unit.k / 8}u);
  let sum = subgroupMatrixMultiplyAccumulate(left, right, Result());
  workgroupBarrier();
  subgroupMatrixStore<row_major>(&pool, sg, sum, ${unit.n / 4}u);
}`;
  gpu.pushErrorScope("validation");
  const module = gpu.createShaderModule({ label: "matrix trial", code });
  const pipeline = gpu.createComputePipelineAsync({ layout: "auto", compute: { module } });
  const failed = await pipeline.then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? error.message : String(error)),
  );
  const error = await gpu.popErrorScope().catch(() => null);
  return error?.message ?? failed;
}
