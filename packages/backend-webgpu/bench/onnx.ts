/** Just enough of the ONNX format to write models of one node: protobuf fields by number. */

const text = new TextEncoder();

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 127) {
    bytes.push((rest % 128) | 128);
    rest = Math.floor(rest / 128);
  }
  return [...bytes, rest];
}

const integer = (field: number, value: number) => [...varint(field << 3), ...varint(value)];
const bytes = (field: number, content: readonly number[]) => [
  ...varint((field << 3) | 2),
  ...varint(content.length),
  ...content,
];
const string = (field: number, value: string) => bytes(field, [...text.encode(value)]);

/** Element types of ONNX. */
export const ONNX_TYPE = { f32: 1, f16: 10 } as const;
const INT_ATTRIBUTE = 2;

function tensorType(name: string, shape: readonly number[], elementType: number): number[] {
  const dims = shape.flatMap((size) => bytes(1, integer(1, size)));
  return [...string(1, name), ...bytes(2, bytes(1, [...integer(1, elementType), ...bytes(2, dims)]))];
}

export interface OnnxNode {
  readonly op: string;
  readonly domain?: string;
  readonly inputs: readonly string[];
  /** Integer attributes. */
  readonly attributes?: Readonly<Record<string, number>>;
}

/** A model with one node, tensors `inputs` of one shape and type, and output `y` like them. */
export function oneNodeModel(
  node: OnnxNode,
  shape: readonly number[],
  elementType: number = ONNX_TYPE.f32,
): Uint8Array {
  const attributes = Object.entries(node.attributes ?? {}).flatMap(([name, value]) =>
    bytes(5, [...string(1, name), ...integer(3, value), ...integer(20, INT_ATTRIBUTE)]),
  );
  const body = [
    ...node.inputs.flatMap((name) => string(1, name)),
    ...string(2, "y"),
    ...string(3, "node"),
    ...string(4, node.op),
    ...attributes,
    ...(node.domain ? string(7, node.domain) : []),
  ];
  const inputs = [...new Set(node.inputs)].flatMap((name) => bytes(11, tensorType(name, shape, elementType)));
  const graph = [
    ...bytes(1, body),
    ...string(2, "graph"),
    ...inputs,
    ...bytes(12, tensorType("y", shape, elementType)),
  ];
  const opset = (domain: string, version: number) => bytes(8, [...string(1, domain), ...integer(2, version)]);
  return new Uint8Array([...integer(1, 9), ...opset("", 17), ...opset("com.microsoft", 1), ...bytes(7, graph)]);
}
