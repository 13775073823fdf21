import { library } from "@spaattn/tooling/tsup";

export default library();
