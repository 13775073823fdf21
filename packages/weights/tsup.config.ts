import { library } from "@spaattn/tooling/tsup";

export default library({ entry: ["src/index.ts", "src/node.ts"] });
