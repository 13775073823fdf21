import fc from "fast-check";

/** One way to damage a file; positions are shares of its length. */
export type Mutation =
  | { readonly kind: "flip"; readonly at: number; readonly bit: number }
  | { readonly kind: "set"; readonly at: number; readonly byte: number }
  | { readonly kind: "cut"; readonly at: number }
  | { readonly kind: "remove"; readonly at: number; readonly count: number }
  | { readonly kind: "insert"; readonly at: number; readonly bytes: Uint8Array }
  | { readonly kind: "copy"; readonly at: number; readonly from: number; readonly count: number };

const share = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });
const kind = <K extends Mutation["kind"]>(name: K) => fc.constant(name);
// Digits and punctuation change what a header says without breaking its syntax.
const byte = fc.oneof(fc.nat(255), fc.constantFrom(...[...'0123456789[]{},:" FIU'].map((char) => char.charCodeAt(0))));

export const mutations: fc.Arbitrary<Mutation[]> = fc.array(
  fc.oneof(
    fc.record({ kind: kind("flip"), at: share, bit: fc.nat(7) }),
    fc.record({ kind: kind("set"), at: share, byte }),
    fc.record({ kind: kind("cut"), at: share }),
    fc.record({ kind: kind("remove"), at: share, count: fc.integer({ min: 1, max: 40 }) }),
    fc.record({ kind: kind("insert"), at: share, bytes: fc.uint8Array({ minLength: 1, maxLength: 12 }) }),
    fc.record({ kind: kind("copy"), at: share, from: share, count: fc.integer({ min: 1, max: 40 }) }),
  ),
  { minLength: 1, maxLength: 3 },
);

/** A damaged copy of a file. */
export function mutate(file: Uint8Array, list: readonly Mutation[]): Uint8Array {
  return list.reduce<Uint8Array>((current, mutation) => apply(current, mutation), file.slice());
}

function apply(file: Uint8Array, mutation: Mutation): Uint8Array {
  if (file.length === 0) return file;
  const at = Math.floor(mutation.at * file.length);
  const splice = (removed: number, bytes: Uint8Array) =>
    Uint8Array.from([...file.subarray(0, at), ...bytes, ...file.subarray(at + removed)]);
  switch (mutation.kind) {
    case "flip":
      return file.with(at, (file[at] ?? 0) ^ (1 << mutation.bit));
    case "set":
      return file.with(at, mutation.byte);
    case "cut":
      return file.slice(0, at);
    case "remove":
      return splice(mutation.count, new Uint8Array(0));
    case "insert":
      return splice(0, mutation.bytes);
    case "copy": {
      const from = Math.floor(mutation.from * file.length);
      return splice(mutation.count, file.subarray(from, from + mutation.count));
    }
  }
}
