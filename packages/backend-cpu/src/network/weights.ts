import { byteLength, elementCount, type HostTensor, type TypedArray } from "@spaattn/core";
import type { NetworkCrew } from "../crew/crew.js";
import type { Form } from "./lowering.js";

interface Entry {
  /** The cache keeps nobody's weights alive. */
  readonly tensor: WeakRef<HostTensor>;
  readonly form: Form;
  readonly at: number;
  readonly bytes: number;
  /** Programs it was bound to. */
  readonly users: Set<object>;
  used: number;
}

const bytesIn = (tensor: HostTensor, form: Form): number =>
  form === "f32" ? 4 * elementCount(tensor.shape) : byteLength(tensor);

/** Elements of a convolution's weight `[co, ci, ...taps]` as `[co, taps, ci]`. */
function tapsFirst(tensor: HostTensor): TypedArray {
  const [co, ci, ...kernel] = tensor.shape;
  const taps = elementCount(kernel);
  const from = tensor.data as TypedArray;
  const to = from.slice();
  for (let o = 0; o < co; o++)
    for (let c = 0; c < ci; c++)
      for (let t = 0; t < taps; t++) to[(o * taps + t) * ci + c] = from[(o * ci + c) * taps + t];
  return to;
}

const formed = (tensor: HostTensor, form: Form): TypedArray =>
  form === "f32" ? tensor.toFloat32() : form === "taps" ? tapsFirst(tensor) : (tensor.data as TypedArray);

/**
 * Weights and constants in the memory of a crew: copied once, in their own type, and kept until the programs that use
 * them are disposed or the tensors are gone. Where there is no room, those that were not used for longest give way.
 */
export class WeightCache {
  readonly #entries = new Set<Entry>();
  readonly #known = new WeakMap<HostTensor, Map<Form, Entry>>();
  #bytes = 0;
  #clock = 0;
  #marked = 0;

  constructor(readonly crew: NetworkCrew) {}

  /** Address of a weight; copies it if it is not here. `room` are the bytes weights may take together. */
  address(tensor: HostTensor, form: Form, user: object, room: number): number {
    const forms = this.#known.get(tensor) ?? new Map<Form, Entry>();
    const known = forms.get(form);
    if (known) {
      known.used = ++this.#clock;
      known.users.add(user);
      return known.at;
    }
    const bytes = bytesIn(tensor, form);
    while (this.#bytes + bytes > room && this.#evict());
    const at = this.crew.claim(bytes);
    const data = formed(tensor, form);
    this.crew.write(at, data.byteLength, (to) => to.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength)));
    const entry = { tensor: new WeakRef(tensor), form, at, bytes, users: new Set([user]), used: ++this.#clock };
    this.#entries.add(entry);
    this.#known.set(tensor, forms.set(form, entry));
    this.#bytes += bytes;
    return at;
  }

  /** From now on what was asked for before may give way, and what belongs to tensors that are gone does. */
  mark(): void {
    this.#marked = this.#clock;
    for (const entry of this.#entries) if (entry.tensor.deref()?.disposed ?? true) this.#drop(entry);
  }

  /** Forgets a tensor whose contents change. */
  forget(tensor: HostTensor): void {
    for (const entry of this.#known.get(tensor)?.values() ?? []) this.#drop(entry);
  }

  /** Frees what only `user` used. */
  leave(user: object): void {
    for (const entry of this.#entries) {
      entry.users.delete(user);
      if (entry.users.size === 0) this.#drop(entry);
    }
  }

  #evict(): boolean {
    let oldest: Entry | undefined;
    for (const entry of this.#entries)
      if (entry.used <= this.#marked && !(oldest && oldest.used < entry.used)) oldest = entry;
    if (oldest) this.#drop(oldest);
    return oldest !== undefined;
  }

  #drop(entry: Entry): void {
    this.crew.release(entry.at);
    this.#bytes -= entry.bytes;
    this.#entries.delete(entry);
    const tensor = entry.tensor.deref();
    if (tensor) this.#known.get(tensor)?.delete(entry.form);
  }
}

const caches = new WeakMap<NetworkCrew, WeightCache>();

/** The weights in a crew's memory, shared by its programs. */
export function weightsIn(crew: NetworkCrew): WeightCache {
  const known = caches.get(crew) ?? new WeightCache(crew);
  caches.set(crew, known);
  return known;
}
