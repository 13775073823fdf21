import { access } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { HostTensor, isSpaAttnError } from "@spaattn/core";
import {
  type Arrangement,
  arrangeCapture,
  type Capture,
  openNpz,
  readCapture,
  readNpy,
  type Safetensors,
} from "@spaattn/io";
import { fileSource, withSafetensors } from "@spaattn/io/node";
import { UsageError } from "./errors.js";
import type { Spooled } from "./spool.js";

/** Options that say how arrays of other tools lie in memory. */
export interface ArrayFlags {
  readonly layout?: "bhtd" | "bthd";
  readonly grid?: readonly [number, number, number];
  readonly textTokens?: number;
  readonly textFirst?: boolean;
}

interface Arrays {
  readonly query: HostTensor;
  readonly key: HostTensor;
  readonly value: HostTensor;
}

const ROLES = ["query", "key", "value"] as const;

/** Query, key and value of a capture, a safetensors or npz file with `q`, `k`, `v`, or of npy files. */
export async function readArrays(file: Spooled, flags: ArrayFlags): Promise<Capture> {
  const { path, name } = file;
  try {
    if (path.includes(",") || (await begins(path, [0x93, 0x4e, 0x55, 0x4d])))
      return arrangeCapture(await npyArrays(path), arrangementOf(flags));
    if (await begins(path, [0x50, 0x4b])) return arrangeCapture(await npzArrays(path, name), arrangementOf(flags));
    return await withSafetensors(path, (open) => fromSafetensors(open, name, flags));
  } catch (error) {
    // What does not fit is a matter of the options as often as of the file.
    if (error instanceof RangeError) throw new UsageError(`${name}: ${error.message}.`, FITTING);
    if (isSpaAttnError(error) && path !== name) error.message = error.message.replaceAll(path, name);
    throw error;
  }
}

const FITTING =
  "Arrays are [batch, heads, tokens, headDim]; --layout bthd says they have heads behind tokens, --text-tokens and --text-first where text is.";

/** A capture says all about itself; other files are what the options say. */
async function fromSafetensors(open: Safetensors, name: string, flags: ArrayFlags): Promise<Capture> {
  const arrangement = arrangementOf(flags);
  const [given] = Object.keys(arrangement);
  if (given === undefined) return readCapture(open);
  if (open.metadata.format?.startsWith("spaattn-capture/"))
    throw new UsageError(
      `${name} is a capture, which says its layout, grid and text itself; leave --layout, --grid, --text-tokens and --text-first out.`,
    );
  const tensor = (role: string) => {
    const found = [role, role[0]].find((candidate) => open.has(candidate));
    if (!found) throw new UsageError(`${name} has no tensor "${role}" or "${role[0]}".`);
    return open.tensor(found);
  };
  return arrangeCapture(await byRole(tensor), arrangement);
}

async function npzArrays(path: string, name: string): Promise<Arrays> {
  const source = await fileSource(path);
  try {
    const npz = await openNpz(source);
    return await byRole((role) => {
      const found = [role, role[0]].find((candidate) => npz.has(candidate));
      if (!found)
        throw new UsageError(
          `${name} has no array "${role}" or "${role[0]}" (it has ${npz.names.join(", ") || "none"}).`,
          "Save it with numpy.savez(path, q=q, k=k, v=v).",
        );
      return npz.tensor(found);
    });
  } finally {
    await source.close();
  }
}

/** Three files with commas between, `q.npy` with its siblings beside it, or one array of all three. */
async function npyArrays(path: string): Promise<Arrays> {
  const paths = path.split(",");
  if (paths.length === 3) return byRole((role) => oneNpy(paths[ROLES.indexOf(role as "query")]));
  if (paths.length !== 1) throw new UsageError("Three .npy files are needed: q.npy,k.npy,v.npy.");
  const siblings = siblingsOf(path);
  if (siblings) {
    for (const sibling of siblings)
      await access(sibling).catch(() => {
        throw new UsageError(`${path} is query; ${basename(sibling)} is missing beside it.`, NPY);
      });
    return byRole((role) => oneNpy(siblings[ROLES.indexOf(role as "query")]));
  }
  const whole = await oneNpy(path);
  if (whole.shape[0] !== 3 || whole.shape.length < 4)
    throw new UsageError(
      `${path} is [${whole.shape.join(", ")}]: one array of query, key and value has 3 as its first axis.`,
      NPY,
    );
  const size = whole.data.length / 3;
  return byRole(async (role) => {
    const at = ROLES.indexOf(role as "query") * size;
    return new HostTensor(whole.dtype, whole.shape.slice(1), whole.data.slice(at, at + size) as never);
  });
}

const NPY =
  "Give q.npy,k.npy,v.npy, a q.npy beside its k.npy and v.npy, an .npz with q, k and v, or a stack of all three.";

function siblingsOf(path: string): string[] | undefined {
  const [, stem, letter] = basename(path).match(/^(.*?)(q|query)\.npy$/i) ?? [];
  if (letter === undefined) return undefined;
  const names = letter.length === 1 ? ["q", "k", "v"] : ROLES;
  const cased = names.map((name) => (letter === letter.toUpperCase() ? name.toUpperCase() : name));
  return cased.map((name) => join(dirname(path), `${stem}${name}.npy`));
}

async function oneNpy(path: string): Promise<HostTensor> {
  const source = await fileSource(path);
  try {
    return await readNpy(source);
  } finally {
    await source.close();
  }
}

async function byRole(read: (role: string) => Promise<HostTensor>): Promise<Arrays> {
  return { query: await read("query"), key: await read("key"), value: await read("value") };
}

function arrangementOf({ layout, grid, textTokens, textFirst }: ArrayFlags): Arrangement {
  return {
    ...(layout === undefined ? {} : { layout }),
    ...(grid === undefined ? {} : { grid }),
    ...(textTokens === undefined ? {} : { textTokens }),
    ...(textFirst ? { text: "front" as const } : {}),
  };
}

async function begins(path: string, magic: readonly number[]): Promise<boolean> {
  const source = await fileSource(path);
  try {
    const head = new Uint8Array(Math.min(magic.length, source.size));
    await source.read(0, head);
    return magic.every((byte, i) => head[i] === byte);
  } finally {
    await source.close();
  }
}
