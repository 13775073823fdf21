// The direction of imports: core <- attention <- {nn, layout, mask, rectify} <- {reference, models}; backends import core, attention and nn.
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
    only("attention", ["core"]),
    only("nn", ["core", "attention"]),
    only("layout", ["core", "attention"]),
    only("mask", ["core", "attention"]),
    only("rectify", ["core", "attention", "mask"]),
    only("reference", ["core", "attention", "nn", "mask", "rectify"]),
    only("backend-cpu", ["core", "attention", "nn"]),
    only("backend-webgpu", ["core", "attention", "nn"]),
    only("backend-cuda", ["core", "attention", "nn"]),
    only("weights", ["core"]),
    only("io", ["core", "attention", "weights"]),
    only("networks", ["core", "attention", "nn"]),
    only("diffusion", ["core", "attention", "nn", "weights", "networks", "models"]),
    only("conformance", ["core", "attention", "nn", "layout", "mask", "rectify", "reference", "io"]),
    only("models", ["core", "attention", "layout", "mask"]),
    only("lab", ["core", "attention", "layout", "mask", "rectify"]),
    only("spaattn", ["core", "attention", "layout", "mask", "backend-cpu"]),
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
