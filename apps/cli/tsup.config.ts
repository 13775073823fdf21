import { library } from "@spaattn/tooling/tsup";

export default library({ entry: ["src/main.ts"], platform: "node", dts: false });
