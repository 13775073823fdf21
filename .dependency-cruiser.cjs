// The direction of imports: core <- {layout, mask, rectify} <- {reference, models}; backends import core alone.
const only = (name, allowed) => ({
  name: `${name}-imports`,
  severity: "error",
  comment: `packages/${name} may import only: ${allowed.join(", ") || "nothing of ours"}`,
  from: { path: `^packages/${name}/src/` },
  to: { path: "^(packages|apps)/", pathNot: `^packages/(${[name, ...allowed].join("|")})/` },
});

module.exports = {
  forbidden: [
    {
      name: "no-cycles",
      severity: "error",
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } },
    },
    only("core", []),
    only("layout", ["core"]),
    only("mask", ["core"]),
    only("rectify", ["core", "mask"]),
    only("reference", ["core", "mask", "rectify"]),
    only("backend-cpu", ["core"]),
    only("backend-webgpu", ["core"]),
    only("backend-cuda", ["core"]),
    only("io", ["core"]),
    only("conformance", ["core", "layout", "mask", "rectify", "reference", "io"]),
    only("models", ["core", "layout", "mask"]),
    only("lab", ["core", "layout", "mask", "rectify"]),
    only("spaattn", ["core", "layout", "mask", "backend-cpu"]),
    {
      name: "nothing-imports-apps",
      severity: "error",
      from: { path: "^packages/" },
      to: { path: "^apps/" },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "(/dist/|/generated/|\\.d\\.ts$)" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: { conditionNames: ["@spaattn/source", "import", "default"], exportsFields: ["exports"] },
  },
};
