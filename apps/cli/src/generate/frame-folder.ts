import { randomBytes } from "node:crypto";
import { mkdir, readdir, rename, rm, stat, unlink, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { SpaAttnError, throwIfAborted } from "@spaattn/core";
import { type Clip, clipFrame, encodePng } from "@spaattn/io";
import { checkWritable, fileError } from "@spaattn/io/node";

/** A folder of numbered pictures, `frame-0001.png` and on. */
export const pictureName = (kind: "frame" | "step", number: number): string =>
  `${kind}-${String(number).padStart(4, "0")}.png`;

const isPicture = (kind: "frame" | "step", name: string): boolean => new RegExp(`^${kind}-\\d{4,}\\.png$`).test(name);

/** True where a folder is there. */
export const isFolder = async (path: string): Promise<boolean> =>
  (await stat(path).catch(() => undefined))?.isDirectory() ?? false;

/**
 * Checks in good time that numbered pictures can be put into a folder, there or not.
 *
 * @throws SpaAttnError FileAccess, also where there are some already and `force` is not set
 */
export async function checkPictureFolder(path: string, kind: "frame" | "step", force: boolean): Promise<void> {
  const full = resolve(path);
  if (!(await isFolder(full))) return checkWritable(full, { force: false });
  await checkWritable(join(full, `.${randomBytes(6).toString("hex")}`));
  const there = (await readdir(full)).find((name) => isPicture(kind, name));
  if (there !== undefined && !force)
    throw new SpaAttnError("FileAccess", `${join(path, there)} exists already.`, {
      remedy: "Choose another folder, or allow overwriting with --force.",
    });
}

/** Takes the pictures of an earlier run away and makes the folder where there is none. */
export async function emptyPictureFolder(path: string, kind: "frame" | "step"): Promise<void> {
  await mkdir(path, { recursive: true });
  for (const name of await readdir(path)) if (isPicture(kind, name)) await unlink(join(path, name));
}

/**
 * Writes every frame as a PNG; all of them appear when they are complete, and what else is in the folder stays.
 *
 * @throws SpaAttnError FileAccess or Aborted
 */
export async function writeFrames(path: string, clip: Clip, signal?: AbortSignal): Promise<void> {
  const full = resolve(path);
  const inside = await isFolder(full);
  const temporary = join(inside ? full : dirname(full), `.frames-${randomBytes(6).toString("hex")}.tmp`);
  try {
    await mkdir(temporary);
    for (let i = 0; i < clip.frames; i++) {
      throwIfAborted(signal);
      const png = encodePng({ width: clip.width, height: clip.height, data: clipFrame(clip, i) });
      await writeFile(join(temporary, pictureName("frame", i + 1)), png);
    }
    if (!inside) return await rename(temporary, full);
    const names = await readdir(temporary);
    await emptyPictureFolder(full, "frame");
    for (const name of names) await rename(join(temporary, name), join(full, name));
  } catch (error) {
    throw typeof (error as NodeJS.ErrnoException).syscall === "string" ? fileError(path, error) : error;
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}
