import { library } from "@spaattn/tooling/tsup";

export default library({
  entry: [
    "src/index.ts",
    "src/hunyuanvideo/index.ts",
    "src/wan2.1/index.ts",
    "src/wan2.2/index.ts",
    "src/flux.1/index.ts",
    "src/cogvideox1.5/index.ts",
  ],
});
