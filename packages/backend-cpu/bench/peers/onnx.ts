/*
 * Just enough of the ONNX protobuf to write a graph of a few nodes: onnxruntime reads models, not calls.
 */

const encoder = new TextEncoder();

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  do {
    const low = Number(rest & 127n);
    rest >>= 7n;
    bytes.push(rest > 0n ? low | 128 : low);
  } while (rest > 0n);
  return bytes;
}

const int = (field: number, value: number) => [...varint(field << 3), ...varint(value)];
const bytes = (field: number, content: readonly number[] | Uint8Array) => [
  ...varint((field << 3) | 2),
  ...varint(content.length),
  ...content,
];
const text = (field: number, value: string) => bytes(field, encoder.encode(value));

export interface Node {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, number>>;
  readonly domain?: string;
}

function encodeNode({ op, inputs, outputs, attributes = {}, domain }: Node): number[] {
  const attribute = ([name, value]: [string, number]) => bytes(5, [...text(1, name), ...int(3, value), ...int(20, 2)]);
  return [
    ...inputs.flatMap((name) => text(1, name)),
    ...outputs.flatMap((name) => text(2, name)),
    ...text(3, `${op}_${outputs[0]}`),
    ...text(4, op),
    ...Object.entries(attributes).flatMap(attribute),
    ...(domain ? text(7, domain) : []),
  ];
}

/** A value description: name and f32 shape. */
function encodeValue([name, shape]: readonly [string, readonly number[]]): number[] {
  const dimensions = shape.flatMap((size) => bytes(1, int(1, size)));
  return [...text(1, name), ...bytes(2, bytes(1, [...int(1, 1), ...bytes(2, dimensions)]))];
}

export type Value = readonly [string, readonly number[]];

/** The bytes of a model with one graph (IR version 9, opset 17, contrib operators allowed). */
export function model(nodes: readonly Node[], inputs: readonly Value[], outputs: readonly Value[]): Uint8Array {
  const opset = (domain: string, version: number) => bytes(8, [...text(1, domain), ...int(2, version)]);
  const graph = [
    ...nodes.flatMap((node) => bytes(1, encodeNode(node))),
    ...text(2, "attention"),
    ...inputs.flatMap((value) => bytes(11, encodeValue(value))),
    ...outputs.flatMap((value) => bytes(12, encodeValue(value))),
  ];
  return new Uint8Array([...int(1, 9), ...opset("", 17), ...opset("com.microsoft", 1), ...bytes(7, graph)]);
}
