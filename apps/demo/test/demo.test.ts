import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe } from "vitest";
import { accessSuite } from "./suites/access.js";
import { checkSuite } from "./suites/check.js";
import { exploreSuite } from "./suites/explore.js";
import { filesSuite } from "./suites/files.js";
import { numbersSuite } from "./suites/numbers.js";
import { offlineSuite } from "./suites/offline.js";
import { paceSuite } from "./suites/pace.js";
import { shareSuite } from "./suites/share.js";
import { launch, noBrowser } from "./support/browser.js";
import { buildSite, type Site, serve } from "./support/site.js";

/** What the suites share: one build, two servers, one browser per backend. */
export interface World {
  readonly folder: string;
  /** A plain web server. */
  readonly plain: Site;
  /** One with the headers for shared memory. */
  readonly isolated: Site;
  readonly browsers: Record<"webgpu" | "cpu", Browser>;
}

describe.skipIf(noBrowser)("the built site in Chromium", () => {
  let world: World;
  let cleanUp: () => void;

  beforeAll(async () => {
    const { folder, remove } = await buildSite();
    cleanUp = remove;
    const [plain, isolated, webgpu, cpu] = await Promise.all([
      serve(folder, false),
      serve(folder, true),
      launch("webgpu"),
      launch("cpu"),
    ]);
    world = { folder, plain, isolated, browsers: { webgpu, cpu } };
  }, 120_000);

  afterAll(async () => {
    if (!world) return;
    await Promise.all([
      ...Object.values(world.browsers).map((browser) => browser.close()),
      world.plain.stop(),
      world.isolated.stop(),
    ]);
    cleanUp();
  });

  const get = () => world;
  exploreSuite(get);
  numbersSuite(get);
  shareSuite(get);
  filesSuite(get);
  checkSuite(get);
  accessSuite(get);
  offlineSuite(get);
  paceSuite(get);
});
