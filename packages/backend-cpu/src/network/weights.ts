import { byteLength, elementCount, type HostTensor, type TypedArray } from "@spaattn/core";
import type { NetworkCrew } from "../crew/crew.js";
import type { Form } from "./lowering.js";

interface Entry {
  readonly at: number;
  readonly bytes: number;
  /** Programs that were compiled for a plan it was bound to. */
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
 * them are disposed. Where `limit` is reached, those that were not used for longest give way.
 */
export class WeightCache {
  readonly #entries = new Map<HostTensor, Map<Form, Entry>>();
  #bytes = 0;
  #clock = 0;

  constructor(readonly crew: NetworkCrew) {}

  get bytes(): number {
    return this.#bytes;
  }

  /** Address of a weight; copies it if it is not here. `room` are the bytes weights may take together. */
  address(tensor: HostTensor, form: Form, user: object, room: number): number {
    const known = this.#entries.get(tensor)?.get(form);
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
    const forms = this.#entries.get(tensor) ?? new Map<Form, Entry>();
    forms.set(form, { at, bytes, users: new Set([user]), used: ++this.#clock });
    this.#entries.set(tensor, forms);
    this.#bytes += bytes;
    return at;
  }

  /** A moment: weights asked for afterwards are safe from those asked for later until the next one. */
  mark(): void {
    this.#marked = this.#clock;
  }
  #marked = 0;

  /** Forgets a tensor whose contents change. */
  forget(tensor: HostTensor): void {
    for (const [form, entry] of this.#entries.get(tensor) ?? []) this.#drop(tensor, form, entry);
  }

  /** Frees what only `user` used. */
  leave(user: object): void {
    for (const [tensor, forms] of this.#entries)
      for (const [form, entry] of forms) {
        entry.users.delete(user);
        if (entry.users.size === 0) this.#drop(tensor, form, entry);
      }
  }

  #evict(): boolean {
    let oldest: { tensor: HostTensor; form: Form; entry: Entry } | undefined;
    for (const [tensor, forms] of this.#entries)
      for (const [form, entry] of forms)
        if (entry.used <= this.#marked && (!oldest || entry.used < oldest.entry.used)) oldest = { tensor, form, entry };
    if (oldest) this.#drop(oldest.tensor, oldest.form, oldest.entry);
    return oldest !== undefined;
  }

  #drop(tensor: HostTensor, form: Form, entry: Entry): void {
    this.crew.release(entry.at);
    this.#bytes -= entry.bytes;
    const forms = this.#entries.get(tensor) as Map<Form, Entry>;
    forms.delete(form);
    if (forms.size === 0) this.#entries.delete(tensor);
  }
}
