import { defineConfig } from "vitest/config";

// Tests read the sources of all packages: nothing has to be built first.
const conditions = ["@spaattn/source", "module", "import", "default"];

export default defineConfig({
  plugins: [
    {
      name: "wgsl-as-text",
      transform(code, id) {
        if (id.endsWith(".wgsl")) return { code: `export default ${JSON.stringify(code)};`, map: null };
        return undefined;
      },
    },
  ],
  resolve: { conditions },
  ssr: { resolve: { conditions: [...conditions, "node"] } },
  test: {
    include: ["packages/*/test/**/*.test.ts", "apps/*/test/**/*.test.ts", "tooling/test/**/*.test.ts"],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: "forks",
  },
});
