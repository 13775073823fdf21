import {
  checkFields,
  checkFlag,
  describeValue,
  guardCallbacks,
  type HostTensor,
  isHostTensor,
  SpaAttnError,
  sameShape,
  type Tensor,
} from "@spaattn/core";
import {
  type Backend,
  type Program,
  type RunOptions,
  type RunReport,
  type StepDescription,
  unsupportedReason,
} from "./backend.js";
import { checkBackend } from "./check-backend.js";
import { compilePlan } from "./compile-plan.js";
import { forcedByHost } from "./host-policy.js";
import { interpret } from "./interpret.js";
import { Choices, reusesChoices, type Site } from "./levels/reuse.js";
import type { Plan } from "./plan.js";
import { resolveSpec } from "./resolve-spec.js";
import type { AttentionSpec, ResolvedSpec } from "./spec.js";

/** Tensors of one run. Host tensors are uploaded for the run; outputs that are missing are allocated. */
export interface AttentionIO {
  readonly query: Tensor;
  readonly key: Tensor;
  readonly value: Tensor;
  readonly output?: Tensor;
  /** Outputs of `spec.extras` to write into, by name. */
  readonly [extra: string]: Tensor | undefined;
}

export interface AttentionResult {
  /** `[batch, heads, tokens, headDim]` on the backend's device. */
  readonly output: Tensor;
  /** The output and every extra, by name; `mask` as `counts` and `indices`. */
  readonly tensors: Readonly<Record<string, Tensor>>;
  readonly report: RunReport;
}

/** A spec compiled for one backend. */
export interface Attention {
  readonly spec: ResolvedSpec;
  readonly plan: Plan;
  readonly backend: Backend;
  /** Runs to the end. Inputs are never modified. */
  run(io: AttentionIO, options?: RunOptions): Promise<AttentionResult>;
  /** Records into the caller's encoder or stream; all tensors must live on the backend. Throws `Unsupported` elsewhere. */
  encode(target: unknown, io: AttentionIO): void;
  /** Which kernel was chosen for each step, and why. */
  describe(): readonly StepDescription[];
  dispose(): void;
}

export interface CreateAttentionOptions {
  /** False: run the plan one primitive at a time, without the backend's own fusion. */
  readonly fused?: boolean;
}

/**
 * Compiles a spec for a backend.
 *
 * Rejects with `TypeError`/`RangeError` for a wrong spec and with `Unsupported` when the backend cannot run it.
 */
export async function createAttention(
  backend: Backend,
  spec: AttentionSpec,
  options: CreateAttentionOptions = {},
): Promise<Attention> {
  checkBackend("backend", backend);
  checkFields("options", options, ["fused"]);
  checkFlag("options.fused", options.fused);
  const resolved = resolveSpec(spec);
  const reason = unsupportedReason(backend.capabilities, resolved);
  if (reason)
    throw new SpaAttnError("Unsupported", `Backend "${backend.name}" does not support ${reason}.`, {
      remedy: "Change the spec, or use another backend (`spaattn doctor` lists them).",
    });
  const { accumulate } = backend.capabilities;
  const prepare = async (plan: Plan): Promise<Program> => {
    const program = options.fused === false ? interpret(backend, plan) : await backend.prepare(plan);
    if (typeof program?.run === "function" && typeof program.dispose === "function") return program;
    throw new TypeError(`prepare() of backend "${backend.name}" must give a Program, got ${describeValue(program)}`);
  };
  const host = await forcedByHost(backend, resolved, prepare);
  const reuse = reusesChoices(resolved);
  const extras = reuse ? [...new Set([...resolved.extras, "choice" as const])] : resolved.extras;
  const plan = compilePlan({ ...resolved, extras }, { accumulate, maskAsInput: host !== undefined });
  const program = await prepare(plan);
  const again = async () => {
    const next = compilePlan(resolved, { accumulate, choiceAsInput: true });
    return { plan: next, program: await prepare(next) };
  };
  return new CompiledAttention(resolved, plan, backend, program, host, reuse ? again : undefined);
}

interface Prepared {
  readonly plan: Plan;
  readonly program: Program;
}

class CompiledAttention implements Attention {
  #disposed = false;
  readonly #choices: Choices;
  #reusing: Promise<Prepared> | undefined;

  constructor(
    readonly spec: ResolvedSpec,
    readonly plan: Plan,
    readonly backend: Backend,
    readonly program: Program,
    readonly host: Awaited<ReturnType<typeof forcedByHost>>,
    readonly again: (() => Promise<Prepared>) | undefined,
  ) {
    this.#choices = new Choices(spec.levels.refresh);
  }

  async run(io: AttentionIO, options: RunOptions = {}): Promise<AttentionResult> {
    this.#alive();
    if (typeof options !== "object" || options === null)
      throw new TypeError(`options must be an object, got ${describeValue(options)}`);
    return guardCallbacks(options, ["onProgress"], (guarded) => this.#run(io, guarded));
  }

  async #run(io: AttentionIO, options: RunOptions): Promise<AttentionResult> {
    const borrowed: Tensor[] = [];
    const created: Tensor[] = [];
    this.#checkNames(io);
    try {
      const inputs: Record<string, Tensor> = {};
      for (const name of ["query", "key", "value"]) inputs[name] = this.#input(name, io[name], borrowed);
      if (this.host) {
        inputs.forced = await this.host.mask(inputs, options);
        borrowed.push(inputs.forced);
      }
      const site = this.again ? options.site : undefined;
      const choice = site === undefined ? undefined : this.#choices.take(site);
      const { plan, program } = choice ? await (this.#reusing ??= this.again!()) : this;
      if (choice) inputs.choice = choice;
      const outputs: Record<string, Tensor> = {};
      for (const [name, { dtype, shape, role }] of Object.entries(plan.tensors)) {
        if (role !== "output") continue;
        const given = io[name];
        if (given) this.#check(name, given);
        outputs[name] = given ?? this.backend.allocate(dtype, shape);
        if (!given) created.push(outputs[name]);
      }
      const report = await program.run({ ...inputs, ...outputs }, options);
      if (this.again) await this.#keepChoice(site, choice, outputs);
      return { output: outputs.output, tensors: outputs, report };
    } catch (error) {
      for (const tensor of created) tensor.dispose();
      throw error;
    } finally {
      for (const tensor of borrowed) tensor.dispose();
    }
  }

  encode(target: unknown, io: AttentionIO): void {
    this.#alive();
    if (!this.program.encode || this.host)
      throw new SpaAttnError(
        "Unsupported",
        this.host
          ? "An attention with a host policy cannot be recorded."
          : `Backend "${this.backend.name}" does not record.`,
        { remedy: "Use run() instead." },
      );
    const bindings: Record<string, Tensor> = {};
    for (const [name, { role }] of Object.entries(this.plan.tensors)) {
      if (role !== "input" && role !== "output") continue;
      const tensor = io[name];
      if (!tensor) throw new TypeError(`io.${name} is missing`);
      if (!this.backend.owns(tensor))
        throw new TypeError(
          `io.${name} must be a tensor of backend "${this.backend.name}" (use its wrap() or upload())`,
        );
      this.#check(name, tensor);
      bindings[name] = tensor;
    }
    this.program.encode(target, bindings);
  }

  describe(): readonly StepDescription[] {
    return this.program.describe();
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.program.dispose();
    this.host?.dispose();
    this.#choices.dispose();
    this.#reusing?.then(
      ({ program }) => program.dispose(),
      () => {},
    );
  }

  /** Keeps a choice that was made for the next runs of the site; the caller gets one of their own, if they asked. */
  async #keepChoice(site: Site | undefined, used: Tensor | undefined, outputs: Record<string, Tensor>): Promise<void> {
    const wanted = this.spec.extras.includes("choice");
    const made = outputs.choice;
    const copy = async (tensor: Tensor) => this.backend.upload(await tensor.read());
    if (used) {
      if (wanted) outputs.choice = await copy(used);
      return;
    }
    if (site !== undefined) this.#choices.keep(site, wanted ? await copy(made) : made);
    if (wanted) return;
    delete outputs.choice;
    if (site === undefined) made.dispose();
  }

  #input(name: string, tensor: Tensor | undefined, borrowed: Tensor[]): Tensor {
    if (!tensor) throw new TypeError(`io.${name} is missing`);
    this.#check(name, tensor);
    if (this.backend.owns(tensor)) return tensor;
    if (!isHostTensor(tensor))
      throw new TypeError(`io.${name} lives on another device; read() it first to move it to "${this.backend.name}"`);
    const copy = this.backend.upload(tensor as HostTensor);
    borrowed.push(copy);
    return copy;
  }

  /** Misspelt outputs would be allocated, and the caller's left as they were. */
  #checkNames(io: AttentionIO): void {
    if (typeof io !== "object" || io === null) throw new TypeError(`io must be an object, got ${describeValue(io)}`);
    const { tensors } = this.plan;
    const known = Object.keys(tensors).filter((name) => /^(input|output)$/.test(tensors[name].role));
    for (const name of Object.keys(io))
      if (!known.includes(name) && io[name] !== undefined)
        throw new TypeError(`io.${name} is no tensor of this attention; it has ${known.join(", ")}`);
    for (const name of known)
      if (tensors[name].role === "output" && io[name] && [io.query, io.key, io.value].includes(io[name]))
        throw new TypeError(`io.${name} must not be an input: inputs are read while outputs are written`);
  }

  #check(name: string, tensor: Tensor): void {
    const { dtype, shape } = this.plan.tensors[name];
    if (typeof tensor !== "object" || tensor === null || !Array.isArray(tensor.shape))
      throw new TypeError(`io.${name} must be a tensor, got ${describeValue(tensor)}`);
    if (tensor.disposed)
      throw new SpaAttnError("Disposed", `io.${name} has been disposed.`, { remedy: "Keep it until the run is over." });
    if (!sameShape(tensor.shape, shape))
      throw new RangeError(`io.${name} must have shape [${shape.join(", ")}], got [${tensor.shape.join(", ")}]`);
    if (tensor.dtype !== dtype && name !== "indices")
      throw new TypeError(`io.${name} must be ${dtype}, got ${tensor.dtype}`);
  }

  #alive(): void {
    if (this.#disposed)
      throw new SpaAttnError("Disposed", "This attention has been disposed.", { remedy: "Create it again." });
  }
}
