import { type AttentionAttrs, compilePlan, type Plan, unsupportedReason } from "@spaattn/attention";
import { CAPABILITIES } from "../capabilities.js";
import { describeStep } from "../describe.js";
import { launchPlan, siteOf } from "../dispatch.js";
import type { Handle } from "../driver/driver.js";
import { headsPerChunk } from "../layout.js";
import { type Call, type Chip, type CudaOperation, must, roundUp, type Shapes } from "../network/call.js";
import type { Scratch } from "../site.js";

const plans = new WeakMap<object, Plan>();
function planOf({ attrs }: Pick<Shapes<"attention">, "attrs">): Plan {
  const { spec } = attrs as AttentionAttrs;
  const plan = plans.get(spec) ?? compilePlan(spec);
  plans.set(spec, plan);
  return plan;
}

/** Hands out places in one piece of memory by name; without one it only counts. */
class Region implements Scratch {
  readonly #places = new Map<string, { at: number; bytes: number }>();
  bytes = 0;

  constructor(
    readonly base: Handle,
    readonly constant: Scratch["constant"],
  ) {}

  take(name: string, bytes: number): Handle {
    const held = this.#places.get(name);
    if (held && held.bytes >= bytes) return this.base + BigInt(held.at);
    const at = this.bytes;
    this.#places.set(name, { at, bytes });
    this.bytes += roundUp(bytes);
    return this.base + BigInt(at);
  }
}

/** Walks the launches of all heads, a few at a time. */
function eachLaunch(
  plan: Plan,
  chip: Chip,
  scratch: Scratch,
  placeOf: (name: string) => Handle,
  launch: Call<"attention">["launch"],
): void {
  const { batch, heads } = plan.geometry;
  const chunk = headsPerChunk(plan);
  for (let first = 0; first < batch * heads; first += chunk) {
    const site = siteOf(chip.capability, plan, first, Math.min(chunk, batch * heads - first), scratch, launch);
    launchPlan(site, plan, (name) => ({ pointer: placeOf(name), native: false }));
  }
}

export const attention: CudaOperation<"attention"> = {
  unsupported({ attrs }) {
    const { spec } = attrs as AttentionAttrs;
    if (!(spec.geometry.scale > 0)) return `a softmax scale of ${spec.geometry.scale} (it must be positive)`;
    return unsupportedReason(CAPABILITIES, spec);
  },
  scratch(shapes) {
    const region = new Region(0n, () => 0n);
    eachLaunch(
      planOf(shapes),
      shapes.chip,
      region,
      () => 0n,
      () => undefined,
    );
    return region.bytes;
  },
  record(call) {
    const plan = planOf(call);
    const region = new Region(call.scratch, call.constant);
    const placeOf = (name: string): Handle => {
      const constant = plan.constants[name];
      if (constant) return call.constant(name, constant.data as Int32Array);
      return (call.in[name] ?? must(call.out, name)).pointer;
    };
    eachLaunch(plan, call.chip, region, placeOf, (launch) => call.launch(launch));
  },
  describe(shapes) {
    const plan = planOf(shapes);
    const { steps, geometry } = plan;
    const chunk = headsPerChunk(plan);
    const described = steps.map(({ step }) => describeStep(step, shapes.chip.capability, chunk, geometry));
    return {
      kernel: described.map(({ kernel }) => kernel).join(" + "),
      reason: described.at(-1)?.reason ?? "nothing to attend",
    };
  },
};
