import { malformed } from "@spaattn/weights";

/** One field of a protobuf message: a number, or bytes that are a text, a message or a fixed-size number. */
export interface Field {
  readonly number: number;
  readonly value: number | Uint8Array;
}

/**
 * The fields of a message, in the order of the file.
 *
 * @throws SpaAttnError MalformedFile
 */
export function* protobufFields(bytes: Uint8Array, what: string): Generator<Field> {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; shift < 64; shift += 7) {
      const byte = bytes[at++];
      if (byte === undefined) malformed(what, "the file ends within a number");
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    malformed(what, "a number is longer than 64 bits");
  };
  const take = (length: number): Uint8Array => {
    if (at + length > bytes.length) malformed(what, "the file is truncated");
    at += length;
    return bytes.subarray(at - length, at);
  };
  while (at < bytes.length) {
    const tag = varint();
    const kind = tag % 8;
    const number = Math.floor(tag / 8);
    if (kind === 0) yield { number, value: varint() };
    else if (kind === 1) yield { number, value: take(8) };
    else if (kind === 2) yield { number, value: take(varint()) };
    else if (kind === 5) yield { number, value: take(4) };
    else malformed(what, `field ${number} has the unknown kind ${kind}`);
  }
}
